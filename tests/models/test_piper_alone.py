"""Interrupts, fairness and first audio of a Piper voice, in thread CPU time and ratios of one run."""

from __future__ import annotations

import asyncio
import statistics
import threading
import time
from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest
from piper import PiperVoice

from models.errors import EngineFailed
from models.piper import PiperSettings, PiperTextToSpeech
from models.ports import Language, SpeechChunk
from tests.models.voices import HEAVY, audio, say, speaking, words

pytestmark = pytest.mark.wire

SLOW = PiperSettings((("en", HEAVY),))
LONG = "and the doctor will call you back about the medication that you take every single day now"
THREE_CLAUSES = (
    "Thank you for calling the family clinic, the doctor will see you on Tuesday at half past three in the"
    " afternoon, and please remember to bring your insurance card and a list of your medications."
)


def synthesis_cpu_ms() -> float:
    """CPU time of every thread that synthesises."""
    clocks = [
        time.pthread_getcpuclockid(thread.ident)
        for thread in threading.enumerate()
        if thread.name.startswith("piper") and thread.ident
    ]
    return sum(time.clock_gettime(clock) for clock in clocks) * 1000.0


async def test_an_interrupt_inside_a_clause_ends_its_arithmetic_within_20_ms_of_cpu() -> None:
    async with speaking(SLOW) as voice:
        before = synthesis_cpu_ms()
        await say(voice, LONG)
        whole_ms = synthesis_cpu_ms() - before
        assert whole_ms > 100.0  # else nothing is proven
        for part in range(1, 7):
            enough_ms = synthesis_cpu_ms() + whole_ms * part / 10.0
            async with aclosing(voice.synthesize(LONG)) as stream:  # type: ignore[type-var]  # an async generator
                with pytest.raises(TimeoutError):
                    await _first_until(stream, enough_ms)
                interrupted = synthesis_cpu_ms()
            await asyncio.sleep(0.15)
            spent = synthesis_cpu_ms() - interrupted
            assert spent <= 20.0, f"{spent:.1f} ms of CPU after the interrupt"


async def _first_until(stream: AsyncIterator[SpeechChunk], at_cpu_ms: float) -> None:
    async with asyncio.timeout(None) as limit, asyncio.TaskGroup() as group:
        group.create_task(_interrupt(limit, at_cpu_ms), name="interrupt")
        await anext(stream)


async def _interrupt(limit: asyncio.Timeout, at_cpu_ms: float) -> None:
    """End the wait once the threads have worked so much."""
    while synthesis_cpu_ms() < at_cpu_ms:  # noqa: ASYNC110  # a thread's CPU clock tells nobody when it has advanced
        await asyncio.sleep(0.001)
    limit.reschedule(asyncio.get_running_loop().time())


async def test_closing_between_two_clauses_drops_the_one_that_was_made_ahead() -> None:
    async with speaking(SLOW) as voice:
        async with aclosing(voice.synthesize(THREE_CLAUSES)) as stream:  # type: ignore[type-var]  # an async generator
            await anext(stream)
            await asyncio.sleep(0.03)
            interrupted = synthesis_cpu_ms()
        await asyncio.sleep(0.15)
        assert synthesis_cpu_ms() - interrupted <= 20.0
        assert not voice._live


async def test_the_voice_speaks_on_after_a_dozen_interrupts() -> None:
    async with speaking(SLOW) as voice:
        wanted = audio(await say(voice, "Yes."))
        for _ in range(12):
            async with aclosing(voice.synthesize(LONG)) as stream:  # type: ignore[type-var]  # an async generator
                with pytest.raises(TimeoutError):
                    async with asyncio.timeout(0.01):
                        await anext(stream)
        assert (audio(await say(voice, "Yes.")) == wanted).all()


async def test_stopping_the_voice_is_a_failure_for_whoever_listens_and_hangs_nobody() -> None:
    """Never a cancellation: that would end the call."""
    voice = PiperTextToSpeech(SLOW)
    await voice.start()
    failed: list[str] = []

    async def call() -> None:
        try:
            await say(voice, THREE_CLAUSES)
        except EngineFailed as error:
            failed.append(error.code)

    async with asyncio.timeout(5.0), asyncio.TaskGroup() as group:
        for name in ("one", "two", "three"):
            group.create_task(call(), name=name)
        await asyncio.sleep(0.03)
        await voice.stop()
    assert failed == ["engine_failed"] * 3
    assert not voice._broken.is_set()
    assert not any(thread.name.startswith("piper") for thread in threading.enumerate())


async def test_a_second_call_waits_for_one_clause_of_the_first_at_most() -> None:
    """Its answer comes before the first call's second clause, and far before the end of its sentence."""
    done: list[str] = []
    begun = asyncio.Event()

    async def call(name: str, text: str) -> None:
        async for chunk in voice.synthesize(text):
            done.extend([name] if chunk.words else [])
            begun.set()

    async with speaking(SLOW) as voice, asyncio.TaskGroup() as group:
        group.create_task(call("long", f"{THREE_CLAUSES} {THREE_CLAUSES}"), name="long")
        await begun.wait()
        group.create_task(call("short", "Yes, of course."), name="short")
    assert done.count("long") >= 5
    assert done.index("short") <= 2


async def test_four_calls_at_once_each_hear_their_own_words() -> None:
    languages: list[tuple[Language, str]] = [
        ("en", "Your visit is on Tuesday, is that right?"),
        ("es", "Su cita es el martes, ¿está bien?"),
        ("en", "Please hold, I will ask the nurse."),
        ("es", "Espere, por favor, voy a preguntar."),
    ]
    async with speaking() as voice:
        alone = [audio(await say(voice, text, language)) for language, text in languages]
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(say(voice, text, language)) for language, text in languages]
    for (_, text), task, wanted in zip(languages, tasks, alone, strict=True):
        assert [word.word for word in words(task.result())] == text.split()
        assert (audio(task.result()) == wanted).all()


async def test_the_first_audio_of_three_clauses_costs_half_of_what_the_stock_voice_takes() -> None:
    """The stock voice gets our session with its one thread; thread CPU time, so that a busy machine does not count."""
    ours: list[float] = []
    theirs: list[float] = []
    async with speaking(SLOW) as voice:
        model = voice._voices["en"]
        stock = PiperVoice(model._session, model._config)

        def stock_first_ms() -> float:
            begun = time.thread_time()
            next(iter(stock.synthesize(THREE_CLAUSES)))
            return (time.thread_time() - begun) * 1000.0

        for _ in range(3):
            theirs.append(await asyncio.to_thread(stock_first_ms))
            begun = synthesis_cpu_ms()
            async with aclosing(voice.synthesize(THREE_CLAUSES)) as stream:  # type: ignore[type-var]  # an async generator
                await anext(stream)
                ours.append(synthesis_cpu_ms() - begun)
            await asyncio.sleep(0.05)
    our_ms, their_ms = statistics.median(ours), statistics.median(theirs)
    print(
        f"first audio after {our_ms:.0f} ms of CPU against {their_ms:.0f}: {our_ms / their_ms:.2f}"
    )
    assert our_ms <= 0.5 * their_ms
