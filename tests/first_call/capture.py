"""Run in a network namespace of its own: one call, and every packet of every interface beside it, as JSON."""

from __future__ import annotations

import ipaddress
import json
import socket
import struct
import sys
import threading
from collections import Counter
from pathlib import Path

from tests.first_call.served import served, wardline

ALL_PROTOCOLS = 0x0003
IPV4, IPV6 = 0x0800, 0x86DD
CONTROL = "192.0.2.77"
"""A packet of ours to nowhere: the capture must show it."""


class Capture:
    """Counts destinations until it is told to stop."""

    def __init__(self) -> None:
        self.seen: Counter[str] = Counter()
        self._over = threading.Event()
        self._socket = socket.socket(
            socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ALL_PROTOCOLS)
        )
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
        self._socket.settimeout(0.2)
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        while not self._over.is_set():
            try:
                packet, about = self._socket.recvfrom(65_535)
            except TimeoutError:
                continue
            if about[1] == IPV4:
                address, transport = str(ipaddress.IPv4Address(packet[16:20])), packet[9]
                rest = packet[(packet[0] & 15) * 4 :]
            elif about[1] == IPV6:
                address, transport = str(ipaddress.IPv6Address(packet[24:40])), packet[6]
                rest = packet[40:]
            else:
                address, transport, rest = f"protocol {about[1]:04x}", 0, b""
            port = struct.unpack("!H", rest[2:4])[0] if transport in (6, 17) else 0
            self.seen[f"{address} {port if port in (53, 5353, 3478, 5349, 19302) else '-'}"] += 1

    def stop(self) -> None:
        self._over.set()
        self._thread.join()
        self._socket.close()


def main() -> None:
    capture = Capture()
    try:
        with served(Path(sys.argv[1]) / "server") as server:
            done = wardline("call", "--url", server.url, "--json", *sys.argv[2:])
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
            control.sendto(b"x", (CONTROL, 53))
        threading.Event().wait(0.5)
    finally:
        capture.stop()
    print(json.dumps({"status": done.returncode, "seen": capture.seen, "call": done.stdout}))


if __name__ == "__main__":
    main()
