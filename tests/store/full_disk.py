"""A store on a disk of three megabytes, in name spaces of its own: filled, then emptied.

`unshare -rm python -m tests.store.full_disk DIRECTORY` mounts the disk there and prints one JSON line.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path

from pipeline import config
from pipeline.clock import LoopClock
from pipeline.store.fields import KINDS, FieldRule, RequestSchema
from pipeline.store.opening import open_records, prepare
from pipeline.store.requests import RequestStore
from pipeline.telemetry.events import Event, set_sink
from tests.store.snapshots import NAMES, REASONS, phone

SCHEMA = RequestSchema(
    (
        FieldRule("reason", KINDS["choice"], REASONS, True, store=True),
        FieldRule("first_name", KINDS["first_name"], (), True, store=True),
        FieldRule("phone", KINDS["phone"], (), True, store=True, lookup=True),
        FieldRule("day", KINDS["date"], (), True, store=True),
    )
)
CALLS = 40


def values(number: int) -> dict[str, str]:
    """What invented caller `number` says."""
    return {
        "reason": REASONS[number % len(REASONS)],
        "first_name": NAMES[number % len(NAMES)],
        "phone": phone(number),
        "day": f"2026-03-{number % 28 + 1:02d}",
    }


async def _until(store: RequestStore, *, failing: bool) -> None:
    async with asyncio.timeout(20.0):
        while bool(store.failing) != failing or (not failing and store.waiting):  # noqa: ASYNC110  # a thread's facts
            await asyncio.sleep(0.01)


async def _take(store: RequestStore, first: int) -> None:
    for number in range(first, first + CALLS):
        record = store.record(f"n{number}")
        for name, value in values(number).items():
            record.field(name, value)
        record.complete()
        await record.end("goodbye")


def main(disk: Path) -> None:
    """Calls before, on, and after the full disk."""
    subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(disk)], check=True
    )  # by name
    settings = config.from_mapping({"state": {"directory": str(disk)}})
    prepare(settings)
    events: list[Event] = []
    set_sink(events.append)
    ballast = disk / "ballast"

    async def run() -> list[int]:
        async with RequestStore(
            lambda: open_records(settings), SCHEMA, LoopClock(), retry_ms=20.0
        ) as store:
            await _take(store, 0)
            await asyncio.to_thread(_fill, ballast)
            await _take(store, CALLS)
            await _until(store, failing=True)
            waiting = store.waiting
            await asyncio.to_thread(ballast.unlink)
            await _until(store, failing=False)
            return [waiting, store.waiting]

    waiting = asyncio.run(run())
    set_sink(None)
    records = open_records(settings)
    good = sum(
        dict(opened.document.fields) == values(int(opened.entry.call_id[1:]))
        for opened in records.all_opened()
    )
    records.database.close()
    reasons = sorted({str(e.record()["reason"]) for e in events if e.name == "store_failed"})
    print(
        json.dumps(
            {
                "good": good,
                "waiting": waiting,
                "reasons": reasons,
                "lost": sum(event.name == "request_lost" for event in events),
            }
        )
    )


def _fill(ballast: Path) -> None:
    with ballast.open("wb") as file:
        try:
            while True:
                os.write(file.fileno(), bytes(4096))
        except OSError:
            return


if __name__ == "__main__":
    main(Path(sys.argv[1]))
