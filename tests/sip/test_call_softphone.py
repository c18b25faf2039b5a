"""Calls of a real softphone to a whole server: greeted, heard, held, and told when their worker dies."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.sip.house import House, opened
from tests.sip.softphone import Softphone, loud, softphone
from tests.sip.spoken_caller import until
from tests.sip.wiretap import wiretap

pytestmark = [pytest.mark.sip, pytest.mark.wire]

NUMBER = "12125550147"


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    cache = tmp_path_factory.getbasetemp() / "models"
    with opened(tmp_path_factory.mktemp("house"), cache) as there:
        yield there


def call(phone: Softphone, house: House, transport: str) -> str:
    """Dial and be answered; the call's id."""
    before = len(house.event("phone_call_joined"))
    phone.dial(house.uri(transport))
    phone.until("CALL_ESTABLISHED")
    until(lambda: len(house.event("phone_call_joined")) > before, 10, "the call in the log")
    return str(house.event("phone_call_joined")[before]["call_id"])


def gone(house: House, call_id: str) -> dict[str, object]:
    until(lambda: bool(house.event("phone_call_over", call_id=call_id)), 15, "the call's end")
    return house.event("phone_call_over", call_id=call_id)[0]


WAYS = {"udp": False, "tcp": False, "tls": True}


@pytest.mark.parametrize("transport", WAYS)
def test_a_caller_is_greeted_at_a_good_level_and_keys_arrive(
    house: House, tmp_path: Path, transport: str
) -> None:
    ca_file = house.ca_file if transport == "tls" else ""
    with softphone(tmp_path, transport=transport, srtp=WAYS[transport], ca_file=ca_file) as phone:
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
        assert bool(secured) is WAYS[transport] or transport == "tcp"
        phone.hang_up()
        assert gone(house, call_id)["reason"] == "caller"
    until(lambda: house.server.free_slots() == 4, 15, "its line is free again")


def test_a_caller_on_hold_is_not_spoken_to_and_the_greeting_goes_on_afterwards(
    house: House, tmp_path: Path
) -> None:
    """This phone stops listening for good once it was on hold, so its line is tapped."""
    with softphone(tmp_path) as phone:
        call_id = call(phone, house, "udp")
        with wiretap(tmp_path / "tap", phone.rtp_port) as tap:
            until(lambda: int(loud(tap.heard()).sum()) >= 15, 60, "the greeting has begun")
            phone.command("hold")
            until(lambda: len(phone.answers_to("INVITE")) >= 3, 60, "the hold is agreed")
            time.sleep(1.0)
            before = len(tap.packets())
            time.sleep(4.0)
            assert len(tap.packets()) - before <= 2, "sound comes while on hold"
            phone.command("resume")
            until(
                lambda: int(loud(tap.heard()[before * 160 :]).sum()) >= 20,
                60,
                "two seconds of the greeting after the hold",
            )
        phone.hang_up()
        assert gone(house, call_id)["reason"] == "caller"
    streamed = house.event("stream_gone", call_id=call_id)[0]["sent_frames"] * 0.02
    lasted = house.event("call_ended", call_id=call_id)[0]["duration_ms"] / 1_000
    assert lasted - streamed > 3.5, "the greeting stood still for the hold"


@pytest.mark.parametrize("sent", [signal.SIGKILL, signal.SIGSTOP])
def test_a_worker_that_dies_or_hangs_leaves_a_line_within_two_seconds_and_then_a_bye(
    house: House, tmp_path: Path, sent: signal.Signals
) -> None:
    with softphone(tmp_path) as phone:
        call_id = call(phone, house, "udp")
        # the greeting ends, and nobody speaks: what is heard then is the apology
        until(lambda: _quiet(phone.heard()), 60, "the greeting is over")
        begun = len(phone.heard())
        pid = house.server.worker_pid_of("w1")
        os.kill(pid, sent)
        until(lambda: int(loud(phone.heard()[begun:]).sum()) >= 1, 10, "the apology")
        first = int(np.flatnonzero(loud(phone.heard()[begun:]))[0])
        assert first <= 20, f"{first / 10} s"
        phone.until("CALL_CLOSED")
        assert int(loud(phone.heard()[begun:]).sum()) >= 20, "the whole sentence"
        assert gone(house, call_id)["worker_lost"] is True
    until(lambda: house.server.worker_pid_of("w1") != pid, 60, "the hung one is ended, too")
    until(lambda: house.server.free_slots() == 4, 120, "a new worker answers calls")


def _quiet(samples: NDArray[np.int16]) -> bool:
    spoken = loud(samples)
    return int(spoken.sum()) >= 30 and not spoken[-12:].any()


def test_a_caller_who_gives_up_while_it_rings_leaves_nothing(house: House, tmp_path: Path) -> None:
    with softphone(tmp_path) as phone:
        phone.dial(house.uri("udp"))
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
    for name, data in house.server.written().items():
        assert NUMBER.encode() not in data, name
        assert b"555-0147" not in data, name
        assert b"5550147" not in data, name
