"""The recordings of one worker's calls: files are opened, ended and destroyed in threads of its own.

Knows neither the dialogue nor the store: what the shelf needs is given, and the keys are read again for each
new recording, so that one that is made during a rotation opens afterwards.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from io import FileIO
from types import TracebackType
from typing import Final, Self, TypeVar

from pipeline.errors import StartUpError
from pipeline.recording.faults import RecordingFault
from pipeline.recording.recorder import CLOSE_LIMIT_S, Recorder
from pipeline.recording.sealed_file import Header
from pipeline.recording.shelf import NoteDestroyed, Shelf
from pipeline.telemetry.events import Event, Token, emit

THREADS: Final = 4
"""A disk that hangs may hold some of them; calls go on without recordings then."""
RATE_HZ: Final = 16_000
"""What a caller's line brings; a call of ten minutes is 38 MB."""

T = TypeVar("T")
Opened = tuple[FileIO, Header, bytes]
Resample = Callable[[bytes], bytes]


class RecordingFailed(Event):
    """A recording could not begin or be destroyed; the call goes on."""

    call_id: Token
    reason: Token


class Keeper:
    """Makes and ends recordings; use it as an `async with` block."""

    def __init__(self, open_shelf: Callable[[], Shelf], kept_as: str, bury: NoteDestroyed) -> None:
        """Nothing is opened before the first recording; `open_shelf` runs in a thread."""
        self._open_shelf = open_shelf
        self._kept_as = kept_as
        self._bury = bury
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="recordings")

    async def __aenter__(self) -> Self:
        """No thread runs yet."""
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Begin nothing more; what is being destroyed is."""
        self._threads.shutdown(wait=False)

    async def begin(
        self, call_id: str, now_ms: Callable[[], float], agent_at_rate: Resample
    ) -> Recorder | None:
        """A recording that runs; None, with an event, when the disk or the key does not allow one."""
        opening = asyncio.get_running_loop().run_in_executor(self._threads, self._open, call_id)
        try:
            opened = await asyncio.shield(opening)
        except asyncio.CancelledError:  # the call is over: nobody would ever end what comes of this
            opening.add_done_callback(self._abandon)
            raise
        if opened is None:
            return None
        file, header, data_key = opened
        try:  # here, not in the thread: the clock is the loop's
            return Recorder(file, header, data_key, now_ms, agent_at_rate=agent_at_rate)
        except RuntimeError:  # no thread can be started
            self._abandon(opening)
            emit(RecordingFailed(Token(call_id), Token("no_thread")))
            return None

    async def finish(self, recorder: Recorder) -> None:
        """Returns when the file is whole, or when its disk is too slow to wait for."""
        recorder.end()  # here, not in the thread: the clock is the loop's
        await self._in_thread(recorder.close, CLOSE_LIMIT_S)

    async def destroy(self, recorder: Recorder) -> bool:
        """End it and destroy it, key first; a file that its thread still holds is gone with its key."""
        recorder.end()
        return await self._in_thread(self._destroy, recorder)

    def _abandon(self, opening: asyncio.Future[Opened | None]) -> None:
        opened = None if opening.cancelled() else opening.result()
        if opened is not None:
            with contextlib.suppress(RuntimeError):  # the worker ends: the file holds nothing
                self._threads.submit(self._discard, opened)

    # --- in a thread ------------------------------------------------------------------------------

    async def _in_thread(self, work: Callable[..., T], *arguments: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work, *arguments)

    def _open(self, call_id: str) -> Opened | None:
        try:
            return self._open_shelf().open_new(call_id, RATE_HZ, self._kept_as)
        except Exception as error:  # noqa: BLE001  # the edge of the thread: a key command may fail in any way
            emit(RecordingFailed(Token(call_id), _reason(error)))
            return None

    def _discard(self, opened: Opened) -> None:
        file, header, _ = opened
        file.close()
        with contextlib.suppress(StartUpError):
            self._open_shelf().shred(header.recording_id)

    def _destroy(self, recorder: Recorder) -> bool:
        recording_id = recorder.header.recording_id
        try:
            try:  # first of all: should the server be killed now, its next start finishes this
                self._bury([recording_id], "withdrawn")
            finally:
                recorder.close()
            self._open_shelf().shred(recording_id)
        except Exception as error:  # noqa: BLE001  # the edge of the thread; tried again at the call's end
            emit(RecordingFailed(Token(recorder.header.call_id), _reason(error)))
            return False
        return True


def _reason(error: Exception) -> Token:
    return Token(error.code if isinstance(error, RecordingFault) else type(error).__name__)
