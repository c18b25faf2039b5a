"""The planted word: what was caught, what was missed, what leaked, and that the real ways are all closed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline import config
from pipeline.telemetry.canary import BYTE_PATHS, WORD_PATHS, Verdict, Watch, base_of
from tests.supervisor.served import UNTIL_S, served

BASE = base_of("n" * 32)


def mark(path: str) -> bytes:
    return f"{BASE}-{path}.".encode()


def caught_all(watch: Watch) -> Watch:
    for path in BYTE_PATHS:
        watch.caught(b"\n" + mark(path) + b"\n")
    return watch


def test_what_the_pipe_caught_and_no_line_holds_passes() -> None:
    verdict = caught_all(Watch(BASE)).verdict()
    assert verdict == Verdict((), (), ())
    assert verdict.passed


@pytest.mark.parametrize("path", BYTE_PATHS)
def test_a_mark_that_did_not_arrive_went_elsewhere(path: str) -> None:
    watch = Watch(BASE)
    for other in BYTE_PATHS:
        if other != path:
            watch.caught(mark(other))
    assert watch.verdict().missed == (path,)
    assert not watch.verdict().passed


@pytest.mark.parametrize("path", WORD_PATHS)
def test_a_mark_in_an_event_is_a_leak_and_at_the_pipe_a_second_net(path: str) -> None:
    leaked = caught_all(Watch(BASE))
    leaked.written(b'{"event":"said","by":"' + mark(path) + b'"}')
    assert leaked.verdict().leaked == (path,)
    assert not leaked.verdict().passed
    netted = caught_all(Watch(BASE))
    netted.caught(mark(path))
    assert netted.verdict().second_net == (path,)
    assert netted.verdict().passed


def test_a_cut_mark_in_an_event_is_a_leak_too() -> None:
    watch = caught_all(Watch(BASE))
    watch.written(BASE.encode())
    assert watch.verdict().leaked == ("unknown",)


def test_a_mark_that_comes_in_single_bytes_is_seen() -> None:
    watch = Watch(BASE)
    for path in BYTE_PATHS:
        for byte in mark(path):
            watch.caught(bytes([byte]))
    assert watch.verdict().passed


def test_another_process_has_another_mark() -> None:
    assert base_of("m" * 32) != BASE
    assert "n" * 8 not in BASE


BARE = """
import sys
from pipeline.telemetry import canary, log
if sys.argv[1] == "taken": log.take_over("t", level="debug")
print(canary.rehearse(canary.base_of("n" * 32)))
"""


@pytest.mark.wire
def test_without_the_gateway_every_way_is_open_and_with_it_only_the_bytes() -> None:
    """The canary can fail: the same tries in a process that nobody took over come out raw."""

    def came_out(how: str) -> set[str]:
        done = subprocess.run(
            [sys.executable, "-c", BARE, how],
            capture_output=True,
            check=True,
            env=config.child_environment({"LOGURU_AUTOINIT": "True"}),
        )
        watch = Watch(BASE)
        watch.caught(done.stdout + done.stderr)
        verdict = watch.verdict()
        assert verdict.missed == ()
        return set(verdict.second_net)

    assert came_out("taken") == set()
    # Python's last resort prints no name; "logs names" below shows that this path can fail as well
    assert came_out("bare") == set(WORD_PATHS) - {"logger-name"}


@pytest.mark.wire
@pytest.mark.parametrize(
    ("practice", "said"),
    [
        (
            "outputs elsewhere",
            "went past the guard by way of stderr, descriptor-2, c-library, child",
        ),
        ("logs names", "was written to the event log by way of"),
    ],
)
def test_a_worker_with_a_way_out_stops_the_start_with_78(
    tmp_path: Path, practice: str, said: str
) -> None:
    with served(tmp_path, f'[practice]\nname = "{practice}"\n', ready=False) as running:
        assert running.process.wait(UNTIL_S) == 78
    assert "a test word that may not leave process w1" in running.log()
    assert said in running.log()
    assert "canary" not in running.log().replace("a test word", "")
    (tested,) = [e for e in running.events("outputs_tested") if e["process"] == "w1"]
    assert tested["passed"] is False
    assert running.events("server_ready") == []


@pytest.mark.wire
def test_health_shows_the_result_and_its_age_for_every_process(tmp_path: Path) -> None:
    with served(tmp_path) as running:
        status, health, _ = running.ask("GET", "/healthz")
        fact = health["tested"]["canary"]
        assert (status, fact["result"]) == (200, "pass")
        assert fact["processes"] == ["supervisor", "w1"]
        assert fact["paths"] == len(BYTE_PATHS) + len(WORD_PATHS)
        assert 0 <= fact["age_s"] < 30
        assert fact["at"].startswith("2")
        assert health["tested"]["audit"] == {"result": "not_tested"}
        assert health["relaxed"] == []
    assert json.dumps(running.events("foreign_output")) == "[]"
