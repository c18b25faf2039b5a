"""Words that are also given names: a name by capitals, by what is said to or of them, or by what follows.

The hand-written list holds given names that are words ("hope", "mark"); surnames need no list.
"""

from __future__ import annotations

from collections.abc import Iterator

from phi import cues
from phi.kinds import Kind, Layer, Span
from phi.lexicon import COMMON, EPONYM, GIVEN, LETTER, NUMBER, PLACEHOLDER, TABLE, WORD
from phi.names import PERSON_VERBS, VERBS_FIRST, NameReader

PLAIN_GIVEN = cues.words(
    "rose grace hope faith joy bill jack frank grant drew dean june april august summer autumn dawn ivy lily daisy violet iris hazel olive ruby pearl amber crystal jade penny christian art gene pat rob sue nick dale glen heath cliff sandy robin jay ray miles carter mason cooper hunter taylor parker piper harper buck earl victor norm max heather holly melody harmony charity destiny trinity serenity sky willow sage wade lance pierce mark chase jordan savannah temple river cash rosa luz paz consuelo mercedes pilar soledad angel jesus leon clara margarita rocio guadalupe dolores esperanza"
)
"""Given names that are words, and that begin a name more often than they mean what they say beside another name."""
SEASONS = cues.words("summer autumn winter spring april june august may dawn sunny rain snow sky")
QUALITIES = cues.words(
    "frank gay rich long young christian true noble royal sunny stormy rusty sharp wild bella clara linda bueno justo franco"
)
DOUBTFUL = VERBS_FIRST | cues.words("mark grant bill drew chase jack sue rob pat nick frank chip")
SAID_TO = cues.words(
    "ask asked tell told remind text texted call called email emailed contact notify thank thanks meet met let saw paging page bring brought see help with dile pregunte preguntele llame avisele"
)
TOLD = cues.words("ask asked tell told remind reminded text texted dile pregunte")
AFTER_SAID_TO = cues.words(
    "to that i i'm if about when and know he she for at on please we it's , . ? ! que si"
)
MAY_DO = cues.words("can could did does will would should has had")
DOES = cues.words("come call bring talk go say know drive pick see be get take have")
PRESENT = cues.words("there available in home around back coming free working here esta")
INTRODUCED = cues.words(
    ". , ? ! and from calling again speaking with i i'm on over de y otra llamando"
)
NAMED_HERE = cues.words("calling speaking again from here llamando hablando")
PERSON_THINGS = cues.words(
    "appointment appointments prescription refill refills mother father mom dad wife husband daughter son birthday dob date number chart results insurance doctor meds medication medications phone name email address labs file record visit surgery test"
)
DEVICES = cues.words(
    "iphone ipad ipod iwatch macbook imac mac airpods watch phone tablet laptop computer pc desktop notebook chromebook kindle galaxy pixel thinkpad surface"
)
"""Named after their owner by whoever sets them up, whatever else the name means."""
OPENERS = frozenset([":", '"', "'", "=", "(", "<", ",", "[", ">", "|", ";", "-"])
JOINTS = frozenset("_.^-")
STRICT_ENDS = cues.words(
    "dob born date birthday calling called calls who wants wanted needs , ( born nacio nacida nacido fecha"
)
PAIR_BEFORE = cues.words("for with from to is and , see patient client saw of para con de : and y")


def namesake_spans(reader: NameReader) -> Iterator[Span]:
    """What the rules for such words take out."""
    line = reader.line
    if line.count > 2 and line.words[1] == "," and reader.upper(0):
        yield from _surname_first(reader)
    errs = "error" in line.shadow or "exception" in line.shadow
    for i in range(line.count):
        flag = line.flags[i]
        if flag & GIVEN:
            if not flag & (NUMBER | COMMON):
                yield from _given(reader, i)
        elif errs and line.words[i] in QUOTES and i + 2 < line.count:
            if line.words[i + 2] == line.words[i] and _bare_word(reader, i + 1):
                yield _span(reader, i + 1, i + 2)
        elif flag & LETTER and i + 2 < line.count and line.words[i + 1] == ".":
            yield from _initial(reader, i)
        elif flag == WORD and line.words[i].endswith("'s"):
            bare = TABLE.get(line.words[i][:-2], 0)
            following = line.words[i + 1] if i + 1 < line.count else ""
            if (bare & GIVEN and following in DEVICES) or (
                bare & GIVEN
                and not bare & COMMON
                and line.words[i][:-2] not in VERBS_FIRST
                and following in PERSON_THINGS
            ):
                yield _span(reader, i, i + 1)


