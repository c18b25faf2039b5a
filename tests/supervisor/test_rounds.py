"""What was proven at the start is tried again; a failure is said, shown, and closes the door where words could leave."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from aiohttp.test_utils import TestClient, TestServer

from pipeline import config
from pipeline.audit.folder import audit_folder, open_audit
from pipeline.audit.trail import trail_files
from pipeline.clock import MonotonicClock
from pipeline.egress import trial
from pipeline.egress.trial import Tried
from pipeline.settings import Settings
from pipeline.store.opening import prepare
from pipeline.supervisor import fence
from pipeline.supervisor.facts import Facts
from pipeline.supervisor.front import Front
from pipeline.supervisor.rounds import Check, CheckFailed, CheckHolds, Found, Rounds, _Looks, rounds
from pipeline.supervisor.staff import StaffTokens
from pipeline.supervisor.witness import Witness
from pipeline.telemetry.events import Event, set_sink
from tests.audit.rig import end, forge
from tests.bundle.rig import two

OPEN = [Tried("dns over udp", "out"), Tried("tcp", "guard")]
SHUT = [Tried("dns over udp", "guard"), Tried("tcp", "guard")]


@pytest.fixture(autouse=True)
def _no_blocking_calls_in_the_loop() -> None:
    """Off here: the client shares its loop with the front, which reads its own version from a file."""


@pytest.fixture
def said() -> Iterator[list[Event]]:
    events: list[Event] = []
    set_sink(events.append)
    yield events
    set_sink(None)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    made = config.from_mapping({"state": {"directory": str(tmp_path / "state")}})
    prepare(made)
    return made


@pytest.fixture
def looks(settings: Settings) -> Iterator[_Looks]:
    writer, keys = open_audit(settings)
    with writer:
        clock = MonotonicClock()
        yield _Looks(settings, Facts(clock), Witness(writer, keys, settings, clock))


async def test_a_check_is_made_again_and_again_each_in_its_own_time(said: list[Event]) -> None:
    seen: list[str] = []

    def counted(name: str, *results: Found) -> Check:
        left = list(results)

        async def look() -> Found:
            seen.append(name)
            return left.pop(0) if left else Found(True)

        return Check(name, {"fast": 10.0, "slow": 35.0}[name], look)

    going = Rounds((counted("fast", Found(True), Found(False, "open")), counted("slow")))
    async with asyncio.TaskGroup() as group:
        task = group.create_task(going.run())
        await asyncio.sleep(36)
        task.cancel()
    assert seen == ["fast", "fast", "fast", "slow"]
    assert said == [
        CheckFailed(check="fast", reason="open"),  # type: ignore[arg-type]  # a token is a checked str
        CheckHolds(check="fast"),  # type: ignore[arg-type]  # as above
    ]


async def test_what_happened_to_the_chain_at_rest_is_said_a_minute_after_the_start(
    looks: _Looks,
) -> None:
    at_s: dict[str, list[float]] = {}
    made = rounds(looks._settings, looks._facts, looks._witness, None)
    loop = asyncio.get_running_loop()
    began_s = loop.time()

    def noting(check: Check) -> Check:
        async def look() -> Found:
            at_s.setdefault(check.name, []).append(loop.time() - began_s)
            return Found(True)

        return replace(check, look=look)

    async with asyncio.TaskGroup() as group:
        task = group.create_task(Rounds(tuple(noting(check) for check in made._checks)).run())
        await asyncio.sleep(3_700)
        task.cancel()
    assert at_s["audit"] == [60.0, 3_660.0]
    assert at_s["egress"] == [3_600.0]


async def test_a_check_that_breaks_has_failed_and_quotes_nobody(said: list[Event]) -> None:
    async def look() -> Found:
        raise RuntimeError("Zorvelline Brixtagne")

    await Rounds(()).look(Check("audit", 1.0, look))
    (event,) = said
    assert event.record()["reason"] == "RuntimeError"
    assert "Zorvelline" not in json.dumps(event.record())


@pytest.mark.wire
def test_a_chain_that_was_edited_while_serving_is_found(looks: _Looks, settings: Settings) -> None:
    looks._witness.configuration()
    while not trail_files(audit_folder(settings)):  #  # the writer's thread makes it
        time.sleep(0.01)
    assert asyncio.run(looks.audit()).passed
    fact = looks._facts.report()["audit"]
    assert (fact["result"], fact["files"]) == ("pass", 1)
    (_, path), *_ = trail_files(audit_folder(settings))
    while b'"action":"start"' not in path.read_bytes():  # the writer's thread is still at it
        time.sleep(0.01)
    path.write_bytes(path.read_bytes().replace(b'"action":"start"', b'"action":"halts"'))
    assert asyncio.run(looks.audit()) == Found(False, "chain_broken")
    assert looks._facts.failing == ("audit",)
    assert not looks._facts.unsafe  # patients are still answered


@pytest.mark.wire
def test_a_chain_cut_back_behind_a_head_that_was_exported_is_found(tmp_path: Path) -> None:
    settings = config.from_mapping(
        {
            "state": {"directory": str(tmp_path / "state")},
            "audit": {"heads_file": str(tmp_path / "heads")},
        }
    )
    clock = MonotonicClock()
    writer, keys = open_audit(settings)
    with writer:
        Witness(writer, keys, settings, clock).configuration()
    looks = _Looks(settings, Facts(clock), Witness(writer, keys, settings, clock))
    assert asyncio.run(looks.audit()).passed
    ((_, path),) = trail_files(audit_folder(settings))
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:1]))
    assert asyncio.run(looks.audit()) == Found(False, "chain_broken")
    assert looks._facts.failing == ("audit",)
    (tmp_path / "heads").unlink()
    assert asyncio.run(looks.audit()).passed  # as it looks without heads


@pytest.mark.wire
def test_records_that_were_signed_only_after_a_restart_are_shown_in_healthz(
    settings: Settings,
) -> None:
    clock = MonotonicClock()
    writer, keys = open_audit(settings)
    with writer:
        Witness(writer, keys, settings, clock).configuration()
    forged = forge(audit_folder(settings), end())
    writer, keys = open_audit(settings)
    with writer:
        looks = _Looks(settings, Facts(clock), Witness(writer, keys, settings, clock))
    assert asyncio.run(looks.audit()) == Found(False, "signed_late")
    fact = looks._facts.report()["audit"]
    assert (fact["result"], fact["whole"], fact["unproven"]) == (
        "fail",
        True,
        [f"{forged[0]}-{forged[-1]}"],
    )
    assert not looks._facts.unsafe  # patients are still answered


@pytest.mark.wire
def test_a_store_that_cannot_be_opened_any_more_is_found(looks: _Looks, settings: Settings) -> None:
    assert asyncio.run(looks.store()).passed
    free_mb = looks._facts.detail("store")["free_mb"]
    assert isinstance(free_mb, int)
    key = Path(settings.state.directory) / "keys/install.key"
    key.rename(key.with_suffix(".gone"))
    found = asyncio.run(looks.store())
    assert not found.passed
    assert looks._facts.failing == ("store",)
    assert looks._facts.detail("store")["reason"] == found.reason


@pytest.mark.wire
def test_a_disk_that_is_nearly_full_is_found(
    looks: _Looks, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage("/")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=199_000_000))
    assert asyncio.run(looks.store()) == Found(False, "disk_nearly_full")


@pytest.mark.wire
def test_a_way_out_that_opened_closes_the_door_to_new_callers_until_it_is_shut(
    looks: _Looks, settings: Settings, monkeypatch: pytest.MonkeyPatch, said: list[Event]
) -> None:
    front = Front(
        settings,
        StaffTokens(Path(settings.state.directory)),
        {},
        MonotonicClock(),
        looks._witness,
        looks._facts,
    )

    async def visit() -> None:
        async with TestClient(TestServer(front.app())) as page:
            headers = {"Origin": f"http://127.0.0.1:{page.port}"}
            monkeypatch.setattr(trial, "try_all", lambda: OPEN)
            assert await looks.egress() == Found(False, "way_out_open")
            refused = await page.post("/api/calls", json={}, headers=headers)
            body = await refused.json()
            assert (refused.status, body["error"]["code"]) == (503, "unguarded"), body
            assert "practice" in body["error"]["message"]
            health = await page.get("/healthz")
            assert health.status == 503
            assert (await health.json())["failing"] == ["egress"]
            monkeypatch.setattr(trial, "try_all", lambda: SHUT)
            assert (await looks.egress()).passed
            again = await page.post("/api/calls", json={}, headers=headers)
            assert (await again.json())["error"]["code"] == "lines_busy"  # no worker in this test

    asyncio.run(visit())


@pytest.mark.wire
def test_kernel_rules_that_were_flushed_are_found(
    tmp_path: Path, looks: _Looks, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("c.pem", "k.pem"):
        (tmp_path / name).write_text("")
    looks._settings = config.from_mapping(
        {
            "http": {"bind": "10.0.0.1"},
            "tls": {"cert": str(tmp_path / "c.pem"), "key": str(tmp_path / "k.pem")},
            "state": {"directory": str(tmp_path / "state")},
        }
    )
    monkeypatch.setattr(trial, "try_all", lambda: SHUT)
    looks._facts.tested("egress", "pass", level=2)
    held = [Tried(name, "kernel") for name in trial._PLAIN]
    monkeypatch.setattr(fence, "try_kernel", lambda: held)
    assert asyncio.run(looks.egress()).passed
    monkeypatch.setattr(fence, "try_kernel", lambda: OPEN)
    assert asyncio.run(looks.egress()) == Found(False, "kernel_rules_gone")
    assert looks._facts.unsafe


CHILD = """
import os, sys, threading, time
from pipeline.telemetry import log
log.take_over("supervisor", descriptor=2)
from pipeline.supervisor import outputs
from pipeline.supervisor.outputs import OutputsTested
from pipeline.telemetry.events import Token, emit
from pipeline.telemetry.outputs import OwnOutputs
stop = threading.Event()
def others():
    while not stop.wait(0.001):
        emit(OutputsTested(process=Token("other"), paths=0, passed=True, missed=0, leaked=0, second_net=0))
