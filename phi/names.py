"""Names that a cue, a title or a relation announces, and how far a name goes once it has begun.

No list of surnames: what goes on a name is any word that is no function word and stands where the clause ends.
Longer than other files: one reader, whose rules ask each other about the same record.
"""

from __future__ import annotations

from collections.abc import Iterator

from phi import cues, cues_es
from phi.kinds import Kind, Layer, Span
from phi.lexicon import (
    COMMON,
    ENGLISH,
    GIVEN,
    ID_CUE,
    MONTH,
    NAME_CUE,
    NUMBER,
    PLACEHOLDER,
    RELATION,
    SAFE,
    SPANISH,
    STOP,
    STOP_ES,
    TITLE,
    WORD,
)
from phi.tokens import Line
from phi.vocabulary import known_token

STRONG_ENDS = cues.STRONG_NAME_CUES | cues_es.STRONG_NAME_CUES_ES
PHRASES: dict[str, list[tuple[tuple[str, ...], int]]] = {}
"""By its last word: a phrase that announces a name, and 2 where only a name can follow, else 1."""
for _phrase in (*cues.NAME_CUES, *cues_es.NAME_CUES_ES):
    PHRASES.setdefault(_phrase[-1], []).append(
        (_phrase, 1 if STRONG_ENDS.isdisjoint(_phrase) else 2)
    )
PARTICLES = cues.words(
    "de la los las del van von der den bin ibn al el da dos di du le st san santa y o' mc mac abu ben"
)
VERBS_FIRST = cues.words(
    "will may so do you le ha an my case page story true ever can dash art case ace bill rich long song sang win merry noble royal stew skip trip scout rain winter summer april august june river ocean temple bear fox echo delta sol mar fe primo segundo bueno mayo abril bella linda alba blanca flor luna estrella victoria gloria socorro remedios dolores justo franco domingo"
)
"""Name-words that stand after a relation or a title far more often as what they mean."""
SKIP_AFTER_CUE = frozenset(
    [
        ":",
        ",",
        '"',
        "'",
        "=",
        "-",
        "uh",
        "um",
        "er",
        "eh",
        "is",
        "es",
        "actually",
        "so",
        "(",
        "<",
        "ah",
        "hmm",
        "este",
        "pues",
        "like",
    ]
)
NAME_TOKENS_MAX = 5
NO_SURNAME = COMMON | TITLE | RELATION | NUMBER | PLACEHOLDER | NAME_CUE
CLAUSE_GOES_ON = NAME_CUE | ID_CUE | TITLE | RELATION | NUMBER | MONTH | PLACEHOLDER
NAME_STOPS_ALL = cues.NAME_STOPS | cues_es.NAME_STOPS_ES
GREET = cues.GREETINGS | cues_es.GREETINGS_ES | {"for", "para"}
ONLY_AFTER_CUE = cues.words("may april june august will long an le my do so january")
NAME_ADJECTIVES = cues.words("first last middle full legal maiden given family nick preferred real")
WHOSE = cues.words("his her my their the our your su mi")
PERSON_VERBS = cues.words(
    "drove picked came said says called calls calling wants wanted told asked asks thinks went brought texted emailed lives works phoned rang left sent says dijo llamo quiere pregunto vino"
)
"""What somebody named does in the next word."""
UNDER_THINGS = cues.words(
    "part plan policy coverage contract water ice control pressure cover heat wraps insurance medicare medicaid warranty anesthesia hand arm tongue bed pillow stress supervision observation treatment care review weight oath sedation light skin eye eyes foot feet nail nails load construction investigation medication there here it them age general local"
)
"""What stands under "under" where nobody's name does."""


