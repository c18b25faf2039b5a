"""A recogniser that fails in the middle of an utterance: the spare hears it from its first sample."""

from __future__ import annotations

import asyncio

import pytest

from models.breaker import Circuit
from models.errors import EngineBusy, EngineChanged, EngineFailed
from models.ports import Language, Recognizer
from models.preferred import SLOW
from models.spare_ear import KEPT_BYTES, HearingWithSpare
from tests.models.spare.engines import MortalEars, second


class Rig:
    def __init__(self, slots: int = 2, *, spare_settle_ms: float = 10.0) -> None:
        self.first = MortalEars(slots)
        self.spare = MortalEars(slots, settle_ms=spare_settle_ms)
        self.circuits: list[tuple[str, str]] = []
        self.stood_in: list[str] = []
        self.stt = HearingWithSpare(
            self.first,
            self.spare,
            on_circuit=self._circuit,
            on_stand_in=self.stood_in.append,
            spare_knows=("en",),
        )

    def _circuit(self, circuit: Circuit, code: str) -> None:
        self.circuits.append((circuit.value, code))


async def started(slots: int = 2, *, spare_settle_ms: float = 10.0) -> Rig:
    rig = Rig(slots, spare_settle_ms=spare_settle_ms)
    await rig.stt.start()
    return rig


def speak(ear: Recognizer, words: str) -> None:
    for word in words:
        for frame in second(word):
            ear.feed(frame)


async def settled(ear: Recognizer) -> str:
    return (await ear.settle()).text.text


async def lost_in_spanish(rig: Rig) -> Recognizer:
    """The ear of a caller who was heard to speak Spanish by a recogniser that was lost behind the first word, "a"."""
    rig.first.language = "es"
    ear = await rig.stt.open()
    ear.begin()
    speak(ear, "a")
    assert await settled(ear) == "a"
    rig.first.lose()
    await asyncio.sleep(0.1)
    return ear


async def failed(ear: Recognizer) -> str | None:
    """The words, None where it fails."""
    try:
        return await settled(ear)
    except EngineFailed:
        return None


async def test_a_healthy_recogniser_is_alone_and_the_spare_lends_nothing() -> None:
    rig = await started()
    ear = await rig.stt.open()
    for _ in range(3):
        ear.begin()
        speak(ear, "abc")
        assert (await ear.hypothesis()).text.text == "a b c"
        assert await settled(ear) == "a b c"
    assert (rig.spare.lent, rig.stood_in) == ([], [])
    await ear.close()
    assert rig.first.free_slots() == 2


async def test_an_utterance_is_heard_again_from_its_first_sample_while_the_caller_talks() -> None:
    rig = await started()
    ear = await rig.stt.open()
    ear.expect("day")
    ear.begin()
    speak(ear, "ab")
    rig.first.dead = True
    assert (await ear.hypothesis()).text.text == "a b"
    speak(ear, "cd")
    assert await settled(ear) == "a b c d"
    (spare,) = rig.spare.lent
    assert spare.expected == ["day"]
    assert spare.begun == 1
    assert rig.stood_in == ["killed"]
    await ear.close()
    assert (rig.first.free_slots(), rig.spare.free_slots()) == (2, 2)


async def test_a_failure_at_the_very_end_loses_no_word_either() -> None:
    rig = await started()
    ear = await rig.stt.open()
    ear.begin()
    speak(ear, "abc")
    rig.first.dead = True
    assert await settled(ear) == "a b c"
    await ear.close()


async def test_after_one_failure_the_next_utterance_is_the_firsts_again() -> None:
    rig = await started()
    ear = await rig.stt.open()
    ear.begin()
    speak(ear, "a")
    rig.first.fails_once = 1
    assert await settled(ear) == "a"
    ear.begin()
    speak(ear, "b")
    assert await settled(ear) == "b"
    assert bytes(rig.spare.lent[0].heard[:1]) == b"a", "the spare did not hear the second"
    assert rig.first.lent[0].discarded == 1, "nobody waits for the first's words of the first one"
    assert rig.circuits == []
    await ear.close()


