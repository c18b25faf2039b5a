"""A process that drives the store with recorded call events until it is killed; its parent looks what is left.

`python -m tests.store.killed DIRECTORY ROUNDS SEED`: each round forks a driver, kills it, opens the store and
checks that every request the driver was told is stored is there, whole, and that none is anything else.
Prints one JSON line a round.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import select
import signal
import sys
import time
from pathlib import Path

from pipeline import config
from pipeline.clock import LoopClock
from pipeline.settings import Settings
from pipeline.store.fields import KINDS, FieldRule, RequestSchema
from pipeline.store.opening import open_records, prepare
from pipeline.store.requests import RequestStore
from tests.store.snapshots import NAMES, REASONS, phone

SCHEMA = RequestSchema(
    (
        FieldRule("reason", KINDS["choice"], REASONS, True, store=True),
        FieldRule("first_name", KINDS["first_name"], (), True, store=True),
        FieldRule("phone", KINDS["phone"], (), True, store=True, lookup=True),
        FieldRule("day", KINDS["date"], (), True, store=True),
    )
)
CALLS_AT_ONCE = 4
LONGEST_LIFE_S = 0.12


def values(number: int) -> dict[str, str]:
    """What invented caller `number` says."""
    return {
        "reason": REASONS[number % len(REASONS)],
        "first_name": NAMES[number % len(NAMES)],
        "phone": phone(number),
        "day": f"2026-03-{number % 28 + 1:02d}",
    }


async def one_call(store: RequestStore, number: int, pipe: int) -> None:
    """The events of one recorded call: fields one by one, a correction, the confirmation, the end."""
    record = store.record(f"n{number}")

    def tell(kind: str) -> None:
        os.write(pipe, f"{kind} {number} {record.request_id}\n".encode())

    told = values(number)
    record.heard()
    record.field("first_name", NAMES[(number + 1) % len(NAMES)])
    for name, value in told.items():
        record.heard()
        record.field(name, value)
        await asyncio.sleep(0)
    if number % 3 == 0:
        record.urgent("chest_pain")
        await asyncio.sleep(0.002)
    record.complete()
    await record.end("goodbye")
    if record.is_stored:
        tell("stored")


async def drive(settings: Settings, first: int, pipe: int) -> None:
    """Take calls until killed."""
    async with RequestStore(lambda: open_records(settings), SCHEMA, LoopClock()) as store:
        number = first
        while True:
            async with asyncio.TaskGroup() as calls:
                for _ in range(CALLS_AT_ONCE):
                    calls.create_task(one_call(store, number, pipe))
                    number += 1


def kill_one(settings: Settings, first: int, life_s: float) -> dict[str, str]:
    """Fork a driver, end it with SIGKILL; returns request ids it was told are stored, by caller."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        try:
            asyncio.run(drive(settings, first, writing))
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
    return {number: request_id for _, number, request_id in (line.split() for line in lines)}


def main(directory: Path, rounds: int, seed: int) -> None:
    """All rounds on one store, as a server that is killed again and again would have."""
    draw = random.Random(seed)  # when to kill
    settings = config.from_mapping({"state": {"directory": str(directory)}})
    acknowledged: dict[str, str] = {}
    for number in range(rounds):
        prepare(settings)
        first = number * 100_000
        told = kill_one(settings, first, draw.uniform(0.0, LONGEST_LIFE_S))
        acknowledged |= told
        records = open_records(settings)
        found = {}
        broken = 0
        for opened in records.all_opened():
            caller = opened.entry.call_id[1:]
            found[caller] = opened.entry.id
            fields = dict(opened.document.fields)
            expected = values(int(caller))
            whole = opened.entry.state.value != "complete" or fields == expected
            if not whole or not set(fields) <= set(expected):
                broken += 1
        missing = sum(
            found.get(caller) != request_id for caller, request_id in acknowledged.items()
        )
        records.database.close()
        line = {"told": len(told), "found": len(found), "missing": missing, "broken": broken}
        print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
