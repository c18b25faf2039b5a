"""The keeper: what a disk refuses, what is cancelled and what is withdrawn leaves nothing, and no call fails."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from phi.envelope import KeyRing
from pipeline.recording.faults import RecordingFault
from pipeline.recording.keeper import Keeper
from pipeline.recording.shelf import Shelf
from pipeline.store.tombstones import Tombstones
from pipeline.telemetry.events import Event, set_sink

pytestmark = pytest.mark.wire

CALL = "c0123456789ab"
REPOSITORY = Path(__file__).parents[2]


@pytest.fixture
def events() -> Iterator[list[Event]]:
    said: list[Event] = []
    set_sink(said.append)
    yield said
    set_sink(None)


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path / "shelf", "clinic", KeyRing.new(), lambda: 1_000)


async def files(shelf: Shelf) -> list[str]:
    return await asyncio.to_thread(lambda: [path.name for path in shelf.directory.iterdir()])


def now_ms() -> float:
    """Of the loop: it may not be asked in another thread."""
    return asyncio.get_running_loop().time() * 1000


async def test_a_recording_that_began_is_whole_when_it_is_finished(shelf: Shelf) -> None:
    async with Keeper(lambda: shelf, "call", lambda ids, why: None) as keeper:
        recorder = await keeper.begin(CALL, now_ms, bytes)
        assert recorder is not None
        recorder.heard(now_ms(), bytes(640))
        await keeper.finish(recorder)
    assert [kept.header.call_id for kept in await asyncio.to_thread(shelf.kept)] == [CALL]


async def test_a_disk_or_key_that_refuses_is_an_event_and_no_recording(
    events: list[Event],
) -> None:
    def no_key() -> Shelf:
        raise RecordingFault("there is no key")

    async with Keeper(no_key, "call", lambda ids, why: None) as keeper:
        assert await keeper.begin(CALL, now_ms, bytes) is None
    assert [event.name for event in events] == ["recording_failed"]


async def test_a_call_that_ends_while_the_file_is_made_leaves_no_file(shelf: Shelf) -> None:
    may_open, gone = threading.Event(), threading.Event()

    class Slow(Shelf):
        def shred(self, recording_id: str) -> None:
            super().shred(recording_id)
            gone.set()

    def slow() -> Shelf:
        may_open.wait(10)
        return Slow(shelf.directory, "clinic", KeyRing.new(), lambda: 1_000)

    async with Keeper(slow, "call", lambda ids, why: None) as keeper:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await keeper.begin(CALL, now_ms, bytes)
        may_open.set()
        assert await asyncio.to_thread(gone.wait, 10)
    assert await files(shelf) == []


async def test_a_withdrawn_recording_is_buried_before_it_is_gone(
    shelf: Shelf, events: list[Event]
) -> None:
    buried: list[tuple[list[str], str]] = []
    refuses = [True]

    def bury(ids: list[str], why: str) -> None:
        if refuses.pop():
            raise OSError
        buried.append((ids, why))

    async with Keeper(lambda: shelf, "call", bury) as keeper:
        recorder = await keeper.begin(CALL, now_ms, bytes)
        assert recorder is not None
        assert not await keeper.destroy(recorder)
        assert len(await files(shelf)) == 2
        refuses.append(False)
        assert await keeper.destroy(recorder)
    assert buried == [([recorder.header.recording_id], "withdrawn")]
    assert await files(shelf) == []
    assert "recording_failed" in [event.name for event in events]


def test_what_a_crash_left_of_a_withdrawn_recording_is_destroyed_at_the_next_start(
    tmp_path: Path,
) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.recording.killed", str(tmp_path)],
        cwd=REPOSITORY,
        check=False,
        timeout=60,
    )
    assert done.returncode == -signal.SIGKILL
    folder = tmp_path / "shelf"
    assert {path.suffix for path in folder.iterdir()} == {".wardrec", ".key"}
    graves = Tombstones(tmp_path / "keys")
    shelf = Shelf(folder, "clinic", KeyRing.new(), lambda: 2_000, graves.read)
    assert shelf.kept() == []
    assert shelf.shred_destroyed() == 1
    assert list(folder.iterdir()) == []
    assert shelf.shred_destroyed() == 0