async def test_after_two_failures_calls_stay_with_the_spare_and_new_ones_begin_there() -> None:
    rig = await started()
    one, other = await rig.stt.open(), await rig.stt.open()
    rig.first.fails_once = 2
    for _ in range(2):
        one.begin()
        speak(one, "a")
        assert await settled(one) == "a"
    assert rig.circuits == [("open", "killed")]
    other.begin()
    speak(other, "xy")
    assert await settled(other) == "x y"
    assert rig.first.lent[1].closed == 1, "its slot of the first is given back"
    assert rig.stood_in == ["killed", "killed", "lost"]
    assert rig.stt.free_slots() == 0
    with pytest.raises(EngineBusy):
        await rig.stt.open()
    await other.close()
    third = await rig.stt.open()
    third.begin()
    speak(third, "z")
    assert await settled(third) == "z"
    assert len(rig.first.lent) == 2
    for ear in (one, third):
        await ear.close()


async def test_a_recogniser_that_hangs_is_left_after_its_time_and_the_call_told_to_wait() -> None:
    rig = await started(spare_settle_ms=500.0)
    ear = await rig.stt.open()
    ear.begin()
    speak(ear, "abcd")
    rig.first.hangs = True
    loop = asyncio.get_running_loop()
    began_s = loop.time()
    with pytest.raises(EngineChanged):
        await ear.settle()
    assert loop.time() - began_s == pytest.approx(1.2)
    assert await settled(ear) == "a b c d"
    assert loop.time() - began_s == pytest.approx(1.2 + 2.0)
    assert rig.stood_in == [SLOW]
    await ear.close()


async def test_a_call_in_a_language_that_the_spare_does_not_know_is_never_the_spares() -> None:
    """A Spanish caller is not heard as English: a failed utterance fails, and one that takes long is waited for."""
    rig = await started()
    ear = await rig.stt.open()
    rig.first.language = "es"
    ear.begin()
    speak(ear, "ab")
    assert await settled(ear) == "a b"
    speak(ear, "c")
    rig.first.settle_ms = 500.0
    assert await settled(ear) == "a b c", "1.5 s, and nobody else to ask"
    for early in (True, False):
        rig.first.fails_once = 1
        ear.begin()
        speak(ear, "d")
        if early:
            with pytest.raises(EngineFailed):
                await ear.hypothesis()
        with pytest.raises(EngineFailed) as failed:
            await ear.settle()
        assert failed.value.code == "killed"
    assert rig.circuits == [("open", "killed")]
    ear.begin()
    speak(ear, "e")
    assert await settled(ear) == "e", "the first works again, whoever else has left it"
    assert (rig.spare.lent, rig.stood_in) == ([], [])
    await ear.close()


async def test_a_call_in_the_spares_language_or_in_none_that_is_known_yet_is_taken_over() -> None:
    rig = await started()
    ear = await rig.stt.open()
    for language in (None, "en"):
        rig.first.language = language
        ear.begin()
        speak(ear, "ab")
        await ear.hypothesis()
        rig.first.fails_once = 1
        assert await settled(ear) == "a b"
    assert rig.stood_in == ["killed", "killed"]
    await ear.close()


async def test_a_spare_that_is_still_behind_tells_the_call_to_wait_once() -> None:
    rig = await started(spare_settle_ms=500.0)
    ear = await rig.stt.open()
    ear.begin()
    speak(ear, "abcdef")
    rig.first.dead = True
    await ear.hypothesis()
    with pytest.raises(EngineChanged):
        await ear.settle()
    assert await settled(ear) == "a b c d e f"
    speak(ear, "g")
    assert await settled(ear) == "a b c d e f g", "it has caught up: it is asked as any other"
    await ear.close()


async def test_a_settle_that_is_given_up_changes_nothing() -> None:
    """A caller goes on talking, and whoever asked has stopped to wait."""
    rig = await started(spare_settle_ms=100.0)
    ear = await rig.stt.open()
    ear.begin()
    speak(ear, "ab")
    rig.first.hangs = True
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.5):
            await ear.settle()
    rig.first.hangs = False
    speak(ear, "c")
    assert await settled(ear) == "a b c"
    assert rig.stood_in == []
    await ear.close()


@pytest.mark.parametrize("slow", [True, False])
async def test_the_words_of_the_next_utterance_are_no_answer_for_the_one_before(slow: bool) -> None:
    """A turn is taken from a caller who talks on: the next utterance begins while its words are waited for."""
    rig = await started()
    rig.first.settle_ms = 100.0
    ear = await rig.stt.open()
    ear.begin()
    speak(ear, "ab")
    rig.first.hangs = slow
    settling = asyncio.create_task(ear.settle())
    await asyncio.sleep(0.05)
    ear.begin()
    speak(ear, "xy")
    rig.first.dead = True
    with pytest.raises(EngineFailed):
        await settling
    assert await settled(ear) == "x y"
    await ear.close()


