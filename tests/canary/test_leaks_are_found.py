"""The whole test can fail: a leak at each place that is searched is found there, and nobody else is."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator

import pytest

from tests.canary import http_inputs, outputs, rig
from tests.canary.course import asked_too_much
from tests.canary.leaks import LEAKS, LEAKS_ELSEWHERE, PERSON
from tests.canary.people import everything
from tests.canary.rig import Ground, ground
from tests.canary.search import Hit, Search

pytestmark = pytest.mark.wire


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> list[Hit]:
    with ground(tmp_path_factory.mktemp("leaky"), None, options=("--leaks",)) as where:
        where.shown |= http_inputs.plant(where.server.port)
        _one_call(where)
        where.fail("leaks")
        assert where.server.ask("POST", "/api/calls")[0] == 201
        where.look_at_processes("after it")
        received = where.outside.received
        limit_s = time.monotonic() + 60
        while not (received.reported and received.logged):  # each is sent in its own time
            assert time.monotonic() < limit_s
            time.sleep(0.05)
        with _written_by_somebody_else():
            return where.hits()


@contextlib.contextmanager
def _written_by_somebody_else() -> Iterator[None]:
    """A file in a folder that every program of the machine writes to."""
    with tempfile.NamedTemporaryFile(dir="/dev/shm") as file:
        file.write(rig.person("child").says.encode())
        file.flush()
        yield


def _one_call(where: Ground) -> None:
    answer = where.server.offer("v=0")[1]
    assert where.server.ask("POST", "/api/hangup", {"call_key": answer["call_key"]})[0] == 204


@pytest.mark.parametrize("what", LEAKS)
def test_a_leak_is_found_where_it_is(what: str, found: list[Hit]) -> None:
    _, place = LEAKS[what]
    assert [hit for hit in found if hit.place.endswith(place)]


@pytest.mark.parametrize("what", LEAKS_ELSEWHERE)
def test_a_leak_to_somebody_who_asks_or_is_told_is_found(what: str, found: list[Hit]) -> None:
    assert [hit for hit in found if hit.place.startswith(LEAKS_ELSEWHERE[what])]


def test_nobody_is_found_but_who_was_leaked(found: list[Hit]) -> None:
    assert {hit.text.split()[0] for hit in found} == {PERSON.came_by}


def test_a_caller_in_a_request_to_the_model_is_found_but_for_the_first_name() -> None:
    for came_by in ("typed", "speech", "keyed"):
        caller = rig.person(came_by)
        for kind, text in (caller.values | caller.spoken).items():
            found = asked_too_much([f"I am {text}, please".encode()])
            assert (f"{came_by} {kind}" in found) == (kind != "first" or came_by == "keyed")


def test_arguments_and_environment_of_a_process_are_searched() -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", "print(flush=True); input()", PERSON.name],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={"CALLER": PERSON.phone_written},
    )
    try:
        assert child.stdout is not None
        child.stdout.readline()  # a process that has only just begun has no arguments yet
        hits = Search(everything([PERSON])).look(outputs.processes([child.pid]))
    finally:
        assert child.stdin is not None
        child.communicate(b"\n")
    assert {hit.place.split()[-1] for hit in hits} == {"cmdline", "environ"}