QUOTES = frozenset(["'", '"'])


def _bare_word(reader: NameReader, i: int) -> bool:
    """A capitalised word that is the whole of what an error quotes: "KeyError: 'Hunt'"."""
    line = reader.line
    flag = line.flags[i]
    source = line.source(i)
    return (
        bool(flag & WORD)
        and source.istitle()
        and len(source) > 2
        and not flag & (COMMON | reader.stop)
    )


def _span(reader: NameReader, first: int, end: int) -> Span:
    return Span(reader.line.starts[first], reader.line.ends[end - 1], Kind.NAME, Layer.NAMES)


def _surname_first(reader: NameReader) -> Iterator[Span]:
    """Find "Lane, Penny" where a record begins."""
    line = reader.line
    if line.flags[0] & (reader.stop | COMMON) or not reader.upper(2):
        return
    if line.flags[2] & (reader.stop | COMMON) and len(line.words[2]) > 1:
        return
    end = 3
    while end < line.count and reader.upper(end) and not line.flags[end] & (reader.stop | COMMON):
        end += 1
    telling = line.flags[2] & GIVEN or len(line.words[2]) == 1 or reader.unknown(2)
    if telling or end >= line.count or not line.flags[end] & WORD:
        yield _span(reader, 0, end)


def _initial(reader: NameReader, i: int) -> Iterator[Span]:
    """Find "B. Summers", and "j. case" where a clause begins."""
    line = reader.line
    j = i + 2
    if not line.joined(i + 1) or line.joined(j) or not line.flags[j] & WORD:
        return
    if line.flags[j] & (reader.stop | PLACEHOLDER) or len(line.words[j]) < 2:
        return
    opens = i == 0 or line.words[i - 1] in OPENERS
    if (reader.upper(i) and reader.upper(j) and not line.flags[j] & COMMON) or (
        opens and not line.flags[j] & COMMON and reader.namelike(j)
    ):
        yield _span(reader, i, reader.chain(j, first_any=True))


def _given(reader: NameReader, i: int) -> Iterator[Span]:
    line = reader.line
    flag, word = line.flags[i], line.words[i]
    after = line.words[i + 1] if i + 1 < line.count else ""
    before = line.words[i - 1] if i else ""
    if flag & EPONYM and after in cues.EPONYM_TAILS:
        return
    if (
        after in ("speaking", "here", "calling")
        and word not in VERBS_FIRST
        and before not in ("the", "a", "my", "is")
    ):
        yield _span(reader, i, i + 1)
        return
    if reader.capital(i):
        if _capital_tells(reader, i, after):
            yield _span(reader, i, reader.chain(i, first_any=True))
        return
    if reader.upper(i) and (before == "" or before in OPENERS) and _titled_pair(reader, i):
        yield _span(reader, i, reader.chain(i, first_any=True))
        return
    if after in JOINTS and i + 2 < line.count and _joined_pair(reader, i):
        yield _span(reader, i, i + 3)
        return
    if _addressed(reader, i, before, after) or _introduced(reader, i, before, after):
        yield _span(reader, i, reader.chain(i, first_any=True))
    elif (
        word in PLAIN_GIVEN
        and i + 1 < line.count
        and (before == "" or before in PAIR_BEFORE)
        and line.flags[i + 1] & WORD
        and reader.surname(i + 1)
        and ((line.count == 2) or (i + 2 < line.count and line.words[i + 2] in STRICT_ENDS))
    ):
        yield _span(reader, i, i + 2)


