"""Looks for identifiers of patients in what the operator wrote: settings, labels, file names, the call flow (row D21).

What is written there is said to every caller, shown, logged by name and sent to the model. A calculation: texts in,
faults out, each with key, line and type and never the content. Allowed are the practice's own name and numbers, and
what the flow's `words` list: providers, the address. Refuses to know how an identifier is recognised.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum

from phi.carry import CallContext
from phi.kinds import Kind, Layer, Span
from phi.redact import Redactor
from pipeline import config
from pipeline.call.hours import holiday_fault, spans_of, zone_of
from pipeline.secret import user_in_url_fault
from pipeline.settings import Settings

BUDGET_MS = 2_000.0
"""Of processor time for one text: this runs once, before the start, and may not fail for a busy machine."""
PIECE_CHARACTERS = 2_000
"""The redactor withholds longer records whole."""

_STRONG = frozenset(
    {Kind.SSN, Kind.MRN, Kind.MEMBER, Kind.ACCOUNT, Kind.LICENSE, Kind.VEHICLE, Kind.DEVICE, Kind.BIOMETRIC}
)  # fmt: skip
"""Nobody's words list makes these right."""
_LISTABLE = frozenset(
    {Kind.NAME, Kind.PROVIDER, Kind.PHONE, Kind.EMAIL, Kind.ADDRESS, Kind.ZIP, Kind.OTHERID}
)
"""Refused unless the practice lists them as its own."""
_BIRTH = re.compile(r"\b(?:born|birth\w*|dob|nacid\w*|nacimiento|nació)\b", re.IGNORECASE)
_YEAR = re.compile(
    r"(?:18|19|20)[0-9]{2}|[0-9]{1,2}[-/.][0-9]{1,2}[-/.][0-9]{2}|\b(?:nineteen|twenty|thousand|mil)\b",
    re.IGNORECASE,
)
"""A day of no year is a holiday or an example; with a year it is somebody's."""
_DAY, _MONTH, _PAST = (
    r"(?:0[1-9]|[12][0-9]|3[01])",
    r"(?:0[1-9]|1[0-2])",
    r"(?:19[0-9]{2}|20[01][0-9])",
)
_OLD_DATE = re.compile(
    rf"(?<![0-9])(?:{_PAST}[-_.]?{_MONTH}[-_.]?{_DAY}"
    rf"|(?:{_MONTH}[-_.]?{_DAY}|{_DAY}[-_.]?{_MONTH})(?:[-_.]?{_PAST}|[-_][3-9][0-9]))(?![0-9])"
)
"""In a label, whichever part comes first: older than any release of ours, so no date of a backup or a set-up."""
_MADE = re.compile(
    rf"(?<![0-9])20[2-9][0-9][-_.]?{_MONTH}[-_.]?{_DAY}(?:[-_.T]?[0-9]{{4}}(?:[0-9]{{2}})?)?(?![0-9])"
    r"|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|\b(?=[0-9]*[a-f])[0-9a-f]{16,}\b",
    re.IGNORECASE,
)
"""What programs put into a label: the day of a set-up and its time, a UUID, a sum."""
_LONG_NUMBER = re.compile(r"[0-9]{6,}")
"""In a label: a record, a member or a birthday without its century; a port, a year and a version are shorter."""
_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
_COMMENT = re.compile(r"^\s*#+(.*)$")


class Sort(Enum):
    """What a text is, which decides what may stand in it."""

    SAID = "said"
    """Sentences: prompts, lines, consent."""
    LISTED = "listed"
    """The practice's own words and its name: names belong there."""
    LABEL = "label"
    """Ids, file names, arguments: no sentences, so an odd word is no name, but a long number is somebody's."""
    GIVEN = "given"
    """Labels that somebody else gave: a carrier's account, a program's options. Long numbers are theirs."""
    MODEL = "model"
    """Voices and models have first names of their own."""
    COMMENT = "comment"
    """Nobody hears it, and it speaks of settings: only what is written like a name is one."""


@dataclass(frozen=True, slots=True)
class Text:
    """One text and where it stands."""

    where: str
    sort: Sort
    text: str


@dataclass(frozen=True, slots=True)
class Own:
    """What the practice says of itself."""

    words: frozenset[str]
    """In lower case."""
    numbers: frozenset[str]
    """Of the practice's lines, digits only."""
    listed_numbers: frozenset[str]
    """Those among its words: another line, a door; never a patient's."""
    first_names: frozenset[str]
    """Names as such: one of them in a text is somebody's, unless it is also among `words`."""


