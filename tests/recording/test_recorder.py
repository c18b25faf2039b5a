"""The recorder, its sealed file and the shelf: real threads and files, broken bytes, slow and full disks."""

from __future__ import annotations

import asyncio
import errno
import threading
import wave
from collections.abc import Iterator
from io import FileIO
from pathlib import Path

import numpy as np
import pytest

from phi.envelope import KeyRing
from pipeline.recording.faults import RecordingBroken, RecordingFault
from pipeline.recording.recorder import Recorder
from pipeline.recording.sealed_file import SealedWriter, read_chunks
from pipeline.recording.shelf import DAY_MS, Exported, Kept, Shelf
from pipeline.recording.timeline import Mark
from pipeline.telemetry.events import Event, set_sink

pytestmark = pytest.mark.wire

RATE_HZ = 8000
FRAME = 160
CALL = "call_0123456789abcdef"


class Time:
    """A call's clock that a test turns."""

    def __init__(self) -> None:
        self.ms = 0.0

    def __call__(self) -> float:
        return self.ms


class Notes:
    """What was put on record, in order."""

    def __init__(self) -> None:
        self.said: list[tuple[str, ...]] = []
        self.buried: dict[str, str] = {}

    def __call__(self, action: str, recording_id: str, call_id: str) -> None:
        self.said.append((action, recording_id, call_id))

    def bury(self, ids: list[str], why: str) -> None:
        self.buried.update(dict.fromkeys(ids, why))


@pytest.fixture
def events() -> Iterator[list[Event]]:
    said: list[Event] = []
    set_sink(said.append)
    yield said
    set_sink(None)


@pytest.fixture
def notes() -> Notes:
    return Notes()


@pytest.fixture
def shelf(tmp_path: Path, notes: Notes) -> Shelf:
    return Shelf(
        tmp_path / "shelf", "clinic", KeyRing.new(), lambda: 10 * DAY_MS, lambda: notes.buried
    )


def shown(recorder: Recorder) -> str:
    """The status at this moment: it changes behind the type checker's back."""
    return recorder.status


def frame(value: int) -> bytes:
    return np.full(FRAME, value, dtype="<i2").tobytes()


def begin(shelf: Shelf, time: Time, kept_as: str = "call") -> Recorder:
    file, header, key = shelf.open_new(CALL, RATE_HZ, kept_as)
    return Recorder(file, header, key, time)


