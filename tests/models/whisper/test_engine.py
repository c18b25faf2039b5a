"""The shared engine on the virtual clock: its decodes are scripted and take as long as the test says."""

from __future__ import annotations

import asyncio
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from models.errors import EngineBusy, EngineFailed, EngineUnavailable
from models.ports import Language, Recognizer, Spoken, Transcript
from models.whisper import WhisperSettings, WhisperSpeechToText
from models.whisper.decoding import Outcome, Work
from models.whisper.engine import Decode, Done
from models.whisper.repair import Repair
from models.whisper.utterance import Heard

FRAME_MS = 20
VOICE = np.full(16 * FRAME_MS, 4_000, np.int16).tobytes()
QUIET = bytes(32 * FRAME_MS)
REPAIR = Repair({}, ())


class Loud:
    """Everything is speech."""

    window_samples = 512

    def open(self) -> Loud:
        return self

    def probability(self, window: NDArray[np.float32]) -> float:
        return 1.0

    def reset(self) -> None:
        return


class Model:
    """A decode says one word for each 200 ms of its stretch; or fails as it is told."""

    def __init__(self, decode_ms: float = 50.0, *again_ms: float) -> None:
        self.decode_ms = decode_ms
        self.again_ms = again_ms
        """Further decodes of an unlikely text, one after another; none follows once the work ends."""
        self.works: list[Work] = []
        self.failure: Exception | None = None
        self.at_once = 0
        self.languages: dict[Language, float] | None = None

    def __call__(self, work: Work) -> Outcome:
        if work.stale.is_set():
            return Outcome(abandoned=True)
        if self.failure is not None:
            raise self.failure
        count = len(work.stretch.samples) // 3_200
        return Outcome(Heard(tuple(f"word{n}" for n in range(count)), (), 0.9), self.languages)


class Timers:
    """Instead of threads: the clock's timers."""

    def __init__(self, model: Model) -> None:
        self.model, self.running = model, 0

    def run(self, decode: Decode, work: Work, done: Done) -> None:
        self.running += 1
        self.model.works.append(work)
        self.model.at_once = max(self.model.at_once, self.running)
        self._begin(decode, work, done, (self.model.decode_ms, *self.model.again_ms))

    def _begin(self, decode: Decode, work: Work, done: Done, steps_ms: tuple[float, ...]) -> None:
        asyncio.get_running_loop().call_later(
            steps_ms[0] / 1000.0, self._end, decode, work, done, steps_ms[1:]
        )

    def _end(self, decode: Decode, work: Work, done: Done, further_ms: tuple[float, ...]) -> None:
        if further_ms and not work.ends:
            self._begin(decode, work, done, further_ms)
            return
        self.running -= 1
        try:
            outcome = Outcome(abandoned=True) if further_ms else decode(work)
        except RuntimeError as error:
            done(None, error)
        else:
            done(outcome, None)

    async def stop(self, *, wait: bool) -> None:
        return


async def started(model: Model, **changes: float) -> WhisperSpeechToText:
    slots, workers = int(changes.pop("slots", 16)), int(changes.pop("workers", 1))
    settings = WhisperSettings(Path("unused"), slots=slots, workers=workers, **changes)  # type: ignore[arg-type]  # times
    engine = WhisperSpeechToText(settings)
    engine.ready(model, Timers(model), Loud(), REPAIR)
    return engine


