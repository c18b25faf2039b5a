"""Calls of a real softphone to a whole server: greeted, heard, held, and told when their worker dies."""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.sip.far_end import sdp
from tests.sip.house import House, opened
from tests.sip.planted import found
from tests.sip.shapes import CALLED, CALLER, Peer, Said, said
from tests.sip.softphone import Softphone, loud, softphone
from tests.sip.spoken_caller import until
from tests.sip.wiretap import wiretap

pytestmark = [pytest.mark.sip, pytest.mark.wire]

NUMBER = "12125550147"
ASSERTED, DIVERTED, DESCRIBED = "+12125550161", "+12125550172", "+12125550183"


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, model_cache: Path) -> Iterator[House]:
    with opened(tmp_path_factory.mktemp("house"), model_cache) as there:
        yield there


def call(phone: Softphone, house: House, transport: str) -> str:
    """Dial and be answered; the call's id."""
    before = len(house.event("phone_call_joined"))
    phone.dial(house.uri(transport))
    phone.until("CALL_ESTABLISHED")
    until(lambda: len(house.event("phone_call_joined")) > before, 60, "the call in the log")
    return str(house.event("phone_call_joined")[before]["call_id"])


def gone(house: House, call_id: str) -> dict[str, object]:
    return house.told("phone_call_over", call_id=call_id)


def phone_of(house: House, directory: Path, transport: str) -> AbstractContextManager[Softphone]:
    """A phone that speaks so to this house; its sound is SRTP over TLS alone."""
    secure = transport == "tls"
    ca_file = house.ca_file if secure else ""
    return softphone(directory, transport=transport, srtp=secure, ca_file=ca_file)


SECURED_TOO = ["udp", pytest.param("tls", marks=pytest.mark.long)]


