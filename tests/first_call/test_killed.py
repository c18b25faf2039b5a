"""`kill -9` of the whole server in the middle of calls: every committed request is whole, the chain verifies."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
from pathlib import Path

import pytest

from bench.caller import Caller
from bench.errors import BenchError
from phi.chain import heads_in
from pipeline import config
from pipeline.audit.keys import trusted_keys
from pipeline.audit.trail import trail_files
from pipeline.audit.verify import TrailVerdict, verify_trail
from pipeline.store.opening import open_records
from tests.canary.search import Search
from tests.first_call.served import Served, served, wardline

pytestmark = pytest.mark.wire

KILLS = 5
CALLERS = ("Theodora", "Bartholomew", "Wilhelmina")
"""One call each, at the same time."""
LONGEST_LIFE_S = 3.0
STORED_LIMIT_S = 60.0


def phone(number: int) -> str:
    return f"212555{4000 + number}"


async def answer(server: Served, number: int) -> None:
    """One caller types what is asked for until the server is gone."""
    name = CALLERS[number % len(CALLERS)]
    try:
        async with Caller(server.url) as call:
            await call.reply_over(60_000)
            said = f"I need a vaccination. My name is {name}."
            for text in (said, f"My number is {phone(number)}.", "Tuesday at 3 pm", "Yes") * 2:
                turn = call.type_text(text)
                await call.heard_reply(turn, 20_000)
                await call.reply_over(60_000)
            await call.pause(STORED_LIMIT_S * 1000)
    except* (BenchError, OSError):  # the server is gone
        pass


async def call_and_kill(server: Served, number: int, life_s: float) -> None:
    """Kill every process of the server at once, a moment after the first commit."""
    before = len(server.events("request_stored"))
    async with asyncio.TaskGroup() as calls:
        for offset in range(len(CALLERS)):
            calls.create_task(answer(server, number + offset))
        async with asyncio.timeout(STORED_LIMIT_S):
            while len(server.events("request_stored")) == before:  # noqa: ASYNC110  # another process's file
                await asyncio.sleep(0.02)
        await asyncio.sleep(life_s)
        for pid in sorted(server.processes()):
            os.kill(pid, signal.SIGKILL)


def committed(server: Served) -> dict[str, int]:
    """The newest revision of each call's request that the server said was on the disk."""
    newest: dict[str, int] = {}
    for event in server.events("request_stored"):
        call_id, revision = str(event["call_id"]), int(event["revision"])
        newest[call_id] = max(newest.get(call_id, 0), revision)
    return newest


def kept(server: Served) -> tuple[dict[str, int], list[dict[str, str]]]:
    """What the store really holds: revision by call, and every field of every request."""
    records = open_records(config.load(server.directory / "wardline.toml", environment={}))
    try:
        opened = list(records.all_opened())
        with records.database.reading() as session:
            rows = {
                each.entry.call_id: records.row(session, each.entry.id)[0].revision
                for each in opened
            }
    finally:
        records.database.close()
    return rows, [dict(each.document.fields) for each in opened]  # fmt: skip


def verified(server: Served) -> TrailVerdict:
    """The chain against every head that the event log exported before the kills."""
    folder = server.directory / "state/audit"
    exported = "\n".join(
        f"wardline-audit-head seq={event['seq']} hash={event['hash']}"
        for event in server.events("audit_head")
    )
    heads = heads_in(exported)
    assert heads
    return verify_trail(folder, trusted_keys(folder / "keys"), heads, shapes=True)


def check(server: Served, callers: int) -> int:
    """What a killed server left; returns how many requests."""
    rows, fields = kept(server)
    said = committed(server)
    assert said
    assert not [call_id for call_id, revision in said.items() if rows.get(call_id, 0) < revision]
    for each in fields:
        assert each.get("first_name", CALLERS[0]) in CALLERS
        assert each.get("phone", phone(0)) in {phone(number) for number in range(callers)}
    assert verified(server).whole
    return len(rows)


@pytest.mark.long
def test_five_kills_of_the_whole_server_in_calls_lose_no_committed_request(
    tmp_path: Path, model_cache: Path
) -> None:
    draw = random.Random(3)  # when to kill
    requests = 0
    for number in range(0, KILLS * len(CALLERS), len(CALLERS)):
        with served(tmp_path / "server", cache=model_cache) as killed:
            asyncio.run(call_and_kill(killed, number, draw.uniform(0.0, LONGEST_LIFE_S)))
            killed.process.wait(10)
        requests = check(killed, number + len(CALLERS))
    with served(tmp_path / "server", cache=model_cache) as server:
        out = tmp_path / "evidence"
        done = wardline(
            "evidence", "--config", str(server.directory / "wardline.toml"), "--out", str(out)
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert wardline("evidence", "verify", str(out)).returncode == 0
        assert sum(json.loads((out / "store.json").read_text())["by_state"].values()) == requests
    assert verified(server).whole
    files = trail_files(tmp_path / "server/state/audit")
    trail = b"".join(path.read_bytes() for _, path in files)
    assert trail.count(b'"type":"chain_opened"') == len(files)
    assert trail.count(b'"action":"start"') == KILLS + 1
    search = Search({name: name for name in CALLERS} | {phone(n): phone(n) for n in range(15)})
    assert search.look({path.name: path.read_bytes() for path in out.iterdir()}) == []
