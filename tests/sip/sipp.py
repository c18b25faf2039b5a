"""SIPp, which plays a caller by a scenario of the folder `scenarios`: a process, ended by itself."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from tests.ports import free_port, free_ports

SCENARIOS = Path(__file__).parent / "scenarios"
APT = "SIPp is missing: apt-get install -y sip-tester"
TIMEOUT_S = 60
TALK_MS = 50
"""How long a call stands, where the scenario asks and nobody says otherwise."""
MEDIA_PORTS = 8


def run_sipp(
    port: int,
    scenario: str,
    mode: str,
    folder: Path,
    called: str,
    *more: str,
    media_port: int | None = None,
) -> tuple[int, str]:
    """SIPp's status, and what it complained of; nothing where all went as the scenario says.

    `mode` is "u1" for UDP and "t1" for TCP; what a scenario plays lies in `folder`.
    """
    program = shutil.which("sipp")
    assert program, APT
    command = [
        program, f"127.0.0.1:{port}", "-sf", str(SCENARIOS / f"{scenario}.xml"), "-t", mode,
        "-i", "127.0.0.1", "-p", str(free_port()), "-mi", "127.0.0.1",
        "-mp", str(media_port or free_ports(MEDIA_PORTS)), "-s", called, "-d", str(TALK_MS),
        "-nostdin", "-timeout", f"{TIMEOUT_S}s", "-timeout_error", "-trace_err",
        "-error_file", str(folder / "errors.log"), *more,
    ]  # fmt: skip
    ended = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    errors = folder / "errors.log"
    return ended.returncode, errors.read_text("utf-8") if errors.exists() else ""
