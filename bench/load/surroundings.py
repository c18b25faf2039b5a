"""Where and with what a run was made: the machine and the versions, for the head of a results file."""

from __future__ import annotations

import os
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any


def machine() -> dict[str, Any]:
    """Where it ran."""
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return {
        "cpu": _cpu_name(),
        "cores": os.cpu_count(),
        "memory_gb": round(memory / 2**30, 1),
        "kernel": platform.release(),
    }


def versions() -> dict[str, str | None]:
    """What it ran."""
    names = ("wardline", "pipecat-ai", "aiortc", "onnxruntime", "numpy")
    found: dict[str, str | None] = {"python": platform.python_version(), "commit": _commit()}
    for name in names:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = None
    return found


def _cpu_name() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.machine()


def _commit() -> str | None:
    try:
        said = subprocess.run(
            ["git", "rev-parse", "--short", "HEAD"],  # git of the PATH is meant
            capture_output=True, text=True, check=True, timeout=5, cwd=Path(__file__).parent,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return None
    return said.stdout.strip()
