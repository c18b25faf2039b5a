"""The live view's book: what a page that looks now is shown, and what it never is."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from aiohttp import web

from pipeline.supervisor import front
from pipeline.supervisor.live import QUEUE_MAX, LiveView, Watching


class Clock:
    at_ms = 0.0

    def now_ms(self) -> float:
        return self.at_ms


def call(call_id: str, **changes: Any) -> dict[str, Any]:
    return {"type": "call", "call_id": call_id, "state": "listening", "since_s": 0, **changes}


async def seen(page: Watching) -> list[dict[str, Any]]:
    """Everything the page would read without waiting."""
    messages = []
    while (message := await page.next(limit_ms=0)) is not None:
        messages.append(message)
    return messages


async def test_a_page_that_opens_is_shown_the_present_and_then_what_comes() -> None:
    clock = Clock()
    view = LiveView(clock)
    request = {
        "type": "request",
        "call_id": "c1",
        "fields": {"day": "masked", "birth_date": "collected"},
        "revisions": {"day": 2, "birth_date": 1},
        "complete": False,
    }
    assert view.tell(call("c1", since_s=2))
    assert view.tell(call("c1", state="speaking", since_s=2.5))
    assert view.tell(request)
    assert view.tell(call("c2"))
    view.forget("c2", "over")
    clock.at_ms = 60_000.0
    with view.watch() as page:
        assert await seen(page) == [call("c1", state="speaking", since_s=62.5), request]
        view.tell(call("c3"))
        assert await seen(page) == [call("c3")]


async def test_a_page_that_opens_late_sees_the_urgent_word_and_the_wish_for_a_person() -> None:
    view = LiveView(Clock())
    view.tell({"type": "urgent", "call_id": "c1", "kind": "chest_pain"})
    view.tell({"type": "urgent", "call_id": "c1", "kind": "person:no_answer"})
    with view.watch() as page:
        assert [message["kind"] for message in await seen(page)] == [
            "chest_pain",
            "person:no_answer",
        ]


async def test_a_page_that_opens_late_sees_whether_a_call_is_recorded() -> None:
    view = LiveView(Clock())
    for state in ("on", "paused"):
        assert view.tell({"type": "recording", "call_id": "c1", "state": state})
    assert not view.tell({"type": "recording", "call_id": "c1", "state": "José"})
    with view.watch() as page:
        assert [message["state"] for message in await seen(page)] == ["paused"]


async def test_whether_a_request_is_stored_is_told_also_after_the_end_and_then_not_kept() -> None:
    view = LiveView(Clock())
    waiting = {"type": "kept", "call_id": "c1", "kept": "waiting"}
    stored = {"type": "kept", "call_id": "c1", "kept": "stored"}
    with view.watch() as page:
        view.tell(call("c1"))
        assert view.tell(waiting)
        assert not view.tell({"type": "kept", "call_id": "c1", "kept": "José"})
        with view.watch() as later:
            assert await seen(later) == [call("c1"), waiting]
        view.forget("c1", "over")
        assert view.tell(stored)
        assert (await seen(page))[-1] == stored
    with view.watch() as page:
        assert await seen(page) == []


NETWORK = {
    "type": "network",
    "call_id": "c1",
    "troubles": ["loss"],
    "detect_ms": [90.0, 120.0],
    "stages_ms": {"decision": [210.0, 400.0]},
    "loss_percent": 7.0,
    "jitter_ms": 3.0,
    "round_trip_ms": None,
}


@pytest.mark.parametrize(
    "changes",
    [
        {"troubles": ["Maria Gonzalez"]},
        {"troubles": "loss"},
        {"stages_ms": {"Maria": [1.0, 2.0]}},
        {"stages_ms": {"decision": ["Maria", 2.0]}},
        {"stages_ms": {"decision": "Maria"}},
        {"stages_ms": None},
        {"detect_ms": ["90", 120.0]},
        {"detect_ms": "90"},
        {"loss_percent": "Maria"},
        {"jitter_ms": True},
        {"words": "Maria"},
    ],
)
async def test_of_a_network_nothing_but_numbers_and_names_of_ours_is_shown(
    changes: dict[str, Any],
) -> None:
    view = LiveView(Clock())
    assert view.tell(dict(NETWORK))
    assert view.tell({**NETWORK, "detect_ms": None, "stages_ms": {}})
    assert not view.tell({**NETWORK, **changes})


async def test_a_call_that_ends_is_told_once_and_forgotten() -> None:
    view = LiveView(Clock())
    with view.watch() as page:
        view.tell(call("c1"))
        view.forget("c1", "worker_lost")
        view.forget("c1", "over")
        assert await seen(page) == [
            call("c1"),
            {"type": "ended", "call_id": "c1", "reason": "worker_lost"},
        ]
    with view.watch() as later:
        assert await seen(later) == []


@pytest.mark.parametrize(
    "message",
    [
        {"type": "request", "call_id": "c1", "fields": {"day": "Tuesday"}, "complete": False},
        {"type": "request", "call_id": "c1", "fields": {"day": ["Tuesday"]}, "complete": False},
        {"type": "request", "call_id": "c1", "fields": ["Tuesday"], "complete": False},
        {
            "type": "request",
            "call_id": "c1",
            "fields": {"day": "masked"},
            "revisions": {"day": "Tuesday"},
            "complete": False,
        },
        {
            "type": "request",
            "call_id": "c1",
            "fields": {"day": "masked"},
            "revisions": {"Tuesday": 1},
            "complete": False,
        },
        {"type": "caption", "call_id": "c1", "text": "my name is Maria"},
        {**call("c1"), "text": "my name is Maria"},
        {"type": "turn", "call_id": "c1", "turn": 1, "marks_ms": {"x" * 5000: 1}},
        {"type": ["call"], "call_id": "c1"},
        {},
    ],
)
async def test_what_the_protocol_does_not_name_is_shown_to_nobody(message: dict[str, Any]) -> None:
    view = LiveView(Clock())
    with view.watch() as page:
        assert not view.tell(message)
        assert await seen(page) == []


async def test_a_page_too_far_behind_is_sent_away_and_others_are_not() -> None:
    view = LiveView(Clock())
    with view.watch() as slow, view.watch() as quick:
        for number in range(QUEUE_MAX):
            view.tell(call(f"c{number}"))
        before = slow.overrun
        assert len(await seen(quick)) == QUEUE_MAX
        view.tell(call("one-more"))
        assert (before, slow.overrun) == (False, True)
        assert await seen(slow) == []
        assert await seen(quick) == [call("one-more")]
    with view.watch() as back:
        assert len(await seen(back)) == QUEUE_MAX + 1
        assert not back.overrun


class Stuck(web.StreamResponse):
    """An answer whose reader takes nothing."""

    async def write(self, data: bytes | bytearray | memoryview) -> None:
        await asyncio.Event().wait()


async def test_a_reader_who_takes_nothing_for_ten_seconds_is_given_up() -> None:
    began_s = asyncio.get_running_loop().time()
    with pytest.raises(TimeoutError):
        await front._write(Stuck(), {"type": "alive"})
    assert asyncio.get_running_loop().time() - began_s == pytest.approx(10)


async def test_closing_wakes_whoever_waits() -> None:
    view = LiveView(Clock())
    with view.watch() as page:
        async with asyncio.TaskGroup() as group, asyncio.timeout(1):
            waiting = group.create_task(page.next(limit_ms=60_000))
            await asyncio.sleep(0)
            view.close()
        assert waiting.result() is None


async def test_a_page_is_told_what_takes_so_long_that_new_callers_are_refused() -> None:
    view = LiveView(Clock())
    with view.watch() as early:
        view.show_late(["hearing"])
        view.show_late(["hearing"])
        with view.watch() as later:
            assert await seen(later) == [{"type": "admission", "late": ["hearing"]}]
        view.show_late([])
        assert [message["late"] for message in await seen(early)] == [["hearing"], []]
    with view.watch() as after:
        assert await seen(after) == []