with OwnOutputs("supervisor") as own:
    log.redirect(own.events)
    busy = threading.Thread(target=others)
    busy.start()
    time.sleep(0.02)
    result = []
    retest = threading.Thread(target=lambda: result.append(outputs.try_own(own, "n" * 32)))
    retest.start(); retest.join(); stop.set(); busy.join()
    print(result[0], file=own.out, flush=True)
"""


@pytest.mark.wire
def test_outputs_are_tried_again_beside_a_running_server_and_no_event_of_its_is_lost() -> None:
    child = subprocess.run(
        [sys.executable, "-c", CHILD],
        capture_output=True,
        timeout=60,
        check=False,
        env=config.child_environment({"PYTHONPATH": os.getcwd()}),
    )
    out, err = child.stdout, child.stderr
    assert child.returncode == 0, err
    assert b"missed=(), leaked=()" in out, out + err
    events = [json.loads(line) for line in err.splitlines() if line.strip()]
    assert len(events) > 3  # those of the other thread, and not only the first
    assert {event["event"] for event in events} <= {"outputs_tested", "foreign_output"}


def test_a_model_file_that_moves_while_serving_is_an_alarm_and_calls_go_on(tmp_path: Path) -> None:
    bundles, manifest = two(tmp_path / "models")
    settings = config.from_mapping(
        {
            "state": {"directory": str(tmp_path)},
            "engines": {
                "stt": "whisper",
                "whisper_directory": str(tmp_path / "models/current/whisper"),
            },
        }
    )
    clock = MonotonicClock()
    writer, keys = open_audit(settings)
    with writer:
        looks = _Looks(settings, Facts(clock), Witness(writer, keys, settings, clock))
        assert asyncio.run(looks.models()).passed
        (bundles.version(manifest.name) / "whisper/more.json").write_bytes(b"")
        assert asyncio.run(looks.models()) == Found(False, "files_moved")
        made = rounds(settings, looks._facts, looks._witness, None)
    assert "models" in {check.name for check in made._checks}
    assert looks._facts.failing == ("models",)
    assert not looks._facts.unsafe
