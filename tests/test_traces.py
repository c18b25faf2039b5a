"""The folder of traces: for its owner alone, bounded in days and in number, and no matter of a call's life."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.clock import wall_now
from pipeline.telemetry.events import Event, set_sink
from pipeline.traces import TraceFolder


@pytest.fixture
def said() -> Iterator[list[str]]:
    events: list[str] = []

    def hear(event: Event) -> None:
        events.append(event.name)

    set_sink(hear)
    yield events
    set_sink(None)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def age(path: Path, days: float) -> None:
    then_s = wall_now().timestamp() - days * 86_400
    os.utime(path, (then_s, then_s))


def test_a_trace_is_for_its_owner_alone(tmp_path: Path, said: list[str]) -> None:
    TraceFolder(tmp_path / "state/traces", 7).keep("c1", b"whole\n")
    path = tmp_path / "state/traces/trace-c1.jsonl"
    assert path.read_bytes() == b"whole\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert said == ["trace_kept"]


def test_a_trace_goes_when_its_days_are_over_and_nothing_else_does(
    tmp_path: Path, said: list[str]
) -> None:
    folder = TraceFolder(tmp_path, 7)
    for name in ("old", "new"):
        folder.keep(name, b"x")
    (tmp_path / "notes.txt").write_text("somebody else's")
    (tmp_path / "trace-torn.new").write_text("of a server that was killed")
    for name in ("trace-old.jsonl", "notes.txt", "trace-torn.new"):
        age(tmp_path / name, 7.1)
    age(tmp_path / "trace-new.jsonl", 6.9)
    folder.expire()
    assert names(tmp_path) == ["notes.txt", "trace-new.jsonl"]
    assert said[-1] == "traces_expired"
    folder.expire()
    assert said.count("traces_expired") == 1


def test_too_many_traces_leave_the_newest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.traces.TRACES_MAX", 2)
    folder = TraceFolder(tmp_path, 7)
    for number in range(4):
        folder.keep(f"c{number}", b"x")
        age(tmp_path / f"trace-c{number}.jsonl", 3 - number / 10)
    folder.expire()
    assert names(tmp_path) == ["trace-c2.jsonl", "trace-c3.jsonl"]


def test_a_folder_that_is_not_there_is_nothing_to_expire(tmp_path: Path) -> None:
    TraceFolder(tmp_path / "nowhere", 7).expire()


def test_a_disk_that_refuses_costs_the_trace_alone(tmp_path: Path, said: list[str]) -> None:
    (tmp_path / "traces").write_text("a file where the folder must be")
    TraceFolder(tmp_path / "traces", 7).keep("c1", b"x")
    assert said == ["trace_not_kept"]


@pytest.mark.parametrize("call_id", ["../c1", "c1/../../x", "", "c 1", "c" * 65])
def test_an_id_that_is_none_of_ours_names_no_file(tmp_path: Path, call_id: str) -> None:
    TraceFolder(tmp_path, 7).keep(call_id, b"x")
    assert names(tmp_path) == []
