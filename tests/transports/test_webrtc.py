from __future__ import annotations

import asyncio
import socket

import pytest

from pipeline.errors import OfferInvalid, TooMany
from pipeline.transports.settings import MediaSettings
from tests.fakes.echo_call import EchoCall
from tests.transports.browser import Browser, calling
from tests.transports.ready_door import ReadyDoor

pytestmark = pytest.mark.wire


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
