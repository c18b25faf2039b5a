"""Pages of other sites that may place calls (`http.allowed_origins`), and what their browsers must be told (CORS).

A calculation over origins and paths. Guests reach what a caller needs and nothing of staff; they get no cookie
rights, for the server knows none.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

CALL_DOORS: Mapping[str, str] = {
    "/healthz": "GET",
    "/api/practice": "GET",
    "/api/calls": "POST",
    "/api/offer": "POST",
    "/api/reoffer": "POST",
    "/api/calls/events": "GET",
    "/api/hangup": "POST",
}
"""Path → method of what a page needs for a call."""

_ASKED_ONCE_S = 600
"""For so long a browser need not ask again."""


class Guests:
    """The listed origins."""

    def __init__(self, origins: Collection[str]) -> None:
        """Exactly these; there are no patterns."""
        self._origins = frozenset(origins)

    def admits(self, origin: str | None, path: str) -> bool:
        """Whether a page of this origin may use this path."""
        return origin in self._origins and path in CALL_DOORS

    def headers(self, origin: str | None, path: str) -> dict[str, str]:
        """What any answer on this path must carry."""
        if not self._origins or path not in CALL_DOORS:
            return {}
        headers = {"Vary": "Origin"}  # for a cache: the answer to one origin is not that to another
        if origin is not None and self.admits(origin, path):
            headers["Access-Control-Allow-Origin"] = origin
            headers["Access-Control-Expose-Headers"] = "Retry-After"
        return headers

    def leave(self, path: str) -> dict[str, str]:
        """What a browser wants to know before the request itself (Fetch standard, "CORS-preflight")."""
        return {
            "Access-Control-Allow-Methods": CALL_DOORS[path],
            "Access-Control-Allow-Headers": "authorization, content-type",
            "Access-Control-Max-Age": str(_ASKED_ONCE_S),
        }