def faults(settings: Settings, flow_text: str) -> list[str]:
    """Every place that seems to hold an identifier, as sentences."""
    flow = tomllib.loads(flow_text)
    own = _own(settings, flow)
    redactor = Redactor(layers=frozenset(Layer) - {Layer.CARRY}, budget_ms=BUDGET_MS)
    language = settings.practice.language
    found: list[str] = []
    texts = [*settings_texts(settings), *flow_texts(flow, flow_text)]
    for text in texts:
        kinds = identifiers(redactor, text, own, language)
        if kinds:
            what = " and ".join(sorted(kind.value for kind in kinds))
            found.append(
                f"{text.where}: seems to identify somebody ({what}); take it out. What belongs to the practice itself"
                " (a provider, its address) may be listed in `words` of the call flow"
            )
        elif user_in_url_fault(text.text):
            found.append(f"{text.where}: {user_in_url_fault(text.text)}")
    return found


# --- the texts -----------------------------------------------------------------------------------


def settings_texts(settings: Settings) -> Iterator[Text]:
    """Every free text of the settings; secrets, numbers and addresses are none."""
    for key, value, rules in config.leaves(settings):
        if rules.get("secret") or rules.get("choices") or isinstance(value, int):
            continue
        kind = rules.get("kind", "")
        for text in value if isinstance(value, tuple) else (value,):
            if not text or kind in _NO_TEXT:
                continue
            if key == "practice.name":
                yield Text(key, Sort.LISTED, text)
            elif key.startswith("engines.") or key == "llm_server.model_directory":
                yield Text(key, Sort.MODEL, _file_name(text))
            elif kind in _PATHS:
                yield Text(key, Sort.LABEL, _file_name(text))
            elif kind in _NAMED_IN:
                yield Text(key, Sort.LABEL, text.split()[_NAMED_IN[kind]])
            elif kind == "llm_option" or key.rpartition(".")[2] in _GIVEN:
                yield Text(key, Sort.GIVEN, text)
            elif kind in _LABEL_KINDS or key in _LABELS:
                yield Text(key, Sort.LABEL, text)
            else:
                yield Text(key, Sort.SAID, text)


_NO_TEXT = frozenset(
    {
        "address",
        "network",
        "narrow_network",
        "gateway",
        "phone",
        "shown_number",
        "emergency_number",
        "url",
        "origin",
        "model_url",
        "private_network",
        "mirror_url",
        "host",
        "fingerprint",
        "webhook_url",
        "database_url",
    }
)
_PATHS = frozenset({"file", "directory", "any_path"})
_LABEL_KINDS = frozenset({"id", "class"})
_GIVEN = frozenset({"digest_user", "outbound_user", "account"})
_NAMED_IN = {"destination": 1, "class_days": 0, "transfer_target": 0}
"""Which word of such a line is a name."""
_LABELS = frozenset({"store.key_command"})
_HOMES = frozenset({"home", "Users", "users"})


def _file_name(path: str) -> str:
    """The last part; a user's own folder is named after the operator, and is no file of ours."""
    parts = [part for part in path.split("/") if part]
    if not parts or (len(parts) > 1 and parts[-2] in _HOMES):
        return ""
    return parts[-1]


def flow_texts(flow: Mapping[str, object], flow_text: str) -> Iterator[Text]:
    """Every text of a call flow, comments included, with its line."""
    lines = flow_text.splitlines()
    for key, value in _strings(flow):
        if key.partition("[")[0] == "first_names" or key in _OWN_NUMBERS:
            continue
        if key.startswith("answering.") and _is_time(value):
            continue
        listed = key.partition("[")[0] == "words" or key in _OWN_NAMES
        where = f"the call flow{_line(lines, value)}: {key}"
        yield Text(where, Sort.LISTED if listed else Sort.SAID, value)
    for number, line in enumerate(lines, 1):
        if found := _COMMENT.match(line):
            yield Text(f"the call flow line {number}: a comment", Sort.COMMENT, found[1].strip())


_OWN_NUMBERS = frozenset({"practice.phone", "practice.emergency_number"})
_OWN_NAMES = frozenset({"practice.name", "urgent.approved_by"})


def _is_time(value: str) -> bool:
    """A time zone, hours of a day or a holiday: written so, and nothing that could be anybody's."""
    return spans_of((value,)) is not None or zone_of(value) is not None or not holiday_fault(value)


