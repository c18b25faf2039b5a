"""A real softphone and the whole gateway without a server behind it: what the path adds to a sound, and a CANCEL."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.sip.conftest import Certificate
from tests.sip.far_end import tone
from tests.sip.softphone import Softphone, softphone
from tests.sip.test_rtp_wire import ports
from tests.sip.tone_room import LISTENS_HZ, TONE_HZ, tone_room

pytestmark = [pytest.mark.sip, pytest.mark.wire]

WINDOW_S = 0.2
LEAST_DB = 30.0
LISTENED_S = 2.0
PATIENCE_S = 60.0
WAYS = [("udp", False, "PCMU", 8_000), ("tls", True, "PCMA", 8_000), ("udp", True, "G722", 16_000)]


def windows_db(heard: NDArray[np.int16], rate_hz: int) -> NDArray[np.float64]:
    """The tone over all else in each fifth of a second that holds it."""
    count = int(rate_hz * WINDOW_S)
    at = np.arange(count) / rate_hz
    waves = np.stack([np.cos(2 * np.pi * TONE_HZ * at), np.sin(2 * np.pi * TONE_HZ * at)], axis=1)
    found = []
    for begin in range(0, len(heard) - count + 1, count):
        piece = heard[begin : begin + count].astype(float)
        left = piece - waves @ np.linalg.lstsq(waves, piece, rcond=None)[0]
        if np.mean(piece**2) > 1e6:
            found.append(10 * np.log10(np.mean(piece**2) / np.mean(left**2)))
    return np.array(found)


async def until(true: Callable[[], bool], phone: Softphone) -> None:
    """Look now and then; the phone writes as slowly as it likes."""
    for _ in range(int(PATIENCE_S / 0.1)):
        if await asyncio.to_thread(true):
            return
        await asyncio.sleep(0.1)
    raise AssertionError(await asyncio.to_thread(phone.said))


@pytest.mark.parametrize(("transport", "srtp", "codec", "rate_hz"), WAYS)
async def test_a_tone_keeps_30_db_over_all_else_in_both_directions(
    transport: str,
    srtp: bool,
    codec: str,
    rate_hz: int,
    certificate: Certificate,
    tmp_path: Path,
) -> None:
    """A stall of a busy machine costs a window or two: half of them must be whole."""
    enough = int(LISTENED_S / WINDOW_S)
    async with tone_room(tmp_path, certificate, ports, codec) as (running, desk):
        made = softphone(
            tmp_path / "phone", transport=transport, srtp=srtp, codecs=codec, ca_file=certificate.chain,
            rate_hz=rate_hz,
        )  # fmt: skip
        phone = await asyncio.to_thread(made.__enter__)
        try:
            uri = f"sip:clinic@127.0.0.1:{running.ports[transport]};transport={transport}"
            await asyncio.to_thread(phone.dial, uri)
            await until(lambda: bool(phone.happened("CALL_ESTABLISHED")), phone)
            await asyncio.to_thread(phone.say, tone(30_000.0, TONE_HZ, rate=rate_hz))
            await until(lambda: len(windows_db(desk.calls[0].sound, LISTENS_HZ)) > enough, phone)
            await until(lambda: len(windows_db(phone.heard(), rate_hz)) > enough, phone)
            heard_there = await asyncio.to_thread(phone.heard)
            await asyncio.to_thread(phone.hang_up)
            await until(lambda: running.calls == 0, phone)
        finally:
            await asyncio.to_thread(made.__exit__, None, None, None)
    here_db = float(np.median(windows_db(desk.calls[0].sound, LISTENS_HZ)))
    there_db = float(np.median(windows_db(heard_there, rate_hz)))
    print(f"{codec}: caller to us {here_db:.1f} dB, us to the caller {there_db:.1f} dB")
    assert here_db > LEAST_DB
    assert there_db > LEAST_DB


@pytest.mark.parametrize("transport", ["udp", "tls"])
async def test_a_caller_who_gives_up_while_it_rings_is_told_487(
    transport: str, certificate: Certificate, tmp_path: Path
) -> None:
    async with tone_room(tmp_path, certificate, ports) as (running, desk):
        desk.rings_on = True
        made = softphone(
            tmp_path / "phone",
            transport=transport,
            srtp=transport == "tls",
            ca_file=certificate.chain,
        )
        phone = await asyncio.to_thread(made.__enter__)
        try:
            uri = f"sip:clinic@127.0.0.1:{running.ports[transport]};transport={transport}"
            await asyncio.to_thread(phone.dial, uri)
            await until(lambda: 180 in phone.answers_to("INVITE"), phone)
            await asyncio.to_thread(phone.hang_up)
            await until(lambda: 487 in phone.answers_to("INVITE"), phone)
            assert (await asyncio.to_thread(phone.answers_to, "CANCEL"))[:1] == [200]
            assert set(await asyncio.to_thread(phone.answers_to, "INVITE")) == {180, 487}
            await until(lambda: running.calls == 0, phone)
        finally:
            await asyncio.to_thread(made.__exit__, None, None, None)
