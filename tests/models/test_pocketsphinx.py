"""The embedded recogniser with real processes and a real model."""

from __future__ import annotations

import asyncio
import errno
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest

from models.clinic_language import clinic_language
from models.errors import EngineBusy, EngineFailed, EngineUnavailable
from models.pocketsphinx import PocketSphinx, PocketSphinxSettings
from models.pocketsphinx_child import Ear
from models.pocketsphinx_loader import Loader
from models.ports import Recognizer
from tests.models.processes import family, send, until_gone, wait_until_gone
from tests.models.speech import spoken

pytestmark = pytest.mark.wire

LANGUAGE = clinic_language(["check-up", "MRI", "vaccination"], ["chest pain"])


@asynccontextmanager
async def started(
    cache: Path, slots: int = 2, deadline_ms: float = 20_000
) -> AsyncIterator[PocketSphinx]:
    engine = PocketSphinx(
        PocketSphinxSettings(LANGUAGE, cache, slots=slots, deadline_ms=deadline_ms)
    )
    await engine.start()
    try:
        yield engine
    finally:
        await engine.stop()


def feed(ear: Recognizer, pcm: bytes) -> None:
    for start in range(0, len(pcm), 640):
        ear.feed(pcm[start : start + 640])


async def test_a_booking_sentence_is_heard_word_for_word(cache: Path, tmp_path: Path) -> None:
    pcm = await asyncio.to_thread(spoken, "i would like to see the doctor on tuesday", tmp_path)
    async with started(cache) as engine:
        ear = await engine.open()
        ear.begin()
        feed(ear, pcm)
        heard = await ear.settle()
        await ear.close()
    assert heard.text.text == "i would like to see the doctor on tuesday"
    assert heard.confidence is not None


async def test_a_reason_the_operator_added_is_heard_without_code(
    cache: Path, tmp_path: Path
) -> None:
    pcm = await asyncio.to_thread(spoken, "i need an M R I", tmp_path)
    async with started(cache) as engine:
        ear = await engine.open()
        ear.begin()
        feed(ear, pcm)
        heard = await ear.settle()
        await ear.close()
    assert "mri" in heard.text.text.split()


async def test_speech_after_an_eager_end_continues_the_same_utterance(
    cache: Path, tmp_path: Path
) -> None:
    whole = await asyncio.to_thread(spoken, "tuesday in the afternoon please", tmp_path)
    half = len(whole) // 4 * 2
    async with started(cache) as engine:
        ear = await engine.open()
        ear.begin()
        feed(ear, whole)
        straight = await ear.settle()
        ear.begin()
        feed(ear, whole[:half])
        early = await ear.settle()
        feed(ear, whole[half:])
        late = await ear.settle()
        again = await ear.settle()
        await ear.close()
    assert late.text.text == straight.text.text == "tuesday in the afternoon please"
    assert again.text.text == late.text.text
    assert early.text.text != late.text.text


