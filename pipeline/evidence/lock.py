"""Reads the lock file: which version of each package may be installed, and the sums of its archives.

The format is what `pip install --require-hashes` reads. Refuses to know what is installed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from hashlib import sha256

_PIN = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)(?:\[[^\]]*\])?==([^\s;\\]+)")
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")


@dataclass(frozen=True, slots=True)
class Locked:
    """One line of the lock: a version and every archive of it that an installation accepts."""

    version: str
    sha256s: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Lock:
    """The whole file."""

    packages: dict[str, Locked]
    digest: str
    """SHA-256 of its bytes: two installations can be compared."""


def plain_name(name: str) -> str:
    """A package's name in its one spelling (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def read_lock(text: str) -> Lock:
    """Every pin with its sums; lines that are neither are skipped."""
    packages: dict[str, Locked] = {}
    for entry in re.split(r"\n(?=[A-Za-z0-9])", text):
        if pin := _PIN.match(entry):
            packages[plain_name(pin[1])] = Locked(pin[2], tuple(_HASH.findall(entry)))
    return Lock(packages, sha256(text.encode()).hexdigest())
