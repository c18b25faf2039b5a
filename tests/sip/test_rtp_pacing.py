"""Targets C2 and B1 on the telephone's socket: even spacing, and silence after a flush, beside a bare sender."""

from __future__ import annotations

import asyncio
import socket

import numpy as np
import pytest

from pipeline.media.g711 import ulaw_decode
from pipeline.sip.rtp_leg import RtpLeg
from pipeline.sip.rtp_settings import RtpSettings
from tests.fakes.bare_sender import BareSender, errors
from tests.sip.far_end import FRAME, Taker, is_speech, sdp, tone
from tests.sip.test_rtp_wire import HERE, ports

pytestmark = pytest.mark.wire


class Ear:
    """A telephone's socket: when each packet came, and whether it was speech."""

    def __init__(self) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((HERE, 0))
        self.socket.setblocking(False)
        self.came: list[tuple[float, bool]] = []
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self.socket, self._read)

    def _read(self) -> None:
        data = self.socket.recv(2_048)
        speech = len(data) == 12 + FRAME and is_speech(ulaw_decode(data[12:]))
        self.came.append((self._loop.time() * 1_000.0, speech))

    def close(self) -> None:
        self._loop.remove_reader(self.socket)
        self.socket.close()


def leg_to(ear: Ear) -> RtpLeg:
    leg = RtpLeg(RtpSettings(srtp_required=False), ports())
    leg.answer(sdp(key=None, address=HERE, port=ear.socket.getsockname()[1]))
    leg.attach(Taker())
    return leg


def watched(leg: RtpLeg) -> tuple[list[float], list[float]]:
    """The times at which packets had been handed to the kernel, and the time that each says it is."""
    loop, wire = asyncio.get_running_loop(), leg._wire
    sent_ms: list[float] = []
    stamps_ms: list[float] = []
    send = wire.send

    def timed(data: bytes, to: tuple[str, int], *, rtcp: bool) -> bool:
        done = send(data, to, rtcp=rtcp)
        if not rtcp:
            sent_ms.append(loop.time() * 1_000.0)
            stamps_ms.append(int.from_bytes(data[4:8], "big") / 8.0)
        return done

    wire.send = timed  # type: ignore[method-assign]  # a spy
    return sent_ms, stamps_ms


@pytest.mark.long
async def test_packets_leave_as_evenly_as_from_a_bare_sender_for_a_minute() -> None:
    asyncio.get_running_loop().set_debug(False)  # a server does not debug its loop
    span_s = 60.0
    ear, other = Ear(), Ear()
    leg = leg_to(ear)
    leg.play(tone((span_s + 3.0) * 1_000.0).tobytes())
    await asyncio.sleep(0.5)
    sent_ms, stamps_ms = watched(leg)
    bare = BareSender(other.socket.getsockname())
    await asyncio.sleep(span_s)
    bare.close()
    leg.close()
    ear.close()
    other.close()
    sd, bare_sd = float(np.std(np.diff(sent_ms))), float(np.std(np.diff(bare.sent_ms)))
    p99 = float(np.percentile(errors(sent_ms), 99))
    bare_p99 = float(np.percentile(errors(bare.sent_ms), 99))
    print(
        f"spacing sd {sd:.2f} ms (bare {bare_sd:.2f}), p99 error {p99:.2f} ms (bare {bare_p99:.2f})"
    )
    # By the packets' own clock: after a stall of this machine some are skipped, and their time with them.
    told_ms = np.unwrap(np.array(stamps_ms), period=(1 << 32) / 8.0)
    off = np.array(sent_ms) - told_ms
    drift_ms = float(np.median(off[-250:]) - np.median(off[:250]))
    print(f"drift {drift_ms:.2f} ms in {len(sent_ms)} packets")
    assert sd <= max(1.5, 1.5 * bare_sd)
    assert p99 <= max(3.0, 2.0 * bare_p99)
    assert len(bare.sent_ms) - 1 == pytest.approx((told_ms[-1] - told_ms[0]) / 20.0, abs=5)
    assert abs(drift_ms) <= 2.0


@pytest.mark.long
async def test_after_a_flush_no_speech_comes_later_than_40_ms() -> None:
    """Of the leg alone: `test_gateway_barge_in.py` shows it of the whole gateway."""
    ear = Ear()
    leg = leg_to(ear)
    sent: list[bytes] = []
    send = leg._wire.send

    def noted(data: bytes, to: tuple[str, int], *, rtcp: bool) -> bool:
        if not rtcp:
            sent.append(data)
        return send(data, to, rtcp=rtcp)

    leg._wire.send = noted  # type: ignore[method-assign]  # a spy
    last_ms = 0.0
    for _ in range(8):
        leg.play(tone(10_000.0).tobytes())
        await asyncio.sleep(0.25)
        at_ms = asyncio.get_running_loop().time() * 1_000.0
        before = len(sent), len(ear.came)
        leg.flush()
        await asyncio.sleep(0.15)
        assert len(sent) > before[0], "noise goes on"
        assert not any(is_speech(ulaw_decode(data[12:])) for data in sent[before[0] :])
        # What the kernel had been given before is read after the flush when this machine stalls.
        late = [came - at_ms for came, speech in ear.came[before[1] :] if speech]
        last_ms = max([last_ms, *late])
    leg.close()
    ear.close()
    print(f"last speech packet at most {last_ms:.1f} ms after the flush")
    assert last_ms <= 40.0
    assert sum(speech for _, speech in ear.came) >= 20
