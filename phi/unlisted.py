"""Every word of no list, with what stands beside it: the net below the grammar of names.

It knows no cue; what is a name by grammar is the affair of phi.names.
"""

from __future__ import annotations

from collections.abc import Iterator

from phi import cues
from phi.frames import cue_before
from phi.kinds import Kind, Layer, Span
from phi.lexicon import COMMON, EPONYM, GIVEN, NUMBER, PLACEHOLDER, RELATION, TITLE, WORD
from phi.names import PERSON_VERBS, VERBS_FIRST, NameReader
from phi.namesakes import PLAIN_GIVEN
from phi.tokens import Line
from phi.vocabulary import known_token

NAME_PREFIXES = cues.words("o mac mc van von bin ibn al abu ben della di du st ter ten")
TOWN_PREFIXES = cues.words(
    "lake east west north south port mount fort new san santa saint st el la los las old big puerto villa ciudad"
)
TOWN_TAILS = cues.words(
    "heights city springs falls beach hills park valley village township grove creek lake oaks island bay ridge park junction harbor estates gardens shores mountains oval centers meadows point pointe center mills crossing landing woods forest"
)


def vocabulary_spans(line: Line, safe: int, reader: NameReader) -> Iterator[Span]:
    """Every word of no list, with the name-words that stand beside it."""
    flags = line.flags
    for i in range(line.count):
        flag = flags[i]
        if flag & safe or not flag & WORD or flag & PLACEHOLDER:
            continue
        if known_token(line, i, safe) or _acronym(line, i, reader):
            continue
        if flag & EPONYM and i + 1 < line.count and line.words[i + 1] in cues.EPONYM_TAILS_SURE:
            continue  # "foley catheter"
        if (
            i + 1 < line.count
            and line.words[i + 1] == "="
            and line.joined(i + 1)
            and (len(line.words[i]) <= 4 or (i and line.words[i - 1] == "_"))
        ):
            continue  # the name of a field
        first, end = i, i + 1
        while (
            first > 0
            and line.ends[first - 1] + 1 >= line.starts[first]
            and flags[first - 1] & WORD
            and _goes_before(line, first - 1, reader)
        ):
            first -= 1
        end = max(end, reader.chain(i, first_any=True))
        first = _before_name(line, first, reader)
        end = _after_name(line, end, reader)
        yield Span(line.starts[first], line.ends[end - 1], Kind.NAME, Layer.VOCABULARY)


def _acronym(line: Line, i: int, reader: NameReader) -> bool:
    """Two to four capitals among small letters, no name beside them: "MSK", "RTC"."""
    source = line.source(i)
    if source.endswith("s") and len(source) > 2:
        source = source[:-1]  # "SCDs"
    if not (2 <= len(source) <= ACRONYM_LETTERS_MAX and source.isupper() and source.isascii()):
        return False
    if not reader.small_letters or cue_before(line, i) is not None:
        return False
    for k in (i - 1, i + 1):
        if not 0 <= k < line.count:
            continue
        if line.words[k] in (",", "^", "."):
            k += k - i
        if 0 <= k < line.count and line.flags[k] & WORD and not line.source(k).isupper():
            if line.flags[k] & GIVEN and reader.upper(k):
                return False
            if reader.upper(k) and reader.unknown(k):
                return False
    return True


ACRONYM_LETTERS_MAX = 4


def _before_name(line: Line, first: int, reader: NameReader) -> int:
    """Initials, particles and the first words of towns before a word of no list."""
    words = line.words
    if (
        first >= 2
        and words[first - 1] == "."
        and len(words[first - 2]) == 1
        and words[first - 2].isalpha()
        and line.joined(first - 1)
    ):
        first -= 2
    if first == 1 and _begins_record(line, reader):
        return 0
    if first >= 2 and _joint(line, first - 1) and _hung_on(line, first - 2, reader):
        first -= 2  # "hunt-jack"
    if first >= 1 and (
        words[first - 1] in NAME_PREFIXES
        or (
            words[first - 1] in TOWN_PREFIXES
            and not (
                words[first - 1] in ("new", "old", "big", "el", "la")
                and not reader.upper(first - 1)
            )
        )
    ):
        first -= 1
    elif first >= 2 and words[first - 1] in ("_", "-") and words[first - 2] in NAME_PREFIXES:
        first -= 2
    return first


def _begins_record(line: Line, reader: NameReader) -> bool:
    """Find "deep patel called": an ordinary word and a strange one that do something."""
    return bool(
        line.count > 2
        and line.flags[0] & WORD
        and not line.flags[0] & (reader.stop | COMMON)
        and not line.joined(1)
        and (line.words[2] in PERSON_VERBS or line.words[2] in ("needs", "has", "is"))
    )


def _after_name(line: Line, end: int, reader: NameReader) -> int:
    """Initials after a comma, the last words of towns and streets."""
    words = line.words
    if (
        end + 1 < line.count
        and words[end] == ","
        and len(words[end + 1]) == 1
        and words[end + 1].isalpha()
        and line.source(end + 1).isupper()
    ):
        end += 2
    if end < line.count and words[end] in TOWN_TAILS and not line.joined(end):
        end += 1
    if end + 1 < line.count and _joint(line, end) and _hung_on(line, end + 1, reader):
        end += 2  # a path or a login: "cynthia_stone"
    return end


def _joint(line: Line, i: int) -> bool:
    return line.words[i] in JOINTS and line.joined(i) and line.joined(i + 1)


def _hung_on(line: Line, i: int, reader: NameReader) -> bool:
    """Whether a word joined to a name in a path or a login is the other half of it."""
    flag = line.flags[i]
    return (
        bool(flag & WORD)
        and len(line.words[i]) > 2
        and not flag & (reader.stop | COMMON | PLACEHOLDER | NUMBER)
    )


JOINTS = frozenset("_-.^")


def _goes_before(line: Line, i: int, reader: NameReader) -> bool:
    word = line.words[i]
    if reader.capital(i):
        return bool(line.flags[i] & GIVEN) or not line.flags[i] & (
            reader.stop | COMMON | TITLE | RELATION | PLACEHOLDER
        )
    return word in PLAIN_GIVEN or (
        word not in VERBS_FIRST
        and not line.flags[i] & (reader.stop | COMMON)
        and word in cues.GIVEN_HOMOGRAPHS
        and word != "mark"
    )