@pytest.mark.parametrize("transport", ["udp", "tls", pytest.param("tcp", marks=pytest.mark.long)])
def test_a_caller_is_greeted_at_a_good_level_and_keys_arrive(
    house: House, tmp_path: Path, transport: str
) -> None:
    with phone_of(house, tmp_path, transport) as phone:
        call_id = call(phone, house, transport)
        until(lambda: int(loud(phone.heard()).sum()) >= 60, 30, "six seconds of greeting")
        heard = phone.heard()
        speech = heard[: len(heard) // 800 * 800].reshape(-1, 800)[loud(heard)].astype(float)
        level_dbov = 20 * np.log10(np.sqrt(np.mean(speech**2)) / 32_768)
        assert -23.0 <= level_dbov <= -17.0
        phone.key("0")
        until(
            lambda: any(m["kind"].startswith("person") for m in house.of(call_id, "urgent")),
            15,
            "key 0 asks for a person",
        )
        secured = [each for each in phone.events if each.get("type") == "CALL_MENC"]
        assert bool(secured) is (transport == "tls")
        phone.hang_up()
        over = gone(house, call_id)
        assert (over["reason"], over["secured"]) == ("caller", transport == "tls")
    until(lambda: house.server.free_slots() == 4, 15, "its line is free again")


@pytest.mark.parametrize("transport", SECURED_TOO)
def test_a_caller_on_hold_is_not_spoken_to_and_the_greeting_goes_on_afterwards(
    house: House, tmp_path: Path, transport: str
) -> None:
    """This phone stops listening for good once it was on hold, so its line is tapped."""
    with phone_of(house, tmp_path, transport) as phone:
        call_id = call(phone, house, transport)
        with wiretap(tmp_path / "tap", phone.rtp_port) as tap:

            def said(since: int = 0) -> int:
                return int(loud(tap.heard(phone.keys_answered(), since)).sum())

            until(lambda: said() >= 15, 60, "the greeting has begun")
            phone.command("hold")
            until(lambda: len(phone.answers_to("INVITE")) >= 3, 60, "the hold is agreed")
            time.sleep(1.0)
            before = len(tap.packets())
            time.sleep(4.0)
            assert len(tap.packets()) - before <= 2, "sound comes while on hold"
            phone.command("resume")
            until(lambda: said(before) >= 20, 60, "two seconds of the greeting after the hold")
        phone.hang_up()
        over = gone(house, call_id)
        assert (over["reason"], over["secured"]) == ("caller", transport == "tls")
    streamed = house.told("stream_gone", call_id=call_id)["sent_frames"] * 0.02
    lasted = house.told("call_ended", call_id=call_id)["duration_ms"] / 1_000
    assert lasted - streamed > 3.5, "the greeting stood still for the hold"


@pytest.mark.parametrize(
    ("transport", "sent"),
    [
        ("udp", signal.SIGKILL),
        pytest.param("tls", signal.SIGKILL, marks=pytest.mark.long),
        pytest.param("udp", signal.SIGSTOP, marks=pytest.mark.long),
    ],
)
def test_a_worker_that_dies_or_hangs_leaves_a_line_within_two_seconds_and_then_a_bye(
    house: House, tmp_path: Path, transport: str, sent: signal.Signals
) -> None:
    with phone_of(house, tmp_path, transport) as phone:
        call_id = call(phone, house, transport)
        # the greeting ends, and nobody speaks: what is heard then is the apology
        until(lambda: _quiet(phone.heard()), 60, "the greeting is over")
        begun = len(phone.heard())
        pid = house.server.worker_pid_of("w1")
        os.kill(pid, sent)
        until(lambda: int(loud(phone.heard()[begun:]).sum()) >= 1, 30, "the apology")
        first = int(np.flatnonzero(loud(phone.heard()[begun:]))[0])
        assert first <= 20, f"{first / 10} s"
        phone.until("CALL_CLOSED")
        assert int(loud(phone.heard()[begun:]).sum()) >= 20, "the whole sentence"
        over = gone(house, call_id)
        assert (over["worker_lost"], over["secured"]) == (True, transport == "tls")
    until(lambda: house.server.worker_pid_of("w1") != pid, 60, "the hung one is ended, too")
    until(lambda: house.server.free_slots() == 4, 120, "a new worker answers calls")


def _quiet(samples: NDArray[np.int16]) -> bool:
    spoken = loud(samples)
    return int(spoken.sum()) >= 30 and not spoken[-12:].any()


@pytest.mark.parametrize("transport", SECURED_TOO)
def test_a_caller_who_gives_up_while_it_rings_leaves_nothing(
    house: House, tmp_path: Path, transport: str
) -> None:
    with phone_of(house, tmp_path, transport) as phone:
        phone.dial(house.uri(transport))
        phone.hang_up()
        time.sleep(1.0)
    until(lambda: house.server.calls() == 0, 15, "no call is left")
    until(lambda: house.server.free_slots() == 4, 30, "every line is free")


def test_a_callers_number_is_in_no_byte_that_the_server_wrote(house: House, tmp_path: Path) -> None:
    with softphone(tmp_path, user=NUMBER) as phone:
        call_id = call(phone, house, "udp")
        time.sleep(2.0)
        phone.hang_up()
        gone(house, call_id)
    assert found(NUMBER, house.server.written()) == []


class Carrier:
    """A trunk's side that writes a patient's numbers wherever a message has room for them."""

    def __init__(self, port: int) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._socket.settimeout(30.0)
        self._server = ("127.0.0.1", port)
        self.place = f"127.0.0.1:{self._socket.getsockname()[1]}"

    def peer(self, call_id: str) -> Peer:
        return Peer(
            call_id=call_id,
            sent_by=self.place,
            contact=f"<sip:{CALLER}@{self.place}>",
            extra=(
                f'P-Asserted-Identity: "Call {ASSERTED}" <sip:{ASSERTED}@carrier.example.com>',
                f"Diversion: <sip:{DIVERTED}@carrier.example.com>;reason=no-answer",
            ),
        )

    def offer(self, formats: str = "0 8 101") -> str:
        """A description of a telephone's; its sound goes nowhere."""
        lines = (f"a=label:{DESCRIBED}", f"a=X-caller:{DESCRIBED}")
        text = sdp(*lines, key=None, address="127.0.0.1", port=9, formats=formats).decode()
        return text.replace("o=- ", f"o={DESCRIBED} ").replace("s=-", f"s={DESCRIBED}")

    def ask(self, request: bytes) -> Said:
        """Send a request; returns its final answer."""
        number = said(request).one("CSeq")
        self.send(request)
        while True:
            answer = said(self._socket.recv(65_536))
            if answer.status >= 200 and answer.one("CSeq") == number:
                return answer

    def send(self, message: bytes) -> None:
        self._socket.sendto(message, self._server)

    def close(self) -> None:
        self._socket.close()


def test_numbers_that_a_carrier_writes_are_in_no_byte_that_the_server_wrote(house: House) -> None:
    """Who calls, who sent the call on and what their telephone says of itself, in calls that are taken and that are not."""
    carrier = Carrier(house.ports["udp"])
    before = len(house.event("phone_call_joined"))
    try:
        peer = carrier.peer("planted-in-all")
        ok = carrier.ask(peer.invite(carrier.offer()))
        assert ok.status == 200
        peer.to_tag = ok.to_tag
        carrier.send(peer.ack())
        until(lambda: len(house.event("phone_call_joined")) > before, 60, "the call in the log")
        refused = [
            peer.request("UPDATE", carrier.offer("18")),
            peer.request("UPDATE", headers=(f"Require: {ASSERTED}",)),
            peer.request("INFO", DESCRIBED, kind="text/plain"),
            peer.request("NOTIFY", headers=(f"Event: {DIVERTED}",)),
            peer.request("REFER", headers=(f"Refer-To: <sip:{DIVERTED}@carrier.example.com>",)),
            carrier.peer("planted-elsewhere").invite(carrier.offer("18")),
            carrier.peer("planted-nowhere").request("BYE"),
            carrier.peer("planted-broken").invite(f"o={DESCRIBED}"),
        ]
        assert all(400 <= carrier.ask(each).status < 500 for each in refused)
        carrier.send(f"INVITE sip:{ASSERTED} SIP/2.0\r\nFrom: {ASSERTED}\r\n\r\n".encode())
        headers = (f'Reason: SIP;cause=200;text="{ASSERTED}"',)
        assert carrier.ask(peer.request("BYE", headers=headers)).status == 200
        gone(house, str(house.event("phone_call_joined")[before]["call_id"]))
    finally:
        carrier.close()
    planted = carrier.peer("x").invite(carrier.offer())
    for number in (ASSERTED, DIVERTED, DESCRIBED, CALLER, CALLED):
        assert found(number, {"what was sent": planted}) != [], "the search knows it"
        assert found(number, house.server.written()) == []
