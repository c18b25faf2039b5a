"""What a carrier writes about a caller is in no event, no log record and no exception's text."""

from __future__ import annotations

import asyncio
import logging
import ssl
import subprocess

import pytest

from pipeline.sip.ports import TrunkCall
from pipeline.sip.wire import Unreadable, read
from pipeline.telemetry.events import Event, set_sink
from tests.sip.conftest import Certificate
from tests.sip.lines import connected, trunks
from tests.sip.rig import FakeMedia, Rig, Taker
from tests.sip.shapes import CALLED, CALLER, SDP, Peer
from tests.sip.torture import ALL

PLANTED = ("+12025550171", "+12025550172", "+12025550173", "Margaret Holloway", "10.20.30.40")


def planted(call_id: str = "planted") -> Peer:
    return Peer(
        call_id=call_id,
        extra=(
            f'P-Asserted-Identity: "{PLANTED[3]}" <sip:{PLANTED[0]}@{PLANTED[4]}>',
            f"Diversion: <sip:{PLANTED[1]}@x.example>;reason=unconditional",
            f"X-Patient: {PLANTED[2]}",
            "X-Twilio-CallSid: CA00000000000000000000000000000001",
        ),
    )


class Troubled(Taker):
    """Its media break in the middle of a call, with words in the exception."""

    async def take(self, call: TrunkCall) -> None:
        class Broken(FakeMedia):
            def on_info_key(self, key: str) -> None:
                raise RuntimeError(f"{call.invite.caller} pressed {key}")

        self.calls.append(call)
        await call.accept(Broken())
        self.up.set()
        self.reasons.append(await call.over())


@pytest.mark.wire
async def test_planted_numbers_and_names_are_in_no_event_and_no_log_record(
    certificate: Certificate, caplog: pytest.LogCaptureFixture
) -> None:
    events: list[Event] = []
    set_sink(events.append)
    caplog.set_level(logging.DEBUG)
    taker = Troubled()
    try:
        async with (
            trunks(certificate, taker) as running,
            connected(running, "udp", certificate) as line,
        ):
            peer = planted()
            line.send(peer.invite())
            await line.read()
            peer.to_tag = (await line.read()).to_tag
            line.send(peer.ack())
            async with asyncio.timeout(60):
                await taker.up.wait()
            line.send(peer.request("INFO", "5", kind="application/dtmf"))
            assert (await line.read()).status == 200
            line.send(planted("broken").invite().replace(b"CSeq: ", b"CSeq: x"))
            assert (await line.read()).status == 400
            line.send(peer.request("BYE"))
            assert (await line.read()).status == 200
    finally:
        set_sink(None)
    assert taker.calls[0].invite.caller == PLANTED[0]
    assert taker.calls[0].invite.diverted_from == PLANTED[1]
    names = [type(one).__name__ for one in events]
    assert {"TrunkCallRang", "TrunkCallOver", "TrunkFault", "TrunkTraffic"} <= set(names)
    told = repr([one.record() for one in events]) + caplog.text + repr(taker.calls[0].invite)
    for secret in (*PLANTED, CALLER, CALLED):
        assert secret not in told


def fault_of(data: bytes) -> Unreadable | None:
    try:
        read(data)
    except Unreadable as fault:
        return fault
    return None


def test_an_unreadable_message_is_told_by_a_token() -> None:
    faults = [fault for torture in ALL if (fault := fault_of(torture.data)) is not None]
    assert len(faults) > 10
    for fault in faults:
        assert fault.__cause__ is None
        assert fault.__suppress_context__ or fault.__context__ is None
        assert len(str(fault)) < 20
        assert " " not in str(fault)


def test_whatever_holds_a_message_shows_nothing_of_it() -> None:
    rig, peer = Rig(), planted()
    rig.talk(peer)
    call = rig.calls[0]
    request = call.transaction.request
    shown = repr((call, call.invite, call.transaction, call.conversation, call.dialog, request))
    shown += repr((request.headers, request.from_, request.to, request.via))
    assert not [one for one in (*PLANTED, CALLER, CALLED, SDP[:10]) if one in shown]


@pytest.mark.parametrize(
    ("extra", "caller"),
    [
        ((f"P-Asserted-Identity: <tel:{PLANTED[0]}>",), PLANTED[0]),
        (("P-Asserted-Identity: <tel:+1-202-555(0171)>",), PLANTED[0]),
        ((f'P-Asserted-Identity: "Doe, J" <sip:{PLANTED[0]};npdi@x>, <tel:+1>',), PLANTED[0]),
        ((f"P-Asserted-Identity: <sip:{PLANTED[0]}@x>", "Privacy: id"), ""),
        ((f"P-Asserted-Identity: <sip:{PLANTED[0]}@x>", "Privacy: none"), PLANTED[0]),
        (("P-Asserted-Identity: <sip:%2B12025550171@x>",), PLANTED[0]),
        (("P-Asserted-Identity: <sip:anonymous@anonymous.invalid>",), CALLER),
        (("P-Asserted-Identity: nonsense",), CALLER),
        (("P-Asserted-Identity: <sip:12345678901234567890123@x>",), CALLER),
        ((), CALLER),
    ],
)
def test_who_calls(extra: tuple[str, ...], caller: str) -> None:
    rig = Rig()
    rig.ring(Peer(extra=extra))
    assert rig.calls[0].invite.caller == caller


@pytest.mark.parametrize("value", ["<script>", "a" * 65, "CA 1", "CA\u00e91"])
def test_a_carriers_id_that_is_none_is_left_out(value: str) -> None:
    rig = Rig()
    rig.ring(Peer(extra=(f"X-Twilio-CallSid: {value}",)))
    assert rig.calls[0].invite.carrier_call == ""


@pytest.mark.wire
async def test_a_caller_cannot_renegotiate_tls(certificate: Certificate) -> None:
    """`openssl s_client` asks for it with a line that begins with R."""
    assert ssl.HAS_TLSv1_2
    async with trunks(certificate, Taker()) as running:
        port = running.ports["tls"]

        def renegotiate() -> subprocess.CompletedProcess[bytes]:
            command = ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-tls1_2"]
            return subprocess.run(
                command, input=b"R\n", capture_output=True, timeout=20, check=False
            )

        ended = await asyncio.to_thread(renegotiate)
        told = ended.stdout + ended.stderr
        assert b"RENEGOTIATING" in told
        assert b"no renegotiation" in told
        async with connected(running, "tls", certificate) as line:
            line.send(Peer(transport="TLS").request("OPTIONS"))
            assert (await line.read()).status == 200
