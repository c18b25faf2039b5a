"""Records one call in a thread of its own: frames in, a sealed file out, and never a wait for whoever speaks.

The queue is bounded. When a disk is slower than speech, or full, the recording ends with a mark and an event;
the call does not notice. Knows neither who consented nor what is said: it is told to begin, pause and end.
"""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, Literal, assert_never

from pipeline.recording.sealed_file import Header, RawFile, SealedWriter
from pipeline.recording.timeline import Mark, Side, Timeline
from pipeline.telemetry.events import Event, Token, emit

QUEUE_ITEMS_MAX: Final = 500
"""Five seconds of both channels: a disk that needs longer is not one to record on."""
CLOSE_LIMIT_S: Final = 5.0

Status = Literal["recording", "paused", "ended", "dropped"]


class RecordingStarted(Event):
    """A caller consented and a recording began."""

    call_id: Token
    recording_id: Token


class RecordingPaused(Event):
    """Sensitive input begins: nothing is kept."""

    call_id: Token
    recording_id: Token


class RecordingResumed(Event):
    """It is over."""

    call_id: Token
    recording_id: Token


class RecordingEnded(Event):
    """A recording is whole on the disk."""

    call_id: Token
    recording_id: Token
    recorded_ms: float
    pauses: int
    frames_late: int


class RecordingDropped(Event):
    """A recording was given up so that the call could go on."""

    call_id: Token
    recording_id: Token
    reason: Token
    """"slow_disk" or "disk_error"."""


@dataclass(frozen=True, slots=True, repr=False)
class _Frame:
    side: Side
    at_ms: float
    pcm: bytes


@dataclass(frozen=True, slots=True)
class _Pause:
    at_ms: float


@dataclass(frozen=True, slots=True)
class _Resume:
    at_ms: float


@dataclass(frozen=True, slots=True)
class _End:
    at_ms: float


_Item = _Frame | _Pause | _Resume | _End


