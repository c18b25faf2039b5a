"""Whose call it is, out of the carrier's headers: typed, and nothing else of them goes on.

Numbers identify a patient: they leave here only as fields of `Invite` that no `repr` shows.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import unquote

from pipeline.own_numbers import line_of, origin_of
from pipeline.sip.addresses import Malformed, read_address, read_uri
from pipeline.sip.ports import Invite
from pipeline.sip.wire import Request

_SEPARATORS = re.compile(r"[\s().-]")
_NUMBER = re.compile(r"\+?[0-9]{1,20}\Z", re.ASCII)
_CARRIER_CALL = re.compile(r"[A-Za-z0-9._-]{1,64}\Z", re.ASCII)
_WITHHELD = frozenset({"id", "user", "header"})


def invite_of(request: Request, call_id: str, trunk: str, own: Mapping[str, str]) -> Invite:
    """What the rest of the server may know of a call; `own` are the names of the practice's numbers."""
    carrier_call = request.headers.first("x-twilio-callsid")
    called = number_of_uri(request.uri)
    diverted_from = _first_number(request, "diversion") or _diverted_by_history(request)
    return Invite(
        call_id=call_id,
        trunk=trunk,
        caller=_caller(request),
        called=called,
        diverted_from=diverted_from,
        line=line_of(called, own),
        forwarded_from=origin_of(diverted_from, own),
        carrier_call=carrier_call if _CARRIER_CALL.match(carrier_call) else "",
    )


def number_of_uri(uri: str) -> str:
    """The number a URI names: digits, a leading "+" where given; "" when it names none."""
    try:
        user = unquote(read_uri(uri).user)
    except (Malformed, ValueError):
        return ""
    number = _SEPARATORS.sub("", user)
    return number if _NUMBER.match(number) else ""


def _caller(request: Request) -> str:
    """The number the carrier asserts, else the one in From; "" when the caller withheld it (RFC 3323)."""
    privacy = {part.strip() for part in request.headers.first("privacy").lower().split(";")}
    if privacy & _WITHHELD:
        return ""
    return _first_number(request, "p-asserted-identity") or number_of_uri(request.from_.uri)


def _diverted_by_history(request: Request) -> str:
    """The first of several entries (RFC 7044): one alone says where a call goes, and nothing of having been elsewhere."""
    entries = sum(value.lower().count("index=") for value in request.headers.all("history-info"))
    return _first_number(request, "history-info") if entries > 1 else ""


def _first_number(request: Request, name: str) -> str:
    """The number in the first value of a header that may list several addresses."""
    value = request.headers.first(name)
    named = re.match(r'(?:"(?:[^"\\]|\\.)*"|[^"<>,])*<[^<>]*>', value)
    try:
        return number_of_uri(read_address(named[0] if named else value.partition(",")[0]).uri)
    except Malformed:
        return ""
