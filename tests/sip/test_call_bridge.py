"""Three softphones: one lets it ring, the next answers, and the caller speaks with them through the gateway."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.sip.conftest import make_certificate
from tests.sip.house import opened
from tests.sip.softphone import softphone
from tests.sip.spoken_caller import until

pytestmark = [pytest.mark.sip, pytest.mark.wire, pytest.mark.long]

TRUNK = """\
cert = "{chain}"
key = "{key}"

[[trunk]]
name = "exchange"
signalling = ["127.0.0.0/8"]
media = ["127.0.0.0/8"]
transports = ["udp"]
srtp = "optional"
transfer = "bridge"

[transfer]
limit_ms = 5000
targets = ["nurse {nurse}", "front-desk {desk}"]
ladder = ["nurse", "front-desk"]
"""


def test_row_u2_who_does_not_answer_is_given_up_and_the_next_speaks_with_the_caller(
    tmp_path: Path, model_cache: Path
) -> None:
    certificate = make_certificate(tmp_path)
    with (
        softphone(tmp_path / "nurse", user="nurse") as nurse,
        softphone(tmp_path / "desk", user="desk", answers=True) as desk,
        opened(
            tmp_path / "house",
            model_cache,
            TRUNK.format(
                nurse=nurse.uri, desk=desk.uri, chain=certificate.chain, key=certificate.key
            ),
        ) as house,
        softphone(tmp_path / "caller") as caller,
    ):
        caller.dial(house.uri("udp"))
        caller.until("CALL_ESTABLISHED")
        house.told("call_started")
        caller.key("0")
        nurse.until("CALL_INCOMING", limit_s=60)
        nurse.until("CALL_CLOSED", limit_s=60)
        desk.until("CALL_ESTABLISHED", limit_s=60)
        until(lambda: len(house.event("phone_call_led")) == 2, 30, "both outcomes")
        led = [(each["target"], each["outcome"]) for each in house.event("phone_call_led")]
        assert led == [("nurse", "no_answer"), ("front-desk", "connected")]
        house.told("call_ended")
        assert house.event("phone_call_over") == [], "the caller is still in the call"
        desk.hang_up()
        caller.until("CALL_CLOSED")
        house.told("phone_call_over")
        talked = house.told("phone_call_bridged")
        assert (talked["target"], talked["reason"]) == ("front-desk", "person")
