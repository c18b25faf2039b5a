"""What can go wrong in the server.

WardlineError                 code is stable and safe to log; the message never quotes a caller
├── ConfigError               wrong settings: every fault at once, with key and what to write
├── StartUpError              something the server needs is missing or taken (port, file, key)
│   └── Unsafe                it would start, and could tell a stranger something (exit status 78)
└── CallRefused               this call cannot be served now
    ├── OfferInvalid          the SDP or body is not what we accept (400)
    ├── NotAuthorised         token missing, used, expired or not for this (401/403)
    ├── RoleTooLow            the token is good, its role is not enough (403)
    ├── TooMany               rate or pending-offer limit (429), with retry_after_s
    ├── LinesBusy             every line or engine is in use (503), with retry_after_s
    └── NoMediaPath           no address the caller could reach (503)
"""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Iterable


class WardlineError(Exception):
    """The root of the server's own errors."""

    code = "wardline_error"


class ConfigError(WardlineError):
    """Settings are wrong; `faults` holds one line each."""

    code = "config_error"

    def __init__(self, faults: list[str]) -> None:
        """Keep every fault; the message lists them."""
        super().__init__("\n".join(faults))
        self.faults = faults


def resembles(name: str, known: Iterable[str]) -> str:
    """The known key that a strange one is a slip of the pen of, or "".

    A fault shows a strange key only then: any other may be anybody's word, and a fault may be read by anybody.
    """
    close = difflib.get_close_matches(name[:80], list(known), n=1, cutoff=0.6)
    return close[0] if close else ""


def toml_fault(error: tomllib.TOMLDecodeError) -> str:
    """What is wrong and where, without the words of the file that the error's own text quotes."""
    text = str(error)
    where = re.search(r"\(at (line \d+, column \d+|end of document)\)\Z", text)
    reason = re.split(r"['\"(]", text)[0].strip()
    return f"{reason} at {where[1]}" if where else reason


class StartUpError(WardlineError):
    """The server cannot start; the message says what to do."""

    code = "start_up_error"


class Unsafe(StartUpError):
    """The server could run, but a tested promise does not hold; the message says which and what to do."""

    code = "unsafe"


class CallRefused(WardlineError):
    """A caller is turned away with an HTTP status, a stable code and a plain sentence."""

    status = 503
    code = "call_refused"

    def __init__(self, message: str, *, retry_after_s: int | None = None) -> None:
        """Name the reason in words the page can show."""
        super().__init__(message)
        self.retry_after_s = retry_after_s


class OfferInvalid(CallRefused):
    """The offer is not one we accept."""

    status = 400
    code = "offer_invalid"


class NotAuthorised(CallRefused):
    """The token is missing, unknown, used or expired."""

    status = 401
    code = "not_authorised"


class RoleTooLow(CallRefused):
    """The token is good, its role is not enough."""

    status = 403
    code = "role_too_low"


class TooMany(CallRefused):
    """A limit is reached."""

    status = 429
    code = "too_many"


class NoMediaPath(CallRefused):
    """The answer would hold no candidate."""

    status = 503
    code = "no_media_path"


class Unguarded(CallRefused):
    """A guard that kept callers' words on this machine and out of logs failed its last test."""

    status = 503
    code = "unguarded"


class LinesBusy(CallRefused):
    """Every line or engine is in use."""

    status = 503
    code = "lines_busy"
