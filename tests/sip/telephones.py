"""Telephones in a process of their own: `python -m tests.sip.telephones PORTS KEY SECONDS` speaks to each port.

PORTS are comma-separated; KEY is hex, or "-" for plain RTP. Each sends a voice in 20 ms packets, on absolute
deadlines, and throws away what it hears; prints how many packets it sent and got.
"""

from __future__ import annotations

import selectors
import socket
import sys
import time

import numpy as np
from aiortc.rtp import RtpPacket
from pylibsrtp import Session

from pipeline.media.g711 import ulaw_encode
from tests.sip.far_end import FRAME, session


def voice(seed: int, seconds: float = 4.0) -> list[bytes]:
    """Something that sounds like speech to every detector: harmonics that come and go."""
    chance = np.random.default_rng(seed)
    at = np.arange(int(seconds * 8_000)) / 8_000
    pitch = 120.0 + 40.0 * np.sin(2 * np.pi * 0.7 * at + seed)
    phase = 2 * np.pi * np.cumsum(pitch) / 8_000
    sound = np.zeros(len(at))
    for n in range(1, 20):
        sound += chance.uniform(0.2, 1.0) / n * np.sin(n * phase)
    sound *= (np.sin(2 * np.pi * 0.4 * at + seed) > -0.2) * 3_000
    pcm = np.rint(np.clip(sound, -32_768, 32_767)).astype(np.int16)
    return [ulaw_encode(pcm[n : n + FRAME]) for n in range(0, len(pcm) - FRAME + 1, FRAME)]


def main(ports: list[int], key: bytes | None, seconds: float) -> None:
    """Speak to every port for so long."""
    watch = selectors.DefaultSelector()
    lines: list[tuple[socket.socket, int, list[bytes], Session | None]] = []
    for port in ports:
        own = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        own.bind(("127.0.0.1", 0))
        own.setblocking(False)
        watch.register(own, selectors.EVENT_READ)
        lines.append((own, port, voice(port), None if key is None else session(key)))
    print("ready", flush=True)
    begun = time.monotonic()
    sent = got = 0
    for number in range(int(seconds * 50)):
        due = begun + 0.020 * number
        while (wait := due - time.monotonic()) > 0:
            for ready, _ in watch.select(wait):
                got += drain(ready.fileobj)  # type: ignore[arg-type]  # sockets are all that is registered
        for ssrc, (own, port, frames, guard) in enumerate(lines, 1):
            data = RtpPacket(
                payload_type=0,
                sequence_number=number & 0xFFFF,
                timestamp=number * FRAME,
                ssrc=ssrc,
                payload=frames[number % len(frames)],
            ).serialize()
            own.sendto(data if guard is None else guard.protect(data), ("127.0.0.1", port))
            sent += 1
    print(sent, got, flush=True)


def drain(own: socket.socket) -> int:
    """Take what waits; how many packets it was."""
    count = 0
    while True:
        try:
            own.recv(2_048)
        except BlockingIOError:
            return count
        count += 1


if __name__ == "__main__":
    main(
        [int(each) for each in sys.argv[1].split(",")],
        None if sys.argv[2] == "-" else bytes.fromhex(sys.argv[2]),
        float(sys.argv[3]),
    )
