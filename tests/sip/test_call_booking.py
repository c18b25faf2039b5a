"""A telephone call books the same appointment as a browser's: ring to stored request, spoken at 8 kHz."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.first_call.stored import NUMBER, stored, wrong_in
from tests.sip.house import House, opened
from tests.sip.softphone import softphone
from tests.sip.spoken_caller import SpokenCaller

pytestmark = [pytest.mark.sip, pytest.mark.wire, pytest.mark.long]

LIMIT_S = 180.0


@contextmanager
def booked(
    tmp_path: Path,
    cache: Path,
    transport: str,
    *,
    keyed_at_once: bool = False,
    misheard: Mapping[str, str] | None = None,
) -> Iterator[tuple[House, SpokenCaller]]:
    """A house and the caller who has just booked there."""
    with opened(tmp_path / "house", cache) as house:
        secure = transport == "tls"
        ca_file = house.ca_file if secure else ""
        with softphone(
            tmp_path / "phone", transport=transport, srtp=secure, ca_file=ca_file
        ) as phone:
            phone.dial(house.uri(transport))
            phone.until("CALL_ESTABLISHED")
            caller = SpokenCaller(
                phone, house, keys=NUMBER, keyed_at_once=keyed_at_once, misheard=misheard
            )
            caller.call_id = house.told("phone_call_joined")["call_id"]
            caller.book(LIMIT_S)
            assert caller.complete, caller.said
            phone.until("CALL_CLOSED", limit_s=60)  # after our goodbye, by our BYE
        yield house, caller


@pytest.mark.parametrize("transport", ["udp", "tls"])
def test_a_telephone_call_books_an_appointment(
    tmp_path: Path, model_cache: Path, transport: str
) -> None:
    with booked(tmp_path, model_cache, transport) as (house, _):
        [kept] = stored(house.server, tmp_path)
        assert wrong_in(kept) == []
        over = house.told("phone_call_over")
        assert (over["reason"], over["secured"]) == ("us", transport == "tls")


def test_answers_that_were_misheard_are_put_right_at_the_read_back_and_the_number_comes_by_keys(
    tmp_path: Path, model_cache: Path
) -> None:
    """Another day and another time of day arrive than were said: understood so, read back, and corrected."""
    misheard = {"day": "Thursday, please.", "time": "In the morning."}
    with booked(tmp_path, model_cache, "tls", keyed_at_once=True, misheard=misheard) as (
        house,
        caller,
    ):
        assert {("day", "Thursday"), ("time", "morning")} <= caller.was_wrong
        assert caller.said.count("[keys]") >= 1
        assert not [line for line in caller.said if "five" in line], "the number was never spoken"
        [kept] = stored(house.server, tmp_path)
        assert wrong_in(kept) == []
