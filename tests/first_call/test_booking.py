"""A newcomer's first call: real recognition, real speech, through the public doors."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pipeline.turn.replay import again, replay
from pipeline.turn.trace import read, written
from tests.first_call.served import Served, served, until, wardline
from tests.first_call.stored import NUMBER, stored, wrong_in

pytestmark = pytest.mark.wire

CALLS = {
    "spoken": (),
    "keyed": ("--keys", "2125550143"),
    "cutting in": ("--barge-in-after-ms", "700"),
}
"""A call lasts a minute of real time, so the three are made at once."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, model_cache: Path) -> Iterator[Served]:
    """One that keeps what turn-taking decided."""
    traced = '[traces]\nkeep = "on"\n'
    with served(tmp_path_factory.mktemp("served"), traced, model_cache) as running:
        yield running


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


def test_every_booking_is_in_the_encrypted_store_and_named_staff_read_it(
    calls: dict[str, Made], server: Served, tmp_path: Path
) -> None:
    kept = stored(server, tmp_path)
    assert [wrong_in(request) for request in kept] == [[]] * len(calls)
    written = b"".join(
        data for name, data in server.written().items() if "/data/" in name or name == "stderr"
    )
    assert b"request_stored" in written
    names = {request["field.first_name"] for request in kept}
    assert not [value for value in (*names, NUMBER) if value.encode() in written]
    # X34: nor is a reason, a day or a time of a request in any log, record, report or name of a file.
    fields = {value for each in kept for key, value in each.items() if key.startswith("field.")}
    assert len(fields) >= 5
    told = set(told_by(server))
    assert {"goodbye", "request_stored", "call_end"} <= told
    assert not [value for value in fields if any(value in text for text in told)]


def test_every_call_was_traced_and_is_decided_again_to_the_byte(
    calls: dict[str, Made], server: Served
) -> None:
    """The recorded calls came over a network, with real engines, while the machine was busy."""
    folder = server.directory / "state/traces"
    until(lambda: len(list(folder.glob("trace-*.jsonl"))) == len(calls), 10.0, "the traces")
    rows = 0
    for path in folder.iterdir():
        data = path.read_bytes()
        trace = read(data)
        rows += len(trace.rows)
        assert written(again(trace, replay(trace))) == data
    assert rows > 50 * len(calls)
    shown = wardline("replay", str(path))
    assert shown.returncode == 0, shown.stderr
    assert "EndTurn" in shown.stdout
    assert "none different" in shown.stdout


TIMES = frozenset({"at", "ts"})
"""The moment of a line may be an hour that somebody booked."""


def told_by(server: Served) -> Iterator[str]:
    """Every text in the event log, the audit and the reports, and the name of every file."""
    for name, data in server.written().items():
        yield name
        if name == "stderr" or name.endswith(".jsonl"):
            for line in data.splitlines():
                record = json.loads(line) if line.startswith(b"{") else {}
                yield from (
                    str(value)
                    for key, value in record.items()
                    if key not in TIMES and isinstance(value, str | list)
                )
