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
_ELSEWHERE: Final = """
    01 02 03 13 14 15 16 17 18 19 90 91 92 93 94 001 002 003 011 019 022 033 050 060 065 066 068 080 085
    088 100 101 102 103 104 105 106 107 108 113 114 115 116 117 120 122 123 124 125 127 128 129 130 131
    132 133 140 144 150 151 152 153 154 155 156 157 158 159 160 166 170 171 172 175 177 180 188 190 191
    192 193 194 195 197 198 199 211 311 333 355 511 555 666 819 888 901 902 903 912 913 917 919 922 939
    955 977 990 991 992 993 994 995 996 997 998
"""
ELSEWHERE: Final = frozenset(_ELSEWHERE.split())
"""The emergency numbers of two and three digits of all other countries: those of libphonenumber's short number metadata
(release 9.0.43). Where callers are told to dial 911 they reach nobody, and many of them are extensions of an exchange;
a practice that tells its callers another number dials none of them."""
NORTH_AMERICA: Final = "911"
_OUTSIDE_LINE: Final = ("", "0", "00", "1", "9", "91", "90")
"""What is dialled before a number, at a PBX or out of habit."""
_ANY_OUTSIDE_LINE: Final = (*_OUTSIDE_LINE, "7", "8", "71", "77", "81", "88", "99", "991")
"""The same, of exchanges that have another habit: for the numbers that are dialled most."""
_MOST_DIALLED: Final = frozenset({"911", "112", "999"})
_PREMIUM = re.compile(
    r"(?:\+?1|(?:7|8|9|99)1?)?(?:900[2-9][0-9]{6}|[2-9][0-9]{2}976[0-9]{4})"  # North America
    r"|(?:\+|[789]?(?:00|011))(?:979|808|870|878|88[123])[0-9]{5,12}"  # no country: premium, shared cost, satellites
)
"""What costs its caller much and pays its owner (ITU-T E.164 assigned codes; NANP area code 900, exchange 976)."""

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
    UNAUTHORIZED = "unauthorized"
    """The trunk asks for a password that we do not have, or does not take the one we have: the operator's to mend."""

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
    if why := forbidden(address):
        return why
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


def forbidden(address: str, own: str = NORTH_AMERICA) -> str:
    """Why this number or URI is never called, or "": asked of the configuration, and again before each call.

    `own` is what the practice's callers dial in an emergency.
    """
    user = re.split(r"[@;?]", re.sub(r"^(?:sips?|tel|urn):", "", address.lower()), maxsplit=1)[0]
    if _is_emergency(re.sub(r"[^a-z0-9]", "", user), re.sub(r"[^0-9]", "", own)):
        return "is an emergency number: the server never dials one; callers are told to"
    if _PREMIUM.fullmatch(re.sub(r"[^0-9+]", "", user)):
        return "is a premium-rate or satellite number: the server never dials one"
    return ""


def _is_emergency(dialled: str, own: str) -> bool:
    most, rest = _MOST_DIALLED | ({own} if own else set()), EMERGENCY
    if own != NORTH_AMERICA:
        rest = EMERGENCY | ELSEWHERE
    return any(
        dialled == before + number
        for numbers, befores in ((most, _ANY_OUTSIDE_LINE), (rest, _OUTSIDE_LINE))
        for number in numbers
        for before in befores
    )


def dials_emergency(text: str, own: str) -> bool:
    """Whether this line would reach an emergency number where callers dial `own` in an emergency."""
    read = _LINE.fullmatch(text)
    return read is not None and bool(forbidden(read[2], own))


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
