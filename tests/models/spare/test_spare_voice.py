"""A voice that fails in the middle of a clause: the spare goes on with the first word that was not heard."""

from __future__ import annotations

import asyncio
from contextlib import aclosing

import numpy as np
import pytest

from models.breaker import Circuit
from models.errors import EngineFailed
from models.ports import SpeechChunk
from models.preferred import SLOW
from models.spare_voice import VoiceWithSpare
from tests.fakes.voice import FakeVoice
from tests.models.spare.engines import MortalVoice

TEXT = "Your visit is on Thursday at ten in the morning, please bring your card."


class Rig:
    def __init__(self, *, spare_hz: int = 8_000, with_words: bool = True) -> None:
        self.first = MortalVoice(with_words=with_words)
        self.spare = FakeVoice(sample_rate_hz=spare_hz)
        self.circuits: list[tuple[str, str]] = []
        self.stood_in: list[str] = []
        self.voice = VoiceWithSpare(
            self.first, self.spare, on_circuit=self._circuit, on_stand_in=self.stood_in.append
        )

    def _circuit(self, circuit: Circuit, code: str) -> None:
        self.circuits.append((circuit.value, code))

    async def say(self, text: str = TEXT) -> list[SpeechChunk]:
        return [chunk async for chunk in self.voice.synthesize(text)]


async def started(*, spare_hz: int = 8_000, with_words: bool = True) -> Rig:
    rig = Rig(spare_hz=spare_hz, with_words=with_words)
    await rig.voice.start()
    return rig


def written(chunks: list[SpeechChunk]) -> list[str]:
    return [word.word for chunk in chunks for word in chunk.words]


def pcm(chunks: list[SpeechChunk]) -> bytes:
    return b"".join(chunk.pcm for chunk in chunks)


async def test_a_healthy_voice_is_handed_on_sample_for_sample() -> None:
    rig = await started()
    alone = b"".join([chunk.pcm async for chunk in FakeVoice().synthesize(TEXT)])
    chunks = await rig.say()
    assert (written(chunks), pcm(chunks)) == (TEXT.split(), alone)
    assert rig.spare.texts == []
    assert rig.stood_in == []


@pytest.mark.parametrize("fails_at", range(14))
async def test_wherever_it_fails_each_word_is_heard_once_and_whole(fails_at: int) -> None:
    rig = await started()
    rig.first.fails_at = fails_at
    chunks = await rig.say()
    assert written(chunks) == TEXT.split()
    begun = rig.spare.texts[0].split() if rig.spare.texts else []
    assert begun == TEXT.split()[len(TEXT.split()) - len(begun) :]
    sound = np.frombuffer(pcm(chunks), "<i2")
    for voice, words in ((rig.first, TEXT.split()[: -len(begun) or None]), (rig.spare, begun)):
        assert [word for word, _, _ in voice.tags.values()][: len(words)] == words
    first = TEXT.split()[: len(TEXT.split()) - len(begun)]
    # every word of the first that was handed on is there with all its samples, and none behind them
    counts = {value: length for value, (_, length, _) in rig.first.tags.items()}
    borders = [word for chunk in chunks for word in chunk.words]
    for number, word in enumerate(borders[: len(first)], 1):
        assert np.all(sound[word.start_sample : word.end_sample] == number)
        assert word.end_sample - word.start_sample == counts[number]
    for number, word in enumerate(borders[len(first) :], 1):
        assert np.all(sound[word.start_sample : word.end_sample] == number)
    assert rig.stood_in == ["killed"]


async def test_the_spares_words_lie_where_their_sound_is_at_the_firsts_rate() -> None:
    rig = await started(spare_hz=24_000)
    rig.first.fails_at = 5
    chunks = await rig.say()
    assert written(chunks) == TEXT.split()
    sound = np.frombuffer(pcm(chunks), "<i2")
    rest = rig.spare.texts[0].split()
    spoken = [word for chunk in chunks for word in chunk.words][-len(rest) :]
    for number, word in enumerate(spoken, 1):
        middle = sound[word.start_sample + 20 : word.end_sample - 20]
        assert len(middle) > 0
        assert np.abs(middle - number).max() <= 1, "a resampled plateau rounds"
    letters = sum(map(len, rest)) + len(rest)
    assert len(sound) - spoken[0].start_sample == pytest.approx(letters * 320, abs=2)


