"""Two servers as one: a failing one is left at once, never asked twice in a reply, and tried before a caller meets it again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing

import pytest

from models.breaker import Circuit
from models.errors import EngineFailed
from models.openai_llm import BUSY, REFUSED, SLOW, STALLED, UNFIT, UNREACHABLE
from models.ports import ReplyEvent, ReplyRequest, TextDelta
from models.replicas import NONE_READY, Replicas

SAMPLE = ReplyRequest("warm-up", ())


class Server:
    """Says its script: texts, pauses in ms, an exception."""

    def __init__(self, *script: str | float | Exception) -> None:
        self.script: Sequence[str | float | Exception] = script
        self.trial: float | Exception = 0.0
        self.asked = self.tried = self.closed = 0
        self.stopped = False

    async def reply(self, request: ReplyRequest) -> AsyncIterator[ReplyEvent]:
        self.asked += 1
        done = False
        try:
            for item in self.script:
                if isinstance(item, Exception):
                    raise item
                if isinstance(item, float):
                    await asyncio.sleep(item / 1_000)
                else:
                    yield TextDelta(item)
            done = True
        finally:
            self.closed += not done

    async def warm(self, request: ReplyRequest) -> None:
        self.tried += 1
        assert request is SAMPLE
        if isinstance(self.trial, Exception):
            raise self.trial
        await asyncio.sleep(self.trial / 1_000)

    async def stop(self) -> None:
        self.stopped = True


def gone() -> EngineFailed:
    return EngineFailed("x", code=UNREACHABLE)


class Told(list[tuple[int, str, str]]):
    def __call__(self, server: int, circuit: Circuit, code: str) -> None:
        self.append((server, circuit.value, code))


async def said(model: Replicas, conversation: str = "") -> str:
    request = ReplyRequest("r", (), conversation=conversation)
    events = [event async for event in model.reply(request)]
    return "".join(event.text for event in events if isinstance(event, TextDelta))


async def test_a_server_that_refuses_costs_no_time_and_is_not_asked_again() -> None:
    first, second, told = Server(gone()), Server("Hello."), Told()
    model = Replicas([first, second], on_circuit=told)
    loop = asyncio.get_running_loop()
    async with model.running(SAMPLE):
        await model.start()
        began_s = loop.time()
        assert [await said(model) for _ in range(3)] == ["Hello."] * 3
        assert loop.time() == began_s
        assert (first.asked, second.asked) == (1, 3)
    assert told[:2] == [(0, "closed", ""), (1, "closed", "")]
    assert told[2:] == [(0, "open", UNREACHABLE)]
    assert first.stopped
    assert second.stopped


async def test_an_overloaded_one_is_left_for_this_reply_and_kept() -> None:
    first, second = Server(EngineFailed("x", code=BUSY)), Server("Hello.")
    model = Replicas([first, second])
    async with model.running(SAMPLE):
        await model.start()
        assert await said(model) == "Hello."
        assert model.ready == 2


async def test_what_was_heard_of_a_reply_is_not_said_again_by_another() -> None:
    first, second = Server("We open", gone()), Server("Hello.")
    model = Replicas([first, second])
    async with model.running(SAMPLE):
        await model.start()
        with pytest.raises(EngineFailed):
            await said(model)
        assert second.asked == 0


async def test_blanks_are_nothing_heard() -> None:
    model = Replicas([Server(" \n ", gone()), Server("Hello.")])
    async with model.running(SAMPLE):
        await model.start()
        assert (await said(model)).strip() == "Hello."


async def test_without_a_server_nobody_waits() -> None:
    server, told = Server("Hello."), Told()
    server.trial = gone()
    model = Replicas([server], on_circuit=told)
    async with model.running(SAMPLE):
        await model.start()
        with pytest.raises(EngineFailed) as caught:
            await said(model)
        assert caught.value.code == NONE_READY
        assert server.asked == 0
        server.trial = 0.0
        await asyncio.sleep(2)
        assert await said(model) == "Hello."
    assert told == [(0, "open", UNREACHABLE), (0, "closed", "")]


async def test_a_trial_that_hangs_ends() -> None:
    server = Server("Hello.")
    server.trial = 1e9
    model = Replicas([server], trial_ms=2_000)
    async with model.running(SAMPLE):
        began_s = asyncio.get_running_loop().time()
        await model.start()
        assert asyncio.get_running_loop().time() - began_s == 2.0
        assert model.ready == 0


async def test_a_trial_that_breaks_in_a_way_nobody_thought_of_is_one_that_failed() -> None:
    server = Server("Hello.")
    server.trial = KeyError("Zebulon")
    model = Replicas([server])
    async with model.running(SAMPLE):
        await model.start()
        assert model.ready == 0
        server.trial = 0.0
        await asyncio.sleep(2)
        assert await said(model) == "Hello."


async def test_a_server_that_comes_back_is_tried_by_us_and_not_by_a_caller() -> None:
    first, second = Server(gone()), Server("Second.")
    model = Replicas([first, second])
    async with model.running(SAMPLE):
        await model.start()
        assert await said(model) == "Second."
        first.trial = gone()
        await asyncio.sleep(20)
        assert (first.asked, first.tried) == (1, 6)
        first.script, first.trial = ["First."], 0.0
        await asyncio.sleep(15)
        assert await said(model) == "First."


async def test_two_slow_replies_in_a_row_are_a_failure_of_the_server() -> None:
    slow = EngineFailed("x", code=SLOW)
    model = Replicas([Server(slow), Server("Hello.")])
    async with model.running(SAMPLE):
        await model.start()
        assert await said(model) == "Hello."
        assert model.ready == 2
        assert await said(model) == "Hello."
        assert model.ready == 1


async def test_a_conversation_stays_where_its_beginning_is_known_and_calls_are_shared_out() -> None:
    first, second = Server("One ", 1_000.0, "first."), Server("One ", 1_000.0, "second.")
    model = Replicas([first, second])
    async with model.running(SAMPLE), asyncio.TaskGroup() as tasks:
        await model.start()
        calls = [tasks.create_task(said(model, f"call {at}")) for at in range(4)]
        await asyncio.sleep(2)
        assert [call.result() for call in calls] == [
            "One first.", "One second.", "One first.", "One second."
        ]  # fmt: skip
        assert await said(model, "call 1") == "One second."
        assert await said(model, "call 0") == "One first."


async def test_an_interruption_is_no_failure_and_closes_the_stream() -> None:
    server, told = Server("One ", "two ", 60_000.0), Told()
    model = Replicas([server], on_circuit=told)
    async with model.running(SAMPLE):
        await model.start()
        async with aclosing(model.reply(SAMPLE)) as reply:  # type: ignore[type-var]  # an async generator
            async for _ in reply:
                break
        assert server.closed == 1
        assert (model.ready, len(told)) == (1, 1)


async def test_a_model_that_talks_for_ever_says_nothing_about_its_server() -> None:
    model = Replicas([Server(EngineFailed("x", code="llm_endless"))])
    async with model.running(SAMPLE):
        await model.start()
        for _ in range(5):
            with pytest.raises(EngineFailed):
                await said(model)
        assert model.ready == 1


async def test_a_request_that_no_server_can_answer_says_nothing_about_them() -> None:
    servers, told = [Server(EngineFailed("x", code=UNFIT)) for _ in range(2)], Told()
    model = Replicas(servers, on_circuit=told)
    async with model.running(SAMPLE):
        await model.start()
        for _ in range(3):
            with pytest.raises(EngineFailed) as caught:
                await said(model, "a long call")
            assert caught.value.code == UNFIT
        assert model.ready == 2
        for server in servers:
            server.script = ["Hello."]
        assert await said(model, "another call") == "Hello."
    assert told == [(0, "closed", ""), (1, "closed", "")]


async def test_a_server_that_cannot_take_what_every_call_begins_with_is_not_used() -> None:
    server, told = Server("Hello."), Told()
    server.trial = EngineFailed("x", code=UNFIT)
    model = Replicas([server], on_circuit=told)
    async with model.running(SAMPLE):
        await model.start()
        assert model.ready == 0
    assert told == [(0, "open", REFUSED)]


@pytest.mark.parametrize("code", [SLOW, STALLED])
@pytest.mark.parametrize("confirmed", [False, True])
async def test_a_late_reply_counts_when_somebody_waited_for_it(code: str, confirmed: bool) -> None:
    """A guess about an unfinished turn is served last: that it waits is no fault of the server."""
    model = Replicas([Server(1_000.0, EngineFailed("x", code=code))])
    guess = ReplyRequest("guess", (), speculative=True)
    async with model.running(SAMPLE):
        await model.start()
        for _ in range(2):
            async with asyncio.TaskGroup() as tasks:
                reply = tasks.create_task(outcome(model, guess))
                await asyncio.sleep(0.5)
                if confirmed:
                    model.confirm("guess")
            assert reply.result() == code
        assert model.ready == (0 if confirmed else 1)


async def outcome(model: Replicas, request: ReplyRequest) -> str:
    try:
        async for _ in model.reply(request):
            pass
    except EngineFailed as error:
        return error.code
    return ""


async def test_a_server_is_tried_with_every_sample() -> None:
    asked: list[ReplyRequest] = []

    class Tried(Server):
        async def warm(self, request: ReplyRequest) -> None:
            asked.append(request)

    other = ReplyRequest("warm-up", (), tool_choice="none")
    async with (model := Replicas([Tried()])).running(SAMPLE, other):
        await model.start()
        assert model.ready == 1
    assert asked == [SAMPLE, other]
