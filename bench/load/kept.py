"""What a server said was on the disk, and what is there: the events of its log, and the store as staff read it. And what it says of its model."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import sys
from collections.abc import Iterable, Mapping

from bench.errors import BenchError
from bench.load.house import House, last_line
from pipeline import config

STORED, FAILED, WORKS = "request_stored", "store_failed", "store_works"
CIRCUIT = "engine_circuit"


def named(lines: Iterable[bytes], *names: str) -> list[dict[str, object]]:
    """The events of these names, in their order; a line that is being written is none yet."""
    found = []
    for line in lines:
        if any(f'"{name}"'.encode() in line for name in names) and line.endswith(b"\n"):
            record = json.loads(line)
            if record.get("event") in names:
                found.append(record)
    return found


def said(lines: Iterable[bytes]) -> dict[str, int]:
    """How many fields of each call's request the server said were stored, when it said so last."""
    return {str(each["call_id"]): int(str(each["fields"])) for each in named(lines, STORED)}


def lost(said_: Mapping[str, int], there: Mapping[str, int]) -> list[str]:
    """The calls of which a request, or a field of one, is not there. Callers here take nothing back."""
    return [call for call, fields in said_.items() if there.get(call, -1) < fields]


def asks_its_model(lines: Iterable[bytes]) -> bool:
    """Whether callers are sent to the language model's server, by what was said of it last."""
    told = [each["state"] for each in named(lines, CIRCUIT) if each.get("engine") == "llm"]
    return told[-1:] == ["closed"]


def writes(lines: Iterable[bytes]) -> bool:
    """Whether the store that had failed is written to again, by what was said of it last: each new reason is a failure more, and it works but once."""
    return [each["event"] for each in named(lines, FAILED, WORKS)][-1:] == [WORKS]


def lines_of(at: House) -> list[bytes]:
    """The server's log so far. Blocks, for a moment."""
    return [] if at.events is None else at.events.read_bytes().splitlines(keepends=True)


async def there(at: House) -> dict[str, int]:
    """How many fields the request of each call has in the store, by the commands that staff have."""
    settings = ("--config", str(at.folder / "wardline.toml"))
    desk = f"desk-{secrets.token_hex(4)}"
    token, export = at.folder / desk, at.folder / f"{desk}.jsonl"
    made = await _wardline("token", *settings, "create", desk)
    await asyncio.to_thread(token.write_bytes, made)
    given = ("--token-file", str(token), "export", "--to", str(export))
    await _wardline("requests", *settings, *given)
    return fields_of(await asyncio.to_thread(export.read_text, "utf-8"))


def fields_of(export: str) -> dict[str, int]:
    """The calls of an export, and how many fields each has."""
    requests = [json.loads(line) for line in export.splitlines()]
    return {each["call"]: sum(key.startswith("field.") for key in each) for each in requests}


async def _wardline(*words: str) -> bytes:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-P",
        "-m",
        "pipeline.cli",
        *words,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=config.child_environment({"PYTHONPATH": os.pathsep.join(sys.path)}),
    )
    out, fault = await process.communicate()
    if process.returncode:
        raise BenchError(f"wardline {words[0]}: {last_line(fault) or 'failed'}")
    return out
