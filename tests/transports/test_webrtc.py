from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Any

import pytest

from pipeline.errors import OfferInvalid, TooMany
from pipeline.transports.ice import MAX_DATAGRAM_BYTES
from pipeline.transports.settings import MediaSettings
from tests.fakes.echo_call import EchoCall, RecordingCall
from tests.transports.browser import Browser, calling, until, visit_of
from tests.transports.ready_door import ReadyDoor

pytestmark = pytest.mark.wire


def packets_through(agent: Any, count: Callable[[], int]) -> list[tuple[bytes, int]]:
    """The caller's packets of sound, each with how much `count` grew before its socket's callback went on."""
    pass_on, seen = agent.data_received, list[tuple[bytes, int]]()

    def receive(data: bytes, component: int) -> None:
        before = count()
        pass_on(data, component)
        if 127 < data[0] < 192 and not 191 < data[1] < 224:  # RFC 7983, RFC 5761
            seen.append((data, count() - before))

    agent.data_received = receive
    return seen


async def test_an_echo_call_hears_and_is_heard() -> None:
    call = EchoCall()
    async with ReadyDoor(MediaSettings()) as door:
        async with calling(door.offer, call) as browser:
            browser.say({"type": "ping", "t": 7})
            assert await browser.wait_for("pong") == {"type": "pong", "t": 7.0}
            await asyncio.sleep(1.0)
            assert 40 <= call.frames <= 60
            assert 40 <= len(browser.packets) <= 60
        door.drop(call.call_id, "caller")
    assert call.hung_up == ["caller"]


@pytest.mark.parametrize(
    "sdp", ["", "garbage", "v=0\r\n", "v=0\r\nm=video 9 X 1\r\nm=audio", "é" * 10]
)
async def test_garbage_opens_nothing(sdp: str) -> None:
    call = EchoCall()
    async with ReadyDoor(MediaSettings()) as door:
        with pytest.raises(OfferInvalid):
            await door.offer(sdp, call)
        assert door.pending_offers == door.calls == 0
    assert call.hung_up == []


async def test_abandoned_offers_are_capped_and_leave_nothing() -> None:
    settings = MediaSettings(max_pending_offers=3, connect_limit_ms=500.0)
    calls = [EchoCall(f"call-{number}") for number in range(5)]
    browser = Browser()
    sdp = await browser.offer()
    async with ReadyDoor(settings) as door:
        for call in calls[:3]:
            await door.offer(sdp, call)
        for call in calls[3:]:
            with pytest.raises(TooMany):
                await door.offer(sdp, call)
        await asyncio.sleep(0.8)
        assert door.pending_offers == door.calls == 0
    await browser.close()
    assert [call.hung_up for call in calls] == [["not_connected"]] * 3 + [[]] * 2


async def test_foreign_packets_and_junk_do_not_disturb_a_call() -> None:
    call = EchoCall()
    async with ReadyDoor(MediaSettings()) as door:
        async with calling(door.offer, call) as browser:
            port = door._lines[call.call_id].visit.peer.agent.local_candidates[0].port  # type: ignore[union-attr]  # connected
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
                stranger.setblocking(False)
                for data in (b"\x00", b"", b"\x80" * 100, b"\x16" * 60, b"\x00\x01" + b"\xff" * 40):
                    stranger.sendto(data, ("127.0.0.1", port))
            for _ in range(20):
                browser.say("{" * 1_000)
            browser.say({"type": "dtmf", "key": "5"})
            browser.say({"type": "ping", "t": 1})
            await browser.wait_for("pong")
            frames = call.frames
            await asyncio.sleep(0.3)
            assert call.frames > frames + 8
            assert call.keys == ["5"]
        door.drop(call.call_id, "caller")


async def test_a_flood_of_junk_closes_the_connection() -> None:
    call = EchoCall()
    async with ReadyDoor(MediaSettings(end_after_ms=1_000.0)) as door:
        async with calling(door.offer, call) as browser:
            for _ in range(300):
                browser.say("junk")
            async with asyncio.timeout(60):
                while not call.detached:  # noqa: ASYNC110  # the fake has no event
                    await asyncio.sleep(0.02)
        door.drop(call.call_id, "caller")


async def test_a_packet_is_heard_within_the_turn_of_the_loop_that_read_it() -> None:
    call = RecordingCall()
    async with ReadyDoor(MediaSettings()) as door:
        async with calling(door.offer, call):
            heard = packets_through(visit_of(door, call).peer.agent, lambda: call.frames)
            await until(lambda: len(heard) >= 20)
        door.drop(call.call_id, "caller")
    assert sum(frames for _, frames in heard) >= len(heard) - 1


async def test_a_packet_that_is_repeated_forged_or_too_long_is_not_heard() -> None:
    call = RecordingCall()
    async with ReadyDoor(MediaSettings()) as door:
        async with calling(door.offer, call):
            agent = visit_of(door, call).peer.agent
            heard = packets_through(agent, lambda: call.frames)
            await until(lambda: len(heard) >= 5)
            (data, frames), before = heard[-1], call.frames
            assert frames == 1
            forged = data[:-1] + bytes([data[-1] ^ 1])
            for packet in (data, forged, data[:12], b"\x80\x6f", b"\x80", data + b"\x00" * 2_000):
                type(agent).data_received(agent, packet, 1)
            assert call.frames == before
            await until(lambda: call.frames >= before + 10)
        door.drop(call.call_id, "caller")
    assert call.hung_up == ["caller"]


async def test_a_fault_in_hearing_ends_the_connection_and_no_other() -> None:
    struck, other = RecordingCall("call-1"), RecordingCall("call-2")
    faults: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, told: faults.append(told))

    def broken(frame: bytes) -> None:
        raise RuntimeError("a fault of ours")

    async with ReadyDoor(MediaSettings()) as door:
        async with calling(door.offer, struck), calling(door.offer, other):
            struck.on_audio = broken  # type: ignore[method-assign]  # the fault
            await until(lambda: struck.detached)
            frames = other.frames
            await until(lambda: other.frames >= frames + 10)
            assert (struck.detached, other.detached) == (1, 0)
        for call in (struck, other):
            door.drop(call.call_id, "caller")
    assert faults


async def test_the_kernel_is_asked_for_no_more_than_a_datagram() -> None:
    call = RecordingCall()
    async with ReadyDoor(MediaSettings()) as door:
        async with calling(door.offer, call):
            agent = visit_of(door, call).peer.agent
            sizes = {protocol.transport.max_size for protocol in agent._protocols}
        door.drop(call.call_id, "caller")
    assert sizes == {MAX_DATAGRAM_BYTES}
