"""How a long act says how far it is. The terminal is a command's; nothing here prints."""

from __future__ import annotations

from typing import Protocol


class Tell(Protocol):
    """Somebody who watches."""

    def progress(self, what: str, done_bytes: int, total_bytes: int) -> None:
        """So much of this file is done; called often."""

    def say(self, sentence: str) -> None:
        """Something happened that a person should read."""


class Untold:
    """Nobody watches."""

    def progress(self, what: str, done_bytes: int, total_bytes: int) -> None:
        """Say nothing."""

    def say(self, sentence: str) -> None:
        """Say nothing."""


def amount(count_bytes: int) -> str:
    """Bytes as people read them: 1.6 GB, 340 bytes."""
    if count_bytes < 1_000:
        return f"{count_bytes} bytes"
    size = float(count_bytes)
    for unit in ("kB", "MB", "GB"):
        size /= 1_000
        if size < 999.5:
            return f"{size:.1f} {unit}" if size < 100 else f"{size:.0f} {unit}"
    return f"{size / 1_000:.1f} TB"
