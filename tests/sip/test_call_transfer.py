"""A caller who asks for a person is led to a second telephone (REFER), and our part of the call ends."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.sip.house import opened
from tests.sip.softphone import softphone
from tests.sip.spoken_caller import until

pytestmark = [pytest.mark.sip, pytest.mark.wire]


def test_key_0_leads_the_caller_to_the_desk(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    cache = tmp_path_factory.getbasetemp() / "models"
    with softphone(tmp_path / "desk", user="desk", answers=True) as desk:
        toml = f'[transfer]\ntargets = ["front-desk {desk.uri}"]\nladder = ["front-desk"]\n'
        with (
            opened(tmp_path / "house", cache, toml) as house,
            softphone(tmp_path / "caller") as caller,
        ):
            caller.dial(house.uri("udp"))
            caller.until("CALL_ESTABLISHED")
            until(lambda: bool(house.event("call_started")), 10, "the call has begun")
            caller.key("0")
            desk.until("CALL_ESTABLISHED", limit_s=60)
            until(lambda: bool(house.event("phone_call_led")), 30, "the outcome")
            (led,) = house.event("phone_call_led")
            assert (led["target"], led["outcome"]) == ("front-desk", "connected")
            until(lambda: bool(house.event("phone_call_over")), 10, "our part is over")
