"""A caller on stock aiortc in the same process: what a browser would be to the door."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from fractions import Fraction
from typing import Any

import numpy as np
from aiortc import (
    MediaStreamTrack,
    RTCConfiguration,
    RTCDataChannel,
    RTCIceServer,
    RTCPeerConnection,
    RTCSessionDescription,
)
from aiortc.rtp import RtpPacket
from av import AudioFrame

CONNECTING = "RTCPeerConnection.__connect"
"""The task of stock aiortc that outlives a closed connection for a while; the door has none like it."""


class ToneTrack(MediaStreamTrack):
    """A microphone that hears a steady tone."""

    kind = "audio"

    def __init__(self, hertz: float = 440.0) -> None:
        super().__init__()
        self._hertz = hertz
        self._at = 0
        self._start_s: float | None = None

    async def recv(self) -> AudioFrame:
        loop = asyncio.get_running_loop()
        if self._start_s is None:
            self._start_s = loop.time()
        await asyncio.sleep(max(0.0, self._start_s + self._at / 48_000 - loop.time()))
        at = (self._at + np.arange(960)) / 48_000
        samples = (6_000 * np.sin(2 * np.pi * self._hertz * at)).astype(np.int16)
        frame = AudioFrame.from_ndarray(samples.reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate = 48_000
        frame.pts = self._at
        frame.time_base = Fraction(1, 48_000)
        self._at += 960
        return frame


class Browser:
    """One caller: keeps every packet, message and arrival time."""

    def __init__(
        self, *, microphone: bool = True, ice_servers: Sequence[RTCIceServer] = ()
    ) -> None:
        self.connection = RTCPeerConnection(RTCConfiguration(iceServers=[*ice_servers]))
        if microphone:
            self.connection.addTrack(ToneTrack())
        else:
            self.connection.addTransceiver("audio", direction="recvonly")
        self.channel: RTCDataChannel = self.connection.createDataChannel("wardline")
        self.messages: list[tuple[float, dict[str, Any]]] = []
        self.packets: list[tuple[float, RtpPacket]] = []
        self.connected = asyncio.Event()
        self.hung_up = asyncio.Event()
        """The server closed the channel."""
        self.channel.on("open", self.connected.set)
        self.channel.on("close", self.hung_up.set)
        self.channel.on("message", self._on_message)
        receiver = self.connection.getReceivers()[0]
        receiver._handle_rtp_packet = self._on_packet  # type: ignore[method-assign]  # a tap at the wire

    def _on_message(self, text: str) -> None:
        self.messages.append((asyncio.get_running_loop().time() * 1000.0, json.loads(text)))

    async def _on_packet(self, packet: RtpPacket, arrival_time_ms: int) -> None:
        self.packets.append((asyncio.get_running_loop().time() * 1000.0, packet))

    async def offer(self) -> str:
        await self.connection.setLocalDescription(await self.connection.createOffer())
        return self.connection.localDescription.sdp

    async def accept(self, answer: str) -> None:
        await self.connection.setRemoteDescription(RTCSessionDescription(sdp=answer, type="answer"))

    def say(self, message: dict[str, Any] | str | bytes) -> None:
        self.channel.send(json.dumps(message) if isinstance(message, dict) else message)

    async def wait_for(self, kind: str, count: int = 1) -> dict[str, Any]:
        async with asyncio.timeout(60):
            while True:
                found = [message for _, message in self.messages if message["type"] == kind]
                if len(found) >= count:
                    return found[count - 1]
                await asyncio.sleep(0.005)

    async def close(self) -> None:
        theirs = asyncio.all_tasks() - {asyncio.current_task()}
        await self.connection.close()
        if theirs:  # stock aiortc cancels tasks without waiting for them
            await asyncio.wait(theirs, timeout=0.2)
        # On a crowded machine the connecting goes on after that, and starts what is ended below.
        connecting = {task for task in theirs if CONNECTING in repr(task.get_coro())}
        if connecting:
            await asyncio.wait(connecting, timeout=5.0)
            for transceiver in self.connection.getTransceivers():
                await transceiver.receiver.stop()
                await transceiver.sender.stop()
        sctp = self.connection.sctp
        consent = sctp and sctp.transport.transport._connection._query_consent_task
        if consent:  # stock aioice starts it even when it was closed while it connected
            consent.cancel()
            await asyncio.wait({consent})


async def until(condition: Callable[[], object], limit_s: float = 60.0) -> None:
    """Wait for what has no event of its own, and fail when it does not come."""
    async with asyncio.timeout(limit_s):
        while not condition():  # noqa: ASYNC110  # see above
            await asyncio.sleep(0.005)


def visit_of(door: Any, call: Any) -> Any:
    """The door's side of a call, for tests that look at its sockets."""
    return door._lines[call.call_id].visit


@asynccontextmanager
async def calling(offer: Any, call: Any, *, microphone: bool = True) -> AsyncIterator[Browser]:
    """A caller whose connection stands."""
    browser = Browser(microphone=microphone)
    attached = call.attached
    try:
        await browser.accept(await offer(await browser.offer(), call))
        async with asyncio.timeout(60):
            await browser.connected.wait()
        await until(lambda: call.attached > attached)
        yield browser
    finally:
        await browser.close()
