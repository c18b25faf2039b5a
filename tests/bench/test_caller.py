from __future__ import annotations

import asyncio

import numpy as np
import pytest

from bench.audio import RATE_HZ, Samples
from bench.caller import Caller
from bench.errors import CallLost, CallRejected, MediaUnreachable, NothingHeard, ServerUnreachable
from tests.fakes.protocol_server import ProtocolServer, Reply, tone

TOLERANCE_MS = 70.0
"""One packet on each side, the encoder's look-ahead of 6.5 ms, and a busy machine."""


def pad(samples: Samples) -> Samples:
    quiet = np.zeros(RATE_HZ // 20, np.int16)
    return np.concatenate([quiet, samples, quiet])


@pytest.mark.wire
async def test_wire_time_of_a_turn_is_the_delay_that_the_server_was_told() -> None:
    async with ProtocolServer(
        lambda pitch: Reply(f"reply to {pitch}", heard=f"line {pitch}")
    ) as server:
        server.delay_ms = 300.0
        async with Caller(server.url) as call:
            await call.reply_over(5_000)
            turn = await call.say(pad(tone(3, 500)), "the third line")
            await call.heard_reply(turn, 5_000)
            await call.reply_over(5_000)
        assert turn.wire_ms is not None
        assert 300.0 <= turn.wire_ms <= 300.0 + TOLERANCE_MS
        assert (turn.said, turn.heard, turn.reply) == ("the third line", "line 3", "reply to 3")
        assert call.record.turns[0].reply == "Hello. How can I help?"
        assert call.record.ended == "hangup"


@pytest.mark.wire
async def test_barge_in_time_is_the_delay_that_the_server_was_told() -> None:
    async with ProtocolServer(lambda pitch: Reply(str(pitch), duration_ms=3_000)) as server:
        server.delay_ms = 150.0
        server.barge_in_delay_ms = 180.0
        async with Caller(server.url) as call:
            await call.reply_over(5_000)
            turn = await call.say(pad(tone(3, 300)), "a question")
            await call.heard_reply(turn, 5_000)
            await call.pause(400)
            cut = await call.say(pad(tone(4, 700)), "stop")
            await call.heard_reply(cut, 5_000)
        assert cut.wire is not None
        assert cut.wire.interrupted
        assert not cut.wire.talked_over
        assert cut.barge_in_ms is not None
        assert 180.0 - 25.0 <= cut.barge_in_ms <= 180.0 + TOLERANCE_MS
        assert cut.flush_ms == pytest.approx(180.0, abs=TOLERANCE_MS)
        assert cut.stale_frames <= 2
        assert cut.wire_ms is not None
        assert 150.0 <= cut.wire_ms <= 150.0 + TOLERANCE_MS


@pytest.mark.wire
async def test_server_that_ignores_an_interruption_is_caught_talking() -> None:
    async with ProtocolServer(lambda pitch: Reply(str(pitch), duration_ms=2_500)) as server:
        server.delay_ms = 150.0
        server.falls_silent = False
        async with Caller(server.url) as call:
            await call.reply_over(5_000)
            turn = await call.say(pad(tone(3, 300)), "a question")
            await call.heard_reply(turn, 5_000)
            cut = await call.say(pad(tone(4, 700)), "stop")
            await call.reply_over(10_000)
        assert cut.wire is not None
        assert cut.wire.kept_talking
        assert cut.barge_in_ms is None
        assert cut.stale_frames > 10


@pytest.mark.wire
async def test_keys_typing_and_goodbye_travel_as_the_protocol_says() -> None:
    async with ProtocolServer(lambda pitch: Reply(str(pitch))) as server:
        async with Caller(server.url) as call:
            await call.reply_over(5_000)
            await call.press("5*#")
            call.type_text("Tuesday")
            await call.pause(100)
        (line,) = server.calls
        assert [m for m in line.messages if m["type"] == "dtmf"] == [
            {"type": "dtmf", "key": key} for key in "5*#"
        ]
        assert {"type": "typed", "text": "Tuesday"} in line.messages
        (heard,) = [m for m in line.messages if m["type"] == "heard"]
        assert heard["epoch"] == 1
        assert line.pings >= 1
        assert line.ended.is_set()
        assert server.origins == [server.url]


@pytest.mark.wire
async def test_offer_names_only_loopback_for_a_server_on_loopback() -> None:
    async with ProtocolServer(lambda pitch: Reply(str(pitch))) as server:
        async with Caller(server.url):
            pass
        candidates = [line for line in server.offers[0].splitlines() if "candidate:" in line]
        assert candidates
        assert all(" 127.0.0.1 " in line for line in candidates)
        assert "stun" not in server.offers[0]


@pytest.mark.wire
async def test_refusal_is_passed_on_in_the_servers_own_words() -> None:
    async with ProtocolServer(lambda pitch: Reply(str(pitch))) as server:
        server.reject = (503, "busy", "All lines are busy.")
        with pytest.raises(CallRejected, match=r"503 busy\): All lines are busy\."):
            async with Caller(server.url):
                raise AssertionError("the call went through")


@pytest.mark.wire
async def test_wrong_token_is_a_refusal() -> None:
    async with ProtocolServer(lambda pitch: Reply(str(pitch))) as server:
        server.forget_tokens = True
        with pytest.raises(CallRejected, match="401 not_authorised"):
            async with Caller(server.url):
                raise AssertionError("the call went through")


@pytest.mark.wire
async def test_no_server_is_one_sentence() -> None:
    with pytest.raises(ServerUnreachable, match="make serve"):
        async with Caller("http://127.0.0.1:9"):
            raise AssertionError("the call went through")


@pytest.mark.wire
async def test_answer_without_a_candidate_is_no_media_path() -> None:
    async with ProtocolServer(lambda pitch: Reply(str(pitch))) as server:
        server.hide_candidates = True
        with pytest.raises(MediaUnreachable):
            async with Caller(server.url):
                raise AssertionError("the call went through")


@pytest.mark.wire
async def test_server_that_dies_in_mid_call_ends_every_wait_with_a_sentence() -> None:
    async with ProtocolServer(lambda pitch: Reply(str(pitch))) as server:

        async def talk() -> None:
            async with Caller(server.url) as call:
                await call.reply_over(5_000)
                await server.die()
                await call.pause(20_000)

        with pytest.raises(CallLost, match=r"stopped answering|broke off"):
            await talk()


@pytest.mark.wire
async def test_lost_worker_ends_the_call_at_once() -> None:
    async with ProtocolServer(lambda pitch: Reply(str(pitch))) as server:

        async def talk() -> None:
            async with Caller(server.url) as call:
                await call.reply_over(5_000)
                server.calls[0].lose_worker()
                await call.pause(3_000)

        with pytest.raises(CallLost, match="worker"):
            await talk()


@pytest.mark.wire
async def test_server_that_says_nothing_is_not_waited_for_forever() -> None:
    async with ProtocolServer(lambda pitch: Reply(str(pitch))) as server:
        server.deaf_turns = {1}
        async with Caller(server.url) as call:
            await call.reply_over(5_000)
            turn = await call.say(pad(tone(3, 300)), "hello?")
            with pytest.raises(NothingHeard, match="did not answer"):
                await call.heard_reply(turn, 700)
        assert turn.wire_ms is None


@pytest.mark.wire
async def test_a_call_that_ends_while_the_caller_speaks_ends_his_line() -> None:
    async with (
        ProtocolServer(lambda pitch: Reply(str(pitch))) as server,
        Caller(server.url) as call,
    ):
        await call.reply_over(5_000)
        ending = asyncio.get_running_loop().create_task(
            server.calls[0].say_goodbye_after(200), name="the server's end of it"
        )
        async with asyncio.timeout(30):
            await call.say(pad(tone(3, 60_000)), "a very long story")
        await ending
        assert call.record.ended == "goodbye"
