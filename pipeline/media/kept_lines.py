"""Sentences kept as sound in a folder, so that a caller can hear one while no voice runs. Knows no voice and no words.

One file a line, raw 16-bit PCM at 8 kHz; its name holds a digest of the words and the voice it was made with, so that
another text or voice never sounds like the old one. Every method reads or writes files: call it from a thread.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
from collections.abc import Mapping
from pathlib import Path

from pipeline.private_folder import make_private

FOLDER = "lines"
_NAME = re.compile(r"[a-z][a-z_]{0,29}")
_BYTES_MAX = 16_000 * 60
"""A minute: no caller listens to more."""


class KeptLines:
    """The lines of one practice; `voice` says with which engine and voice they are made."""

    def __init__(self, state_directory: Path, texts: Mapping[str, str], voice: str) -> None:
        """Nothing is touched yet."""
        self._folder = state_directory / FOLDER
        self._paths = {
            name: self._folder / f"{name}-{_digest(voice, text)}.pcm"
            for name, text in texts.items()
            if _NAME.fullmatch(name)
        }

    def missing(self) -> tuple[str, ...]:
        """Names of the lines that are to be made."""
        return tuple(name for name, path in self._paths.items() if not path.is_file())

    def keep(self, name: str, pcm: bytes) -> None:
        """Keep this sound, whole or not at all, and let go of what another text or voice made of it."""
        path = self._paths[name]
        make_private(self._folder)
        fresh = path.with_suffix(
            f".{secrets.token_hex(4)}.new"
        )  # several workers may make it at once
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(pcm[:_BYTES_MAX])
        fresh.replace(path)
        for old in self._folder.glob(f"{name}-*"):
            if old != path and old.suffix == ".pcm":
                old.unlink(missing_ok=True)

    def sound(self, name: str) -> bytes:
        """The line as PCM; b"" when it was never made."""
        path = self._paths.get(name)
        try:
            return b"" if path is None else path.read_bytes()[:_BYTES_MAX]
        except OSError:
            return b""


def _digest(voice: str, text: str) -> str:
    return hashlib.sha256(f"{voice}\n{text}".encode()).hexdigest()[:16]
