from __future__ import annotations

import asyncio

import pytest

from pipeline.transports.settings import MediaSettings
from pipeline.transports.webrtc import WebRtcDoor
from tests.fakes.echo_call import EchoCall
from tests.transports.browser import calling

pytestmark = pytest.mark.wire


async def test_an_echo_call_hears_and_is_heard() -> None:
    call = EchoCall()
    async with WebRtcDoor(MediaSettings()) as door:
        async with calling(door.offer, call) as browser:
            browser.say({"type": "ping", "t": 7})
            assert await browser.wait_for("pong") == {"type": "pong", "t": 7.0}
            await asyncio.sleep(1.0)
            assert 40 <= call.frames <= 60
            assert 40 <= len(browser.packets) <= 60
        door.drop(call.call_id, "caller")
    assert call.hung_up == ["caller"]
