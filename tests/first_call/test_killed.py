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
from phi.chain import Head
from pipeline import config
from pipeline.audit.keys import trusted_keys
from pipeline.audit.trail import trail_files
from pipeline.audit.verify import verify_trail
from pipeline.store.opening import open_records
from tests.canary.search import Search
from tests.first_call.served import Served, served, until, wardline

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


class Past:
    """One state directory over several servers: what each said, and what is really there."""

    def __init__(self, state: Path) -> None:
        self.state = state
        self.said: dict[str, int] = {}
        self.heads: list[Head] = []

    def note(self, server: Served) -> None:
        """The newest revision of each request that this server said was on the disk, and its audit's heads."""
        stored = server.events("request_stored")
        assert stored
        for event in stored:
            call_id, revision = str(event["call_id"]), int(event["revision"])
            self.said[call_id] = max(self.said.get(call_id, 0), revision)
        heads = [
            Head(int(event["seq"]), str(event["hash"])) for event in server.events("audit_head")
        ]
        assert heads
        self.heads += heads

    def check(self, server: Served, callers: int) -> int:
        """Nothing said is missing or torn, nothing strange is there; returns how many requests."""
        records = open_records(config.load(server.directory / "wardline.toml"))
        try:
            opened = list(records.all_opened())
            with records.database.reading() as session:
                rows = {
                    each.entry.call_id: records.row(session, each.entry.id)[0].revision
                    for each in opened
                }
        finally:
            records.database.close()
        missing = {id_ for id_, revision in self.said.items() if rows.get(id_, 0) < revision}
        assert missing == set()
        for fields in (each.document.fields for each in opened):
            assert fields.get("first_name", CALLERS[0]) in CALLERS
            assert fields.get("phone", phone(0)) in {phone(number) for number in range(callers)}
        self.check_audit()
        return len(rows)

    def check_audit(self) -> None:
        folder = self.state / "audit"
        keys = trusted_keys(folder / "keys")
        assert verify_trail(folder, keys, self.heads, shapes=True).whole


@pytest.mark.long
def test_five_kills_of_the_whole_server_in_calls_lose_no_committed_request(
    tmp_path: Path, model_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = tmp_path / "state"
    state.mkdir()
    (state / "cache").symlink_to(model_cache)
    monkeypatch.setenv("WARDLINE_STATE_DIRECTORY", str(state))  # wins over each server's own file
    for limit in ("CALLS", "PENDING"):  # every caller is of this machine
        monkeypatch.setenv(f"WARDLINE_LIMITS_{limit}_PER_ADDRESS", "4")
    draw = random.Random(3)  # when to kill
    past, requests = Past(state), 0
    for number in range(0, KILLS * len(CALLERS), len(CALLERS)):
        with served(tmp_path / f"server{number}") as killed:
            asyncio.run(call_and_kill(killed, number, draw.uniform(0.0, LONGEST_LIFE_S)))
            killed.process.wait(10)
        past.note(killed)
        requests = past.check(killed, number + len(CALLERS))
    out = tmp_path / "evidence"
    with served(tmp_path / "last") as server:
        config = ("--config", str(server.directory / "wardline.toml"))
        # what stood unsigned when a server was killed could be anybody's: an administrator takes it for ours
        assert wardline("audit", *config, "acknowledge").returncode == 0
        until(
            lambda: wardline("audit", *config, "verify").returncode == 0,
            10.0,
            "the acknowledgement's signature",
        )
        done = wardline("evidence", *config, "--out", str(out))
        results = json.loads((out / "evidence.json").read_text())["results"]
        failed = {each["part"] for each in results if each["result"] == "fail"}
        assert failed <= {"host"}, done.stdout + done.stderr
        assert {"audit", "server", "packages", "store"} <= {
            each["part"] for each in results if each["result"] == "pass"
        }
        assert wardline("evidence", "verify", str(out)).returncode == 0
        assert sum(json.loads((out / "store.json").read_text())["by_state"].values()) == requests
    past.check_audit()
    files = [path for _, path in trail_files(state / "audit")]
    trail = b"".join(path.read_bytes() for path in files)
    assert trail.count(b'"type":"chain_opened"') == len(files)
    assert trail.count(b'"action":"start"') == KILLS + 1
    search = Search({name: name for name in CALLERS} | {phone(n): phone(n) for n in range(15)})
    assert search.look({path.name: path.read_bytes() for path in out.iterdir()}) == []
