"""The browser that the tests install, where this machine has one: for pictures, and to hear a page as its caller does."""

from __future__ import annotations

import shutil
from importlib.util import find_spec

from bench.errors import BrowserMissing

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")


def program(what: str) -> str:
    """Its path; raises BrowserMissing with what cannot be done without it."""
    if find_spec("playwright") is None:
        raise BrowserMissing(f"{what} needs the tests' packages: run `make setup-dev`")
    found = next((path for name in PROGRAMS if (path := shutil.which(name))), None)
    if found is None:
        raise BrowserMissing(f"{what} needs Chromium: apt-get install chromium")
    return found
