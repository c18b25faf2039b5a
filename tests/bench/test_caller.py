from __future__ import annotations

import numpy as np
import pytest

from bench.audio import RATE_HZ
from bench.caller import Caller
from tests.fakes.protocol_server import ProtocolServer, Reply, tone

TOLERANCE_MS = 70.0
"""One packet on each side, the encoder's look-ahead of 6.5 ms, and a busy machine."""


def pad(samples: np.ndarray) -> np.ndarray:
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
