"""SIPp's own recordings through the whole gateway, and offers whose sound it does not take."""

from __future__ import annotations

import asyncio
import subprocess
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.media.g711 import alaw_decode
from pipeline.media.keypad import KEYS
from pipeline.sip.phone_events import PhoneCallOver
from pipeline.sip.trunk import Trunks
from pipeline.telemetry.events import Event, set_sink
from tests.sip.conftest import Certificate
from tests.sip.sipp import run_sipp
from tests.sip.test_rtp_wire import ports
from tests.sip.tone_room import tone_room

pytestmark = [pytest.mark.wire, pytest.mark.sip]

CALLED = "+12025550100"
RECORDING = "/usr/share/sip-tester/g711a.pcap"
PACKETS, PACKET_SAMPLES = 236, 240
HEADERS_BYTES = 42 + 12
"""Ethernet, IP and UDP, then RTP."""
SUITE, KEY = "AES_CM_128_HMAC_SHA1_80", "h77xBx3cFE4uhlQtSlBa4a8veOdxnbd6OBxy2bAy"


def recorded() -> NDArray[np.int16]:
    """What the recording says, read by tshark."""
    command = ["tshark", "-r", RECORDING, "-T", "fields", "-e", "udp.payload"]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    assert len(told) == PACKETS
    return alaw_decode(b"".join(bytes.fromhex(each)[12:] for each in told))


def likeness(heard: NDArray[np.int16], said: NDArray[np.int16]) -> float:
    """How much of what was said is in what was heard, wherever it is there; 1 is all of it."""
    size = len(heard) + len(said)
    spectra = np.fft.rfft(heard.astype(float), size) * np.conj(
        np.fft.rfft(said.astype(float), size)
    )
    at = int(np.argmax(np.fft.irfft(spectra, size)[: len(heard)]))
    piece = heard[at : at + len(said)].astype(float)
    return float(np.corrcoef(piece, said[: len(piece)])[0, 1])


@pytest.mark.long
async def test_sipp_s_recordings_of_speech_and_of_every_key_are_heard(
    certificate: Certificate, tmp_path: Path
) -> None:
    """Part A: PCMA in packets of 30 ms; keys whose numbers jump to and fro from one to the next."""
    events: list[Event] = []
    set_sink(events.append)

    def ended() -> list[PhoneCallOver]:
        return [each for each in events if isinstance(each, PhoneCallOver)]

    try:
        async with tone_room(tmp_path, certificate, ports) as (running, desk):
            told = await sipp(running, "recordings", tmp_path, "-m", "1")
            [call] = desk.calls
            async with asyncio.timeout(60):
                while not ended():  # noqa: ASYNC110  # the event is this process's own
                    await asyncio.sleep(0.02)
    finally:
        set_sink(None)
    assert told == (0, ""), "playing a capture needs root, or cap_net_raw of sipp"
    assert "".join(call.keys) == KEYS[:12]
    [over] = ended()
    assert (str(over.codec), over.lost, str(over.reason)) == ("PCMA", 0, "caller")
    said = await asyncio.to_thread(recorded)
    assert likeness(call.sound[::2], said) > 0.9


@pytest.mark.parametrize(
    ("media", "attribute"),
    [
        ("RTP/SAVP 18", f"crypto:1 {SUITE} inline:{KEY}"),
        ("RTP/AVP 0 8", "sendrecv"),
        ("RTP/SAVP 0 8", "sendrecv"),
        ("RTP/SAVP 0 8", f"crypto:1 AES_CM_128_HMAC_SHA1_32 inline:{KEY}"),
        ("RTP/SAVP 0 8", f"crypto:1 {SUITE} inline:{KEY[:36]}"),
        ("RTP/SAVP 0 8", f"crypto:1 {SUITE} inline:{KEY}|2^20|1:4"),
    ],
    ids=["codec", "plain", "no_key", "suite", "short_key", "mki"],
)
async def test_sipp_s_offer_that_cannot_be_taken_is_488(
    media: str, attribute: str, certificate: Certificate, tmp_path: Path
) -> None:
    async with tone_room(tmp_path, certificate, ports, srtp_required=True) as (running, desk):
        more = ("-m", "1", "-key", "media", media, "-key", "attribute", attribute)
        assert await sipp(running, "refused_offer", tmp_path, *more) == (0, "")
        await quiet(running)
    assert desk.calls == [], "no worker has begun a call"


async def test_sipp_s_flood_of_probes_is_answered_whole_and_leaves_nothing(
    certificate: Certificate, tmp_path: Path
) -> None:
    async with tone_room(tmp_path, certificate, ports) as (running, desk):
        load = ("-m", "1000", "-r", "500")
        assert await sipp(running, "options", tmp_path, *load) == (0, "")
        assert (running.tables.calls, running.tables.transactions) == (0, 0)
    assert desk.calls == []


async def sipp(running: Trunks, scenario: str, folder: Path, *more: str) -> tuple[int, str]:
    return await asyncio.to_thread(
        run_sipp, running.ports["udp"], scenario, "u1", folder, CALLED, *more
    )


async def quiet(running: Trunks) -> None:
    """Once no call is left."""
    async with asyncio.timeout(60):
        while running.calls:  # noqa: ASYNC110  # the server tells nobody
            await asyncio.sleep(0.02)
