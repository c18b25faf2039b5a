"""SIPp calls a whole server: a real worker behind the gateway, and sound both ways."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from pipeline.media.g711 import ulaw_encode
from tests.first_call.stored import stored
from tests.ports import free_ports
from tests.sip.house import House, opened
from tests.sip.sipp import MEDIA_PORTS, run_sipp
from tests.sip.softphone import RATE_HZ, loud
from tests.sip.spoken_caller import spoken, until
from tests.sip.wiretap import wiretap

pytestmark = [pytest.mark.sip, pytest.mark.wire, pytest.mark.long]

CALLED = "+12025550100"
GREETING_S, ANSWER_S = 14.0, 12.0
"""How long the caller only listens, before and after the line."""
PACKETS_PER_S = 50


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, model_cache: Path) -> Iterator[House]:
    with opened(tmp_path_factory.mktemp("house"), model_cache) as there:
        yield there


def nothing_left(house: House) -> bool:
    return house.server.calls() == 0 and house.server.free_slots() == 4


def calls(house: House) -> list[str]:
    return [str(each["call_id"]) for each in house.event("phone_call_joined")]


@pytest.mark.parametrize("mode", ["u1", "t1"])
def test_what_a_caller_of_sipp_says_is_heard_answered_and_stored(
    house: House, tmp_path: Path, mode: str
) -> None:
    line = spoken("I need a follow up appointment.")
    sound = np.concatenate(
        [np.zeros(int(GREETING_S * RATE_HZ), np.int16), line, np.zeros(int(ANSWER_S * RATE_HZ), np.int16)]
    )  # fmt: skip
    lasts_s = len(sound) / RATE_HZ
    (tmp_path / "said.ulaw").write_bytes(ulaw_encode(sound))
    first, before = free_ports(MEDIA_PORTS), len(calls(house))
    port = house.ports["udp" if mode == "u1" else "tcp"]
    with wiretap(tmp_path / "tap", first, MEDIA_PORTS) as tap:
        told = run_sipp(
            port, "spoken", mode, tmp_path, CALLED, "-m", "1", "-d", str(int(lasts_s * 1_000)),
            media_port=first,
        )  # fmt: skip
        said = loud(tap.heard())
    assert told == (0, "")
    [call_id] = calls(house)[before:]
    over = house.told("phone_call_over", call_id=call_id)
    assert (over["reason"], over["codec"], over["secured"]) == ("caller", "PCMU", False)
    assert over["packets_received"] >= 0.98 * PACKETS_PER_S * lasts_s
    assert over["packets_sent"] >= 0.95 * PACKETS_PER_S * lasts_s
    assert (over["lost"], over["foreign"]) == (0, 0)
    spoken_until = int((GREETING_S + len(line) / RATE_HZ) * 10)
    assert said[: int(GREETING_S * 10)].sum() >= 50, "five seconds of greeting"
    assert said[spoken_until:].sum() >= 10, "a reply to the line"
    until(lambda: nothing_left(house), 30, "every line is free")
    assert len(house.event("turn_ended", call_id=call_id)) >= 1
    kept = [each for each in stored(house.server, tmp_path) if each["call"] == call_id]
    assert [each["field.reason"] for each in kept] == ["follow_up"]


@pytest.mark.parametrize("mode", ["u1", "t1"])
@pytest.mark.parametrize("scenario", ["call", "late_offer", "hold", "info_update", "options"])
def test_a_scenario_with_a_real_worker_behind_goes_as_it_says_and_leaves_nothing(
    house: House, tmp_path: Path, scenario: str, mode: str
) -> None:
    """SIPp echoes all sound that comes: our own voice is what the worker hears."""
    before = len(calls(house))
    port = house.ports["udp" if mode == "u1" else "tcp"]
    assert run_sipp(port, scenario, mode, tmp_path, CALLED, "-m", "1", "-rtp_echo") == (0, "")
    until(lambda: nothing_left(house), 30, "every line is free")
    made = calls(house)[before:]
    assert len(made) == (scenario != "options")
    for call_id in made:
        over = house.told("phone_call_over", call_id=call_id)
        assert (over["reason"], over["codec"]) == ("caller", "PCMA")
