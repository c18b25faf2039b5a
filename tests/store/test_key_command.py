"""`store.key = "command"` behind the guard: the program that prints the key is started, and no other one is."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from phi.envelope import KeyRing
from pipeline import config
from pipeline.egress.flow import flows, sub_processors
from pipeline.store.database import FILE_NAME
from pipeline.store.opening import prepare
from pipeline.supervisor.rounds import Found, look_at_store
from pipeline.telemetry.events import Event, set_sink
from tests.supervisor.served import UNTIL_S

pytestmark = pytest.mark.wire

RING = KeyRing.new()

INSIDE = """
import json, subprocess, sys
from pathlib import Path
from pipeline import config
from pipeline.egress import guard
from pipeline.store.opening import now_ms, open_records, prepare
from pipeline.supervisor import fence
from pipeline.telemetry.events import set_sink
settings = config.load(sys.argv[1])
said = []
set_sink(lambda event: said.append(event.name))
if sys.argv[2] == "supervisor":
    fence.fence_supervisor(settings, "pipeline.worker")
    prepare(settings)
else:
    prepare(settings)
    fence.fence_worker()
    fence.fence_worker(settings)
def opened(how):
    records = open_records(how)
    count = records.count()
    records.database.close()
    return count
def tried(words, environment):
    try:
        subprocess.run(words, env=environment, check=False, capture_output=True)
    except guard.EgressRefused:
        return "refused"
    return "done"
out = {"count": [opened(settings), opened(settings)], "refused_before": guard.refused(), "events": list(said)}
words = list(settings.store.key_command)
own = config.child_environment({})
out["tries"] = [tried(words, own), tried(["cat", "/etc/hostname"], own), tried(words, {**own, "LD_PRELOAD": "x"})]
print(json.dumps(out))
"""


def configured(directory: Path) -> Path:
    """A configuration whose key is printed by `cat`, as a vault's own program would."""
    key = directory / "key text"
    key.write_text(RING.to_text())
    key.chmod(0o600)
    file = directory / "own.toml"
    file.write_text(
        f'[state]\ndirectory = "{directory / "state"}"\n'
        f'[store]\nkey = "command"\nkey_command = ["cat", "{key}"]\n'
    )
    return file


def inside(directory: Path, process: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-c", INSIDE, str(configured(directory)), process],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=config.child_environment({"PYTHONPATH": os.getcwd()}),
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("process", ["supervisor", "worker"])
def test_the_store_opens_behind_the_fence_and_nothing_else_starts(
    tmp_path: Path, process: str
) -> None:
    found = inside(tmp_path, process)
    assert found["count"] == [0, 0]
    assert found["refused_before"] == 0
    assert "egress_refused" not in found["events"]
    assert found["tries"] == ["done", "refused", "refused"]


def test_a_server_whose_key_is_printed_by_a_program_serves_and_ends_its_old_event_files(
    tmp_path: Path,
) -> None:
    """Whether a legal hold keeps them is asked of the store, and the store's key of the program."""
    file = configured(tmp_path)
    prepare(config.load(file))
    events, out = tmp_path / "events.jsonl", tmp_path / "out"
    old, young = tmp_path / "events-2020-01-01.jsonl", tmp_path / f"events-{date.max}.jsonl"
    for path in (old, young):
        path.write_text("{}\n")
    file.write_text(f'[http]\nport = 0\n[log]\nfile = "{events}"\n{file.read_text()}')
    with out.open("wb") as to:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.fakes.fake_serve", str(file)],
            stdout=to,
            stderr=to,
            env=config.child_environment({"PYTHONPATH": os.getcwd()}),
        )
    try:
        until = time.monotonic() + UNTIL_S
        while old.exists() or "server_ready" not in events.read_text():
            assert time.monotonic() < until
            assert process.poll() is None, out.read_text()
            time.sleep(0.05)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)
    assert young.exists()
    said = [json.loads(line) for line in events.read_text().splitlines()]
    assert [each["count"] for each in said if each["event"] == "event_files_expired"] == [1]
    assert {each["out"] for each in said if each["event"] == "egress_tested"} == {0}
    assert "egress_refused" not in {each["event"] for each in said}
    assert "Requests are kept, encrypted" in out.read_text()
    assert RING.to_text().strip() not in out.read_text() + events.read_text()


def test_the_look_at_the_store_each_minute_asks_no_program_and_no_variable(tmp_path: Path) -> None:
    key, asked = tmp_path / "key text", tmp_path / "asked"
    key.write_text(RING.to_text())
    tree: dict[str, Any] = {"state": {"directory": str(tmp_path / "state")}}
    script = f"cat '{key}'; echo once >> '{asked}'"
    by_command = {**tree, "store": {"key": "command", "key_command": ["sh", "-c", script]}}
    prepare(config.from_mapping(by_command))
    at_start = asked.read_text()
    assert at_start.startswith("once")
    for _ in range(2):
        assert look_at_store(config.from_mapping(by_command))[0].passed
    assert asked.read_text() == at_start

    said: list[Event] = []
    set_sink(said.append)
    try:
        by_variable = {**tree, "store": {"key": "environment", "key_text": RING.to_text().strip()}}
        assert look_at_store(config.from_mapping(by_variable))[0].passed
    finally:
        set_sink(None)
    assert said == []


def test_the_look_at_the_store_tells_a_key_file_or_a_database_that_has_gone(tmp_path: Path) -> None:
    settings = config.from_mapping({"state": {"directory": str(tmp_path / "state")}})
    prepare(settings)
    assert look_at_store(settings)[0].passed
    key = config.key_file_of(settings)
    key.rename(tmp_path / "elsewhere")
    assert look_at_store(settings)[0] == Found(False, "key_missing")
    (tmp_path / "elsewhere").rename(key)
    (config.data_directory(settings) / FILE_NAME).unlink()
    assert not look_at_store(settings)[0].passed


def test_the_program_is_on_the_data_flow_page_without_its_arguments(tmp_path: Path) -> None:
    settings = config.load(configured(tmp_path))
    (flow,) = [flow for flow in flows(settings) if flow.setting == "store.key_command"]
    assert flow.target == "Key program cat"
    assert "key text" not in str(flow)
    assert sub_processors(settings) == []
