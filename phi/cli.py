"""The redactor at a terminal or a pipe: JSON lines in, JSON lines out, in order, flushed one by one."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterable, Iterator
from typing import Any

from phi.carry import CallContext
from phi.redact import Redactor

CALLS_MAX = 1000
"""Calls kept open at once; the one longest unused is wiped first."""
FAULT = {"error": 'not a JSON object with a text: send lines such as {"text": "...", "seq": "1"}'}


def answers(lines: Iterable[bytes], redactor: Redactor) -> Iterator[dict[str, Any]]:
    """One answer for each line; a malformed one is answered without its content."""
    calls: dict[str, CallContext] = {}
    for raw in lines:
        if not raw.strip():
            continue
        try:
            item = json.loads(raw)
        except (ValueError, RecursionError):
            yield FAULT
            continue
        if not isinstance(item, dict) or not isinstance(item.get("text"), str):
            yield FAULT
            continue
        began_ns = time.thread_time_ns()
        try:
            context = _context(item, calls)
        except Exception:  # noqa: BLE001  # whatever a line holds, it passes nothing and the next one is answered
            yield FAULT
            continue
        result = redactor.redact(item["text"], context)
        us = (time.thread_time_ns() - began_ns) / 1000
        yield {"text": result.text, "us": round(us, 1)}


def _context(item: dict[str, Any], calls: dict[str, CallContext]) -> CallContext:
    lang = item.get("lang")
    seq = item.get("seq")
    if seq is None:
        context = CallContext(single=True)
    else:
        key = json.dumps(seq, sort_keys=True)
        context = calls.pop(key) if key in calls else CallContext()
        calls[key] = context
        if len(calls) > CALLS_MAX:
            calls.pop(next(iter(calls))).wipe()
    if isinstance(lang, str):
        context.lang = lang[:2].lower()
    known = item.get("known")
    if isinstance(known, dict):
        for field, value in known.items():
            for one in value if isinstance(value, list) else [value]:
                if isinstance(one, str | int) and not isinstance(one, bool):
                    context.learn(str(field), str(one))
    return context


def main(argv: list[str] | None = None) -> int:
    """Redact lines from standard input."""
    parser = argparse.ArgumentParser(prog="python -m phi.cli", description=__doc__)
    parser.add_argument("--jsonl", action="store_true", required=True, help="JSON lines in and out")
    parser.parse_args(argv)
    for answer in answers(sys.stdin.buffer, Redactor()):
        sys.stdout.write(json.dumps(answer, ensure_ascii=True) + "\n")
        sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
