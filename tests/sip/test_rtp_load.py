"""What a call costs: forty legs that echo, fed by telephones in another process."""

from __future__ import annotations

import asyncio
import sys
import time

import pytest

from pipeline.sip.rtp_leg import RtpLeg
from pipeline.sip.rtp_settings import RtpSettings
from tests.sip.far_end import KEY, Taker, sdp
from tests.sip.test_rtp_wire import HERE, ports

pytestmark = [pytest.mark.wire, pytest.mark.long]

CALLS = 40
SPAN_S = 20.0
MOST_PERCENT = 2.0
"""Of a core and a call: measured 0.7 beside other work on the machine this was written on, with room for slower ones."""


class Echo(Taker):
    """Says what it hears."""

    def __init__(self, leg: RtpLeg) -> None:
        super().__init__()
        self._leg = leg

    def on_audio(self, pcm: bytes) -> None:
        self._leg.play(pcm)


@pytest.mark.parametrize("key", [None, KEY], ids=["plain", "srtp"])
async def test_forty_echoing_calls_and_what_each_costs(key: bytes | None) -> None:
    asyncio.get_running_loop().set_debug(False)  # it would note where each timer was made
    range_ = ports(4 * CALLS)
    legs = []
    for _ in range(CALLS):
        leg = RtpLeg(
            RtpSettings(srtp_required=key is not None, allowed_sources=("127.0.0.0/8",)), range_
        )
        leg.answer(sdp(key=key, address=HERE, port=9))
        leg.attach(Echo(leg))
        legs.append(leg)
    numbers = ",".join(str(leg._wire.rtp_port) for leg in legs)
    telephones = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.sip.telephones", numbers, key.hex() if key else "-", str(SPAN_S),
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert telephones.stdout is not None
    assert await telephones.stdout.readline() == b"ready\n"
    cpu_s = time.thread_time()
    sent, got = (int(each) for each in (await telephones.stdout.readline()).split())
    used_s = time.thread_time() - cpu_s
    await telephones.wait()
    heard = sum(leg.figures.packets_received for leg in legs)
    concealed = sum(leg.figures.concealed_ms for leg in legs)
    for leg in legs:
        leg.close()
    percent = (
        100.0 * used_s / (0.020 * heard)
    )  # of the sound that this machine had time to listen to
    print(
        f"{CALLS} calls, {percent:.2f} % of a core each; {heard} of {sent} heard, {concealed:.0f} ms invented"
    )
    assert heard >= 0.9 * sent
    assert got >= 0.9 * sent
    assert percent <= MOST_PERCENT
