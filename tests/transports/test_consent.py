"""A caller's end is asked now and then whether it wants our packets: who answers late is far away, not gone."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from ipaddress import ip_network
from typing import Any, cast

import aioice
import pytest
from aioice.ice import CandidatePair
from aioice.stun import Class, Message, parse_message

from pipeline.clock import LoopClock
from pipeline.transports.ice import LocalIce, _Listener

HOURS_S = 1_800.0
AT = ("127.0.0.1", 50_000)
PASSWORD = "of-the-caller-0123456789"  # noqa: S105  # a test's
Answers = Callable[[int], float | None]
"""After how many seconds the n-th question is answered; None: not at all."""


class Far(asyncio.DatagramTransport):
    """A network and the caller at its end: each question of ours comes back, signed, as late as it is told."""

    def __init__(self, agent: LocalIce, answers: Answers) -> None:
        super().__init__()
        self._answers = answers
        self._asked = list[bytes]()
        self.listener = _Listener(agent)
        self.listener.local_candidate = candidate(40_000)
        self.listener.connection_made(self)

    def sendto(self, data: Any, addr: Any = None) -> None:
        question = parse_message(bytes(data))
        if question.transaction_id not in self._asked:
            self._asked.append(question.transaction_id)
        after_s = self._answers(self._asked.index(question.transaction_id))
        if after_s is None:
            return
        answer = Message(question.message_method, Class.RESPONSE, question.transaction_id)
        answer.add_message_integrity(PASSWORD.encode())
        loop = asyncio.get_running_loop()
        loop.call_later(after_s, self.listener.datagram_received, bytes(answer), addr)

    def close(self) -> None:
        self.listener.connection_lost(None)


def candidate(port: int) -> aioice.Candidate:
    return aioice.Candidate("f", 1, "udp", 1, AT[0], port, "host")


async def lasted_s(answers: Answers) -> float:
    """For how long a connection with such a caller stands, half an hour at most."""
    agent = LocalIce(addresses=[], ports=(0, 0), networks=(ip_network("127.0.0.0/8"),))
    agent.remote_username, agent.remote_password = "caller", PASSWORD
    far = Far(agent, answers)
    agent._protocols = [far.listener]
    pair = CandidatePair(far.listener, candidate(AT[1]))
    agent._nominated = cast("dict[int, CandidatePair]", {1: pair})
    clock = LoopClock()
    try:
        async with asyncio.timeout(HOURS_S):
            await agent.query_consent()
    except TimeoutError:
        await agent.close()
    return clock.now_ms() / 1000


@pytest.mark.parametrize(
    "answers",
    [
        pytest.param(lambda n: 0.0, id="at once"),
        pytest.param(lambda n: 0.6, id="by satellite"),
        pytest.param(lambda n: 3.0, id="after three seconds"),
        pytest.param(lambda n: None if n % 3 else 0.05, id="one question in three"),
    ],
)
async def test_a_caller_who_answers_is_not_cut_off_however_far_away_they_are(
    answers: Answers,
) -> None:
    """Symptom: a page's call whose packets were up to 400 ms late, each way, broke off after 33 s."""
    assert await lasted_s(answers) == HOURS_S


@pytest.mark.parametrize(
    "answers",
    [
        pytest.param(lambda n: None, id="nothing"),
        pytest.param(lambda n: 0.05 if n == 0 else None, id="once"),
        pytest.param(lambda n: 5.0, id="too late for any question"),
    ],
)
async def test_a_caller_who_is_gone_is_sent_nothing_after_half_a_minute(answers: Answers) -> None:
    assert (
        30.0 <= await lasted_s(answers) <= 36.5
    )  # 30 s from the last answer, which came within 6 s
