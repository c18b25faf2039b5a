"""The folder of kept traces: one file a call, for its owner alone, removed when its days are over.

Every method touches files: call it from a thread. Knows bytes, not what a trace says.
"""

from __future__ import annotations

import contextlib
import os
import re
from pathlib import Path

from pipeline.clock import wall_now
from pipeline.private_folder import make_private
from pipeline.settings import Settings
from pipeline.telemetry.events import Event, Token, emit

TRACES_MAX = 2_000
"""Of some hundred kilobytes each. Beyond this the oldest goes."""
_NAME = re.compile(r"trace-[A-Za-z0-9_-]{1,64}\.jsonl\Z")


class TraceKept(Event):
    """A call's trace is on the disk."""

    call_id: Token
    bytes: int


class TraceNotKept(Event):
    """A call's trace could not be written; the call is as it was."""

    call_id: Token
    code: int


class TracesExpired(Event):
    """Traces were removed: their days are over, or there were too many."""

    files: int


def traces_folder(settings: Settings) -> Path:
    """Where they lie."""
    return Path(os.path.abspath(settings.state.directory)) / "traces"


class TraceFolder:
    """Where traces are kept."""

    def __init__(self, directory: Path, days: int) -> None:
        """Nothing is touched yet."""
        self._directory = directory
        self._days = days

    def keep(self, call_id: str, data: bytes) -> None:
        """Write it whole; a disk that refuses costs the trace and nothing else."""
        path = self._directory / f"trace-{call_id}.jsonl"
        if not _NAME.fullmatch(path.name):
            return
        try:
            make_private(self._directory)
            fresh = path.with_suffix(".new")
            descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
            fresh.replace(path)
        except OSError as error:
            emit(TraceNotKept(Token(call_id), error.errno or 0))
        else:
            emit(TraceKept(Token(call_id), len(data)))

    def expire(self) -> None:
        """Remove what is too old or too much; also where no trace is kept any more."""
        gone = 0
        kept = sorted(self._kept(), reverse=True)
        before_s = wall_now().timestamp() - self._days * 86_400
        for number, (written_s, path) in enumerate(kept):
            if written_s < before_s or number >= TRACES_MAX:
                with contextlib.suppress(OSError):
                    path.unlink()
                    gone += 1
        if gone:
            emit(TracesExpired(gone))

    def _kept(self) -> list[tuple[float, Path]]:
        found = []
        with contextlib.suppress(OSError):
            for path in self._directory.iterdir():
                with contextlib.suppress(OSError):  # another worker removed it
                    if _NAME.fullmatch(path.name) or path.suffix == ".new":
                        found.append((path.stat().st_mtime, path))
        return found
