"""Keys, writers and records for tests of the audit."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pipeline.audit.keys import AuditKeys, open_keys
from pipeline.audit.records import CallEnd, CallStart
from pipeline.audit.trail import lines_of, trail_files
from pipeline.audit.verify import TrailVerdict, verify_trail


def keys_in(directory: Path) -> AuditKeys:
    return open_keys(directory / "keys")


def start(number: int = 1) -> CallStart:
    return CallStart(call_id=f"c{number:012x}", caller_id="h" + "0" * 32, agent_name="receptionist")


def end(number: int = 1) -> CallEnd:
    return CallEnd(
        call_id=f"c{number:012x}", duration=61.5, disposition="booked", field_names=("day",)
    )


def lines(directory: Path) -> list[bytes]:
    return [line for _, path in trail_files(directory) for line in lines_of(path)]


def records(directory: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in lines(directory)]


def types(directory: Path) -> list[str]:
    return [record["type"] for record in records(directory)]


def verdict(directory: Path) -> TrailVerdict:
    return verify_trail(directory, keys_in(directory).trusted, shapes=True)
