"""A process that drives store and audit with the recorded events of real calls until it is killed.

`python -m tests.store.killed DIRECTORY ROUNDS SEED`: each round forks a driver, kills it, opens what is left and checks
that every request the driver was told is stored is there, whole, that none is anything else, that the audit's chain
verifies and that every call whose end was said to be durable is in it. Prints one JSON line a round.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import select
import selectors
import signal
import sys
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

from pipeline import config
from pipeline.audit.call import CallAudit
from pipeline.audit.folder import audit_folder, open_audit
from pipeline.audit.post import AuditPost
from pipeline.audit.trail import lines_of, trail_files
from pipeline.audit.verify import verify_trail
from pipeline.call.flow_file import load_flow
from pipeline.clock import LoopClock
from pipeline.settings import Settings
from pipeline.store.opening import open_records, prepare
from pipeline.store.requests import RequestStore
from pipeline.supervisor.witness import Witness
from tests.store.recorded import Told, recorded
from tests.store.snapshots import phone

SCHEMA = load_flow().request
CALLS = recorded()
CALLS_AT_ONCE = 8
SPEED = 200
"""A call of half a minute lasts 0.15 s."""
LONGEST_LIFE_S = 0.3


class _Hurrying(selectors.DefaultSelector):
    def select(self, timeout: float | None = None) -> list[Any]:
        ready: list[Any] = super().select(None if timeout is None else timeout / SPEED)
        return ready


class HurryingLoop(asyncio.SelectorEventLoop):
    """Its seconds are short: calls have their pauses and the store its debounce, and none of it takes long."""

    def __init__(self) -> None:
        super().__init__(_Hurrying())

    def time(self) -> float:
        return super().time() * SPEED


def events(number: int) -> list[Told]:
    """What the call of invented caller `number` tells; no two callers have the same telephone number."""
    return [
        Told(each.at_ms, each.port, each.name, ("phone", phone(number)))
        if each.name == "field" and each.arguments[0] == "phone" and each.arguments[1]
        else each
        for each in CALLS[number % len(CALLS)]
    ]


def told_values(number: int) -> dict[str, list[str]]:
    """Each field's values in the order in which the call tells them."""
    values: dict[str, list[str]] = defaultdict(list)
    for each in events(number):
        if each.name == "field":
            values[each.arguments[0]].append(each.arguments[1])
    return values


def call_id(number: int) -> str:
    """As the server would name it."""
    return f"c{number:012x}"


class Driver:
    """One worker's store, and the supervisor's audit beside it."""

    def __init__(self, store: RequestStore, post: AuditPost, witness: Witness, pipe: int) -> None:
        self._store = store
        self._post = post
        self._witness = witness
        self._pipe = pipe
        self._next = 0

    async def take_calls(self, first: int) -> None:
        """Until killed."""
        self._next = first
        async with asyncio.TaskGroup() as lines:
            for _ in range(CALLS_AT_ONCE):
                lines.create_task(self._line())

    async def _line(self) -> None:
        while True:
            number, self._next = self._next, self._next + 1
            await self._call(number)

    async def _call(self, number: int) -> None:
        name, clock = call_id(number), LoopClock()
        self._witness.offered(name, "127.0.0.1")
        self._witness.started(name)
        record = self._store.record(name)
        audit = CallAudit(name, self._post, clock)
        began_ms = clock.now_ms()
        for each in events(number):
            await asyncio.sleep(max(0.0, began_ms + each.at_ms - clock.now_ms()) / 1000)
            heard = getattr(record if each.port == "store" else audit, each.name)(*each.arguments)
            if heard is not None:
                await heard
        on_the_disk = await self._post.flushed(60_000)
        for _ in range(1_000):  # the store's last words are short here
            if record.is_stored and on_the_disk:
                os.write(self._pipe, f"{number} {record.request_id}\n".encode())
                return
            await asyncio.sleep(1)


async def drive(settings: Settings, first: int, pipe: int) -> None:
    """Take calls until killed."""
    writer, keys = open_audit(settings)
    with writer:
        witness = Witness(writer, keys, settings, LoopClock())

        async def send(records: list[dict[str, Any]]) -> None:
            calls = {str(each["fields"]["call_id"]) for each in records}
            await witness.reported("w1", calls, records)

        post = AuditPost(send)
        async with (
            RequestStore(lambda: open_records(settings), SCHEMA, LoopClock()) as store,
            asyncio.TaskGroup() as group,
        ):
            group.create_task(post.run())
            await Driver(store, post, witness, pipe).take_calls(first)


def kill_one(settings: Settings, first: int, life_s: float) -> dict[int, str]:
    """Fork a driver, end it with SIGKILL; returns request ids of the calls it was told are safe, by caller."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        try:
            with asyncio.Runner(loop_factory=HurryingLoop) as runner:
                runner.run(drive(settings, first, writing))
        finally:
            os._exit(3)
    os.close(writing)
    heard = b""
    end_s = time.monotonic() + 20.0
    while b"\n" not in heard and time.monotonic() < end_s:  # it works; its life begins
        if select.select([reading], [], [], 1.0)[0]:
            heard += os.read(reading, 65_536)
    time.sleep(life_s)
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    while more := os.read(reading, 65_536):
        heard += more
    os.close(reading)
    assert os.WIFSIGNALED(status), "the driver ended by itself"
    lines = heard.decode().split("\n")[:-1]  # the last may be cut
    return {int(number): request_id for number, request_id in (line.split() for line in lines)}


def look(settings: Settings, safe: dict[int, str]) -> dict[str, int]:
    """How much of what is safe is missing, and how much is not as a call told it."""
    records = open_records(settings)
    found: dict[int, str] = {}
    broken = partial = 0
    for opened in records.all_opened():
        number = int(opened.entry.call_id[1:], 16)
        found[number] = opened.entry.id
        told, fields = told_values(number), opened.document.fields
        partial += not opened.entry.ended
        last = {name: values[-1] for name, values in told.items()}
        settled = opened.entry.ended or opened.entry.state.value == "complete"
        broken += any(value not in told.get(name, ()) for name, value in fields.items())
        broken += settled and dict(fields) != last
    records.database.close()
    return {
        "found": len(found),
        "missing": sum(found.get(number) != id_ for number, id_ in safe.items()),
        "broken": broken,
        "partial": partial,
    }


def look_at_the_chain(settings: Settings, safe: dict[int, str]) -> dict[str, int]:
    """Whether it verifies, as whoever has the public key finds out, and which ends are not in it."""
    folder = audit_folder(settings)
    _, keys = open_audit(settings)
    ended = set()
    for _, path in trail_files(folder):
        for line in lines_of(path):
            if b'"type":"call_end"' in line and line.endswith(b"\n"):
                ended.add(json.loads(line)["call_id"])
    return {
        "chain_broken": int(not verify_trail(folder, keys.trusted).whole),
        "unaudited": sum(call_id(number) not in ended for number in safe),
    }


def main(directory: Path, rounds: int, seed: int) -> None:
    """All rounds on one state, as a server that is killed again and again would have."""
    draw = random.Random(seed)  # when to kill
    settings = config.from_mapping({"state": {"directory": str(directory)}})
    safe: dict[int, str] = {}
    for number in range(rounds):
        prepare(settings)
        told = kill_one(settings, number * 100_000, draw.uniform(0.0, LONGEST_LIFE_S))
        safe |= told
        line = {"told": len(told), **look(settings, safe), **look_at_the_chain(settings, safe)}
        print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
