"""SDP as text and as data (RFC 4566): what stands in an offer, not what to think of it.

Malformed text ends in `MediaRefused("bad_sdp")` and in nothing else. Values are kept as they came and never
shown: an SDP may name people and places.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address, ip_address

from pipeline.sip.ports import MediaRefused

MAX_BYTES = 16 * 1024
"""Offers of telephone systems measure 300 to 3,000 bytes."""
MAX_LINES = 400
MAX_MEDIA = 16
DIRECTIONS = ("sendrecv", "sendonly", "recvonly", "inactive")

IpAddress = IPv4Address | IPv6Address

_MEDIA = re.compile(r"([!-~]+) (\d{1,5})(?:/\d{1,5})? ([!-~]+)((?: [!-~]+)+)\Z")
_CONNECTION = re.compile(r"IN (IP4|IP6) ([0-9A-Fa-f.:]+)(?:/\d{1,3}){0,2}\Z")


@dataclass(frozen=True, slots=True)
class MediaLine:
    """One m= section."""

    kind: str
    port: int
    transport: str
    formats: tuple[str, ...]
    address: IpAddress | None = field(repr=False)
    """Its own c= line, else the session's."""
    attributes: tuple[tuple[str, str], ...] = field(repr=False)

    def values(self, name: str) -> list[str]:
        """The values of an attribute, in order; "" for each without one."""
        return [value for key, value in self.attributes if key == name]

    def has(self, name: str) -> bool:
        """Whether the attribute is there."""
        return any(key == name for key, _ in self.attributes)

    def number(self, name: str) -> int | None:
        """A small whole number, None when absent or something else."""
        found = self.values(name)
        return int(found[0]) if found and re.fullmatch(r"\d{1,5}", found[0].strip()) else None


@dataclass(frozen=True, slots=True)
class Session:
    """A whole description."""

    direction: str
    media: tuple[MediaLine, ...]

    def direction_of(self, media: MediaLine) -> str:
        """What the one who wrote it wants to do on this line."""
        return next((key for key, _ in media.attributes if key in DIRECTIONS), self.direction)


def parse(body: bytes) -> Session:
    """Read a description. Raises `MediaRefused`."""
    sections = _sections(body)
    head, attributes = sections[0], _attributes(sections[0])
    address = _address(head)
    direction = next((key for key, _ in attributes if key in DIRECTIONS), "sendrecv")
    media = tuple(_media(section, address) for section in sections[1:])
    return Session(direction, media)


def _sections(body: bytes) -> list[list[tuple[str, str]]]:
    """Lines as (letter, value), the session's first and then each m= line's."""
    if len(body) > MAX_BYTES or b"\0" in body:
        raise MediaRefused("bad_sdp")
    # Only addresses, numbers and tokens are looked at: what is no UTF-8 stands in names, which nobody reads.
    lines = [line for line in re.split(r"\r\n|\n", body.decode("latin-1")) if line]
    if not lines or lines[0] != "v=0" or len(lines) > MAX_LINES:
        raise MediaRefused("bad_sdp")
    sections: list[list[tuple[str, str]]] = [[]]
    for line in lines:
        if len(line) < 2 or line[1] != "=" or not line[0].isalpha():
            raise MediaRefused("bad_sdp")
        if line[0] == "m":
            sections.append([])
        sections[-1].append((line[0], line[2:].rstrip()))
    if len(sections) > 1 + MAX_MEDIA:
        raise MediaRefused("bad_sdp")
    return sections


def _media(section: list[tuple[str, str]], session_address: IpAddress | None) -> MediaLine:
    found = _MEDIA.match(section[0][1])
    if found is None or int(found[2]) > 65_535:
        raise MediaRefused("bad_sdp")
    return MediaLine(
        kind=found[1],
        port=int(found[2]),
        transport=found[3],
        formats=tuple(found[4].split()),
        address=_address(section) or session_address,
        attributes=tuple(_attributes(section)),
    )


def _attributes(section: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Every a= line as (name, value)."""
    split = [value.partition(":") for letter, value in section if letter == "a"]
    return [(name, value) for name, _, value in split]


def _address(section: list[tuple[str, str]]) -> IpAddress | None:
    """The first c= line's address; a host name is refused, since looking it up would leave the machine."""
    text = _one(section, "c")
    if not text:
        return None
    found = _CONNECTION.match(text)
    address = literal_address(found[2]) if found else None
    if address is None:
        raise MediaRefused("no_address")
    return address


def literal_address(text: str) -> IpAddress | None:
    """A literal address, None for anything else."""
    try:
        return ip_address(text)
    except ValueError:
        return None


def _one(section: list[tuple[str, str]], letter: str) -> str:
    return next((value for key, value in section if key == letter), "")
