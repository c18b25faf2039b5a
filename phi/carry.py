"""What one call's records tell about the next: the slot the dialogue just asked for, identifiers cut in two.

The dialogue should say what it asks for (`expect`); where it does not, the words of the last record do.
It keeps a short tail of the last record in memory and nothing after `wipe`.
"""

from __future__ import annotations

from collections.abc import Iterator

from phi import cues, cues_es
from phi.ages import YEARS, old_age_at
from phi.fields import kind_of_key
from phi.frames import cue_before
from phi.kinds import Kind, Layer, Span
from phi.known import Known
from phi.lexicon import (
    DIGITS,
    ID_CUE,
    LETTER,
    MIXED,
    MONTH,
    NAME_CUE,
    NATO,
    NUMBER,
    ORDINAL,
    PLACE_CUE,
    PLACEHOLDER,
    STOP,
    STOP_ES,
    TABLE,
    UNIT,
    WORD,
)
from phi.names import NAME_STOPS_ALL
from phi.numbers import runs
from phi.places import CITY_PHRASES, ORG_PHRASES
from phi.questions import SLOTS, asked
from phi.tokens import Line

TURNS_OPEN = 4
TAIL_CHARS = 90
SHORT_TOKENS = 9
"""An answer longer than this is a sentence; only its particular words are taken."""
CLOSED = cues.words("""
 yes no yeah yep yup nope nah sure ok okay correct right thanks thank you please uh um er hmm ah oh well so that's thats is it it's its my the and a i me i'm im sorry what hold on one moment second let see get find wait
 just for of to in at with good great perfect exactly fine not don't dont know have idea maybe can could repeat again say hi hello bye hey
 si no claro bueno gracias por favor eh este pues es mi el la un una momento espere perdon correcto exacto asi de y que a ver digo mande otra vez
""")


class CallContext:
    """One call: its language, its known values, its open slot and the tail of its last record."""

    def __init__(self, lang: str | None = None, *, single: bool = False) -> None:
        """Open a call."""
        self.lang = lang
        self.known = Known()
        self._slot: Kind | None = None
        self._turns_left = 0
        self._tail = ""
        self._dictating = False
        self.single = single
        """Only one record will come: nothing is carried."""

    def learn(self, field: str, value: str) -> None:
        """Know a value of this call: from the intake form, the record system, the telephone header."""
        self.known.learn(field, value)

    def expect(self, slot: str | None) -> None:
        """Say what the next answer will be; None closes the slot."""
        self._slot = None if slot is None else SLOTS.get(slot) or kind_of_key(slot) or Kind.OTHERID
        self._turns_left = TURNS_OPEN if self._slot else 0

    @property
    def expecting(self) -> Kind | None:
        """The open slot."""
        return self._slot

    def wipe(self) -> None:
        """Forget the call."""
        self.known.wipe()
        self.expect(None)
        self._tail = ""
        self._dictating = False

    def prefix(self) -> str:
        """What the next record is read behind."""
        return self._tail

    def carried(self, line: Line) -> Iterator[Span]:
        """What only the records before this one explain."""
        if not line.count or self.single:
            return
        short = line.count <= SHORT_TOKENS
        if self._slot is Kind.AGE:
            yield from _age_answer(line)
        elif self._slot is not None:
            yield from self._answer(line, short)
        yield from self._dictation(line, short)

    def _answer(self, line: Line, short: bool) -> Iterator[Span]:
        slot = self._slot or Kind.OTHERID
        numeric = slot not in (Kind.NAME, Kind.CITY, Kind.ORG, Kind.PROVIDER)
        if numeric or slot is Kind.ADDRESS:
            for run in runs(line):
                after = line.flags[run.last + 1] if run.last + 1 < line.count else 0
                if after & UNIT or (run.letters in ("a", "i", "y", "o", "e") and not run.digits):
                    continue
                if run.digits or len(run.letters) >= 2 or short:
                    yield Span(line.starts[run.first], line.ends[run.last], slot, Layer.CARRY)
        for i, word in enumerate(line.words):
            flag = line.flags[i]
            if (
                numeric
                and slot is Kind.DATE
                and flag & (MONTH | ORDINAL)
                and (short or not TABLE.get(word, 0) & (STOP | STOP_ES))
            ):
                yield Span(line.starts[i], line.ends[i], slot, Layer.CARRY)
            elif (
                short
                and word not in CLOSED
                and flag & (WORD | MIXED | DIGITS)
                and not flag & PLACEHOLDER
            ):
                if slot in (
                    Kind.NAME,
                    Kind.ADDRESS,
                    Kind.CITY,
                    Kind.ORG,
                    Kind.EMAIL,
                    Kind.PROVIDER,
                ):
                    if word in NAME_STOPS_ALL and line.count > 2:
                        continue
                    if flag & (ID_CUE | NAME_CUE) or word in (
                        "spell",
                        "how",
                        "what",
                        "that",
                        "e-mail",
                        "zip",
                    ):
                        continue
                    yield Span(line.starts[i], line.ends[i], slot, Layer.CARRY)
                elif len(word) == 1 and word.isalpha():
                    yield Span(line.starts[i], line.ends[i], slot, Layer.CARRY)

    def _dictation(self, line: Line, short: bool) -> Iterator[Span]:
        """Digits or letters that are the whole record, or stand at its end: the rest is still to come."""
        for run in runs(line):
            whole = run.first <= 1 and run.last >= line.count - 2
            at_end = run.last >= line.count - 2
            if not (whole or at_end):
                continue
            after = line.flags[run.last + 1] if run.last + 1 < line.count else 0
            size = len(run.digits) + len(run.letters)
            if after & UNIT or (run.scaled and not self._dictating):
                continue
            if (
                whole
                and short
                and (run.single + len(run.letters) >= 2 or (self._dictating and size))
                and run.letters not in cues.ACRONYMS
            ) or (
                at_end
                and (
                    (run.single >= 2 and not run.written) or cue_before(line, run.first) is not None
                )
            ):
                yield Span(line.starts[run.first], line.ends[run.last], Kind.OTHERID, Layer.CARRY)
        yield from _cut_off(line)

    def note(self, text: str, spans: list[Span]) -> None:
        """Remember the end of a record, and what it asks for."""
        if self.single:
            return
        shadow = text.lower() if text.isascii() else Line(text).shadow
        wanted = asked(shadow)
        filled = bool(spans)
        if wanted is not None and (self._slot is None or "?" in text or not filled):
            self._slot, self._turns_left = wanted, TURNS_OPEN
        elif self._slot is not None:
            self._turns_left -= 1
            if self._turns_left <= 0:
                self._slot = None
        self._dictating = any(
            s.kind not in (Kind.NAME, Kind.CITY, Kind.ORG) and s.end >= len(text.rstrip(" .,")) - 1
            for s in spans
        )
        ends = text.rstrip()
        self._tail = "" if ends.endswith(("?", "!")) else text[-TAIL_CHARS:] + " "
        if len(text) > TAIL_CHARS and self._tail:
            self._tail = self._tail.partition(" ")[2]


