"""What goes over this machine's loopback, captured and read by tshark: somebody else's judgement of our messages."""

from __future__ import annotations

import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

UNTIL_S = 60.0
APT = "sudo apt-get install --no-install-recommends tshark"


def _program() -> str:
    found = shutil.which("tshark")
    assert found is not None, f"tshark is missing: {APT}"
    return found


@contextmanager
def captured(folder: Path, what: str) -> Iterator[Path]:
    """Capture `what` (a filter of pcap's) while the block runs; the file is whole afterwards."""
    file, said = folder / "lo.pcapng", folder / "tshark"
    with said.open("wb") as out:
        command = [_program(), "-q", "-i", "lo", "-f", what, "-w", str(file)]
        child = subprocess.Popen(command, stdout=out, stderr=out)
    try:
        until_s = time.monotonic() + UNTIL_S
        while not (file.exists() and file.stat().st_size):  # its head is written as it begins
            ended = child.poll() is not None or time.monotonic() > until_s
            assert not ended, f"{said.read_text()}: capturing needs root or dumpcap's group"
            time.sleep(0.02)
        yield file
        _until_still(file)
    finally:
        child.send_signal(signal.SIGINT)
        child.wait(UNTIL_S)


def _until_still(file: Path) -> None:
    """Until all of it is written: the kernel hands packets over in lots."""
    size, still_s = -1, 0.0
    until_s = time.monotonic() + UNTIL_S
    while still_s < 1.0 and time.monotonic() < until_s:
        now = file.stat().st_size
        still_s = still_s + 0.1 if now == size else 0.0
        size = now
        time.sleep(0.1)


def read(file: Path, *options: str) -> str:
    """What tshark makes of a capture."""
    done = subprocess.run(
        [_program(), "-n", "-r", str(file), *options],
        capture_output=True,
        text=True,
        timeout=UNTIL_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def fields(file: Path, names: tuple[str, ...], *options: str) -> list[dict[str, list[str]]]:
    """These fields of every packet that has the first one, each with all its values."""
    chosen = [word for name in names for word in ("-e", name)]
    form = ("-T", "fields", "-E", "separator=\t", "-E", "aggregator=|", "-E", "occurrence=a")
    rows = read(file, *options, "-Y", names[0], *form, *chosen).splitlines()
    return [
        {
            name: value.split("|") if value else []
            for name, value in zip(names, row.split("\t"), strict=True)
        }
        for row in rows
    ]
