"""Processor time and memory of our processes, as the kernel shows them to everybody. Linux's /proc, read once a scrape."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_SESSION, _UTIME, _STIME, _CUTIME, _CSTIME, _RSS = 3, 11, 12, 13, 14, 21
"""Fields of /proc/PID/stat behind the name (proc(5)), counted from 0."""


@dataclass(frozen=True, slots=True)
class Usage:
    """What one of our processes uses, those below it included."""

    cpu_s: float = 0.0
    resident_bytes: int = 0


def usage(leaders: Iterable[int], proc: Path = Path("/proc")) -> dict[int, Usage]:
    """Usage by session: each worker leads one, and everything it starts belongs to it.

    What ended below is counted by whoever waited for it, so processor time does not shrink.
    """
    wanted = set(leaders)
    found = {leader: Usage() for leader in wanted}
    for fields in _stats(proc):
        session = fields[_SESSION]
        if session in wanted:
            ticks = sum(fields[at] for at in (_UTIME, _STIME, _CUTIME, _CSTIME))
            known = found[session]
            found[session] = Usage(
                known.cpu_s + ticks / _TICKS_PER_S,
                known.resident_bytes + fields[_RSS] * _PAGE_BYTES,
            )
    return found


def own_usage(proc: Path = Path("/proc")) -> Usage:
    """This process alone."""
    fields = _fields(proc / "self")
    if fields is None:
        return Usage()
    ticks = fields[_UTIME] + fields[_STIME]
    return Usage(ticks / _TICKS_PER_S, fields[_RSS] * _PAGE_BYTES)


def _stats(proc: Path) -> Iterator[list[int]]:
    for entry in os.scandir(proc):
        if entry.name.isdecimal() and (fields := _fields(Path(entry.path))) is not None:
            yield fields


def _fields(process: Path) -> list[int] | None:
    """The numbers behind the name; the state's letter counts as 0. None: it ended meanwhile."""
    try:
        text = (process / "stat").read_text()
    except OSError:
        return None
    behind = text.rpartition(")")[2].split()
    return [0, *(int(word) for word in behind[1 : _RSS + 1])] if len(behind) > _RSS else None