async def speak(ear: Recognizer, voice_ms: int, quiet_ms: int = 0) -> None:
    for frame in [VOICE] * (voice_ms // FRAME_MS) + [QUIET] * (quiet_ms // FRAME_MS):
        ear.feed(frame)
        await asyncio.sleep(FRAME_MS / 1000.0)


async def settled(ear: Recognizer) -> tuple[Transcript, float]:
    """The words and how long they took, in ms."""
    loop = asyncio.get_running_loop()
    began_s = loop.time()
    transcript = await ear.settle()
    return transcript, (loop.time() - began_s) * 1000.0


def begin(ear: Recognizer) -> None:
    ear.begin()
    ear.feed(QUIET * 20)


async def heard_and_speaking_again() -> tuple[Recognizer, Spoken]:
    """An ear that has heard a turn of three seconds and was told the same again, and the words of one such turn."""
    engine = await started(Model(decode_ms=400.0))
    ear = await engine.open()
    begin(ear)
    await speak(ear, 3_000)
    whole = (await settled(ear))[0].text
    begin(ear)
    await speak(ear, 3_000)
    return ear, whole


async def test_the_words_are_there_when_the_endpoint_asks_for_them() -> None:
    """The pause began a decode after 40 ms; 80 ms after the last word nothing is left to do."""
    model = Model(decode_ms=30.0)
    engine = await started(model)
    ear = await engine.open()
    begin(ear)
    await speak(ear, 2_000, 80)
    transcript, took_ms = await settled(ear)
    assert took_ms == 0.0
    assert transcript.text.text.split()[-1] == "word11"
    await speak(ear, 0, 400)
    before = len(model.works)
    assert (await settled(ear))[1] == 0.0
    assert len(model.works) == before, "silence is not decoded again"
    await ear.close()


async def test_partial_words_are_those_that_two_decodes_agree_on() -> None:
    engine = await started(Model(decode_ms=10.0))
    ear = await engine.open()
    begin(ear)
    await speak(ear, 500)
    assert (await ear.hypothesis()).text.text == ""
    await speak(ear, 320)
    first = (await ear.hypothesis()).text.text.split()
    await speak(ear, 600)
    later = (await ear.hypothesis()).text.text.split()
    assert 0 < len(first) < len(later)
    assert later[: len(first)] == first
    await ear.close()


async def test_sixteen_calls_on_one_model_are_served_fairly_and_one_at_a_time() -> None:
    """A decode takes 50 ms and the calls want 53 of them a second: partials thin out, endpoints do not wait."""
    model = Model(decode_ms=50.0)
    engine = await started(model, late_ms=10_000.0)
    ears = [await engine.open() for _ in range(16)]

    async def live(ear: Recognizer, number: int) -> float:
        begin(ear)
        await asyncio.sleep(0.017 * number)
        await speak(ear, 2_000, 80)
        return (await settled(ear))[1]

    async with asyncio.TaskGroup() as tasks:
        lives = [tasks.create_task(live(ear, n)) for n, ear in enumerate(ears)]
    waits = [one.result() for one in lives]
    assert model.at_once == 1
    assert max(waits) <= 16 * 50.0
    looks = [sum(work.voice is ear._voice for work in model.works) for ear in ears]  # type: ignore[attr-defined]  # whose work it was
    assert max(looks) - min(looks) <= 2
    for ear in ears:
        await ear.close()


@pytest.mark.parametrize("steps_ms", [(100.0,), (60.0, 100.0), (60.0, 40.0, 100.0)])
async def test_two_calls_do_not_delay_each_other_beyond_one_window(
    steps_ms: tuple[float, ...],
) -> None:
    """Also where a work is of several decodes, for its text is unlikely: none begins while the other's endpoint waits."""
    model = Model(*steps_ms)
    engine = await started(model)
    talker, ender = await engine.open(), await engine.open()
    begin(talker)
    begin(ender)
    waits = list[float]()
    async with asyncio.TaskGroup() as tasks:
        talking = tasks.create_task(speak(talker, 8_000, 80))
        for voice_ms in range(500, 800, 20):
            begin(ender)
            await speak(ender, voice_ms, 20)
            waits.append((await settled(ender))[1] - sum(steps_ms))
            if talking.done():
                break
    assert max(waits) > 0.5 * max(steps_ms), "the talker never stood in the way: this shows nothing"
    assert max(waits) <= max(steps_ms) + 0.001, "its own decodes and the rest of one other"
    assert (await settled(talker))[0].text.text.split()[-1] == "word41", (
        "who gave way has words too"
    )
    for ear in (talker, ender):
        await ear.close()


@pytest.mark.parametrize("awaited", [False, True])
async def test_what_nobody_waits_for_gives_way_and_comes_again(awaited: bool) -> None:
    model = Model(100.0, 100.0)
    engine = await started(model)
    first, second = await engine.open(), await engine.open()
    for ear, quiet_ms in ((first, 60), (second, 0)):
        begin(ear)
        for frame in [VOICE] * 10 + [QUIET] * (quiet_ms // FRAME_MS):
            ear.feed(frame)
    (paused,) = model.works
    async with asyncio.TaskGroup() as tasks:
        if awaited:
            tasks.create_task(first.settle())
        await asyncio.sleep(0.01)
        tasks.create_task(second.settle())
        await asyncio.sleep(0.01)
        assert paused.gives_way.is_set() is not awaited
    await asyncio.sleep(1.0)
    whose = [1 if work.voice is paused.voice else 2 for work in model.works]
    assert whose == ([1, 2] if awaited else [1, 2, 1])
    assert not model.works[-1].ends
    for ear in (first, second):
        await ear.close()


async def test_a_turn_that_is_taken_from_who_talks_on_has_its_last_words() -> None:
    """The next utterance begins while the last words of this one are decoded, and has its own afterwards."""
    ear, whole = await heard_and_speaking_again()
    async with asyncio.TaskGroup() as tasks:
        given_up = tasks.create_task(ear.settle())
        taken = tasks.create_task(ear.settle())
        await asyncio.sleep(0.2)
        given_up.cancel()
        begin(ear)
        await speak(ear, 600)
        following = tasks.create_task(ear.settle())
    assert taken.result().text == whole
    assert following.result().text.text.split()[0] == "word0"
    assert 1 < len(following.result().text.text.split()) < len(whole.text.split())
    await ear.close()


async def test_a_noise_that_is_dropped_takes_nothing_of_the_turn_before_it() -> None:
    """Who is talked over stops soon, and what began as their next utterance was only a breath."""
    ear, whole = await heard_and_speaking_again()
    async with asyncio.TaskGroup() as tasks:
        taken = tasks.create_task(ear.settle())
        await asyncio.sleep(0.1)
        begin(ear)
        await speak(ear, 60)
        ear.discard()
    assert taken.result().text == whole
    await ear.close()


async def test_three_short_utterances_behind_a_slow_decode_each_have_their_words() -> None:
    engine = await started(Model(decode_ms=1_500.0))
    ear = await engine.open()
    taken: list[asyncio.Task[Transcript]] = []
    async with asyncio.TaskGroup() as tasks:
        for spoken_ms in (400, 600, 800):
            begin(ear)
            await speak(ear, spoken_ms)
            taken.append(tasks.create_task(ear.settle()))
            await asyncio.sleep(0.02)
    counts = [len(task.result().text.text.split()) for task in taken]
    assert 0 < counts[0] < counts[1] < counts[2]
    await ear.close()


async def test_of_a_dropped_utterance_nothing_more_is_decoded_though_somebody_waits() -> None:
    model = Model(decode_ms=400.0)
    engine = await started(model)
    ear = await engine.open()
    begin(ear)
    await speak(ear, 1_000)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(ear.settle())
        await asyncio.sleep(0.2)
        ear.discard()
        before = len(model.works)
        await asyncio.sleep(2.0)
    assert len(model.works) == before
    await ear.close()


async def test_a_late_queue_refuses_new_calls_until_it_is_relieved() -> None:
    model = Model(decode_ms=400.0)
    engine = await started(model, late_ms=500.0, relieved_ms=200.0, late_for_ms=5_000.0)
    ears = [await engine.open() for _ in range(4)]
    assert engine.free_slots() == 12

    async def live(ear: Recognizer) -> None:
        begin(ear)
        await speak(ear, 600)
        await settled(ear)

    async with asyncio.TaskGroup() as tasks:
        for ear in ears:
            tasks.create_task(live(ear))
    assert engine.free_slots() == 0
    assert engine.slowest_ms >= 500.0
    with pytest.raises(EngineBusy):
        await engine.open()
    await asyncio.sleep(4.0)
    assert engine.free_slots() == 0, "one good moment is not enough"
    await asyncio.sleep(2.0)
    assert engine.free_slots() == 12
    for ear in ears:
        await ear.close()


@pytest.mark.parametrize("quiet_ms", [0, 80])
async def test_one_call_on_a_slow_model_is_not_late_behind_its_own_decode(quiet_ms: int) -> None:
    """At 80 ms of quiet its pause is being decoded, at 0 a look that becomes stale."""
    model = Model(decode_ms=560.0)
    engine = await started(model, late_ms=500.0)
    ear = await engine.open()
    free = list[int]()
    begin(ear)
    await speak(ear, 1_200, quiet_ms)
    async with asyncio.TaskGroup() as tasks:
        settling = tasks.create_task(settled(ear))
        while not settling.done():
            free.append(engine.free_slots())
            await asyncio.sleep(0.02)
    assert settling.result()[1] > 400.0
    assert set(free) == {15} == {engine.free_slots()}
    assert engine.slowest_ms == 0.0
    await ear.close()


async def test_an_endpoint_makes_its_own_unfinished_look_stale() -> None:
    model = Model(decode_ms=200.0)
    engine = await started(model)
    ear = await engine.open()
    begin(ear)
    await speak(ear, 700)
    running = model.works[-1]
    transcript, _ = await settled(ear)
    assert running.stale.is_set()
    assert transcript.text
    await ear.close()


async def test_a_discarded_utterance_is_not_decoded_on() -> None:
    model = Model(decode_ms=200.0)
    engine = await started(model)
    ear = await engine.open()
    begin(ear)
    await speak(ear, 400)
    ear.discard()
    assert model.works[-1].stale.is_set()
    await asyncio.sleep(1.0)
    assert (await ear.hypothesis()).text.text == ""
    assert (await ear.settle()).text.text == ""
    await ear.close()


async def test_an_abandoned_settle_leaves_nothing_behind_and_the_next_works() -> None:
    model = Model(decode_ms=300.0)
    engine = await started(model)
    ear = await engine.open()
    begin(ear)
    await speak(ear, 400)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await ear.settle()
    assert (await ear.settle()).text
    await ear.close()


async def test_feeding_goes_on_while_it_settles() -> None:
    model = Model(decode_ms=100.0)
    engine = await started(model)
    ear = await engine.open()
    begin(ear)
    await speak(ear, 600)
    async with asyncio.TaskGroup() as tasks:
        settling = tasks.create_task(ear.settle())
        tasks.create_task(speak(ear, 2_000))
    early = len(settling.result().text.text.split())
    assert 0 < early < len((await ear.settle()).text.text.split())
    await ear.close()


async def test_one_failed_decode_fails_its_settle_and_the_next_works() -> None:
    model = Model()
    engine = await started(model)
    ear = await engine.open()
    begin(ear)
    await speak(ear, 200)
    model.failure = RuntimeError("bad luck")
    with pytest.raises(EngineFailed):
        await ear.settle()
    model.failure = None
    assert (await ear.settle()).text
    assert engine.free_slots() == 15
    await ear.close()


@pytest.mark.parametrize(
    ("message", "tries"),
    [("CUDA failed with error out of memory", 2), ("CUDA driver gone", 2), ("something else", 3)],
)
async def test_a_lost_device_is_told_and_every_call_knows(message: str, tries: int) -> None:
    model = Model()
    engine = await started(model)
    ear, other = await engine.open(), await engine.open()
    begin(ear)
    await speak(ear, 200)
    model.failure = RuntimeError(message)
    for _ in range(tries):
        with pytest.raises(EngineFailed):
            await ear.settle()
    async with asyncio.timeout(1.0):
        await engine.broken()
    assert engine.free_slots() == 0
    with pytest.raises(EngineFailed):
        await other.hypothesis()
    with pytest.raises(EngineUnavailable):
        await engine.open()
    other.feed(VOICE)
    for one in (ear, other):
        await one.close()


async def test_trials_that_fail_tell_a_lost_device_too() -> None:
    """Who is tried has been left out: no call's decode would ever show that the model must be loaded anew."""
    model = Model()
    engine = await started(model)
    model.failure = RuntimeError("CUDA failed with error out of memory")
    for _ in range(2):
        assert engine.free_slots() == 16
        with pytest.raises(EngineFailed):
            await engine.prove()
    assert engine.free_slots() == 0
    async with asyncio.timeout(1.0):
        await engine.broken()


async def test_a_decode_that_never_ends_is_a_lost_device() -> None:
    model = Model(decode_ms=1e9)
    engine = await started(model, hang_ms=30_000.0, deadline_ms=8_000.0)
    ear = await engine.open()
    begin(ear)
    await speak(ear, 200)
    with pytest.raises(EngineFailed, match="too long"):
        await ear.settle()
    async with asyncio.timeout(40.0):
        await engine.broken()
    await ear.close()
    await engine.stop()


async def test_slots_are_counted_and_given_back_once() -> None:
    engine = await started(Model(), slots=2)
    first, second = await engine.open(), await engine.open()
    assert engine.free_slots() == 0
    with pytest.raises(EngineBusy):
        await engine.open()
    await first.close()
    await first.close()
    assert engine.free_slots() == 1
    with pytest.raises(EngineFailed):
        await first.settle()
    await second.close()


async def test_a_minute_of_talk_stays_bounded_and_keeps_its_words() -> None:
    model = Model(decode_ms=20.0)
    engine = await started(model)
    ear = await engine.open()
    begin(ear)
    for _ in range(12 * 26):
        ear.feed(VOICE * 9 + QUIET)
        await asyncio.sleep(0.2)
    words = (await ear.settle()).text.text.split()
    assert len(words) > 250
    assert max(len(work.stretch.samples) for work in model.works) <= 28 * 16_000
    await ear.close()


async def test_an_utterance_whose_beginning_nobody_heard_fails_and_the_next_is_whole() -> None:
    """The decoder is taken for half a minute: what is left of the utterance is not told as if it were all of it."""
    model = Model(decode_ms=33_000.0)
    engine = await started(model, hang_ms=60_000.0)
    other, ear = await engine.open(), await engine.open()
    begin(other)
    await speak(other, 320)
    begin(ear)
    await speak(ear, 29_000)
    with pytest.raises(EngineFailed) as failed:
        await ear.settle()
    assert failed.value.code == "stt_behind"
    model.decode_ms = 20.0
    await speak(ear, 6_000, 80)
    assert (await ear.hypothesis()).text.text == ""
    with pytest.raises(EngineFailed):
        await ear.settle()
    begin(ear)
    await speak(ear, 1_000, 80)
    assert (await settled(ear))[0].text.text.split()[-1] == "word6"
    for one in (other, ear):
        await one.close()


async def test_a_call_tells_its_language_once_it_is_known() -> None:
    settings = WhisperSettings(Path("unused"), language=None)
    engine, model = WhisperSpeechToText(settings), Model(decode_ms=20.0)
    model.languages = {"en": 0.05, "es": 0.95}
    engine.ready(model, Timers(model), Loud(), REPAIR)
    ear = await engine.open()
    begin(ear)
    assert (await ear.hypothesis()).language is None
    await speak(ear, 1_200, 80)
    assert (await ear.hypothesis()).language == "es"
    assert (await ear.settle()).language == "es"
    await ear.close()


async def test_nothing_opens_before_the_start() -> None:
    engine = WhisperSpeechToText(WhisperSettings(Path("unused")))
    assert engine.free_slots() == 0
    with pytest.raises(EngineUnavailable):
        await engine.open()
    await engine.stop()
