"""The control of a run: what this machine does to a bare sender at the same time. No audio, no codec, no model.

A latency is only worth something beside the floor of the machine it was measured on: shared machines
wander by a factor of two within a minute.
"""

from __future__ import annotations

import asyncio
import struct
from dataclasses import dataclass, field

from pipeline.clock import Clock
from pipeline.line import FRAME_MS


@dataclass(slots=True)
class Floor:
    """A bare 20 ms absolute-deadline sender with a UDP echo on 127.0.0.1."""

    late_ms: list[float] = field(default_factory=list)
    """How late each packet left."""
    round_trip_ms: list[float] = field(default_factory=list)
    lost: int = 0


class _Echo(asyncio.DatagramProtocol):
    transport: asyncio.DatagramTransport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.transport.sendto(data, addr)


class _Sender(asyncio.DatagramProtocol):
    def __init__(self, clock: Clock, floor: Floor) -> None:
        self._clock = clock
        self._floor = floor

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        del addr
        (sent_ms,) = struct.unpack_from("d", data)
        self._floor.round_trip_ms.append(self._clock.now_ms() - sent_ms)


async def measure_floor(clock: Clock, stop: asyncio.Event, *, most_ms: float = 600_000.0) -> Floor:
    """Send one packet the size of ours each 20 ms until told to stop."""
    floor = Floor()
    loop = asyncio.get_running_loop()
    echo, echoing = await loop.create_datagram_endpoint(_Echo, local_addr=("127.0.0.1", 0))
    echoing.transport = echo
    try:
        sender, _ = await loop.create_datagram_endpoint(
            lambda: _Sender(clock, floor), remote_addr=echo.get_extra_info("sockname")
        )
        try:
            start_ms = clock.now_ms()
            count = 0
            while not stop.is_set() and clock.now_ms() - start_ms < most_ms:
                due_ms = start_ms + count * FRAME_MS
                wait_ms = due_ms - clock.now_ms()
                if wait_ms > 0:
                    await asyncio.sleep(wait_ms / 1000)
                now_ms = clock.now_ms()
                floor.late_ms.append(now_ms - due_ms)
                sender.sendto(struct.pack("d", now_ms) + bytes(92))
                count += 1
            await asyncio.sleep(FRAME_MS / 1000)  # the last echo's time to arrive
            floor.lost = count - len(floor.round_trip_ms)
        finally:
            sender.close()
    finally:
        echo.close()
    return floor
