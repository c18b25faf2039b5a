"""A newcomer's first call: real recognition, real speech, through the public doors."""

from __future__ import annotations

import json
import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest

from tests.first_call.served import Served, wardline

pytestmark = pytest.mark.wire

CALLS = {
    "spoken": (),
    "keyed": ("--keys", "2125550143"),
    "cutting in": ("--barge-in-after-ms", "700"),
}
"""A call lasts a minute of real time, so the three are made at once."""


@dataclass(frozen=True)
class Made:
    """One `wardline call` and what it reported."""

    status: int
    complaint: str
    record: dict[str, Any]


@pytest.fixture(scope="module")
def calls(server: Served) -> dict[str, Made]:
    def make(options: tuple[str, ...]) -> subprocess.CompletedProcess[str]:
        return wardline("call", "--url", server.url, "--script", "booking", "--json", *options)

    with ThreadPoolExecutor(len(CALLS)) as together:
        done = list(together.map(make, CALLS.values()))
    return {
        name: Made(one.returncode, one.stderr, json.loads(one.stdout))
        for name, one in zip(CALLS, done, strict=True)
    }


@pytest.mark.parametrize("name", CALLS)
def test_a_recorded_caller_books_an_appointment(calls: dict[str, Made], name: str) -> None:
    made = calls[name]
    assert made.status == 0, made.complaint
    assert made.record["met"] is True
    assert made.record["ended"] == "goodbye"


def test_the_booking_takes_at_least_five_turns_that_were_heard_and_answered(
    calls: dict[str, Made],
) -> None:
    turns = [turn for turn in calls["spoken"].record["turns"] if turn["said"]]
    assert len([turn for turn in turns if turn["heard"] and turn["reply"]]) >= 5


@pytest.mark.parametrize("name", ["spoken", "keyed"])
def test_the_number_is_shown_by_its_last_two_digits_only(calls: dict[str, Made], name: str) -> None:
    request = calls[name].record["request"]
    assert request["phone"].endswith("43")
    assert "555" not in json.dumps(request)


def test_a_caller_who_cuts_in_is_given_the_floor(calls: dict[str, Made]) -> None:
    turns = calls["cutting in"].record["turns"]
    assert [turn["barge_in_ms"] for turn in turns if turn["barge_in_ms"] is not None]