def speak(recorder: Recorder, time: Time, span_ms: int, value: int = 1000) -> None:
    for _ in range(span_ms // 20):
        recorder.heard(time.ms, frame(value))
        recorder.sent(time.ms, frame(-value))
        time.ms += 20


def record(shelf: Shelf, span_ms: int = 3000, kept_as: str = "call") -> Kept:
    time = Time()
    recorder = begin(shelf, time, kept_as)
    speak(recorder, time, span_ms)
    assert recorder.close()
    return shelf.find(recorder.header.recording_id)


def exported(shelf: Shelf, kept: Kept, notes: Notes, tmp_path: Path) -> tuple[Exported, np.ndarray]:
    to = tmp_path / f"{kept.id}.wav"
    result = shelf.export(kept, to, notes)
    with wave.open(str(to), "rb") as sound:
        assert sound.getnchannels() == 2
        assert sound.getframerate() == RATE_HZ
        data = np.frombuffer(sound.readframes(sound.getnframes()), dtype="<i2").reshape(-1, 2)
    return result, data


def test_row_r4_what_was_heard_and_sent_comes_back_left_and_right(
    shelf: Shelf, notes: Notes, tmp_path: Path, events: list[Event]
) -> None:
    kept = record(shelf)
    result, data = exported(shelf, kept, notes, tmp_path)
    assert (result.samples, result.marks, result.broken) == (3 * RATE_HZ, (), "")
    assert set(data[:, 0].tolist()) == {1000}
    assert set(data[:, 1].tolist()) == {-1000}
    assert notes.said == [("export", kept.id, CALL)]
    assert [event.name for event in events] == ["recording_started", "recording_ended"]


def test_row_r5_no_sound_lies_readable_on_the_disk_at_any_moment(shelf: Shelf) -> None:
    time = Time()
    recorder = begin(shelf, time)
    speak(recorder, time, 3000)
    recorder.close()
    both = np.array([[1000, -1000]] * 4, dtype="<i2").tobytes()  # left and right take turns
    pieces = (frame(1000)[:16], frame(-1000)[:16], both)
    files = list(shelf.directory.iterdir())
    assert {path.suffix for path in files} == {".wardrec", ".key"}
    assert shelf.directory.stat().st_mode & 0o777 == 0o700
    for path in files:
        assert path.stat().st_mode & 0o777 == 0o600
        data = path.read_bytes()
        assert not [piece for piece in pieces if piece in data]
    plain_bytes = 3 * RATE_HZ * 4
    assert (
        shelf.directory / f"{recorder.header.recording_id}.wardrec"
    ).stat().st_size > plain_bytes


def test_row_r5_a_cut_swapped_repeated_or_changed_chunk_is_found(
    tmp_path: Path, shelf: Shelf
) -> None:
    file, header, key = shelf.open_new(CALL, RATE_HZ, "call")
    writer = SealedWriter(file, header, key)
    ends = [file.tell()]
    for value in range(4):
        writer.sound(frame(value))
        ends.append(file.tell())
    writer.end([Mark("paused", 5, 6)])
    file.close()
    good = next(shelf.directory.glob("*.wardrec")).read_bytes()
    start, pieces = (
        good[: ends[0]],
        [good[a:b] for a, b in zip(ends, [*ends[1:], len(good)], strict=True)],
    )

    def read(content: bytes) -> int:
        path = tmp_path / "copy"
        path.write_bytes(content)
        with path.open("rb") as source:
            return len(list(read_chunks(source, key)))

    assert read(good) == 5
    unsealed_end = bytes([1]) + pieces[3][1:]
    for wrong in (
        good[: ends[2]],
        good[:-1],
        good + b"\0",
        start + pieces[1] + pieces[0] + b"".join(pieces[2:]),
        start + pieces[0] * 2 + b"".join(pieces[1:]),
        start + b"".join(pieces[:3]) + pieces[4],
        start + b"".join(pieces[:3]) + unsealed_end,
        good.replace(b'"call"', b'"long"', 1),
        good[:-3] + bytes([good[-3] ^ 1]) + good[-2:],
        b"",
        b"RIFF",
    ):
        with pytest.raises(RecordingBroken):
            read(wrong)


def test_a_recording_that_a_power_failure_cut_gives_what_came_before(
    shelf: Shelf, notes: Notes, tmp_path: Path
) -> None:
    kept = record(shelf, 5000)
    path = shelf.directory / f"{kept.id}.wardrec"
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    result, data = exported(shelf, kept, notes, tmp_path)
    assert result.broken == "cut"
    assert len(data) >= 2 * RATE_HZ


class Wrong(Exception):
    """A step of a dialogue failed."""


def test_x25_a_recording_goes_on_after_a_sensitive_step_that_raised(
    shelf: Shelf, notes: Notes, tmp_path: Path
) -> None:
    time = Time()
    recorder = begin(shelf, time)
    speak(recorder, time, 1000)

    def sensitive_step() -> None:
        with recorder.paused():
            speak(recorder, time, 500, value=99)
            with recorder.paused():
                speak(recorder, time, 500, value=99)
            assert shown(recorder) == "paused"  # the outer one is not over
            raise Wrong

    with pytest.raises(Wrong):
        sensitive_step()
    assert shown(recorder) == "recording"
    speak(recorder, time, 1000)
    assert recorder.close()
    kept = shelf.find(recorder.header.recording_id)
    result, data = exported(shelf, kept, notes, tmp_path)
    assert result.marks == (Mark("paused", RATE_HZ, RATE_HZ),)
    assert len(data) == 2 * RATE_HZ
    assert not (np.abs(data) == 99).any()


@pytest.fixture
def begun(shelf: Shelf) -> Iterator[Recorder]:
    """Begun and closed off the event loop, as a call does."""
    recorder = begin(shelf, Time())
    yield recorder
    assert recorder.close()


async def test_x25_a_recording_goes_on_after_a_sensitive_step_that_was_cancelled(
    begun: Recorder,
) -> None:
    recorder = begun
    inside = asyncio.Event()

    async def step() -> None:
        with recorder.paused():
            inside.set()
            await asyncio.Event().wait()

    async with asyncio.TaskGroup() as group:
        task = group.create_task(step())
        await inside.wait()
        assert shown(recorder) == "paused"
        task.cancel()
    assert shown(recorder) == "recording"


def test_x25_a_hang_up_inside_a_sensitive_step_ends_the_file_paused(
    shelf: Shelf, notes: Notes, tmp_path: Path
) -> None:
    time = Time()
    recorder = begin(shelf, time)
    speak(recorder, time, 1000)
    with recorder.paused():
        speak(recorder, time, 2000, value=99)
        recorder.end()
    speak(recorder, time, 1000, value=99)
    assert recorder.close()
    result, data = exported(shelf, shelf.find(recorder.header.recording_id), notes, tmp_path)
    assert result.marks == (Mark("paused", RATE_HZ),)
    assert len(data) == RATE_HZ
    assert not (np.abs(data) == 99).any()


class SlowDisk(FileIO):
    """Holds every write until it is let go."""

    def __init__(self, file: FileIO, free: threading.Event) -> None:
        super().__init__(file.fileno(), "r+b", closefd=False)
        self._under = file
        self._free = free

    def write(self, data: object, /) -> int:
        self._free.wait(10)
        return self._under.write(data)  # type: ignore[arg-type]  # the same bytes


def test_a_slow_disk_drops_the_recording_with_a_mark_and_never_waits(
    shelf: Shelf, notes: Notes, tmp_path: Path, events: list[Event]
) -> None:
    file, header, key = shelf.open_new(CALL, RATE_HZ, "call")
    free, time = threading.Event(), Time()
    recorder = Recorder(SlowDisk(file, free), header, key, time, queue_items=20)
    speak(recorder, time, 2000)  # returns although not one byte can be written
    assert recorder.status == "dropped"
    assert [e.record()["reason"] for e in events if e.name == "recording_dropped"] == ["slow_disk"]
    free.set()
    assert recorder.close()
    file.close()
    result, _ = exported(shelf, shelf.find(header.recording_id), notes, tmp_path)
    assert result.broken == ""
    assert [mark.kind for mark in result.marks] == ["dropped"]


class FullDisk(FileIO):
    """Takes so many bytes, a part of the write that goes over included."""

    def __init__(self, file: FileIO, room_bytes: int) -> None:
        super().__init__(file.fileno(), "r+b", closefd=False)
        self._room_bytes = room_bytes

    def write(self, data: object, /) -> int:
        assert isinstance(data, bytes)
        if self.tell() >= self._room_bytes:
            raise OSError(errno.ENOSPC, "No space left on device")
        return super().write(data[: self._room_bytes - self.tell()])


def test_a_full_disk_drops_the_recording_with_a_mark_and_the_call_goes_on(
    shelf: Shelf, notes: Notes, tmp_path: Path, events: list[Event]
) -> None:
    file, header, key = shelf.open_new(CALL, RATE_HZ, "call")
    time = Time()
    recorder = Recorder(FullDisk(file, 100_000), header, key, time, queue_items=10_000)
    speak(recorder, time, 20_000)
    assert recorder.close()
    file.close()
    assert [e.record()["reason"] for e in events if e.name == "recording_dropped"] == ["disk_error"]
    result, data = exported(shelf, shelf.find(header.recording_id), notes, tmp_path)
    assert (result.broken, [mark.kind for mark in result.marks]) == ("", ["dropped"])
    assert 2 * RATE_HZ <= len(data) <= 100_000 // 4


def test_row_a6_a_destroyed_recording_cannot_be_read_from_any_copy(
    shelf: Shelf, notes: Notes, tmp_path: Path
) -> None:
    kept = record(shelf)
    copies = {path: path.read_bytes() for path in shelf.directory.iterdir()}
    shelf.destroy(kept, "delete", notes, notes.bury)
    assert notes.said == [("delete", kept.id, CALL)]
    assert list(shelf.directory.iterdir()) == []
    for path, content in copies.items():  # a backup is brought back
        path.write_bytes(content)
    with pytest.raises(RecordingFault, match="no such recording"):
        shelf.find(kept.id)
    assert shelf.kept() == []
    with pytest.raises(RecordingFault, match="destroyed"):
        shelf.export(kept, tmp_path / "x.wav", notes)


def test_row_a6_nothing_is_exported_or_destroyed_that_cannot_be_put_on_record(
    shelf: Shelf, notes: Notes, tmp_path: Path
) -> None:
    kept = record(shelf)

    def refuse(action: str, recording_id: str, call_id: str) -> None:
        raise RecordingFault("no record")

    with pytest.raises(RecordingFault, match="no record"):
        shelf.export(kept, tmp_path / "x.wav", refuse)
    assert not (tmp_path / "x.wav").exists()
    with pytest.raises(RecordingFault, match="no record"):
        shelf.destroy(kept, "delete", refuse, notes.bury)
    assert shelf.find(kept.id) == kept


def test_row_a5_each_class_has_its_days_and_an_unconfigured_one_keeps_nothing(
    tmp_path: Path,
) -> None:
    notes, now = Notes(), [0]
    shelf = Shelf(tmp_path, "clinic", KeyRing.new(), lambda: now[0], lambda: notes.buried)
    adult, minor, other = (record(shelf, 200, kept_as) for kept_as in ("adult", "minor", "other"))
    days = {"adult": 30, "minor": 60}
    now[0] = DAY_MS - 1
    assert shelf.expire(days, notes, notes.bury) == 1
    assert notes.buried == {other.id: "expire"}
    now[0] = 30 * DAY_MS - 1
    assert shelf.expire(days, notes, notes.bury) == 0
    now[0] = 30 * DAY_MS
    assert shelf.expire(days, notes, notes.bury) == 1
    assert [each.id for each in shelf.kept()] == [minor.id]
    assert ("expire", adult.id, CALL) in notes.said


def test_another_install_key_or_a_folder_of_another_user_is_a_sentence(
    shelf: Shelf, notes: Notes, tmp_path: Path
) -> None:
    kept = record(shelf)
    stranger = Shelf(shelf.directory, "clinic", KeyRing.new(), shelf.now_ms)
    with pytest.raises(RecordingFault, match="wardline key import"):
        stranger.export(kept, tmp_path / "x.wav", notes)
    taken = tmp_path / "taken"
    taken.write_text("a file")
    with pytest.raises(RecordingFault, match="not there yet"):
        shelf.export(kept, taken, notes)
    blocked = Shelf(taken, "clinic", KeyRing.new(), shelf.now_ms)
    with pytest.raises(RecordingFault, match=r"recording\.directory"):
        blocked.open_new(CALL, RATE_HZ, "call")