async def test_words_so_far_and_final_ones_asked_for_together_change_once() -> None:
    rig = await started()
    ear = await rig.stt.open()
    ear.begin()
    speak(ear, "ab")
    rig.first.dead = True
    async with asyncio.TaskGroup() as tasks:
        early = tasks.create_task(ear.hypothesis())
        final = tasks.create_task(ear.settle())
    assert early.result().text.text == final.result().text.text == "a b"
    assert len(rig.spare.lent) == 1
    await ear.close()


async def test_what_is_kept_of_a_long_utterance_is_bounded_and_its_end_is_not_told_as_all_of_it() -> (
    None
):
    rig = await started()
    ear = await rig.stt.open()
    ear.begin()
    speak(ear, "a" * 40)
    rig.first.dead = True
    assert (await ear.hypothesis()).text.text == ""
    assert len(rig.spare.lent[0].heard) == KEPT_BYTES
    for _ in range(2):
        with pytest.raises(EngineFailed, match="all of it"):
            await ear.settle()
    ear.begin()
    speak(ear, "b")
    assert await settled(ear) == "b"
    await ear.close()


async def test_a_spare_that_was_there_from_the_beginning_hears_a_long_utterance() -> None:
    rig = await started()
    rig.first.dead = True
    ear = await rig.stt.open()
    ear.begin()
    speak(ear, "ab")
    assert await settled(ear) == "a b"
    speak(ear, "c" * 40)
    assert len((await settled(ear)).split()) == 42
    await ear.close()


async def test_a_lost_recogniser_comes_back_and_old_calls_stay_where_they_are() -> None:
    rig = await started()
    async with rig.stt.watched():
        old = await rig.stt.open()
        rig.first.lose()
        await asyncio.sleep(0.1)
        assert rig.circuits == [("open", "lost")]
        assert rig.stt.free_slots() == 2, "new calls are taken"
        rig.first.dead = False
        await asyncio.sleep(3)
        assert rig.circuits[1:] == [("closed", "")]
        old.begin()
        speak(old, "a")
        assert await settled(old) == "a"
        assert len(rig.spare.lent) == 1, "what it borrowed was of the lost one"
        assert rig.circuits[2:] == [], "and that says nothing about the present one"
        new = await rig.stt.open()
        new.begin()
        speak(new, "b")
        assert await settled(new) == "b"
        assert len(rig.spare.lent) == 1
        for ear in (old, new):
            await ear.close()


@pytest.mark.parametrize("slots", [1, 2])
async def test_a_call_in_a_language_of_the_firsts_alone_is_heard_again_once_it_is_back(
    slots: int,
) -> None:
    """A Spanish caller's ear did not live through the loss, and every later utterance failed."""
    rig = await started(slots)
    rig.first.language = "es"
    async with rig.stt.watched():
        ear = await rig.stt.open()
        ear.expect("day")
        ear.begin()
        speak(ear, "a")
        assert await settled(ear) == "a"
        rig.first.lose()
        await asyncio.sleep(0.1)
        ear.begin()
        speak(ear, "b")
        with pytest.raises(EngineFailed):
            await ear.settle()
        assert len(rig.first.lent) == 1, "nobody lends an ear while it is lost"
        ear.begin()
        speak(ear, "cd")
        rig.first.dead = False
        await asyncio.sleep(3)
        speak(ear, "e")
        async with asyncio.TaskGroup() as tasks:
            early = tasks.create_task(ear.hypothesis())
            final = tasks.create_task(ear.settle())
        assert early.result().text.text == final.result().text.text == "c d e"
        ear.begin()
        speak(ear, "f")
        assert await settled(ear) == "f"
        assert [lent.closed for lent in rig.first.lent] == [1, 0], "one slot for one call"
        assert rig.first.lent[1].expected == ["day"]
        assert rig.circuits == [("open", "lost"), ("closed", "")]
        rig.first.lose()
        await asyncio.sleep(0.1)
        rig.first.dead = False
        await asyncio.sleep(3)
        ear.begin()
        speak(ear, "g")
        assert await settled(ear) == "g", "as often as it comes back"
        await ear.close()
        assert [lent.closed for lent in rig.first.lent] == [1, 1, 1]
    assert (rig.spare.lent, rig.stood_in) == ([], [])


