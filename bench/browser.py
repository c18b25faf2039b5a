"""The browser that the tests install, where this machine has one: for pictures, and to hear a page as its caller does."""

from __future__ import annotations

import shutil
from importlib.util import find_spec
from typing import Final

from bench.errors import BrowserMissing

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
CALLING: Final = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--use-fake-device-for-media-stream",
    "--allow-loopback-in-peer-connection",
)
"""Flags of a browser whose page makes calls: a microphone that is none, no errands of its own, and media to this machine."""
NO_NAMES: Final = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"
"""Chromium asks for names of its maker's hosts by itself: none is found."""


def program(what: str) -> str:
    """Its path; raises BrowserMissing with what cannot be done without it."""
    if find_spec("playwright") is None:
        raise BrowserMissing(f"{what} needs the tests' packages: run `make setup-dev`")
    found = next((path for name in PROGRAMS if (path := shutil.which(name))), None)
    if found is None:
        raise BrowserMissing(f"{what} needs Chromium: apt-get install chromium")
    return found
