"""Keys, writers and records for tests of the audit."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from phi.chain import Chain
from pipeline.audit.keys import AuditKeys, open_keys
from pipeline.audit.records import CallEnd, CallStart, Record, stamp
from pipeline.audit.trail import lines_of, trail_files
from pipeline.audit.verify import TrailVerdict, verify_trail
from pipeline.clock import wall_now


def keys_in(directory: Path) -> AuditKeys:
    return open_keys(directory / "keys")


def start(number: int = 1) -> CallStart:
    return CallStart(call_id=f"c{number:012x}", caller_id="h" + "0" * 32, agent_name="receptionist")


def end(number: int = 1) -> CallEnd:
    return CallEnd(
        call_id=f"c{number:012x}", duration=61.5, disposition="booked", field_names=("day",)
    )


def forge(directory: Path, *made: Record) -> list[int]:
    """Append records as somebody does who has no key, while no server runs; their numbers."""
    path = trail_files(directory)[-1][1]
    last = json.loads(lines(directory)[-1])
    chain = Chain(last["seq"], bytes.fromhex(last["hash"]))
    boot = last["boot"]
    with path.open("ab") as file:
        for record in made:
            file.write(
                chain.append(record.type, {**stamp(wall_now(), 1.0, boot), **record.fields()})
            )
    return list(range(last["seq"] + 1, chain.seq + 1))


def lines(directory: Path) -> list[bytes]:
    return [line for _, path in trail_files(directory) for line in lines_of(path)]


def records(directory: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in lines(directory)]


def types(directory: Path) -> list[str]:
    return [record["type"] for record in records(directory)]


def verdict(directory: Path) -> TrailVerdict:
    return verify_trail(directory, keys_in(directory).trusted, shapes=True)
