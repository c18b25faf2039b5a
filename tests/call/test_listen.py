"""When the sound of a pause is asked for an opinion: a guess costs what 400 frames cost."""

from __future__ import annotations

import asyncio

import pytest

from models.errors import EngineFailed
from models.ports import Spoken
from pipeline.call.listen import Listener
from pipeline.call.settings import CallSettings
from pipeline.turn.endpoint import EndpointSettings, heeds_sound, wait_ms
from pipeline.turn.events import Asked, Completeness, Evidence
from tests.fakes.speech_to_text import FakeRecognizer

WORTH = {
    "": Completeness.NONE,
    "could end": Completeness.PLAUSIBLE,
    "answers": Completeness.ANSWERED,
    "in the middle": Completeness.OPEN,
}


def worth(text: str, asked: Asked | None, settled: bool) -> Evidence:
    return Evidence(len(text.split()), WORTH[text], settled=settled)


class Guesser:
    """Behind the port of the acoustic guess; notes when it was asked."""

    def __init__(self) -> None:
        self.asked_ms: list[float] = []

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    async def probability(self, pcm: bytes) -> float:
        self.asked_ms.append(asyncio.get_running_loop().time() * 1000.0)
        return 0.25


class Told:
    """What the listener tells the call."""

    def __init__(self) -> None:
        self.guesses: list[float] = []

    def words(self, text: Spoken, evidence: Evidence) -> None: ...

    def settled(self, text: Spoken) -> None: ...

    def completion(self, probability: float) -> None:
        self.guesses.append(probability)

    def words_late(self) -> None: ...

    def recogniser_failed(self, code: str) -> None: ...


@pytest.mark.parametrize(
    ("before", "settled", "asked_after_ms"),
    [
        ("could end", "could end", 0.0),
        ("", "could end", 0.0),
        ("answers", "answers", None),
        ("in the middle", "in the middle", None),
        ("in the middle", "could end", 60.0),
        ("could end", "answers", 0.0),
        (None, "answers", 0.0),  # no words are known yet
    ],
)
async def test_the_sound_is_asked_where_the_words_leave_something_to_it(
    before: str | None, settled: str, asked_after_ms: float | None
) -> None:
    ear, guesser, told = FakeRecognizer(settle_ms=60.0), Guesser(), Told()
    async with asyncio.TaskGroup() as tasks:
        listener = Listener(ear, worth, told, CallSettings(), guesser)
        listener.start(tasks)
        listener.begin()
        ear.saying = before or ""
        await asyncio.sleep(0.25 if before is not None else 0.1)  # one hypothesis, or none
        paused_ms = asyncio.get_running_loop().time() * 1000.0
        ear.saying = settled
        listener.take_eager()
        await asyncio.sleep(0.15)
        listener.discard()
    expected = [] if asked_after_ms is None else [asked_after_ms]
    assert [round(at - paused_ms, 3) for at in guesser.asked_ms] == expected
    assert told.guesses == [0.25] * len(expected)


async def test_each_pause_is_asked_once_and_for_itself() -> None:
    ear, guesser, told = FakeRecognizer(settle_ms=60.0), Guesser(), Told()
    async with asyncio.TaskGroup() as tasks:
        listener = Listener(ear, worth, told, CallSettings(), guesser)
        listener.start(tasks)
        listener.begin()
        for ear.saying in ("could end", "in the middle", "could end"):
            await asyncio.sleep(0.25)
            listener.take_eager()
            await asyncio.sleep(0.1)
            listener.withdraw_eager()
        listener.discard()
    assert told.guesses == [0.25, 0.25]


@pytest.mark.parametrize("completeness", Completeness)
@pytest.mark.parametrize("digits", [0, 4])
@pytest.mark.parametrize("asked", [None, Asked("day"), Asked("phone", digits=10)])
def test_where_the_sound_is_not_heeded_the_wait_is_the_same_with_any_guess(
    completeness: Completeness, digits: int, asked: Asked | None
) -> None:
    evidence = Evidence(3, completeness, digits, settled=True)
    waits = {wait_ms(evidence, asked, guess, EndpointSettings()) for guess in (None, 0.0, 0.5, 1.0)}
    assert (len(waits) > 1) is heeds_sound(evidence, asked)


@pytest.mark.parametrize("fails", [True, False])
async def test_a_turn_that_is_not_settled_is_what_was_heard_of_it_and_not_of_the_next(
    fails: bool,
) -> None:
    ear = FakeRecognizer(settle_ms=400.0 if fails else 5_000.0)
    async with asyncio.TaskGroup() as tasks:
        listener = Listener(ear, worth, Told(), CallSettings())
        listener.start(tasks)
        listener.begin()
        ear.saying = "could end"
        await asyncio.sleep(0.25)
        taken = tasks.create_task(listener.final())
        await asyncio.sleep(0.02)
        listener.begin()  # who talks on begins the next one
        ear.saying = "answers"
        await asyncio.sleep(0.25)
        ear.failure = EngineFailed("synthetic") if fails else None
        assert (await taken).text == "could end"
        listener.discard()
