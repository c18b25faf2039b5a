"""Names: what a cue announces, what a title or a relation precedes, and every word the lists do not know.

The vocabulary is the net below the grammar: a word nobody listed is taken for a name. The hand-written lists
of name-words in phi.cues only continue a name that a rule began, or count beside capitals and cues.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from phi import cues, cues_es
from phi.kinds import Kind, Layer, Span
from phi.lexicon import (
    COMMON,
    ENGLISH,
    EPONYM,
    GIVEN,
    MIXED,
    NAME_CUE,
    NUMBER,
    PLACEHOLDER,
    RELATION,
    SAFE,
    SPANISH,
    STOP,
    STOP_ES,
    SURNAME,
    TABLE,
    TITLE,
    WORD,
)
from phi.tokens import Line

PHRASES: dict[str, list[tuple[str, ...]]] = {}
for _phrase in (*cues.NAME_CUES, *cues_es.NAME_CUES_ES):
    PHRASES.setdefault(_phrase[-1], []).append(_phrase)
STRONG_ENDS = cues.STRONG_NAME_CUES | cues_es.STRONG_NAME_CUES_ES
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
HESITATION = re.compile(r"(?:u+h+|u+m+|e+r+m*|h+m+|m+h*m*|a+h+|o+h+|e+h+|hu+h|aw+|ha(?:ha)+|s+h+)")
CLINICAL = (
    "itis", "emia", "ectomy", "ology", "ologist", "oscopy", "ostomy", "otomy", "opathy", "plasty", "algia", "uria", "osis", "penia",
    "statin", "sartan", "azole", "cillin", "mycin", "floxacin", "gliptin", "gliflozin", "prazole", "olol", "dipine", "triptan",
    "setron", "cycline", "caine", "parin", "afil", "mab", "tinib", "vir", "oxetine", "zepam", "zolam", "barbital", "profen", "thiazide",
    "semide", "tidine", "glutide", "gram", "scopy", "megaly", "rrhea", "trophy", "genic", "logia", "patia", "tomia",
)  # fmt: skip
ENDINGS = (("'s", ""), ("s'", "s"), ("n't", ""), ("'ll", ""), ("'re", ""), ("'ve", ""), ("'d", ""), ("'m", ""), ("s", ""), ("es", ""), ("ed", ""), ("ed", "e"), ("ing", ""), ("ing", "e"), ("ly", ""), ("er", ""), ("ers", ""), ("ness", ""), ("able", ""), ("ies", "y"), ("ied", "y"), ("less", ""), ("ful", ""))  # fmt: skip
PREFIXES = ("non", "pre", "post", "anti", "over", "under", "multi", "micro", "hyper", "hypo", "inter", "intra", "neuro", "cardio", "gastro", "un", "re", "sub", "auto", "pseudo", "mis", "dis", "max", "min", "num", "get", "set", "is", "on", "to", "has")  # fmt: skip
STEM_LEAST = 4
CAMEL = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|[0-9]+")
FOREIGN_STOPS_LEAST = 4
BOTH_STOPS = STOP | STOP_ES
LISTED = ENGLISH | SPANISH | COMMON


def safe_languages(line: Line, lang: str | None) -> int:
    """Which lists a record's words may come from: English unless its function words are Spanish."""
    english = spanish = 0
    for word, flag in zip(line.words, line.flags, strict=True):
        both = flag & BOTH_STOPS
        if both == STOP:
            english += 2
        elif both == STOP_ES and len(word) > 1:
            spanish += 2
        elif not both and len(word) > 1:
            of = flag & LISTED
            if of == ENGLISH:
                english += 1
            elif of == SPANISH:
                spanish += 1
    if spanish == 0 and english == 0 and lang == "es":
        return SPANISH | COMMON
    if spanish > english:
        return (
            (SPANISH | COMMON | ENGLISH)
            if english >= FOREIGN_STOPS_LEAST + 1
            else (SPANISH | COMMON)
        )
    if spanish >= FOREIGN_STOPS_LEAST or lang == "es":
        return SAFE
    return ENGLISH | COMMON


def known_word(word: str, safe: int) -> bool:
    """Whether the lists know a word or a form of it."""
    if TABLE.get(word, 0) & safe:
        return True
    if HESITATION.fullmatch(word):
        return True
    for ending, instead in ENDINGS:
        if word.endswith(ending):
            stem = word[: -len(ending)] + instead
            if (len(stem) >= STEM_LEAST or "'" in ending) and TABLE.get(stem, 0) & safe:
                return True
            if (
                len(ending) > 2
                and len(stem) > STEM_LEAST
                and stem[-1] == stem[-2]
                and TABLE.get(stem[:-1], 0) & safe
            ):
                return True
    return len(word) >= 6 and word.endswith(CLINICAL)


