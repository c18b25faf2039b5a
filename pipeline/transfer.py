"""To whom a caller may be led: names with a number or a SIP URI, from the configuration and from nowhere else.

A calculation over one text at a time. Refuses emergency numbers in every way they are dialled, and whatever could carry
more than an address to the carrier: a caller's words never become part of a number, nor of a header.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final

MESSAGE: Final = "message"
CALLBACK: Final = "callback"
STEPS: Final = (MESSAGE, CALLBACK)
"""Steps of a ladder that are no person."""

EMERGENCY: Final = frozenset(
    {"911", "112", "999", "000", "110", "111", "118", "119", "933", "sos", "emergency"}
)
"""Answered by the emergency services somewhere, or, 933, by the carrier's test of them. The server dials none of them,
wherever it stands: a caller in danger is told to hang up and dial."""
_OUTSIDE_LINE: Final = ("", "0", "00", "1", "9", "91", "90")
"""What is dialled before a number, at a PBX or out of habit."""

_LINE = re.compile(r"([a-z][a-z0-9-]{0,29}) +(\S{1,120})")
_NAME = re.compile(r"[a-z][a-z0-9-]{0,29}")
_NATIONAL = re.compile(r"[2-9][0-9]{2}[2-9][0-9]{6}")
_INTERNATIONAL = re.compile(r"\+[1-9][0-9]{7,14}")
_URI = re.compile(
    r"(sips?):([A-Za-z0-9+][A-Za-z0-9+._-]{0,39})@"
    r"([A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?)(?::([1-9][0-9]{0,4}))?(;transport=(?:tls|tcp|udp))?"
)
"""No headers (?Subject=...), no password, no escapes, no other parameter: nothing rides along."""

_ADVICE = 'write a name and a number or SIP URI, e.g. "front-desk +12125550123" or "nurse sip:201@pbx.clinic.example"'


class TransferOutcome(Enum):
    """What became of leading the caller to a person (RFC 3515: the NOTIFY's sipfrag, or the REFER's own answer)."""

    CONNECTED = "connected"
    LEFT = "left"
    """The far end agreed to lead the caller and then ended our part of the call, without a word about who answered: so
    do exchanges once the person is there, and so does a caller who hangs up. Nobody is called after it."""
    BUSY = "busy"
    NO_ANSWER = "no_answer"
    REFUSED = "refused"

    @property
    def reached(self) -> bool:
        """Whether a person has the caller, as far as is known."""
        return self in (TransferOutcome.CONNECTED, TransferOutcome.LEFT)


@dataclass(frozen=True, slots=True)
class Target:
    """One person or desk that can be reached."""

    name: str
    address: str
    """As configured: digits with "+", ten digits, or a SIP URI."""

    def uri(self, domain: str) -> str:
        """What goes into Refer-To: the URI itself, or the number at the trunk's domain; without one, the number alone."""
        if "@" in self.address:
            return self.address
        number = self.address if self.address.startswith("+") else f"+1{self.address}"
        return f"sip:{number}@{domain}" if domain else f"tel:{number}"


def fault(text: str) -> str:
    """Why this line names nobody who may be called, or ""."""
    read = _LINE.fullmatch(text)
    if read is None:
        return _ADVICE
    name, address = read[1], read[2]
    if name in STEPS:
        return f'"{name}" is a step of a ladder by itself; choose another name'
    if _dials(address, EMERGENCY):
        return "is an emergency number: the server never dials one; callers are told to"
    if address.startswith("+"):
        national = address[2:] if address.startswith("+1") else ""
        good = _INTERNATIONAL.fullmatch(address) and not (national and not _is_national(national))
    elif re.fullmatch(r"[0-9().-]+", address):
        good = bool(_is_national(address))
    else:
        uri = _URI.fullmatch(address)
        good = uri is not None and int(uri[4] or 1) <= 65_535
    return "" if good else _ADVICE


def _is_national(digits: str) -> bool:
    """Ten digits of the North American plan whose area code is no service code such as 411."""
    return bool(_NATIONAL.fullmatch(digits)) and digits[1:3] != "11"


def _dials(address: str, numbers: Iterable[str]) -> bool:
    user = re.split(r"[@;?]", re.sub(r"^(?:sips?|tel|urn):", "", address.lower()), maxsplit=1)[0]
    dialled = re.sub(r"[^a-z0-9]", "", user)
    return any(dialled == before + number for number in numbers for before in _OUTSIDE_LINE)


def dials_emergency(text: str, own: str) -> bool:
    """Whether this line would reach the practice's own emergency number."""
    read = _LINE.fullmatch(text)
    digits = re.sub(r"[^0-9]", "", own)
    return read is not None and bool(digits) and _dials(read[2], [digits])


def host_of(text: str) -> str:
    """The host of a target that is a SIP URI, with its port; "" for a number."""
    return text.partition("@")[2].partition(";")[0]


def rung_fault(text: str) -> str:
    """Why this cannot be a step of a ladder, or ""."""
    good = _NAME.fullmatch(text)
    return "" if good else f'write the name of a target, "{MESSAGE}" or "{CALLBACK}"'


def targets_of(lines: Iterable[str]) -> Mapping[str, Target]:
    """Everybody who can be reached, by name; of lines that `fault` passed."""
    read = (_LINE.fullmatch(line) for line in lines)
    return {found[1]: Target(found[1], found[2]) for found in read if found is not None}
