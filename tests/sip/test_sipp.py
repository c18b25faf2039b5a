"""SIPp calls the gateway's signalling, over UDP and TCP."""

from __future__ import annotations

import asyncio
import re
import shutil
import subprocess
from contextlib import AsyncExitStack
from dataclasses import astuple
from pathlib import Path

import pytest

from pipeline.sip.ports import CallOver, MediaRefused, TransferOutcome, TrunkCall
from pipeline.sip.trunk import Trunks
from tests.sip.conftest import Certificate
from tests.sip.lines import connected, trunks
from tests.sip.rig import FakeMedia, Taker
from tests.sip.shapes import Peer
from tests.sip.sipp import run_sipp

pytestmark = [pytest.mark.wire, pytest.mark.sip]
ANSWERED, ENDED, REFERRED, BAD_MEDIA, REFUSED, IGNORED = (f"+1202555010{n}" for n in range(6))
PERSON = "sip:+12025550100@carrier.example.com"


class Desk(Taker):
    """Does with a call what the number says that was called."""

    def __init__(self) -> None:
        super().__init__()
        self.outcomes: list[TransferOutcome] = []

    async def take(self, call: TrunkCall) -> None:
        self.calls.append(call)
        media = FakeMedia(refuses="no_codec" if call.invite.called == BAD_MEDIA else "")
        self.media.append(media)
        if call.invite.called == REFUSED:
            call.reject(486)
        if call.invite.called not in (REFUSED, IGNORED):
            try:
                await call.accept(media)
                if call.invite.called == REFERRED:
                    self.outcomes.append(await call.refer(PERSON))
                if call.invite.called in (ENDED, REFERRED):
                    call.hang_up()
            except (CallOver, MediaRefused):
                pass
        self.reasons.append(await call.over())


async def called(
    running: Trunks, scenario: str, mode: str, folder: Path, number: str, *more: str
) -> None:
    port = running.ports["udp" if mode.startswith("u") else "tcp"]
    more = more or ("-m", "1")
    ended = await asyncio.to_thread(run_sipp, port, scenario, mode, folder, number, *more)
    assert ended == (0, "")


@pytest.mark.parametrize("mode", ["u1", "t1"])
@pytest.mark.parametrize(
    ("scenario", "number", "reasons"),
    [
        ("call", ANSWERED, ["caller"]),
        ("called_side_ends", ENDED, ["us"]),
        ("routed_called_side_ends", ENDED, ["us"]),
        ("cancel", IGNORED, ["caller"]),
        ("late_offer", ANSWERED, ["caller"]),
        ("hold", ANSWERED, ["caller"]),
        ("refused_media", BAD_MEDIA, ["us"]),
        ("refused", REFUSED, ["us"]),
        ("options", ANSWERED, []),
        ("unknown_method", ANSWERED, []),
        ("unknown_extension", ANSWERED, []),
        ("info_update", ANSWERED, ["caller"]),
        ("transfer", REFERRED, ["us"]),
        ("transfer_busy", REFERRED, ["us"]),
    ],
)
async def test_a_scenario_of_sipp(
    scenario: str,
    mode: str,
    number: str,
    reasons: list[str],
    certificate: Certificate,
    tmp_path: Path,
) -> None:
    desk = Desk()
    async with trunks(certificate, desk) as running:
        await called(running, scenario, mode, tmp_path, number)
        async with asyncio.timeout(20):  # SIP forgets by itself after 32
            while running.tables.calls:  # noqa: ASYNC110  # the server tells nobody
                await asyncio.sleep(0.01)
    assert desk.reasons == reasons
    if scenario == "info_update":
        assert desk.media[0].keys == ["5"]
    if scenario.startswith("transfer"):
        busy = scenario == "transfer_busy"
        assert desk.outcomes == [TransferOutcome.BUSY if busy else TransferOutcome.CONNECTED]


async def test_an_ack_that_comes_late_is_early_enough(
    certificate: Certificate, tmp_path: Path
) -> None:
    """SIPp is silent for two seconds, in which the 200 is said again twice."""
    desk = Desk()
    async with trunks(certificate, desk) as running:
        await called(running, "late_ack", "u1", tmp_path, ANSWERED)
        assert desk.reasons == ["caller"]


