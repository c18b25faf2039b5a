"""A worker's records wait until the supervisor has them, and a call's end waits for that, within a limit."""

from __future__ import annotations

import asyncio
from typing import Any

from pipeline.audit.call import CallAudit
from pipeline.audit.post import AuditPost, NotTaken
from pipeline.clock import LoopClock
from tests.audit.rig import end, start

CALL = "c0000000000aa"


class Desk:
    """Takes records, or refuses so many times first."""

    def __init__(self, refusals: int = 0) -> None:
        self.refusals = refusals
        self.taken: list[dict[str, Any]] = []

    async def take(self, records: list[dict[str, Any]]) -> None:
        await asyncio.sleep(0.01)
        if self.refusals:
            self.refusals -= 1
            raise NotTaken
        self.taken += records

    def types(self) -> list[str]:
        return [item["type"] for item in self.taken]


async def test_records_arrive_once_and_in_order_after_refusals() -> None:
    desk = Desk(refusals=3)
    post = AuditPost(desk.take)
    async with asyncio.TaskGroup() as group:
        running = group.create_task(post.run())
        for number in range(450):
            post.put(start(number))
        assert await post.flushed(10_000)
        running.cancel()
    assert [item["fields"] for item in desk.taken] == [start(n).fields() for n in range(450)]


async def test_a_supervisor_that_takes_nothing_holds_a_call_s_end_a_second_and_no_longer() -> None:
    desk = Desk(refusals=10**9)
    post = AuditPost(desk.take)
    async with asyncio.TaskGroup() as group:
        running = group.create_task(post.run())
        began = asyncio.get_running_loop().time()
        await CallAudit(CALL, post, LoopClock()).end("caller")
        assert asyncio.get_running_loop().time() - began <= 1.01
        running.cancel()


async def test_a_confirmation_that_was_taken_back_is_no_booking() -> None:
    desk = Desk()
    post = AuditPost(desk.take)
    async with asyncio.TaskGroup() as group:
        running = group.create_task(post.run())
        audit = CallAudit(CALL, post, LoopClock())
        audit.request({"phone": "…12"}, {}, True)
        audit.request({"phone": "…12"}, {}, False)
        await audit.end("goodbye")
        running.cancel()
    assert desk.taken[-1]["fields"]["disposition"] == "goodbye"


async def test_what_a_call_leaves_holds_names_and_no_value() -> None:
    desk = Desk()
    post = AuditPost(desk.take)
    async with asyncio.TaskGroup() as group:
        running = group.create_task(post.run())
        audit = CallAudit(CALL, post, LoopClock())
        audit.call("greeting")
        audit.turn(3, {"decision": 200.0}, False)
        audit.cut(3)
        audit.turn(4, {"decision": 200.0}, False)
        audit.urgent("chest_pain")
        audit.urgent("person:asked")
        audit.request({"phone": "…12", "first_name": "Sam"}, {}, False)
        audit.request({"phone": "…12", "first_name": "Sam"}, {}, True)
        audit.request({"phone": "…12", "first_name": "Sam"}, {}, True)
        await asyncio.sleep(61.24)
        await audit.end("goodbye")
        running.cancel()
    assert desk.types() == ["barge_in", "escalation", "escalation", "function_call", "call_end"]
    assert [r["fields"].get("kind") for r in desk.taken[1:3]] == ["urgent", "person"]
    assert desk.taken[-1]["fields"] == {
        "call_id": CALL,
        "duration": 61.2,
        "disposition": "booked",
        "field_names": ("first_name", "phone"),
    }
    assert "Sam" not in str(desk.taken)
    assert "chest" not in str(desk.taken)
    assert end().type == "call_end"