def _strings(value: object, key: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield key, value
    elif isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _strings(inner, f"{key}.{name}" if key else str(name))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _strings(inner, f"{key}[{index}]")


def _line(lines: list[str], value: str) -> str:
    """Where the text first stands; "" when it was written with escapes."""
    first = value.splitlines()[0] if value else ""
    number = next((n for n, line in enumerate(lines, 1) if first and first in line), 0)
    return f" line {number}" if number else ""


# --- the judgement -------------------------------------------------------------------------------


def identifiers(redactor: Redactor, text: Text, own: Own, language: str) -> set[Kind]:
    """The kinds of identifiers this text may not hold."""
    kinds: set[Kind] = set()
    for start in range(0, len(text.text), PIECE_CHARACTERS):
        piece = text.text[start : start + PIECE_CHARACTERS]
        found = redactor.redact(piece, CallContext(lang=language))
        if found.failure is not None:
            kinds.add(Kind.WITHHELD)
            continue
        kinds |= {span.kind for span in found.spans if _refused(piece, span, text.sort, own)}
    if text.sort in _LABELS_OF_WORDS:
        kinds |= set(_in_label(text, own))
    return kinds


def _in_label(text: Text, own: Own) -> Iterator[Kind]:
    """What a label tells without a sentence around it."""
    if _OLD_DATE.search(text.text):
        yield Kind.DATE
    if _first_name(text.text, own):
        yield Kind.NAME
    numbers = _LONG_NUMBER.findall(_MADE.sub(" ", text.text)) if text.sort is Sort.LABEL else []
    if not own.numbers.union(own.listed_numbers).issuperset(numbers):
        yield Kind.OTHERID


def _refused(text: str, span: Span, sort: Sort, own: Own) -> bool:
    words = text[span.start : span.end]
    digits = _digits(words)
    if digits and digits in own.numbers:
        return False
    if span.kind in _STRONG:
        return len(digits) >= _DIGITS_MIN
    if span.kind is Kind.DATE:
        several = bool(digits) or len(words.split()) > 1
        tied = _YEAR.search(words) or _BIRTH.search(text)
        return sort not in _LABELLING and several and bool(tied)
    if span.kind not in _LISTABLE or sort is Sort.LISTED or digits in own.listed_numbers:
        return False
    if sort in _LABELLING:
        return span.kind in {Kind.PHONE, Kind.EMAIL}
    if _is_listed(words, own):
        return False
    if span.kind is Kind.OTHERID:
        return len(digits) >= _DIGITS_MIN
    if span.layer is Layer.VOCABULARY or sort is Sort.COMMENT:
        # a word the redactor does not know: a name if it is written as one
        return words != words.lower() or _first_name(words, own)
    return True


_DIGITS_MIN = 4
_LABELS_OF_WORDS = frozenset({Sort.LABEL, Sort.GIVEN})
_LABELLING = _LABELS_OF_WORDS | {Sort.MODEL}
_DIGIT_WORDS = {
    word: str(digit)
    for digit, said in enumerate(
        (
            "zero oh o cero", "one uno", "two dos", "three tres", "four cuatro", "five cinco", "six seis",
            "seven siete", "eight ocho", "nine nueve",
        )
    )
    for word in said.split()
}  # fmt: skip


def _digits(words: str) -> str:
    """The digits of a span, written or said one by one."""
    return "".join(
        part if part.isdecimal() else _DIGIT_WORDS.get(part, "")
        for part in re.findall(r"[0-9]+|[^\W\d_]+", words.lower())
    )


def _is_listed(words: str, own: Own) -> bool:
    """Whether the practice lists each word as its own; titles and short words need no listing."""
    found = [word.lower() for word in _WORD.findall(words)]
    return all(word in own.words or word in _TITLES or len(word) < 2 for word in found)


_TITLES = frozenset(
    {"dr", "doctor", "doctora", "nurse", "mr", "mrs", "ms", "miss", "the", "at", "of"}
)


def _first_name(words: str, own: Own) -> bool:
    found = re.findall(r"[^\W\d_]+", words.lower())
    return any(word in own.first_names and word not in own.words for word in found)


def _own(settings: Settings, flow: Mapping[str, object]) -> Own:
    practice = flow.get("practice")
    theirs = practice if isinstance(practice, Mapping) else {}
    names = [settings.practice.name, str(theirs.get("name", "")), *_listed(flow, "words")]
    lines = (settings.practice.phone, settings.practice.emergency_number)
    theirs_lines = (str(theirs.get("phone", "")), str(theirs.get("emergency_number", "")))
    return Own(
        frozenset(word.lower() for name in names for word in _WORD.findall(name)),
        frozenset(_numbers((*lines, *theirs_lines))),
        frozenset(_numbers(_listed(flow, "words"))),
        frozenset(name.lower() for name in _listed(flow, "first_names") if len(name) > 2),
    )


def _listed(flow: Mapping[str, object], key: str) -> list[str]:
    value = flow.get(key)
    return [text for text in value if isinstance(text, str)] if isinstance(value, list) else []


def _numbers(texts: Iterable[str]) -> Iterator[str]:
    for text in texts:
        digits = "".join(c for c in text if c.isdecimal())
        if digits:
            yield digits
            yield digits.removeprefix("1")