async def test_no_free_line_is_503_with_a_time(certificate: Certificate, tmp_path: Path) -> None:
    desk = Desk()
    desk.busy_s = 17
    async with trunks(certificate, desk) as running:
        await called(running, "busy", "u1", tmp_path, ANSWERED)
    assert desk.calls == []


async def test_sipsak_finds_us_alive(certificate: Certificate) -> None:
    def probe(port: int) -> int:
        program = shutil.which("sipsak")
        assert program, "sipsak is missing: apt-get install -y sipsak"
        command = [program, "-s", f"sip:probe@127.0.0.1:{port}"]
        return subprocess.run(command, capture_output=True, timeout=20, check=False).returncode

    async with trunks(certificate, Desk()) as running:
        assert await asyncio.to_thread(probe, running.ports["udp"]) == 0


async def test_lost_packets_delay_a_call_and_break_none(
    certificate: Certificate, tmp_path: Path
) -> None:
    """A fifth of SIPp's own packets is thrown away, in both directions."""
    desk, more = Desk(), ("-m", "10", "-r", "10", "-lost", "20")
    async with trunks(certificate, desk) as running:
        status, told = await asyncio.to_thread(
            run_sipp, running.ports["udp"], "lossy", "u1", tmp_path, ANSWERED, *more
        )
    assert status == 0
    # A 200 that comes once more when SIPp has forgotten its call is told of and is no fault.
    events = re.findall(r"^[^\t\n]+\t[^\t\n]+\t[0-9.]+: (.*)$", told, re.MULTILINE)
    assert all(
        re.match(r"Dead call \S+ \(successful\), received 'SIP/2.0 200", each) for each in events
    )
    assert len(desk.calls) == 10


@pytest.mark.long
async def test_an_ack_that_never_comes_is_bye_at_32_seconds(
    certificate: Certificate, tmp_path: Path
) -> None:
    desk = Desk()
    async with trunks(certificate, desk) as running:
        await called(running, "no_ack", "u1", tmp_path, ANSWERED)
    assert desk.reasons == ["lost"]


@pytest.mark.long
@pytest.mark.parametrize("mode", ["u1", "t1"])
async def test_two_hundred_calls_at_forty_a_second_are_all_answered(
    mode: str, certificate: Certificate, tmp_path: Path
) -> None:
    """Target S1."""
    desk = Desk()
    async with trunks(certificate, desk, max_calls=500) as running:
        await called(running, "call", mode, tmp_path, ANSWERED, "-m", "200", "-r", "40")
        assert len(desk.calls) == 200
        assert running.calls == 0
    assert desk.reasons == ["caller"] * 200


@pytest.mark.long
async def test_what_is_above_capacity_gets_503_and_leaves_nothing(
    certificate: Certificate, tmp_path: Path
) -> None:
    """Target S1: four calls are held, two hundred more are refused, and one of the four's place is taken again."""
    desk = Desk()
    async with trunks(certificate, desk, max_calls=4) as running, AsyncExitStack() as lines:
        held = [Peer(call_id=f"held{number}", transport="TCP") for number in range(4)]
        line = await lines.enter_async_context(connected(running, "tcp", certificate))
        for peer in held:
            line.send(peer.invite())
            while (said := await line.read()).status < 200:
                pass
            assert said.status == 200
            peer.to_tag = said.to_tag
            line.send(peer.ack())
        await called(running, "busy", "u1", tmp_path, ANSWERED, "-m", "200", "-r", "40")
        assert len(desk.calls) == 4
        assert desk.reasons == [], "the four go on"
        async with asyncio.timeout(60):
            while running.tables.transactions > 4:  # noqa: ASYNC110  # the server tells nobody
                await asyncio.sleep(0.1)
        assert (running.calls, running.tables.calls) == (4, 4)
        line.send(held[0].request("BYE"))
        assert (await line.read()).status == 200
        await called(running, "call", "u1", tmp_path, ANSWERED)
        for peer in held[1:]:
            line.send(peer.request("BYE"))
            assert (await line.read()).status == 200
        async with asyncio.timeout(60):
            while any(astuple(running.tables)[:2]):  # noqa: ASYNC110  # the server tells nobody
                await asyncio.sleep(0.1)
    assert desk.reasons == ["caller"] * 5