async def test_partial_words_come_while_the_caller_still_talks(cache: Path, tmp_path: Path) -> None:
    pcm = await asyncio.to_thread(spoken, "i would like to see the doctor on tuesday", tmp_path)
    async with started(cache) as engine:
        ear = await engine.open()
        ear.begin()
        feed(ear, pcm[: len(pcm) // 4 * 2])
        partial = await ear.hypothesis()
        await ear.close()
    assert partial.text.text.startswith("i would")


async def test_silence_noise_and_odd_bytes_give_few_words_and_no_error(cache: Path) -> None:
    async with started(cache) as engine:
        ear = await engine.open()
        assert (await ear.settle()).text.text == ""
        ear.begin()
        assert (await ear.settle()).text.text == ""
        ear.begin()
        ear.feed(bytes(32_001))
        assert (await ear.settle()).text.text == ""
        ear.begin()
        ear.feed(os.urandom(64_000))
        await ear.settle()
        ear.discard()
        assert (await ear.settle()).text.text == ""
        await ear.close()


async def test_a_pool_without_a_free_slot_refuses_until_one_is_given_back(cache: Path) -> None:
    async with started(cache, slots=1) as engine:
        assert engine.free_slots() == 1
        first = await engine.open()
        assert engine.free_slots() == 0
        with pytest.raises(EngineBusy):
            await engine.open()
        await first.close()
        await first.close()
        assert engine.free_slots() == 1
        await (await engine.open()).close()


async def test_a_killed_call_process_fails_one_utterance_and_the_next_is_heard(
    cache: Path, tmp_path: Path
) -> None:
    pcm = await asyncio.to_thread(spoken, "tuesday in the afternoon please", tmp_path)
    async with started(cache) as engine:
        ear = await engine.open()
        ear.begin()
        feed(ear, pcm)
        await ear.hypothesis()
        (victim,) = (await family()).calls
        await send(signal.SIGKILL, victim)
        await until_gone(victim)
        with pytest.raises(EngineFailed):
            await ear.settle()
        ear.begin()
        feed(ear, pcm)
        heard = await ear.settle()
        await ear.close()
    assert heard.text.text == "tuesday in the afternoon please"


async def test_a_killed_loader_comes_back_and_takes_its_children_along(
    cache: Path, tmp_path: Path
) -> None:
    pcm = await asyncio.to_thread(spoken, "tuesday in the afternoon please", tmp_path)
    async with started(cache) as engine:
        ear = await engine.open()
        await ear.settle()
        before = await family()
        await send(signal.SIGKILL, before.loader)
        await until_gone(before.loader, *before.calls)
        ear.begin()
        feed(ear, pcm)
        heard = await ear.settle()
        await ear.close()
    assert heard.text.text == "tuesday in the afternoon please"


async def test_a_process_that_hangs_is_ended_at_the_deadline(cache: Path) -> None:
    async with started(cache, deadline_ms=3_000) as engine:
        ear = await engine.open()
        await ear.settle()
        (stuck,) = (await family()).calls
        await send(signal.SIGSTOP, stuck)
        ear.begin()
        ear.feed(bytes(3_200))
        with pytest.raises(EngineFailed):
            await ear.settle()
        await until_gone(stuck)
        ear.begin()
        ear.feed(bytes(3_200))
        assert (await ear.settle()).text.text == ""
        await ear.close()


async def test_nothing_is_left_after_stop(cache: Path) -> None:
    async with started(cache) as engine:
        ear = await engine.open()
        await ear.settle()
        running = await family()
        assert len(running.calls) == 1
    await until_gone(running.loader, *running.calls)


async def lost_for_good(engine: PocketSphinx) -> None:
    """Kill the first process and see that the engine says so, instead of failing one call after another."""
    ear = await engine.open()
    await ear.settle()
    await send(signal.SIGKILL, (await family()).loader)
    async with asyncio.timeout(30):
        await engine.broken()
    assert engine.free_slots() == 0
    with pytest.raises(EngineUnavailable):
        await engine.open()
    with pytest.raises(EngineFailed):
        await ear.settle()
    await ear.close()
    assert engine.free_slots() == 0


async def test_a_recogniser_whose_model_is_gone_has_failed_for_good(
    cache: Path, tmp_path: Path
) -> None:
    copied = tmp_path / "cache"
    await asyncio.to_thread(shutil.copytree, cache, copied)
    async with started(copied) as engine:
        await asyncio.to_thread(shutil.rmtree, copied)
        await lost_for_good(engine)


async def test_a_recogniser_that_cannot_be_started_has_failed_for_good(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_memory(loader: Loader) -> None:
        raise OSError(errno.ENOMEM, "synthetic")

    async with started(cache) as engine:
        monkeypatch.setattr(Loader, "_spawn", no_memory)
        await lost_for_good(engine)


@pytest.mark.long
async def test_a_recogniser_that_dies_again_and_again_is_given_up(cache: Path) -> None:
    async with started(cache) as engine:
        for losses in range(3):
            assert engine.free_slots() == 2, f"{losses} losses are mended"
            ear = await engine.open()
            await ear.settle()
            await ear.close()
            loader = (await family()).loader
            await send(signal.SIGKILL, loader)
            await until_gone(loader)
        async with asyncio.timeout(30):
            await engine.broken()
        assert engine.free_slots() == 0


@pytest.mark.long
async def test_a_recogniser_stopped_while_it_is_started_again_leaves_no_process(
    cache: Path,
) -> None:
    async with started(cache):
        loader = (await family()).loader
        await send(signal.SIGKILL, loader)
        await until_gone(loader)
    with pytest.raises(AssertionError):
        await family()  # no first process is left


_WORKER = """
import asyncio, sys
from pathlib import Path
from types import SimpleNamespace
from tests.models.processes import family
from tests.models.test_pocketsphinx import started

async def main():
    async with started(Path(sys.argv[1])) as engine:
        await (await engine.open()).settle()
        running = await family()
        print(running.loader, *running.calls, flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""


def test_no_process_outlives_a_worker_that_is_killed(cache: Path) -> None:
    root = Path(__file__).resolve().parent.parent.parent
    with subprocess.Popen(
        [sys.executable, "-c", _WORKER, str(cache)], cwd=root, stdout=subprocess.PIPE, text=True
    ) as worker:
        assert worker.stdout is not None
        pids = [int(pid) for pid in worker.stdout.readline().split()]
        worker.kill()
    assert len(pids) == 2
    wait_until_gone(*pids)


async def test_a_cache_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.touch()
    engine = PocketSphinx(PocketSphinxSettings(LANGUAGE, blocked / "cache"))
    with pytest.raises(EngineUnavailable, match="cache"):
        await engine.start()
    assert engine.free_slots() == 0


class OnlyPaths:
    """A decoder whose word graph has paths without a reading between those with one: seen with espeak-ng as caller."""

    def hyp(self) -> SimpleNamespace:
        return SimpleNamespace(hypstr="on tuesday", prob=0.5)

    def nbest(self) -> list[SimpleNamespace | None]:
        return [None, SimpleNamespace(hypstr="on tuesday"), None, SimpleNamespace(hypstr="tuesday")]


def test_a_path_without_a_reading_is_no_alternative_and_no_end_of_the_process() -> None:
    ear = Ear.__new__(Ear)
    vars(ear).update(_decoder=OnlyPaths(), _audio=b"sound", _hearing=False, _settled=True)
    heard = ear.settle()
    assert (heard["text"], heard["alternatives"]) == ("on tuesday", ["tuesday"])
