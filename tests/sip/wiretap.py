"""What really goes to a telephone's port, as tshark sees it: for a phone whose own ear is not to be trusted."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pylibsrtp import Error as SrtpError
from pylibsrtp import Policy

from pipeline.media.g711 import ulaw_decode
from tests.sip.far_end import session
from tests.sip.softphone import UNTIL_S

HEADER_BYTES = 12
REPORTS = range(192, 224)
"""Second byte of RTCP (RFC 5761 section 4)."""


class Wiretap:
    """RTP packets to one port, until the block is left."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def packets(self) -> list[bytes]:
        lines = self._file.read_text().splitlines()
        found = [bytes.fromhex(line) for line in lines if line]
        return [data for data in found if len(data) > HEADER_BYTES and data[1] not in REPORTS]

    def heard(self, keys: Sequence[bytes] = (), since: int = 0) -> NDArray[np.int16]:
        """The sound of all packets since that one, one after the other: µ-law, plain or under one of these keys."""
        found = self.packets()
        pieces = [
            ulaw_decode(data[HEADER_BYTES:])
            for data in (opened(found, keys) if keys else found)[since:]
        ]
        return np.concatenate([np.zeros(0, np.int16), *pieces])


def opened(packets: list[bytes], keys: Sequence[bytes]) -> list[bytes]:
    """Each packet as it was before SRTP; one that no key opens is no sound."""
    guards = [session(key, Policy.SSRC_ANY_INBOUND) for key in keys]

    def plain(data: bytes) -> bytes:
        for guard in guards:
            with suppress(SrtpError):
                return bytes(guard.unprotect(data))
        return data[:HEADER_BYTES]

    return [plain(data) for data in packets]


@contextmanager
def wiretap(directory: Path, port: int, count: int = 1) -> Iterator[Wiretap]:
    """See the sound that comes to this UDP port of 127.0.0.1, or to so many from it on."""
    program = shutil.which("tshark")
    assert program, "tshark is missing: apt-get install -y tshark"
    directory.mkdir(exist_ok=True)
    file, told = directory / "payloads", directory / "told"
    with file.open("wb") as out, told.open("wb") as errors:
        process = subprocess.Popen(
            [program, "-l", "-n", "-i", "lo", "-f", f"udp dst portrange {port}-{port + count - 1}", "-T", "fields", "-e", "udp.payload"],
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