class Recorder:
    """One call's recording. Every method but `close` returns at once, on whatever thread."""

    def __init__(
        self,
        file: RawFile,
        header: Header,
        data_key: bytes,
        now_ms: Callable[[], float],
        *,
        queue_items: int = QUEUE_ITEMS_MAX,
        agent_at_rate: Callable[[bytes], bytes] = bytes,
    ) -> None:
        """Begin now, by the clock of the call; `agent_at_rate` brings the line's rate to the recording's."""
        self._agent_at_rate = agent_at_rate
        self.header = header
        self._file = file
        self._data_key = data_key
        self._now_ms = now_ms
        self._timeline = Timeline(header.sample_rate_hz, now_ms())
        # The last places are kept free for what must not be lost: a pause, a resume, the end.
        self._queue: queue.Queue[_Item] = queue.Queue(queue_items + 64)
        self._frames_max = queue_items
        self._depth = 0
        self._status: Status = "recording"
        self._late = threading.Event()
        self._failed = threading.Event()
        self._thread = threading.Thread(
            target=self._write_all, name=f"recording-{header.recording_id}", daemon=True
        )
        self._thread.start()
        emit(RecordingStarted(Token(header.call_id), Token(header.recording_id)))

    @property
    def status(self) -> Status:
        """What a page may show."""
        return "dropped" if self._failed.is_set() and self._status != "ended" else self._status

    # --- sound -------------------------------------------------------------------------------------

    def heard(self, at_ms: float, pcm: bytes) -> None:
        """A frame of the caller's, after the muting of keypad tones, at the recording's rate."""
        self._frame(_Frame("caller", at_ms, pcm))

    def sent(self, at_ms: float, pcm: bytes) -> None:
        """A frame that was really sent to the caller, at the line's rate."""
        self._frame(_Frame("agent", at_ms, pcm))

    # --- pauses ------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """Keep nothing inside this block, and go on after it: returned, raised or cancelled alike (X25)."""
        self.pause()
        try:
            yield
        finally:
            self.resume()

    def pause(self) -> None:
        """Keep nothing from now on; pauses nest."""
        self._depth += 1
        if self._depth == 1 and self._status == "recording":
            self._status = "paused"
            self._tell(_Pause(self._now_ms()))
            emit(RecordingPaused(Token(self.header.call_id), Token(self.header.recording_id)))

    def resume(self) -> None:
        """The innermost pause is over."""
        if self._depth == 0:
            return
        self._depth -= 1
        if self._depth == 0 and self._status == "paused":
            self._status = "recording"
            self._tell(_Resume(self._now_ms()))
            emit(RecordingResumed(Token(self.header.call_id), Token(self.header.recording_id)))

    # --- the end -----------------------------------------------------------------------------------

    def end(self) -> None:
        """The call is over; an open pause stays open, and the file ends where it began."""
        if self._status in {"recording", "paused"}:
            self._status = "ended"
            self._tell(_End(self._now_ms()))

    def close(self, limit_s: float = CLOSE_LIMIT_S) -> bool:
        """End, and wait in a thread for the file; False when the disk took longer than this."""
        self.end()
        self._thread.join(limit_s)
        return not self._thread.is_alive()

    # --- on the caller's thread ----------------------------------------------------------------------

    def _frame(self, frame: _Frame) -> None:
        if self._status != "recording" or self._failed.is_set():
            return
        if self._queue.qsize() >= self._frames_max:
            self._drop("slow_disk")
            return
        self._tell(frame)

    def _tell(self, item: _Item) -> None:
        try:
            self._queue.put_nowait(item)
        except queue.Full:
            self._drop("slow_disk")

    def _drop(self, reason: str) -> None:
        """Give up: the thread, when its disk lets it, writes the mark and ends."""
        if not self._failed.is_set():
            self._status = "dropped"
            self._late.set()
            self._failed.set()
            self._say_dropped(reason)

    def _say_dropped(self, reason: str) -> None:
        emit(
            RecordingDropped(
                Token(self.header.call_id), Token(self.header.recording_id), Token(reason)
            )
        )

    # --- on the thread -------------------------------------------------------------------------------

    def _write_all(self) -> None:
        marks: list[Mark] = []
        whole_bytes = 0
        writer: SealedWriter | None = None
        try:
            with contextlib.closing(self._file):
                try:
                    writer = SealedWriter(self._file, self.header, self._data_key)
                    whole_bytes = self._file.tell()
                    while not self._late.is_set():
                        sound, over = self._next(marks)
                        if sound:
                            writer.sound(sound)
                            whole_bytes = self._file.tell()
                        if over:
                            break
                    if self._late.is_set():
                        marks.append(Mark("dropped", self._timeline.given_samples))
                    writer.end(marks)
                except OSError:
                    first = not self._failed.is_set()
                    self._failed.set()
                    if first:
                        self._say_dropped("disk_error")
                    if writer is not None:
                        # What was cut off makes room for the mark, which is far smaller.
                        writer.cut_back(whole_bytes)
                        writer.end([*marks, Mark("dropped", self._timeline.given_samples)])
        except OSError:
            return  # the disk takes not even the mark: reading finds that the end is missing
        if not self._failed.is_set():
            self._say_ended(marks)

    def _next(self, marks: list[Mark]) -> tuple[bytes, bool]:
        """What is due after one more item; pieces of a second, and everything at the end."""
        item = self._queue.get()
        timeline = self._timeline
        match item:
            case _Frame(side, at_ms, pcm):
                pcm = pcm if side == "caller" else self._agent_at_rate(pcm)
                timeline.add(side, at_ms, pcm)
                return self._due(at_ms), False
            case _Pause(at_ms):
                timeline.pause(at_ms)
                return b"", False
            case _Resume(at_ms):
                mark = timeline.resume(at_ms)
                marks.extend([mark] if mark else [])
                return b"", False
            case _End(at_ms):
                sound, mark = timeline.finish(at_ms)
                marks.extend([mark] if mark else [])
                return sound, True
            case _:
                assert_never(item)

    def _due(self, at_ms: float) -> bytes:
        return self._timeline.take(at_ms) if self._timeline.ready(at_ms) else b""

    def _say_ended(self, marks: list[Mark]) -> None:
        emit(
            RecordingEnded(
                Token(self.header.call_id),
                Token(self.header.recording_id),
                self._timeline.given_samples * 1000.0 / self.header.sample_rate_hz,
                len(marks),
                self._timeline.frames_late,
            )
        )
