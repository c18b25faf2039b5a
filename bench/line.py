"""One WebRTC connection of the caller: an audio line and the data channel `wardline`, without foreign servers."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from aiortc import (
    RTCBundlePolicy,
    RTCConfiguration,
    RTCDataChannel,
    RTCPeerConnection,
    RTCSessionDescription,
)
from aiortc.mediastreams import MediaStreamTrack

from bench.errors import BenchError, MediaUnreachable
from bench.media import Ear, offer_only, wait_for_late_answers

CHANNEL = "wardline"
MAX_MESSAGE_BYTES = 4_096


class Line:
    """Microphone, ear and channel on one peer connection."""

    def __init__(
        self,
        microphone: MediaStreamTrack,
        ear: Ear,
        on_message: Callable[[str], None],
        on_state: Callable[[bool, bool], None],
    ) -> None:
        """`on_state(connected, gone)` follows the connection and the channel together."""
        self._microphone = microphone
        self._ear = ear
        self._on_message = on_message
        self._on_state = on_state
        self._connection: RTCPeerConnection | None = None
        self._channel: RTCDataChannel | None = None

    async def offer(self, addresses: list[str]) -> str:
        """Gather candidates and return the SDP; `addresses` empty means all of this machine."""
        # aiortc's default is a public STUN server: an empty list keeps every packet between the two of us.
        connection = RTCPeerConnection(
            RTCConfiguration(iceServers=[], bundlePolicy=RTCBundlePolicy.MAX_BUNDLE)
        )
        self._connection = connection
        connection.addTrack(self._microphone)
        channel = connection.createDataChannel(CHANNEL, ordered=True)
        self._channel = channel
        channel.on("message", self._message)
        channel.on("open", self._state)
        channel.on("close", self._state)
        connection.on("connectionstatechange", self._state)
        self._ear.attach(connection.getTransceivers()[0].receiver)
        wait_for_late_answers(connection)
        if addresses:
            offer_only(connection, addresses)
        await connection.setLocalDescription(await connection.createOffer())
        return connection.localDescription.sdp

    async def answer(self, sdp: str) -> None:
        """Take the server's answer."""
        if self._connection is None:
            raise BenchError("the offer comes before the answer")
        if "a=candidate:" not in sdp:
            raise MediaUnreachable("the server's answer names no address for audio")
        try:
            await self._connection.setRemoteDescription(RTCSessionDescription(sdp, "answer"))
        except ValueError:
            raise BenchError("the server's answer is not a description of a call") from None

    def send(self, message: dict[str, Any]) -> None:
        """Send on the data channel; nothing happens while it is not open."""
        if self._channel is not None and self._channel.readyState == "open":
            self._channel.send(json.dumps(message))

    def unreachable(self, waited_ms: float) -> MediaUnreachable:
        """Say how far the connection came."""
        state = self._connection.connectionState if self._connection else "new"
        return MediaUnreachable(
            f"no audio path to the server within {waited_ms / 1000:.0f} s (connection is {state!r}):"
            " is UDP between the two machines open?"
        )

    async def close(self) -> None:
        """Close the connection; safe at any moment."""
        if self._connection is not None:
            connection, self._connection = self._connection, None
            self._channel = None
            connection.remove_all_listeners()
            await connection.close()

    def _message(self, message: str | bytes) -> None:
        text = message if isinstance(message, str) else message.decode("utf-8", "replace")
        if len(text) <= MAX_MESSAGE_BYTES:
            self._on_message(text)

    def _state(self) -> None:
        if self._connection is None or self._channel is None:
            return
        state = self._connection.connectionState
        connected = state == "connected" and self._channel.readyState == "open"
        self._on_state(connected, state in ("failed", "closed"))
