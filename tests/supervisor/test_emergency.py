"""Row I6 around the calls: the file, the command, the staff page's button, real workers, a restart."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from pipeline import config
from pipeline.audit.writer import AuditWriter, Limits
from pipeline.clock import MonotonicClock
from pipeline.errors import StartUpError
from pipeline.settings import Settings
from pipeline.supervisor import witness
from pipeline.supervisor.emergency import DAMAGED, Emergency, Standing, SwitchFile
from pipeline.supervisor.staff import StaffTokens
from pipeline.supervisor.witness import Witness
from tests.audit.rig import keys_in, records
from tests.supervisor.served import Served, served, staff_token
from tests.supervisor.test_audit import of_type, until
from tests.supervisor.test_live_stream import live, read

LATEST_S = 1.0
"""From the switch to the last worker (row I6)."""
TWO = "[workers]\ncount = 2\ncalls_per_worker = 3\n[limits]\ncalls_per_address = 7\n"


# --- the file -------------------------------------------------------------------------------------


def test_the_switch_keeps_who_threw_it_first_and_why(tmp_path: Path) -> None:
    file = SwitchFile(tmp_path / "state", now_ms=iter([5.0, 6.0, 7.0]).__next__)
    assert file.read() == Standing()
    thrown = file.throw(paused=True, by="local:root", reason="wrong_answers")
    assert thrown == Standing(True, "local:root", "wrong_answers", 5.0)
    assert file.throw(paused=True, by="staff:anna", reason="none") == thrown
    assert file.read() == thrown
    assert file.path.stat().st_mode & 0o777 == 0o600
    assert file.throw(paused=False, by="staff:anna", reason="none").paused is False
    assert not file.read().paused


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "null", '{"paused": 1, "by": "local:x", "reason": "none", "since_ms": 0}',
     '{"paused": false}', '{"paused": false, "by": "Maria Gomez", "reason": "none", "since_ms": 0}',
     '{"paused": false, "by": "local:x", "reason": "Her number", "since_ms": 0}', "[" * 5_000],
)  # fmt: skip
def test_a_damaged_file_is_a_pause_and_can_be_set_right(tmp_path: Path, text: str) -> None:
    file = SwitchFile(tmp_path)
    file.path.write_text(text)
    assert file.read() == DAMAGED
    assert file.throw(paused=False, by="local:root", reason="none").paused is False
    assert not file.read().paused


def test_a_folder_that_cannot_be_written_to_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file")
    with pytest.raises(StartUpError, match=r"state\.directory"):
        SwitchFile(tmp_path / "state").throw(paused=True, by="local:root", reason="none")


def test_a_switch_that_was_thrown_once_and_is_gone_is_a_pause(tmp_path: Path) -> None:
    file = SwitchFile(tmp_path)
    file.throw(paused=True, by="local:root", reason="drill")
    file.throw(paused=False, by="local:root", reason="none")
    file.path.unlink()
    assert SwitchFile(tmp_path).read() == DAMAGED  # for a server that is started anew, too
    assert not file.throw(paused=False, by="local:root", reason="none").paused
    assert not file.read().paused


def test_a_clock_that_is_set_back_does_not_make_a_newer_word_older(tmp_path: Path) -> None:
    file = SwitchFile(tmp_path, now_ms=iter([9_000.0, 5.0]).__next__)
    paused = file.throw(paused=True, by="local:root", reason="drill")
    assert file.throw(paused=False, by="local:root", reason="none").since_ms > paused.since_ms


def recorded(kept: list[Standing], *, fails: bool = False) -> Callable[[Standing], Awaitable[bool]]:
    async def on_record(standing: Standing) -> bool:
        if not fails:
            kept.append(standing)
        return not fails

    return on_record


@pytest.mark.wire
async def test_an_older_reading_never_comes_after_a_newer(tmp_path: Path) -> None:
    release = threading.Event()

    class Slow(SwitchFile):
        slow = False

        def read(self) -> Standing:
            found = super().read()
            if self.slow:
                self.slow = False
                release.wait(60)
            return found

    file = Slow(tmp_path)
    seen: list[bool] = []
    emergency = Emergency(file, lambda each: seen.append(each.paused), lambda: 0, recorded([]))
    file.slow = True
    async with asyncio.TaskGroup() as group:
        group.create_task(emergency.look())  # has read "served" and is held up
        await asyncio.sleep(0.05)
        throwing = group.create_task(emergency.throw(paused=True, by="staff:anna", reason="none"))
        await asyncio.sleep(0.05)
        release.set()
        await throwing
    assert seen == [True]
    assert emergency.standing.paused


@pytest.mark.wire
async def test_callers_are_served_again_only_once_that_is_on_record_whoever_wrote_the_file(
    tmp_path: Path,
) -> None:
    file = SwitchFile(tmp_path)
    kept: list[Standing] = []

    async def thrown(*, paused: bool) -> Standing:
        def throw() -> Standing:
            return file.throw(paused=paused, by="local:root", reason="drill")

        return await asyncio.to_thread(throw)

    full = Emergency(file, lambda each: None, lambda: 0, recorded(kept, fails=True))
    good = Emergency(file, lambda each: None, lambda: 0, recorded(kept))
    await thrown(paused=True)
    await full.look()
    await good.look()
    served = await thrown(paused=False)
    await full.look()
    await good.look()
    assert (full.standing.paused, good.standing.paused) == (True, False)
    assert kept == [served]
    older = Standing(False, "local:root", "none", 1.0)
    await thrown(paused=True)
    await good.look()
    await asyncio.to_thread(
        file.path.write_text, json.dumps(asdict(older))
    )  # a copy of last week's put back
    await good.look()
    assert good.standing.paused
    assert kept == [served]


@pytest.mark.wire
async def test_a_return_to_service_that_waits_for_the_disk_is_queued_once_however_often_it_is_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, full = os.pwrite, threading.Event()

    def pwrite(descriptor: int, data: bytes, offset: int) -> int:
        if full.is_set():
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(descriptor, data, offset)

    monkeypatch.setattr(os, "pwrite", pwrite)
    monkeypatch.setattr(witness, "ACCESS_LIMIT_MS", 20.0)
    file, keys = SwitchFile(tmp_path), await asyncio.to_thread(keys_in, tmp_path)
    limits = Limits(retry_ms=5)
    writer = await asyncio.to_thread(AuditWriter, tmp_path / "audit", keys, limits=limits)
    await asyncio.to_thread(writer.__enter__)
    try:
        seen_by = Witness(writer, keys, Settings(), MonotonicClock())
        emergency = Emergency(file, lambda each: None, lambda: 0, seen_by.serves_again)

        def throw(*, paused: bool) -> Standing:
            return file.throw(paused=paused, by="local:root", reason="drill")

        for _ in range(2):  # each return is a word of its own, and on record
            await asyncio.to_thread(throw, paused=True)
            await emergency.look()
            full.set()
            await asyncio.to_thread(throw, paused=False)
            for _ in range(3):
                await emergency.look()
            assert emergency.standing.paused
            full.clear()
            while emergency.standing.paused:
                await emergency.look()
    finally:
        await asyncio.to_thread(writer.__exit__)
    kept = await asyncio.to_thread(records, tmp_path / "audit")
    assert [each["user_id"] for each in kept if each.get("action") == "resume"] == [
        "local:root"
    ] * 2


@pytest.mark.wire
async def test_what_cannot_be_read_changes_nothing_and_is_told_once(tmp_path: Path) -> None:
    class Unreadable(SwitchFile):
        fails = False

        def read(self) -> Standing:
            if self.fails:
                raise PermissionError
            return Standing(True, since_ms=1.0)

    file = Unreadable(tmp_path)
    seen: list[Standing] = []
    emergency = Emergency(file, seen.append, lambda: 0, recorded([]))
    await emergency.look()
    file.fails = True
    await emergency.look()
    await emergency.look()
    assert emergency.standing.paused
    assert len(seen) == 1


# --- the server -----------------------------------------------------------------------------------

wire = pytest.mark.wire


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Served]:
    with served(tmp_path, TWO) as running:
        yield running


def command(server: Served, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "pipeline.cli", *words, "--config",
         str(server.directory / "wardline.toml")],
        env=config.child_environment(
            {"PYTHONPATH": os.getcwd(), "WARDLINE_HTTP_PORT": str(server.port)}
        ),
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def switch(server: Served, token: str, body: object) -> tuple[int, dict[str, Any]]:
    status, answer, _ = server.ask(
        "POST", "/api/live/emergency", body, Authorization=f"Bearer {token}"
    )
    return status, answer


def followed(server: Served, count: int) -> list[dict[str, Any]]:
    return server.until("switch_followed", count)


def at_s(event: dict[str, Any]) -> float:
    return datetime.fromisoformat(event["at"]).timestamp()


@wire
def test_row_i6_the_command_reaches_every_worker_within_a_second_and_both_ends_are_on_record(
    pair: Served,
) -> None:
    first = followed(pair, 2)  # each learns it before its first call
    assert [event["paused"] for event in first] == [False, False]
    pair.call()
    pair.call()

    file = SwitchFile(pair.directory / "state")
    thrown_s = time.time()
    file.throw(paused=True, by="local:test", reason="drill")
    both = followed(pair, 4)[2:]
    assert {event["paused"] for event in both} == {True}
    assert {event["by"] for event in both} == {"w1", "w2"}
    assert max(map(at_s, both)) - thrown_s < LATEST_S
    (event,) = pair.until("emergency_switched")
    assert (event["paused"], event["by"], event["reason"], event["calls"]) == (
        True, "local:test", "drill", 2,
    )  # fmt: skip
    assert pair.ask("GET", "/healthz")[1]["paused"] is True
    pair.call()  # a new caller is answered, to hear the line
    done = command(pair, "resume")
    assert done.returncode == 0, done.stderr
    assert "served again" in done.stdout
    followed(pair, 6)
    done = command(pair, "pause", "--reason", "wrong_answers")
    assert done.returncode == 0, done.stderr
    assert "reason wrong_answers" in done.stdout
    assert "The server follows it" in done.stdout
    followed(pair, 8)
    done = command(pair, "pause", "--status")
    assert "Paused since" in done.stdout
    assert "reason wrong_answers" in done.stdout
    records = until(pair, "administration", 2)
    assert [r["action"] for r in records if r["action"] in ("pause", "resume")] == [
        "resume", "pause",
    ]  # fmt: skip
    assert all(r["user_id"].startswith("local:") and r["success"] for r in records[-2:])


@wire
def test_row_i6_the_button_needs_an_operator_and_is_on_record_with_who(pair: Served) -> None:
    tokens = StaffTokens(pair.directory / "state")
    reader = tokens.create("reader", role="readonly")
    anna = tokens.create("anna")
    program = tokens.create("program", role="fetch")
    for token in (reader, program, "ws_00000000_" + "a" * 32):
        status, _ = switch(pair, token, {"paused": True})
        assert status in (401, 403)
    for wrong in ({}, {"paused": "yes"}, {"paused": True, "reason": "Her name is Maria"},
                  {"paused": True, "reason": 7}):  # fmt: skip
        assert switch(pair, anna, wrong)[0] == 400
    assert not pair.events("emergency_switched")
    with live(pair, staff_token(pair)) as stream:
        thrown_s = time.time()
        assert switch(pair, anna, {"paused": True, "reason": "drill"}) == (200, {"paused": True})
        both = followed(pair, 4)[2:]
        assert max(map(at_s, both)) - thrown_s < LATEST_S
        while (message := read(stream))["type"] != "emergency":
            pass
        assert message.pop("since_s") < 5
        assert message == {
            "type": "emergency", "paused": True, "by": "staff:anna", "reason": "drill",
        }  # fmt: skip
    with live(pair, staff_token(pair)) as stream:  # who looks later is shown it first
        assert read(stream)["type"] == "emergency"
    assert switch(pair, anna, {"paused": False})[0] == 200
    followed(pair, 6)
    records = [r for r in of_type(pair, "administration") if r["action"] in ("pause", "resume")]
    assert [(r["action"], r["user_id"]) for r in records] == [
        ("pause", "staff:anna"),
        ("resume", "staff:anna"),
    ]


@wire
def test_row_i6_a_killed_worker_and_a_new_server_come_back_paused(tmp_path: Path) -> None:
    with served(tmp_path, TWO) as server:
        assert switch(server, staff_token(server), {"paused": True})[0] == 200
        followed(server, 4)
        os.kill(server.until("worker_started")[0]["pid"], signal.SIGKILL)
        server.until("worker_ready", 3)
        assert followed(server, 5)[-1]["paused"] is True
    with served(tmp_path, TWO) as server:
        assert [event["paused"] for event in followed(server, 2)] == [True, True]
        assert server.ask("GET", "/healthz")[1]["paused"] is True


@wire
def test_the_command_without_a_server_holds_for_the_next_one(tmp_path: Path) -> None:
    with served(tmp_path, "[workers]\ncount = 1\n") as server:
        pass
    done = command(server, "pause", "--reason", "drill")
    assert done.returncode == 0, done.stderr
    assert "No server answers" in done.stdout
    assert command(server, "pause", "--reason", "Not a code").returncode == 2
    with served(tmp_path, "[workers]\ncount = 1\n") as again:
        assert followed(again, 1)[0]["paused"] is True
