"""The two pages and everything they load, as bytes in memory: path in, page out.

Files are read once from the package, so a request can never name a path on disk. It knows no HTTP
server; the front that does adds its own transport headers (HSTS) and answers what is not here with 404.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import resources
from pathlib import PurePosixPath
from types import MappingProxyType

SECURITY_HEADERS: Mapping[str, str] = MappingProxyType(
    {
        "Content-Security-Policy": (
            "default-src 'self'; base-uri 'none'; frame-ancestors 'none'; "
            "form-action 'none'; object-src 'none'"
        ),
        "Permissions-Policy": "microphone=(self), camera=(), geolocation=(), display-capture=()",
        # the page of one caller must not come back for the next, not even by the back button
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
    }
)
"""On every answer of the HTTP front, pages and API alike."""

_CONTENT_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".mp3": "audio/mpeg",
}
_PAGES = {"/": "index.html", "/staff": "staff.html"}


@dataclass(frozen=True, slots=True)
class Page:
    """One answer to a GET."""

    body: bytes = field(repr=False)
    content_type: str
    headers: Mapping[str, str] = field(default_factory=lambda: SECURITY_HEADERS, repr=False)


def load_pages() -> dict[str, Page]:
    """Read the package's files: URL path to page. A file of a kind we do not serve is left out."""
    files = {
        entry.name: Page(entry.read_bytes(), kind)
        for entry in resources.files("pipeline.transports").joinpath("static").iterdir()
        if (kind := _CONTENT_TYPES.get(PurePosixPath(entry.name).suffix)) is not None
    }
    served = {f"/static/{name}": page for name, page in files.items() if not name.endswith(".html")}
    return served | {path: files[name] for path, name in _PAGES.items()}
