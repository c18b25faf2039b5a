"""The NVIDIA cards of this machine, as `nvidia-smi` tells: names, memory, driver. Loads no CUDA library."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass

from pipeline import config

PROGRAM = "nvidia-smi"
PROGRAM_LIMIT_S = 10.0
"""A driver that hangs must not hang the one who asks about it."""
_QUERY = (
    "--query-gpu=name,memory.total,memory.free,driver_version",
    "--format=csv,noheader,nounits",
)


@dataclass(frozen=True, slots=True)
class Card:
    """One of them."""

    name: str
    memory_mb: int
    free_mb: int
    driver: str


def cards() -> tuple[Card, ...]:
    """Every card; none where there is no driver."""
    program = shutil.which(PROGRAM)
    if program is None:
        return ()
    try:
        done = subprocess.run(  # noqa: S603  # the driver's own program
            [program, *_QUERY],
            capture_output=True,
            check=False,
            env=config.child_environment({"LC_ALL": "C"}),
            stdin=subprocess.DEVNULL,
            timeout=PROGRAM_LIMIT_S,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ()
    return parsed(done.stdout.decode(errors="replace")) if done.returncode == 0 else ()


def parsed(text: str) -> tuple[Card, ...]:
    """What the program printed; lines that are no card are left out."""
    found = []
    for line in text.splitlines():
        parts = [part.strip() for part in line.split(",")]
        if len(parts) == 4 and parts[1].isascii() and parts[1].isdigit() and parts[2].isdigit():
            found.append(Card(parts[0][:80], int(parts[1]), int(parts[2]), parts[3][:40]))
    return tuple(found)
