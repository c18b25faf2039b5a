"""The key that requests to the model's server must carry: the configured one, or one of ours in a file of 0600.

Refuses to know who sends it.
"""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path

from pipeline import secret
from pipeline.errors import StartUpError
from pipeline.settings import Settings

KEY_FILE = "keys/llm-server.key"
"""In the state directory."""


def key_file(settings: Settings) -> Path:
    """Where a key of our own making lies; a whole path."""
    return Path(os.path.abspath(Path(settings.state.directory) / KEY_FILE))


def key_of(settings: Settings) -> tuple[str, str]:
    """The key, and a sentence that says what the voice server still needs ("": nothing)."""
    if settings.engines.llm_api_key:
        return settings.engines.llm_api_key, ""
    path = key_file(settings)
    try:
        _make(path)
    except OSError as error:
        raise StartUpError(
            f"cannot make {path} ({error.strerror}); set state.directory to a folder of this user,"
            " or engines.llm_api_key"
        ) from None
    fault, text = secret.first_line(path)
    if fault:
        raise StartUpError(f"{path}: {fault}")
    return text, (
        f'The voice server needs the same key: write engines.llm_api_key = "${{file:{path}}}" in its'
        " configuration."
    )


def _make(path: Path) -> None:
    """Write a new key unless there is one; never half a key under the file's name."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    if path.exists():
        return
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with os.fdopen(os.open(fresh, flags, 0o600), "w") as file:
        file.write(secrets.token_hex(32) + "\n")
        file.flush()
        os.fsync(file.fileno())
    try:
        with contextlib.suppress(FileExistsError):  # another start was quicker: its key counts
            os.link(fresh, path)
    finally:
        fresh.unlink()
