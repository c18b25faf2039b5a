"""What every configured secret must be, how one is read from a file of the server's user alone, and what is kept of one.

A fault says what to write and never quotes the secret. Knows no setting by name.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
from pathlib import Path

CHARACTERS_MIN = 32
"""Of a signature's secret, a password, a token: shorter ones are guessed (row C7)."""
DIFFERENT_MIN = 8
"""Different characters in one: 32 times the same letter is long, and still guessed. A random one in hex has 13 or so."""
BYTES_MAX = 4096
ADVICE = "make one with: openssl rand -hex 32"

CREDENTIALS = "/run/credentials/"
"""Where systemd puts a unit's credentials. It lets the unit's user in by an ACL, which shows as rights of the group."""

_IN_FILE = re.compile(r"\$\{file:(.+)\}\Z")
_USER_IN_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{0,30}://[^/?#\s]{0,2000}@")


def digest_of(secret: str) -> bytes:
    """What tables keep instead of a secret: neither their memory nor the time of a look-up gives one away."""
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).digest()


def guessed_fault(text: str) -> str:
    """What makes a secret easy to guess; "" for none and for a good one."""
    if text and len(text) < CHARACTERS_MIN:
        return f"needs at least {CHARACTERS_MIN} characters; {ADVICE}"
    if text and len(set(text)) < DIFFERENT_MIN:
        return f"needs at least {DIFFERENT_MIN} different characters; {ADVICE}"
    return ""


def user_in_url_fault(text: str) -> str:
    """Refuse an address like `https://user:password@host`: it ends up in logs, histories and lists of processes."""
    if not _USER_IN_URL.search(text):
        return ""
    return "an address must hold no user name or password (the part before @); take it out"


def file_of(text: str) -> Path | None:
    """The file that a value like `${file:/etc/wardline/webhook.secret}` names; None: it is no such value."""
    found = _IN_FILE.match(text)
    return Path(os.path.expanduser(found[1])) if found else None


def first_line(path: Path) -> tuple[str, str]:
    """A fault ("" when none) and the secret on the file's first line."""
    try:
        with path.open("rb") as file:
            facts = os.fstat(file.fileno())
            data = file.read(BYTES_MAX + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "not a path"
        return f"the file cannot be read ({reason}); this user must own it", ""
    others = 0o007 if os.path.abspath(path).startswith(CREDENTIALS) else 0o077
    if fault := others_fault(facts, others):
        return fault, ""
    text = data.decode(errors="replace").split("\n", 1)[0].strip()
    if len(data) > BYTES_MAX or not text:
        return "the file must hold the secret alone, on its first line", ""
    return guessed_fault(text), text


def others_fault(facts: os.stat_result, others: int = 0o077) -> str:
    """What is wrong with who may read a file with a secret in it; `others` are the rights nobody may have."""
    if not stat.S_ISREG(facts.st_mode):
        return "must be an ordinary file"
    mode = stat.S_IMODE(facts.st_mode)
    if mode & others:
        return f"the file may be read by other users (mode {mode:04o}); run: chmod 600 on it"
    return ""
