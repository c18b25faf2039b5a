"""What really goes to a telephone's port, as tshark sees it: for a phone whose own ear is not to be trusted."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.media.g711 import ulaw_decode
from tests.sip.softphone import UNTIL_S

HEADER_BYTES = 12


class Wiretap:
    """RTP packets to one port, until the block is left."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def packets(self) -> list[bytes]:
        lines = self._file.read_text().splitlines()
        found = [bytes.fromhex(line) for line in lines if line]
        return [data for data in found if len(data) > HEADER_BYTES]

    def heard(self) -> NDArray[np.int16]:
        """The sound of all packets so far, one after the other; they are plain and µ-law."""
        pieces = [ulaw_decode(data[HEADER_BYTES:]) for data in self.packets()]
        return np.concatenate([np.zeros(0, np.int16), *pieces])


@contextmanager
def wiretap(directory: Path, port: int) -> Iterator[Wiretap]:
    """See what comes to this UDP port of 127.0.0.1."""
    program = shutil.which("tshark")
    assert program, "tshark is missing: apt-get install -y tshark"
    directory.mkdir(exist_ok=True)
    file, told = directory / "payloads", directory / "told"
    with file.open("wb") as out, told.open("wb") as errors:
        process = subprocess.Popen(
            [program, "-l", "-n", "-i", "lo", "-f", f"udp dst port {port}", "-T", "fields", "-e", "udp.payload"],
            stdin=subprocess.DEVNULL, stdout=out, stderr=errors,
        )  # fmt: skip
    try:
        limit_s = time.monotonic() + UNTIL_S
        while "Capture started" not in told.read_text():
            assert process.poll() is None, "tshark may not capture: run as root, or join its group"
            assert time.monotonic() < limit_s, told.read_text()
            time.sleep(0.05)
        yield Wiretap(file)
    finally:
        process.terminate()
        process.wait()
