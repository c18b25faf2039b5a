"""What the redactor speaks of: kinds of identifiers, spans, results. It holds no rule and no word list."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple


class Kind(StrEnum):
    """A kind of identifier; its value is what stands in the text instead, between square brackets."""

    NAME = "NAME"
    ORG = "ORG"
    PROVIDER = "PROVIDER"
    FACILITY = "FACILITY"
    DATE = "DATE"
    AGE = "AGE"
    ADDRESS = "ADDRESS"
    CITY = "CITY"
    ZIP = "ZIP"
    PHONE = "PHONE"
    SSN = "SSN"
    MRN = "MRN"
    MEMBER = "MEMBER"
    ACCOUNT = "ACCOUNT"
    LICENSE = "LICENSE"
    VEHICLE = "VEHICLE"
    DEVICE = "DEVICE"
    OTHERID = "OTHERID"
    BIOMETRIC = "BIOMETRIC"
    EMAIL = "EMAIL"
    URL = "URL"
    IP = "IP"
    WITHHELD = "WITHHELD"
    """Not judged at all: the redactor failed closed."""

    @property
    def placeholder(self) -> str:
        """What is written instead of the identifier."""
        return PLACEHOLDERS[self]


PLACEHOLDERS = {kind: f"[{kind.value}]" for kind in Kind}


class Layer(StrEnum):
    """A layer of the redactor; each can be switched off, so that a test can show what it is for."""

    NUMBERS = "numbers"
    DATES = "dates"
    PATTERNS = "patterns"
    FIELDS = "fields"
    NAMES = "names"
    PLACES = "places"
    VOCABULARY = "vocabulary"
    KNOWN = "known"
    CARRY = "carry"


class Span(NamedTuple):
    """A piece of the record to take out; offsets are those of the record as it came."""

    start: int
    end: int
    kind: Kind
    layer: Layer


class Failure(StrEnum):
    """Why a record was withheld whole."""

    EXCEPTION = "exception"
    BUDGET = "budget"
    OVERSIZE = "oversize"
    UNDECODABLE = "undecodable"


@dataclass(frozen=True, slots=True)
class Redacted:
    """Text that may be written down. Only the redactor makes one."""

    text: str
    spans: tuple[Span, ...] = ()
    failure: Failure | None = None

    def counts(self) -> dict[str, int]:
        """How many of each kind were taken out."""
        return dict(Counter(span.kind.value for span in self.spans))


def withheld(failure: Failure, chars: int) -> Redacted:
    """Stand in for a record that could not be judged: its length, never its words or a hash of them."""
    return Redacted(
        f"[REDACTOR_FAILED len={chars} sha=none]",
        (Span(0, chars, Kind.WITHHELD, Layer.VOCABULARY),),
        failure,
    )
