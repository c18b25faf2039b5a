"""Session timers (RFC 4028), only where the other side offers one. Arithmetic on headers.

The library asks for one by itself and then ends calls of carriers that cannot refresh; so we never ask.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from pipeline.sip.wire import Header, Message, Request, Response

MIN_SE_S = 90
"""RFC 4028 section 4: no shorter, or refreshing is all a line does."""
MAX_SE_S = 86_400
TRIES = 4
"""Of one refresh that is put off or refused, while the session lasts."""
_VALUE = re.compile(r"([0-9]{1,9})[ \t]*(?:;(.*))?\Z", re.ASCII | re.DOTALL)


@dataclass(frozen=True, slots=True)
class SessionTimer:
    """What both ends agreed on."""

    interval_s: int
    ours: bool
    """Whether we refresh."""
    told: bool
    """Whether the other end knows session timers at all: else only a proxy asked for one."""
    least_s: int = 0
    """What it said that an interval must be at least (Min-SE); 0: nothing."""

    def headers(self) -> list[Header]:
        """What the 2xx says of it."""
        refresher = "uas" if self.ours else "uac"
        headers = [("Session-Expires", f"{self.interval_s};refresher={refresher}")]
        if self.told and not self.ours:
            headers.append(("Require", "timer"))
        return headers

    @property
    def act_after_ms(self) -> float:
        """When we refresh, or when nobody has and the call is over (section 10)."""
        if self.ours:
            return self.interval_s * 500.0
        return self._surely_over_ms

    @property
    def answered_within_ms(self) -> float:
        """How long a refresh of ours may take: until the other end may take the call for over, 32 s at least."""
        return max(self._surely_over_ms - self.interval_s * 500.0, 32_000.0)

    @property
    def again_after_ms(self) -> float:
        """When a refresh that was put off is tried again: `TRIES` in all before the other end may take the call for over."""
        return (self._surely_over_ms - self.interval_s * 500.0) / TRIES

    @property
    def _surely_over_ms(self) -> float:
        return (self.interval_s - min(32.0, self.interval_s / 3)) * 1000.0


def too_small(request: Request) -> bool:
    """Whether the caller asks for less than we take and can be told so (422)."""
    interval, _ = _asked(request)
    return 0 < interval < MIN_SE_S and "timer" in request.headers.tokens("supported")


def agreed(request: Request) -> SessionTimer | None:
    """What we answer to the timer that an INVITE or UPDATE offers; None when it offers none."""
    interval, refresher = _asked(request)
    if not interval:
        return None
    told = "timer" in request.headers.tokens("supported")
    ours = refresher == "uas" if told else True
    return SessionTimer(min(max(interval, MIN_SE_S), MAX_SE_S), ours, told, _least(request))


def answered(response: Response) -> SessionTimer | None:
    """The timer that a 2xx to an INVITE of ours sets; None when it sets none.

    We asked for none and said that we know them, so the other end may set one and leave the refreshing to us.
    """
    interval, refresher = _asked(response)
    if not interval:
        return None
    return SessionTimer(min(max(interval, MIN_SE_S), MAX_SE_S), refresher != "uas", told=True)


def confirmed(response: Response, timer: SessionTimer) -> SessionTimer:
    """What a 2xx to our refresh leaves of the timer: a shorter interval counts, else the call is over before we refresh again.

    Who refreshes we have said, and the other end may not change that (section 9).
    """
    interval, _ = _asked(response)
    if not interval:
        return timer
    return replace(timer, interval_s=min(max(interval, MIN_SE_S), timer.interval_s))


def lengthened(response: Response, timer: SessionTimer) -> SessionTimer | None:
    """The timer that a 422 to our refresh asks for (section 7.4); None where it asks for nothing that we can do."""
    least = _least(response)
    return replace(timer, interval_s=least, least_s=least) if timer.interval_s < least else None


def _least(message: Message) -> int:
    found = _VALUE.match(message.headers.first("min-se"))
    least = int(found[1]) if found is not None else 0
    return least if least <= MAX_SE_S else 0


def _asked(message: Message) -> tuple[int, str]:
    found = _VALUE.match(message.headers.first("session-expires"))
    if found is None:
        return 0, ""
    for parameter in (found[2] or "").split(";"):
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "refresher":
            return int(found[1]), value.strip().lower()
    return int(found[1]), ""
