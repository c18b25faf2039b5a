"""A telephone call books the same appointment as a browser's: ring to stored request, spoken at 8 kHz."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest

from tests.first_call.served import wardline
from tests.sip.house import opened
from tests.sip.softphone import softphone
from tests.sip.spoken_caller import SpokenCaller, until

pytestmark = [pytest.mark.sip, pytest.mark.wire, pytest.mark.long]

LIMIT_S = 180.0


@pytest.mark.parametrize("transport", ["udp", "tls"])
def test_a_telephone_call_books_an_appointment(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, transport: str
) -> None:
    cache = tmp_path_factory.getbasetemp() / "models"
    with opened(tmp_path, cache) as house:
        secure = transport == "tls"
        ca_file = house.ca_file if secure else ""
        with softphone(
            tmp_path / "phone", transport=transport, srtp=secure, ca_file=ca_file
        ) as phone:
            phone.dial(house.uri(transport))
            phone.until("CALL_ESTABLISHED")
            caller = SpokenCaller(phone, house, keys="2125550143")
            until(lambda: bool(house.event("phone_call_joined")), 10, "the call")
            caller.call_id = house.event("phone_call_joined")[0]["call_id"]
            caller.book(LIMIT_S)
            assert caller.complete, caller.said
            phone.until("CALL_CLOSED", limit_s=60)
        token, to = tmp_path / "token", tmp_path / "exported"
        config = ("--config", str(tmp_path / "wardline.toml"))
        token.write_text(wardline("token", *config, "create", "desk").stdout)
        staff = ("requests", *config, "--token-file", str(token))
        done = wardline(*staff, "export", "--to", str(to))
        assert done.returncode == 0, done.stderr
        (kept,) = [json.loads(line) for line in to.read_text().splitlines()]
        assert (kept["state"], kept["ended"]) == ("complete", "goodbye")
        assert kept["field.first_name"] == "David"
        assert kept["field.phone"] == "2125550143"
        assert kept["field.time"] == "afternoon"
        assert date.fromisoformat(kept["field.day"]).strftime("%A") == "Tuesday"
