"""A newcomer's first call: real recognition, real speech, through the public doors."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.first_call.served import Served, wardline

pytestmark = pytest.mark.wire


@pytest.fixture(scope="module")
def booked(server: Served) -> dict[str, Any]:
    done = wardline("call", "--url", server.url, "--script", "booking", "--json")
    assert done.returncode == 0, done.stderr
    record: dict[str, Any] = json.loads(done.stdout)
    return record


def test_a_recorded_caller_books_an_appointment(booked: dict[str, Any]) -> None:
    assert booked["met"] is True
    assert booked["ended"] == "goodbye"


def test_the_booking_takes_at_least_five_turns_that_were_heard_and_answered(
    booked: dict[str, Any],
) -> None:
    spoken = [turn for turn in booked["turns"] if turn["said"]]
    assert len(spoken) >= 5
    assert all(turn["heard"] and turn["reply"] for turn in spoken)


def test_the_number_is_shown_by_its_last_two_digits_only(booked: dict[str, Any]) -> None:
    assert booked["request"]["phone"].endswith("43")
    assert "555" not in json.dumps(booked["request"])


def test_the_number_can_be_keyed_instead_of_spoken(server: Served) -> None:
    done = wardline(
        "call", "--url", server.url, "--script", "booking", "--keys", "2125550143", "--json"
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["request"]["phone"].endswith("43")


def test_a_caller_who_cuts_in_is_given_the_floor_and_still_books(server: Served) -> None:
    done = wardline(
        "call", "--url", server.url, "--script", "booking", "--barge-in-after-ms", "700", "--json"
    )
    record = json.loads(done.stdout)
    cut = [turn["barge_in_ms"] for turn in record["turns"] if turn["barge_in_ms"] is not None]
    assert cut
    assert done.returncode == 0, done.stderr
