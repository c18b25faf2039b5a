"""Which files a Whisper directory must hold: for who loads them, and for who only looks whether they are there.

Beside `models.whisper` and not in it, since looking needs no numpy.
"""

from __future__ import annotations

from pathlib import Path

NEEDED = ("model.bin", "config.json", "tokenizer.json")
"""Of a CTranslate2 model. Without tokenizer.json the library would fetch one from a hub."""
VOCABULARIES = ("vocabulary.json", "vocabulary.txt")
"""One of them, too."""


def absent(directory: Path) -> list[str]:
    """The names of what is not there."""
    missing = [name for name in NEEDED if not _is_file(directory / name)]
    if not any(_is_file(directory / name) for name in VOCABULARIES):
        missing.append(" or ".join(VOCABULARIES))
    return missing


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False