async def test_a_voice_that_says_no_places_is_said_by_the_spare_from_the_beginning() -> None:
    rig = await started(with_words=False)
    rig.first.fails_at = 6
    chunks = await rig.say()
    assert written(chunks) == TEXT.split()
    assert set(np.unique(np.frombuffer(pcm(chunks), "<i2"))) - {0} == set(rig.spare.tags)
    assert len(pcm(await rig.say())) == len(pcm(chunks)), "a healthy one is not held back for good"


async def test_a_voice_that_hangs_is_left_in_time_for_two_seconds_of_silence() -> None:
    rig = await started()
    rig.first.fails_at, rig.first.hangs = 4, True
    loop = asyncio.get_running_loop()
    came_s = [loop.time()]
    came_s += [loop.time() async for _ in rig.voice.synthesize(TEXT)]
    waits = np.diff(came_s)
    assert 1.4 < max(waits) < 2.0
    assert rig.stood_in == [SLOW]
    assert rig.first.closed == 1


async def test_two_failures_in_a_row_open_the_circuit_and_one_good_clause_between_does_not() -> (
    None
):
    rig = await started()
    for fails_at in (0, 100, 0):
        rig.first.fails_at, rig.first.chunks = fails_at, 0
        await rig.say()
    assert rig.circuits == []
    await rig.say()
    assert rig.circuits == [("open", "killed")]
    asked = len(rig.first.texts)
    assert written(await rig.say()) == TEXT.split()
    assert len(rig.first.texts) == asked, "no clause waits for a voice that is given up"


async def test_a_lost_voice_is_noticed_without_a_clause_and_comes_back_after_a_trial() -> None:
    rig = await started()
    async with rig.voice.watched():
        rig.first.lose()
        await asyncio.sleep(0.1)
        assert rig.circuits == [("open", "lost")]
        assert rig.first.texts == []
        assert written(await rig.say()) == TEXT.split()
        await asyncio.sleep(5)
        assert rig.first.proofs == 1, "after 2 s, then after 4"
        rig.first.dead = False
        await asyncio.sleep(2)
        assert rig.circuits == [("open", "lost"), ("closed", "")]
        assert written(await rig.say()) == TEXT.split()
        assert len(rig.first.texts) == 1
        rig.first.lose()
        await asyncio.sleep(0.1)
        assert rig.circuits[2:] == [("open", "lost")], "and may be lost again"


async def test_trials_become_rare() -> None:
    rig = await started()
    async with rig.voice.watched():
        rig.first.lose()
        await asyncio.sleep(3_600)
    assert 30 <= rig.first.proofs <= 40


async def test_a_clause_that_nobody_wants_any_more_is_closed_in_both() -> None:
    rig = await started()
    rig.first.fails_at = 3
    async with aclosing(rig.voice.synthesize(TEXT)) as stream:  # type: ignore[type-var]  # an async generator
        await anext(stream)
    assert (rig.first.closed, rig.spare.texts) == (1, [])
    made = rig.spare.made_samples
    async with aclosing(rig.voice.synthesize(TEXT)) as stream:  # type: ignore[type-var]  # an async generator
        while not rig.spare.texts:
            await anext(stream)
    assert rig.spare.made_samples - made <= 3_200


async def test_when_both_fail_the_caller_of_the_port_is_told() -> None:
    rig = await started()
    rig.first.fails_at = 2
    rig.spare.failure = EngineFailed("synthetic", code="both")
    with pytest.raises(EngineFailed) as failure:
        await rig.say()
    assert failure.value.code == "both"


async def test_a_failure_behind_the_last_word_costs_nothing() -> None:
    rig = await started()
    rig.first.fails_at = 1  # "Noon." fills one chunk, the quiet behind it is the next
    chunks = await rig.say("Noon.")
    assert written(chunks) == ["Noon."]
    assert (rig.spare.texts, rig.stood_in) == ([], [])
