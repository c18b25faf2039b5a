"""The telephone's door against our own trunk side: dialled, spoken through, heard, hung up, with and without encryption."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.errors import CallLost, ServerUnreachable
from bench.load.door import frequency_tag
from bench.load.part import Part
from bench.load.scenario import Echo, Weather
from bench.load.telephone_door import HERE, Number, TelephoneDoor, calling
from models.timed.tags import tone_hz
from pipeline.clock import LoopClock, wall_now
from pipeline.commands.tls import CA_CERT, CERT, KEY, make
from pipeline.media.quality import LineQuality
from pipeline.sip.ports import TrunkCall
from pipeline.sip.rtp_leg import RtpLeg
from pipeline.sip.rtp_ports import RtpPorts
from pipeline.sip.rtp_settings import RtpSettings
from pipeline.sip.settings import Listen, SignallingSettings, Transport, TrunkSettings
from pipeline.sip.trunk import Trunks

LIMIT_S = 60.0


def tone(tag: int, frames: int) -> Any:
    time = np.arange(160 * frames) / 8_000
    return (9_000.0 * np.sin(2 * np.pi * tone_hz(tag) * time)).astype(np.int16)


@dataclass
class Answerer:
    """Takes calls as a gateway does: says a tone, keeps what it hears."""

    media: RtpSettings
    ports: RtpPorts
    refuses: int = 0
    hangs_up: bool = False
    heard: list[bytes] = field(default_factory=list)
    over: list[str] = field(default_factory=list)
    more: asyncio.Event = field(default_factory=asyncio.Event)
    says: int = 3

    def may_ring(self) -> int | None:
        return None

    async def take(self, call: TrunkCall) -> None:
        if self.refuses:
            call.reject(self.refuses)
            return
        leg = RtpLeg(self.media, self.ports)
        try:
            await call.accept(leg)
            if self.hangs_up:
                return
            leg.attach(self)
            leg.play(tone(self.says, 10).tobytes())
            self.over.append(await call.over())
        finally:
            leg.close()
            self.more.set()

    def on_audio(self, pcm: bytes) -> None:
        self.heard.append(pcm)

    def on_key(self, key: str) -> None:
        """None is pressed."""

    def on_hold(self, held: bool) -> None:
        """Nobody holds."""

    def on_played(self, mark: str) -> None:
        """Nothing is marked."""

    def on_silence(self) -> None:
        """The limit is longer."""

    def on_fax(self) -> None:
        """Nobody faxes."""

    def on_quality(self, quality: LineQuality) -> None:
        """Nobody looks."""

    def on_foreign(self) -> None:
        """Nobody else sends."""


@asynccontextmanager
async def serving(
    folder: Path, *, secure: bool, **more: Any
) -> AsyncIterator[tuple[Trunks, Number, Answerer]]:
    """A trunk side that answers, and the signalling of its callers."""
    way: Transport = "tls" if secure else "udp"
    files = ("", "", "")
    if secure:
        await asyncio.to_thread(make, folder, ["localhost", HERE], wall_now())
        files = (str(folder / CERT), str(folder / KEY), str(folder / CA_CERT))
    settings = SignallingSettings(
        listen=(Listen(way, HERE, 0),),
        trunks=(TrunkSettings("callers", ("127.0.0.0/8",), transports=(way,)),),
        certificate_file=files[0],
        key_file=files[1],
    )
    media = RtpSettings(srtp_required=secure, allowed_sources=("127.0.0.0/8",))
    answerer = Answerer(media, RtpPorts(HERE, 25_000, 25_400), **more)
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(Trunks(settings, answerer))
        number = Number(server.ports[way], secure, *files)
        yield await stack.enter_async_context(calling(number)), number, answerer
        assert server.tables.calls == 0


def part(frames: int, tag: int = 5) -> Part:
    return Part((), tone(tag, frames), 8_000)


@pytest.mark.wire
@pytest.mark.parametrize("secure", [True, False])
async def test_both_hear_each_other_and_nothing_is_left(secure: bool, tmp_path: Path) -> None:
    async with serving(tmp_path, secure=secure) as (trunks, number, answerer):
        door = TelephoneDoor(trunks, number)
        async with door:
            await door.play(part(60), LoopClock().now_ms())
        async with asyncio.timeout(LIMIT_S):
            await answerer.more.wait()
        assert answerer.over == ["caller"]
        assert trunks.tables.calls == 0
    notes = door.notes
    assert notes.failure == ""
    assert len(notes.sent_ms) == len(notes.late_ms) == 60
    said = [frame.tag for frame in notes.heard if frame.loud]
    assert said.count(3) >= 8
    assert all(frame.played_ms == frame.at_ms for frame in notes.heard)
    there = [frequency_tag(np.frombuffer(pcm, "<i2"), 8_000) for pcm in answerer.heard]
    assert there.count(5) >= 30


@pytest.mark.wire
async def test_a_call_that_is_refused_says_so(tmp_path: Path) -> None:
    async with serving(tmp_path, secure=False, refuses=486) as (trunks, number, _):
        with pytest.raises(ServerUnreachable, match="not answered"):
            await TelephoneDoor(trunks, number).__aenter__()


@pytest.mark.wire
async def test_a_server_that_hangs_up_ends_the_call_with_a_sentence(tmp_path: Path) -> None:
    async with serving(tmp_path, secure=False, hangs_up=True) as (trunks, number, _):
        with pytest.raises(CallLost, match="ended the call"):
            async with TelephoneDoor(trunks, number) as door:
                await door.play(part(3_000), LoopClock().now_ms())


@pytest.mark.wire
async def test_weather_loses_and_delays_packets_both_ways(tmp_path: Path) -> None:
    weather = Weather(delay_ms=40, jitter_ms=10, loss=0.3)
    async with serving(tmp_path, secure=True) as (trunks, number, answerer):
        door = TelephoneDoor(trunks, number, weather=weather, seed=3)
        async with door:
            await door.play(part(60), LoopClock().now_ms())
        async with asyncio.timeout(LIMIT_S):
            await answerer.more.wait()
    assert door.notes.lost_packets > 0
    connected_ms = door.notes.connected_ms or 0.0
    assert min(frame.at_ms for frame in door.notes.heard) > connected_ms + 30.0


@pytest.mark.wire
async def test_an_echo_comes_back_quieter(tmp_path: Path) -> None:
    async with serving(tmp_path, secure=False) as (trunks, number, answerer):
        door = TelephoneDoor(trunks, number, echo=Echo(level_db=-12.0, delay_ms=100.0))
        silence = Part((), np.zeros(160 * 50, np.int16), 8_000)
        async with door:
            await door.play(silence, LoopClock().now_ms())
        async with asyncio.timeout(LIMIT_S):
            await answerer.more.wait()
    back = [frequency_tag(np.frombuffer(pcm, "<i2"), 8_000) for pcm in answerer.heard]
    assert back.count(3) >= 3