class NameReader:
    """The name rules over one record."""

    def __init__(self, line: Line, safe: int) -> None:
        """Read a record whose words may come from the lists in `safe`."""
        self.line = line
        self.safe = safe
        self.small_letters = False
        self.written = self._tells_capitals()
        self.stop = STOP | (STOP_ES if safe & SPANISH else 0)
        if not safe & ENGLISH:
            self.stop = STOP_ES

    def _tells_capitals(self) -> bool:
        """Whether a record writes some of its words, and not most of them, with a capital."""
        line = self.line
        if line.offsets is None and line.text == line.shadow:
            return False
        capitals = lowers = 0
        for i in range(line.count):
            if line.flags[i] & WORD:
                if line.capital(i):
                    capitals += 1
                else:
                    lowers += 1
        self.small_letters = lowers > 0
        return capitals > 0 and lowers >= capitals

    def upper(self, i: int) -> bool:
        """A word with a capital, wherever it stands, in a record that has small letters too."""
        line = self.line
        if line.offsets is None and line.text == line.shadow:
            return False
        return bool(line.flags[i] & WORD) and line.capital(i)

    def capital(self, i: int) -> bool:
        """A capital inside a sentence of a record that tells capitals from small letters."""
        if not self.written or i == 0 or not self.line.capital(i):
            return False
        before = self.line.words[i - 1]
        return (
            before not in (".", "?", "!", ":", '"', "[", "(") and not self.line.source(i).isupper()
        )

    def unknown(self, i: int) -> bool:
        """A word of no list."""
        flag = self.line.flags[i]
        return (
            bool(flag & WORD) and not flag & self.safe and not known_token(self.line, i, self.safe)
        )

    def begins(self, i: int) -> bool:
        """A word that can begin a name where a cue only allows one."""
        flag = self.line.flags[i]
        word = self.line.words[i]
        if not flag & WORD or (flag & self.stop and not self.capital(i)):
            return False
        if self.capital(i):
            return True
        if flag & GIVEN:
            return word not in VERBS_FIRST
        return (len(word) == 1 and word not in "aiyo") or self.unknown(i)

    def namelike(self, i: int) -> bool:
        """A word that can go on a name already begun."""
        if self.begins(i) or self.surname(i):
            return True
        if not self.line.flags[i] & WORD or self.line.flags[i] & (TITLE | RELATION | PLACEHOLDER):
            return False
        if self.upper(i) and i and self.upper(i - 1) and not self.line.flags[i] & COMMON:
            return self.line.source(i - 1)[1:].islower()
        return not self.line.source(i).isascii() and not self.safe & SPANISH

    def surname(self, i: int) -> bool:
        """An ordinary word that can only be the rest of a name: after it the clause ends."""
        flag = self.line.flags[i]
        word = self.line.words[i]
        if not flag & WORD or flag & (self.stop | NO_SURNAME) or len(word) < 3:
            return False
        if len(word) > 5 and word.endswith(("ing", "ed", "ly", "tion", "ment")):
            return False
        if flag & ID_CUE and not (
            word not in cues.STRONG_ID_CUES
            and (i + 1 >= self.line.count or self.line.flags[i + 1] & self.stop)
        ):
            return False
        return self.clause_ends(i + 1)

    def clause_ends(self, j: int) -> bool:
        """Whether the clause ends before token j, or goes on with what is said of a person."""
        line = self.line
        if j >= line.count:
            return True
        flag = line.flags[j]
        return (
            not flag & WORD
            or bool(flag & (self.stop | CLAUSE_GOES_ON))
            or line.words[j] in PERSON_VERBS
        )

    def chain(self, i: int, first_any: bool) -> int:
        """The token after a name that begins at i; i itself when none does."""
        line = self.line
        j = i
        taken = 0
        while j < line.count and taken < NAME_TOKENS_MAX:
            flag, word = line.flags[j], line.words[j]
            if flag & PLACEHOLDER:
                break
            if flag & WORD:
                if word == "mac" and j + 2 < line.count and line.words[j + 1] in ("an", "na"):
                    j += 2
                    continue
                if (
                    word in PARTICLES
                    and j + 1 < line.count
                    and line.flags[j + 1] & WORD
                    and (taken or not flag & self.stop)
                    and self.namelike(j + 1)
                ):
                    j += 1
                    continue
                first = (
                    taken == 0
                    and first_any
                    and not (flag & self.stop and word not in ONLY_AFTER_CUE)
                    and not flag & (TITLE | RELATION)
                )
                if not (first or (self.namelike(j) if taken else self.begins(j))):
                    break
                taken += 1
                j += 1
                continue
            if (
                word in ("-", "^", "_")
                and line.joined(j)
                and taken
                and j + 1 < line.count
                and line.flags[j + 1] & WORD
            ):
                j += 1
                continue
            if (
                word == "."
                and taken
                and len(line.words[j - 1]) == 1
                and j + 1 < line.count
                and line.flags[j + 1] & WORD
            ):
                j += 1
                continue
            if (
                word == ","
                and taken == 1
                and self.capital(j - 1)
                and j + 1 < line.count
                and self.namelike(j + 1)
                and self.capital(j + 1)
            ):
                j += 1
                continue
            break
        while j > i and not line.flags[j - 1] & WORD:
            j -= 1
        if (
            taken
            and j + 1 < line.count
            and line.words[j] in ("and", "or", "y", "o")
            and line.flags[j + 1] & GIVEN
            and not line.flags[j + 1] & (self.stop | COMMON)
            and line.words[j + 1] not in VERBS_FIRST
            and self.clause_ends(j + 2)
        ):
            j += 2  # two people of one family
        return j if taken else i

    def spans(self) -> Iterator[Span]:
        """What the name grammar takes out."""
        line = self.line
        for i in range(line.count):
            flag = line.flags[i]
            if flag & NAME_CUE:
                yield from self._after_cue(i)
                if line.words[i] in ("name", "nombre"):
                    yield from self._is_the_name(i)
            if flag & TITLE:
                yield from self._after_title(i)
            if flag & RELATION:
                yield from self._after_relation(i)
                yield from self._related(i)

    def _span(self, first: int, end: int, kind: Kind = Kind.NAME) -> Span:
        return Span(self.line.starts[first], self.line.ends[end - 1], kind, Layer.NAMES)

    def _after_cue(self, i: int) -> Iterator[Span]:
        line = self.line
        strength = 0
        for phrase, strong in PHRASES.get(line.words[i], ()):
            first = i + 1 - len(phrase)
            if (
                first >= 0
                and line.words[first] == phrase[0]
                and tuple(line.words[first : i + 1]) == phrase
            ):
                strength = max(strength, strong)
        if not strength and line.words[i] not in GREET:
            return
        if line.words[i] == "under":
            yield from self._under(i)
            return
        j = i + 1
        while j < line.count and (
            line.words[j] in SKIP_AFTER_CUE
            or (line.flags[j] & TITLE and line.words[j] != "miss")
            or (line.words[j] == "." and j > 0 and line.flags[j - 1] & TITLE)
        ):
            j += 1
        if j >= line.count:
            return
        calling = strength and any(
            w in ("calling", "speaking", "llamando", "hablando") for w in line.words[j + 1 : j + 3]
        )
        end = self.chain(j, first_any=strength == 2 or bool(calling))
        if end == j:
            return
        if strength < 2 and not (
            calling
            or self._two_upper(j)
            or line.flags[j] & GIVEN
            or self.unknown(j)
            or self.capital(j)
        ):
            return
        if (
            strength == 0
            and line.flags[j] & SAFE
            and not (
                line.flags[j] & GIVEN
                and (self.capital(j) or line.words[i] not in ("for", "para") or self._closes(end))
            )
        ):
            return
        if strength < 2 and end == j + 1 and line.words[j] in VERBS_FIRST and not self.capital(j):
            return
        yield self._span(j, end)

    def _under(self, i: int) -> Iterator[Span]:
        """Find "put it under miller"."""
        j = i + 1
        if (
            j >= self.line.count
            or self.line.words[j] in UNDER_THINGS
            or self.line.words[j] in WHOSE
        ):
            return  # "under my ribs"
        end = self.chain(j, first_any=True)
        if end > j and (end > j + 1 or self.begins(j) or self.surname(j)):
            yield self._span(j, end)

    def _closes(self, end: int) -> bool:
        """Whether a clause ends, or somebody's birth date, here."""
        if end >= self.line.count:
            return True
        word = self.line.words[end]
        return word in (
            ".",
            ",",
            "?",
            "!",
            "born",
            "please",
            "date",
            "dob",
            "on",
            "at",
            "who",
            "and",
            "thanks",
            "she",
            "he",
        )

    def _after_title(self, i: int) -> Iterator[Span]:
        line = self.line
        word = line.words[i]
        j = i + 1
        if j < line.count and line.words[j] == "." and line.joined(j):
            j += 1
        if j >= line.count or not line.flags[j] & WORD:
            return
        strong = word in cues.STRONG_TITLES or word in cues_es.STRONG_TITLES_ES
        if (
            word in ("ms", "dr", "don", "mr")
            and line.flags[i] & TITLE
            and i
            and line.words[i - 1].isdigit()
        ):
            return
        if word == "don" and not self.safe & SPANISH:
            return
        end = self.chain(j, first_any=strong)
        if end == j:
            return
        flag = line.flags[j]
        if (
            not strong
            and not (self.unknown(j) or self.capital(j))
            and (self._said_otherwise(j) or not flag & GIVEN or flag & COMMON)
            and not (self.surname(j) and line.words[min(j + 1, line.count - 1)] in PERSON_VERBS)
        ):
            return
        if line.words[j] in ("will", "may") and not (
            self.capital(j) or (strong and self.clause_ends(j + 1) and not self._verb_at(j + 1))
        ):
            return
        clinician = word in cues.CLINICIANS or word in ("doctora", "dra", "enfermera", "enfermero")
        yield self._span(j, end, Kind.PROVIDER if clinician else Kind.NAME)

    def _two_upper(self, j: int) -> bool:
        """Find "Dear Nacho Saez": a capitalised word before a capitalised word of no list."""
        return (
            j + 1 < self.line.count
            and self.upper(j)
            and self.upper(j + 1)
            and not self.line.flags[j] & (self.stop | COMMON)
            and self.unknown(j + 1)
        )

    def _verb_at(self, j: int) -> bool:
        """Whether "may" or "will" is followed by what it would be a verb of."""
        return j < self.line.count and self.line.words[j] in (
            "be", "have", "not", "need", "i", "you", "we", "he", "she", "they", "it", "the", "help", "take", "get", "go", "come", "call",
        )  # fmt: skip

    def _is_the_name(self, i: int) -> Iterator[Span]:
        """Find "ha is her first name": the words before "is her name"."""
        words = self.line.words
        k = i - 1
        while k >= 0 and words[k] in NAME_ADJECTIVES:
            k -= 1
        if k < 1 or words[k] not in WHOSE or words[k - 1] not in ("is", "was", "es"):
            return
        end = k - 1
        first = end
        while (
            first > 0
            and end - first < 3
            and self.line.flags[first - 1] & WORD
            and not self.line.flags[first - 1] & (NAME_CUE | TITLE | RELATION)
            and words[first - 1]
            not in ("what", "and", "this", "that", "it", "which", "so", "yes", "no")
        ):
            first -= 1
        if first < end:
            yield self._span(first, end)

    def _related(self, i: int) -> Iterator[Span]:
        """Find "precious is my niece" where a clause begins."""
        line = self.line
        if i < 3 or line.words[i - 1] not in WHOSE or line.words[i - 2] not in ("is", "es", "was"):
            return
        k = i - 3
        flag = line.flags[k]
        begins = k == 0 or line.words[k - 1] in (",", ".", "and", "but", "so", "y", "because")
        if begins and flag & WORD and not flag & (self.stop | COMMON | TITLE | RELATION):
            yield self._span(k, k + 1)

    def _said_otherwise(self, j: int) -> bool:
        """A name-word that means what it says, unless a surname follows it."""
        return self.line.words[j] in VERBS_FIRST and not (
            j + 1 < self.line.count and self.namelike(j + 1)
        )

    def _after_relation(self, i: int) -> Iterator[Span]:
        line = self.line
        j = i + 1
        if j < line.count and line.words[i] == "pt" and line.words[j] == ".":
            j += 1
        elif j < line.count and line.words[j] in (",", ":", "is", "'s", "named", "called"):
            if line.words[j] == "is" and j + 1 < line.count and not self.capital(j + 1):
                return
            j += 1
        if j >= line.count:
            return
        flag = line.flags[j]
        capital = self.capital(j) or (line.words[i] in ("pt", "pts", "patient") and self.upper(j))
        acts = j + 1 < line.count and line.words[j + 1] in PERSON_VERBS and self.surname(j)
        if not flag & WORD or not (flag & GIVEN or capital or acts) or flag & (TITLE | RELATION):
            return
        if not capital and self._said_otherwise(j):
            return
        end = self.chain(j, first_any=True)
        if end > j:
            yield self._span(j, end)
