"""Calls of a real softphone to a whole server: greeted, heard, held, and told when their worker dies."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.sip.house import House, opened
from tests.sip.planted import found
from tests.sip.softphone import Softphone, loud, softphone
from tests.sip.spoken_caller import until
from tests.sip.wiretap import wiretap

pytestmark = [pytest.mark.sip, pytest.mark.wire]

NUMBER = "12125550147"


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
