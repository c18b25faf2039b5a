"""Whether a Whisper directory is whole, said before anything is loaded: a sentence that names the file and the remedy."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from models.errors import EngineUnavailable
from models.whisper_files import absent

SUMS = "SHA256SUMS"
"""As `sha256sum` writes it: what was packed for this box."""
_SUMS_BYTES = 65_536


def check(directory: Path) -> None:
    """Raise EngineUnavailable unless every needed file is there and is the one that was packed."""
    if missing := absent(directory):
        raise EngineUnavailable(
            f"Whisper model {directory}: missing {', '.join(missing)}. Copy the whole CTranslate2 directory there, or set"
            " engines.whisper_directory to where it lies; nothing is ever downloaded"
        )
    for name in ("config.json", "tokenizer.json"):
        _readable(directory / name)
    if (directory / SUMS).is_file():
        _unaltered(directory)


def _readable(path: Path) -> None:
    try:
        if isinstance(json.loads(path.read_bytes()), dict):
            return
    except (OSError, ValueError):
        pass
    raise EngineUnavailable(
        f"Whisper model {path.parent}: {path.name} cannot be read as JSON. Copy it again from the model's source"
    )


def _unaltered(directory: Path) -> None:
    with (directory / SUMS).open("rb") as file:
        lines = file.read(_SUMS_BYTES).decode("utf-8", "replace").splitlines()
    for line in lines:
        wanted, _, name = line.partition(" ")
        name = name.strip().lstrip("*")
        if not name:
            continue
        path = directory / name
        if len(wanted) != 64 or Path(name).name != name:
            raise EngineUnavailable(
                f"Whisper model {directory}: {SUMS} has a line that is not of sha256sum. Write it anew: sha256sum * > {SUMS}"
            )
        if not path.is_file():
            raise EngineUnavailable(
                f"Whisper model {directory}: missing {name}, which {SUMS} lists. Copy the whole directory again"
            )
        with path.open("rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() != wanted.lower():
                raise EngineUnavailable(
                    f"Whisper model {directory}: {name} is not the file that {SUMS} lists. Copy it again; if you changed it"
                    f" yourself, write {SUMS} anew"
                )
