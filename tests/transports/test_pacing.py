"""Target C2: the spacing of sent packets against a bare sender with absolute deadlines, in the same run."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import numpy as np
import pytest

from pipeline.transports.settings import MediaSettings
from tests.fakes.bare_sender import FRAME_MS, BareSender, drift_ms, errors
from tests.fakes.echo_call import TaggedCall
from tests.transports.browser import calling, visit_of
from tests.transports.ready_door import ReadyDoor

pytestmark = pytest.mark.wire

SPAN_S = 60.0


def watched(audio: Any) -> list[float]:
    """The times at which audio packets had been handed to the kernel."""
    loop = asyncio.get_running_loop()
    sent_ms: list[float] = []
    send = audio._dtls.send_rtp_now

    def timed(data: bytes) -> bool:
        done = bool(send(data))
        if done:
            sent_ms.append(loop.time() * 1000.0)
        return done

    audio._dtls.send_rtp_now = timed
    return sent_ms


@pytest.mark.long
async def test_packets_leave_as_evenly_as_from_a_bare_sender_for_a_minute() -> None:
    call = TaggedCall()
    settings = MediaSettings(reconnecting_after_ms=300_000.0, end_after_ms=300_000.0)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ear:
        ear.bind(("127.0.0.1", 0))
        async with (
            ReadyDoor(settings) as door,
            calling(door.offer, call, microphone=False) as browser,
        ):
            call.speak(SPAN_S + 3.0)
            await asyncio.sleep(0.5)
            sent_ms = watched(visit_of(door, call).peer.audio)
            arrived = len(browser.packets)
            bare = BareSender(ear.getsockname())
            await asyncio.sleep(SPAN_S)
            bare.close()
            packets, arrived = len(sent_ms), len(browser.packets) - arrived
            door.drop(call.call_id, "caller")
    ours, theirs = errors(sent_ms), errors(bare.sent_ms)
    sd, bare_sd = float(np.std(np.diff(sent_ms))), float(np.std(np.diff(bare.sent_ms)))
    p99, bare_p99 = float(np.percentile(ours, 99)), float(np.percentile(theirs, 99))
    print(
        f"spacing sd {sd:.2f} ms (bare {bare_sd:.2f}), p99 error {p99:.2f} ms (bare {bare_p99:.2f})"
    )
    print(f"drift {drift_ms(sent_ms):.2f} ms in {packets} packets, {arrived} arrived")
    assert sd <= max(1.5, 1.5 * bare_sd)
    assert p99 <= max(3.0, 2.0 * bare_p99)
    assert abs(packets - SPAN_S * 1000.0 / FRAME_MS) <= 3
    assert abs(arrived - packets) <= 5
    assert abs(drift_ms(sent_ms)) <= 2.0