def known_token(line: Line, i: int, safe: int) -> bool:
    """As known_word, and for camel case and prefixes, as code writes them."""
    word = line.words[i]
    if known_word(word, safe):
        return True
    source = line.source(i)
    if source != word and source.isascii() and not source.isupper() and not source.istitle():
        parts = CAMEL.findall(source)
        if len(parts) > 1:
            return all(len(p) == 1 or p.isdigit() or known_word(p.lower(), safe) for p in parts)
    if len(word) >= 7 and source == word:
        for prefix in PREFIXES:
            if (
                word.startswith(prefix)
                and len(word) - len(prefix) >= STEM_LEAST
                and TABLE.get(word[len(prefix) :], 0) & safe
            ):
                return True
    return len(word) == 1


class NameReader:
    """The name rules over one record."""

    def __init__(self, line: Line, safe: int) -> None:
        """Read a record whose words may come from the lists in `safe`."""
        self.line = line
        self.safe = safe
        capitals = lowers = 0
        for i in range(line.count):
            if line.flags[i] & WORD:
                if line.capital(i):
                    capitals += 1
                else:
                    lowers += 1
        self.written = capitals > 0 and lowers >= capitals
        self.stop = STOP | (STOP_ES if safe & SPANISH else 0)
        if not safe & ENGLISH:
            self.stop = STOP_ES

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

    def namelike(self, i: int) -> bool:
        """A word that can go on a name already begun."""
        flag = self.line.flags[i]
        if not flag & WORD or (flag & self.stop and not self.capital(i)):
            return False
        if flag & (GIVEN | SURNAME) or self.capital(i):
            return self.line.words[i] not in VERBS_FIRST or self.capital(i)
        return (len(self.line.words[i]) == 1 and self.line.words[i] not in "aiyo") or self.unknown(
            i
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
                if not (first or self.namelike(j)):
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
        return j if taken else i

    def spans(self) -> Iterator[Span]:
        """What the name grammar takes out."""
        line = self.line
        for i in range(line.count):
            flag = line.flags[i]
            if flag & NAME_CUE:
                yield from self._after_cue(i)
            if flag & TITLE:
                yield from self._after_title(i)
            if flag & RELATION:
                yield from self._after_relation(i)
            if flag & GIVEN and not flag & NUMBER:
                yield from self._homograph(i)

    def _span(self, first: int, end: int, kind: Kind = Kind.NAME) -> Span:
        return Span(self.line.starts[first], self.line.ends[end - 1], kind, Layer.NAMES)

    def _after_cue(self, i: int) -> Iterator[Span]:
        line = self.line
        strength = 0
        for phrase in PHRASES.get(line.words[i], ()):
            n = len(phrase)
            if i + 1 >= n and tuple(line.words[i + 1 - n : i + 1]) == phrase:
                strong = any(w in STRONG_ENDS for w in phrase)
                strength = max(strength, 2 if strong else 1)
        if not strength and line.words[i] not in GREET:
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
        end = self.chain(j, first_any=strength == 2)
        if end == j:
            return
        if strength < 2 and not (line.flags[j] & GIVEN or self.unknown(j) or self.capital(j)):
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
        if end == j + 1 and (self.unknown(j) or line.flags[j] & GIVEN):
            end = self._one_more(end)
        yield self._span(j, end)

    def _one_more(self, end: int) -> int:
        """A surname that is also a word, between a given name nobody listed and the end of the clause."""
        line = self.line
        if (
            end < line.count
            and line.flags[end] & WORD
            and not line.flags[end] & (self.stop | COMMON | TITLE | RELATION)
            and len(line.words[end]) > 2
        ) and (
            end + 1 >= line.count
            or line.flags[end + 1] & self.stop
            or line.words[end + 1] in (".", ",", "?")
        ):
            return end + 1 if not line.words[end].endswith(("ing", "ed", "ly")) else end
        return end

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
            and (line.words[j] in VERBS_FIRST or not flag & (GIVEN | SURNAME) or flag & COMMON)
        ):
            return
        if line.words[j] in ("will", "may") and not self.capital(j):
            return
        clinician = word in cues.CLINICIANS or word in ("doctora", "dra", "enfermera", "enfermero")
        yield self._span(j, end, Kind.PROVIDER if clinician else Kind.NAME)

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
        if not flag & WORD or not (flag & GIVEN or self.capital(j)) or flag & (TITLE | RELATION):
            return
        if line.words[j] in VERBS_FIRST and not self.capital(j):
            return
        end = self.chain(j, first_any=True)
        if end > j:
            yield self._span(j, end)

    def _homograph(self, i: int) -> Iterator[Span]:
        """A word that is also a given name, where capitals or what follows say it is one."""
        line = self.line
        flag, word = line.flags[i], line.words[i]
        after = line.words[i + 1] if i + 1 < line.count else ""
        if flag & COMMON or (flag & EPONYM and after in cues.EPONYM_TAILS):
            return
        if (
            after in ("speaking", "here", "calling")
            and word not in VERBS_FIRST
            and not (i and line.words[i - 1] in ("the", "a", "my", "is"))
        ):
            yield self._span(i, i + 1)
        elif (
            self.capital(i)
            and not flag & self.stop
            and len(word) > 1
            and not (after and line.joined(i + 1) and after in ("_", "="))
        ):
            if not (
                line.flags[i - 1] & WORD and line.capital(i - 1) and line.flags[i - 1] & COMMON
            ):
                yield self._span(i, self.chain(i, first_any=True))
        elif (
            i + 1 < line.count
            and line.flags[i + 1] & SURNAME
            and word in PLAIN_GIVEN
            and after not in VERBS_FIRST
        ):
            before = line.words[i - 1] if i else ""
            if before in (
                "for",
                "with",
                "from",
                "to",
                "is",
                "and",
                ",",
                "",
                "see",
                "patient",
                "client",
                "saw",
                "of",
                "para",
                "con",
                "de",
            ) and (
                i + 2 >= line.count
                or line.flags[i + 2] & (self.stop | NAME_CUE)
                or not line.flags[i + 2] & WORD
            ):
                yield self._span(i, i + 2)


