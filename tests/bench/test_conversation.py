from __future__ import annotations

import random

import pytest

from bench.caller import Caller
from bench.conversation import Interruptions, play, speak_lines
from bench.script import shipped
from tests.bench.conversing import QUESTIONS, ToneReceptionist, ToneVoice
from tests.fakes.protocol_server import ProtocolServer, Reply, tone

BOOKING = shipped("booking")


@pytest.mark.wire
async def test_booking_is_made_whatever_the_order_and_a_wrong_value_is_corrected() -> None:
    order = ["day", "reason", "phone", "time", "first_name"]
    desk = ToneReceptionist(BOOKING, order, {"day": "Thursday, November 26"}, reply_ms=250.0)
    async with ProtocolServer(desk, delay_ms=120.0) as server:
        server.greeting = Reply(f"Hello. {QUESTIONS['day']}")
        async with Caller(server.url) as call:
            verdict = await play(call, BOOKING, ToneVoice(BOOKING, 200.0), draw=random.Random(1))
    assert verdict.met, verdict.why
    assert "No, Tuesday." in desk.heard
    assert call.record.request["day"].startswith("Tuesday")
    assert call.record.ended == "goodbye"
    spoken = [turn for turn in call.record.turns if turn.how == "speech"]
    assert len(spoken) == 7
    assert all(turn.wire_ms is not None for turn in spoken)


@pytest.mark.wire
async def test_interruptions_of_a_script_are_measured_and_the_booking_still_stands() -> None:
    desk = ToneReceptionist(BOOKING, list(QUESTIONS), {})
    async with ProtocolServer(desk, delay_ms=120.0) as server:
        server.greeting = Reply(f"Hello. {QUESTIONS['reason']}")
        server.barge_in_delay_ms = 160.0
        async with Caller(server.url) as call:
            verdict = await play(
                call,
                BOOKING,
                ToneVoice(BOOKING),
                draw=random.Random(2),
                interruptions=Interruptions(2, (100.0, 300.0)),
            )
    assert verdict.met, verdict.why
    cuts = [turn for turn in call.record.turns if turn.said == BOOKING.interrupt]
    assert len(cuts) == 2
    assert all(turn.barge_in_ms is not None for turn in cuts)
    assert all(turn.stale_frames <= 3 for turn in cuts)  # what the fake's encoder still held


@pytest.mark.wire
async def test_a_single_line_interrupts_the_reply_to_itself() -> None:
    async with ProtocolServer(
        lambda _pitch: Reply("A long answer.", duration_ms=1_500.0)
    ) as server:
        server.barge_in_delay_ms = 160.0
        async with Caller(server.url) as call:
            await speak_lines(call, [("Hello there.", tone(0, 400.0))], 300.0)
    _, said, cut = call.record.turns
    assert said.said == cut.said == "Hello there."
    assert cut.barge_in_ms is not None
