"""Run in a network namespace of its own: one call, and every packet of every interface beside it, as JSON.

Arguments: a folder, that of built models; then `page` for a booking through Chromium, `open-models` for one that Whisper hears, a chat model
phrases and Piper speaks, or the arguments of `wardline call`.
"""

from __future__ import annotations

import asyncio
import ipaddress
import json
import socket
import struct
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.first_call import microphone, person
from tests.first_call.chatting import Chatting
from tests.first_call.open_models import practice
from tests.first_call.page import Booked, chromium
from tests.first_call.served import Served, served, until, wardline
from tests.first_call.stored import stored, wrong_in

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


@contextmanager
def serving(folder: Path, cache: Path, arguments: list[str]) -> Iterator[Served]:
    """The server, with the engines that are asked for."""
    if arguments != ["open-models"]:
        with served(folder, cache=cache) as server:
            yield server
        return
    chat = Chatting()
    with chat.running(), practice(folder, chat.settings, cache) as server:
        yield server


def by_page(server: Served, directory: Path) -> dict[str, object]:
    """Book through Chromium."""
    silence = directory / "silence.wav"

    async def book() -> Booked:
        async with chromium(silence) as browser:
            return await person.booked(browser, server.url)

    asyncio.run(microphone.write([], silence))
    done = asyncio.run(book())
    until(lambda: server.calls() == 0, 10.0, "the end of the call")
    wrong = [wrong_in(request) for request in stored(server, directory)]
    return {
        "request": done.request,
        "wrong": wrong,
        "foreign": done.foreign,
        "console": done.console,
    }


def by_line(server: Served, arguments: list[str]) -> dict[str, object]:
    """One `wardline call`."""
    done = wardline("call", "--url", server.url, "--json", *arguments)
    if done.returncode:
        raise SystemExit(done.stderr)
    record: dict[str, object] = json.loads(done.stdout)
    return record


def main() -> None:
    directory, cache, arguments = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:]
    capture = Capture()
    try:
        with serving(directory / "server", cache, arguments) as server:
            paged = arguments in (["page"], ["open-models"])
            call = by_page(server, directory) if paged else by_line(server, arguments)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
            control.sendto(b"x", (CONTROL, 53))
        threading.Event().wait(0.5)
    finally:
        capture.stop()
    print(json.dumps({"seen": capture.seen, "call": call}))


if __name__ == "__main__":
    main()