async def test_a_fresh_ears_words_of_the_next_utterance_are_no_answer_for_the_one_before() -> None:
    rig = await started()
    async with rig.stt.watched():
        ear = await lost_in_spanish(rig)
        rig.first.dead = False
        await asyncio.sleep(3)
        ear.begin()
        speak(ear, "b")
        rig.first.open_ms = 500.0
        async with asyncio.TaskGroup() as tasks:
            before = tasks.create_task(failed(ear))
            await asyncio.sleep(0.1)
            ear.begin()
            speak(ear, "c")
            await asyncio.sleep(1)
            assert await settled(ear) == "c"
        assert before.result() is None, "its own words, or none"
        await ear.close()


async def test_a_spares_words_of_the_next_utterance_are_no_answer_for_the_one_before() -> None:
    """The spare's ear is opened only when it is needed, and that takes its time."""
    rig = await started()
    rig.spare.open_ms = 500.0
    ear = await rig.stt.open()
    ear.begin()
    speak(ear, "b")
    rig.first.fails_once = 1
    async with asyncio.TaskGroup() as tasks:
        before = tasks.create_task(failed(ear))
        await asyncio.sleep(0.1)
        ear.begin()
        speak(ear, "c")
        await asyncio.sleep(1)
        assert await settled(ear) == "c"
    assert before.result() is None
    await ear.close()


@pytest.mark.parametrize("language", ["en", "es"])
async def test_an_utterance_that_fails_once_the_next_has_begun_leaves_that_to_the_first(
    language: Language,
) -> None:
    """Nobody else knows Spanish: the next utterance failed too, although the recogniser heard it."""
    rig = await started()
    rig.first.language = language
    ear = await rig.stt.open()
    ear.begin()
    speak(ear, "a")
    assert await settled(ear) == "a"
    ear.begin()
    speak(ear, "b")
    rig.first.fails_once = 1
    async with asyncio.TaskGroup() as tasks:
        before = tasks.create_task(failed(ear))
        await asyncio.sleep(0)
        ear.begin()
        speak(ear, "c")
        await asyncio.sleep(0.5)
        assert (await ear.hypothesis()).text.text == "c"
        assert await settled(ear) == "c"
    assert before.result() is None
    assert rig.stood_in == []
    await ear.close()


async def test_a_call_that_finds_every_slot_of_the_recovered_engine_lent_asks_again() -> None:
    rig = await started(1)
    async with rig.stt.watched():
        ear = await lost_in_spanish(rig)
        rig.first.slots = 0
        rig.first.dead = False
        await asyncio.sleep(3)
        for _ in range(2):
            ear.begin()
            speak(ear, "b")
            with pytest.raises(EngineFailed):
                await ear.settle()
        rig.first.slots = 1
        ear.begin()
        speak(ear, "c")
        assert await settled(ear) == "c"
        await ear.close()
        assert [lent.closed for lent in rig.first.lent] == [1, 1]


async def test_a_long_utterance_that_outlives_the_loss_is_not_told_by_its_end() -> None:
    rig = await started()
    async with rig.stt.watched():
        ear = await lost_in_spanish(rig)
        ear.begin()
        speak(ear, "b" * 40)
        rig.first.dead = False
        await asyncio.sleep(3)
        with pytest.raises(EngineFailed):
            await ear.settle()
        ear.begin()
        speak(ear, "c")
        assert await settled(ear) == "c"
        await ear.close()


async def test_only_the_loss_of_both_is_the_end() -> None:
    rig = await started()
    watching = asyncio.create_task(rig.stt.broken())
    rig.first.lose()
    await asyncio.sleep(1)
    assert not watching.done()
    ear = await rig.stt.open()
    ear.begin()
    speak(ear, "a")
    rig.spare.lose()
    await watching
    with pytest.raises(EngineFailed):
        await ear.settle()
    assert rig.stt.free_slots() == 0
    await ear.close()


async def test_a_closed_ear_answers_nobody() -> None:
    rig = await started()
    ear = await rig.stt.open()
    await ear.close()
    await ear.close()
    with pytest.raises(EngineFailed):
        await ear.settle()
    assert rig.first.lent[0].closed == 1