def _cut_off(line: Line) -> Iterator[Span]:
    """A number, a letter or a day that ends a record, and may be the first of an identifier cut in two."""
    last = line.count - 1
    while last > 0 and line.words[last] in JOINING:
        last -= 1
    explained = last
    while explained > 0 and line.words[explained] in ("as", "in", "for", "like"):
        explained -= 1
    if line.flags[explained] & (LETTER | NATO):
        last = explained
    first = last
    while first >= 0 and line.flags[first] & CUTTABLE and not line.flags[first] & PLACEHOLDER:
        first -= 1
    first += 1
    alone = first == last and last == line.count - 1
    if first > last or (alone and _word_after_all(line, last)):
        return
    before = line.words[first - 1] if first else ""
    if old_age_at(line, first) is None and (
        before in COUNTED_AFTER
        or (alone and line.words[last] in PRONOUNS and before not in ASSIGNED)
        or (line.flags[last] & LETTER and first == last and before not in ASSIGNED)
    ):
        return
    yield Span(line.starts[first], line.ends[last], Kind.OTHERID, Layer.CARRY)


def _word_after_all(line: Line, last: int) -> bool:
    """Whether "a", "i" or "may" at a record's end is the word, and no letter and no month."""
    word = line.words[last]
    before = line.words[last - 1] if last else ""
    if word in ("y", "o", "e"):
        return before not in ASSIGNED
    return word in WORDS_TOO and before not in SPELLING


SPELLING = cues.words("spelled spells spelling letters escribe deletreo letter letra")
CUTTABLE = NUMBER | DIGITS | MIXED | LETTER | NATO | ORDINAL
JOINING = cues.words("de del of the y and uh um eh - , year years ano anos dash dot")
COUNTED_AFTER = cues.words(
    "a an about at around by like type stage grade level hepatitis vitamin covid size press option los las to than every per times between over under"
)
"""What stands before a number that counts, rates or tells the time."""
WORDS_TOO = cues.words("a i an may march second")
PRONOUNS = cues.words("one uno una un first dos golf hotel")
ASSIGNED = cues.words(
    "spelled spells spelling letters name escribe deletreo is it's its es that's entered with number number's = : "
) | {""}
"""What stands before something that is read out."""


def _age_answer(line: Line) -> Iterator[Span]:
    for i in range(line.count):
        found = old_age_at(line, i)
        if found is None:
            continue
        end = found[0]
        if not (end < line.count and line.flags[end] & UNIT and line.words[end] not in YEARS):
            yield Span(line.starts[i], line.ends[end - 1], Kind.AGE, Layer.CARRY)


__all__ = [
    "CITY_PHRASES",
    "ID_CUE",
    "LETTER",
    "NUMBER",
    "ORG_PHRASES",
    "PLACE_CUE",
    "CallContext",
    "cues_es",
]