NAME_STOPS_ALL = cues.NAME_STOPS | cues_es.NAME_STOPS_ES
GREET = cues.GREETINGS | cues_es.GREETINGS_ES | {"for", "para"}
ONLY_AFTER_CUE = cues.words("may april june august will long an le my do so january")
NAME_PREFIXES = cues.words("o mac mc van von bin ibn al abu ben della di du st ter ten")
TOWN_PREFIXES = cues.words(
    "lake east west north south port mount fort new san santa saint st el la los las old big puerto villa ciudad"
)
TOWN_TAILS = cues.words(
    "heights city springs falls beach hills park valley village township grove creek lake oaks island bay ridge park junction harbor estates gardens shores mountains oval centers meadows point pointe center mills crossing landing woods forest"
)
PLAIN_GIVEN = cues.words(
    "rose grace hope faith joy bill jack frank grant drew dean june april august summer autumn dawn ivy lily daisy violet iris hazel olive ruby pearl amber crystal jade penny christian art gene pat rob sue nick dale glen heath cliff sandy robin jay ray miles carter mason cooper hunter taylor parker piper harper buck earl victor norm max heather holly melody harmony charity destiny trinity serenity sky willow sage wade lance pierce rosa luz paz consuelo mercedes pilar soledad angel jesus leon clara margarita rocio"
)


def vocabulary_spans(line: Line, safe: int, reader: NameReader) -> Iterator[Span]:
    """Every word of no list, with the name-words that stand beside it."""
    flags = line.flags
    for i in range(line.count):
        flag = flags[i]
        if flag & safe or not flag & WORD or flag & PLACEHOLDER:
            continue
        if known_token(line, i, safe):
            continue
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
            and flags[first - 1] & GIVEN
            and _goes_before(line, first - 1, reader)
        ):
            first -= 1
        while (
            end < line.count
            and line.ends[end - 1] + 1 >= line.starts[end]
            and flags[end] & (SURNAME | GIVEN)
            and reader.namelike(end)
        ):
            if flags[end] & COMMON and not reader.capital(end):
                break
            end += 1
        first = _before_name(line, first, reader)
        end = _after_name(line, end, reader)
        yield Span(line.starts[first], line.ends[end - 1], Kind.NAME, Layer.VOCABULARY)


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
    if first >= 1 and (
        words[first - 1] in NAME_PREFIXES
        or (
            words[first - 1] in TOWN_PREFIXES
            and not (
                words[first - 1] in ("new", "old", "big", "el", "la")
                and not reader.capital(first - 1)
            )
        )
    ):
        first -= 1
    elif first >= 2 and words[first - 1] == "_" and words[first - 2] in NAME_PREFIXES:
        first -= 2
    return first


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
    return end


def _goes_before(line: Line, i: int, reader: NameReader) -> bool:
    word = line.words[i]
    if reader.capital(i):
        return True
    return word in PLAIN_GIVEN or (
        word not in VERBS_FIRST
        and not line.flags[i] & (reader.stop | COMMON)
        and word in cues.GIVEN_HOMOGRAPHS
        and word != "mark"
    )


__all__ = ["MIXED", "NameReader", "known_word", "safe_languages", "vocabulary_spans"]