def _capital_tells(reader: NameReader, i: int, after: str) -> bool:
    line = reader.line
    if line.flags[i] & reader.stop or len(line.words[i]) < 2:
        return False
    if after in ("_", "=") and line.joined(i + 1):
        return False
    before = line.flags[i - 1]
    return not (before & WORD and line.capital(i - 1) and before & COMMON)


def _titled_pair(reader: NameReader, i: int) -> bool:
    """Two capitalised words that are a whole value: "Iris Field"."""
    line = reader.line
    j = i + 1
    if j < line.count and len(line.words[j]) == 1 and line.flags[j] & LETTER:
        j += 2 if j + 1 < line.count and line.words[j + 1] == "." else 1
    if j >= line.count or not reader.upper(j) or line.flags[j] & (reader.stop | COMMON):
        return False
    if line.words[i] in DOUBTFUL and not (line.flags[j] & GIVEN or reader.unknown(j)):
        return False
    return j + 1 >= line.count or not line.flags[j + 1] & WORD or not reader.upper(j + 1)


def _joined_pair(reader: NameReader, i: int) -> bool:
    """A given name and another word in one token of a path or a login: "heather.bloom"."""
    line = reader.line
    flag = line.flags[i + 2]
    if not line.joined(i + 1) or not line.joined(i + 2):
        return False
    if line.words[i] in DOUBTFUL or not flag & WORD or flag & (COMMON | reader.stop):
        return False
    if i and line.joined(i) and line.words[i - 1] in ("_", ".", "-"):
        return False
    return line.words[i] in PLAIN_GIVEN and len(line.words[i + 2]) > 2


def _addressed(reader: NameReader, i: int, before: str, after: str) -> bool:
    """Whether somebody is spoken to, or is the one who does something."""
    line = reader.line
    word = line.words[i]
    if word in VERBS_FIRST:
        return False
    before2 = line.words[i - 2] if i > 1 else ""
    ends = after == "" or after in AFTER_SAID_TO
    if before in ("called", "named") and (
        before2.endswith("'s") or before2 in ("is", "are", "was")
    ):
        return ends
    if after == "on" and word in PLAIN_GIVEN and _on_file(line.words[i + 2 : i + 4]):
        return True
    if before in MAY_DO and after in DOES and word in PLAIN_GIVEN:
        return True
    if after == "will" and i + 2 < line.count and line.words[i + 2] in DOES:
        return word in PLAIN_GIVEN and (before == "" or before in (",", ".", "and", "but", "so"))
    if (before == "this" and before2 == "is") or before in ("where's", "put", "wheres"):
        return word in PLAIN_GIVEN and (ends or after == "on") and word not in SEASONS
    if before in TOLD and ends and after:
        return True
    if before in SAID_TO and ends and word in PLAIN_GIVEN:
        return not (before in ("with", "see", "help") and word in SEASONS)
    if before == "you" and before2 == "thank" and ends and word in PLAIN_GIVEN:
        return True
    if before in ("is", "was", "esta") and after in PRESENT:
        return before2 not in ("it", "that", "this", "there", "what", "the") and word in PLAIN_GIVEN
    if word not in PLAIN_GIVEN or after not in PERSON_VERBS:
        return False
    return before == "" or before in cues.words(", . and but because so that when if says y que")


def _on_file(words: list[str]) -> bool:
    return any(word in ("file", "record", "schedule", "account", "chart") for word in words)


def _introduced(reader: NameReader, i: int, before: str, after: str) -> bool:
    """Whether somebody gives a name: "this is will calling", "i'm faith"."""
    line = reader.line
    word = line.words[i]
    before2 = line.words[i - 2] if i > 1 else ""
    this = before == "is" and before2 in ("this", "it", "that")
    if not (this or before in ("it's", "its", "i'm", "im", "soy")):
        return False
    if after in NAMED_HERE:
        return True
    ends = after == "" or after in INTRODUCED
    return ends and word in PLAIN_GIVEN and word not in SEASONS and word not in QUALITIES
