"""One WebRTC connection, from a checked offer to its last socket. Knows messages, not calls.

aiortc's RTCPeerConnection is not used: it owns its tasks, its sender and its decoder thread. Its
transports are, in the order ICE, DTLS, SCTP, and they are closed here in reverse.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable

from aiortc import RTCDataChannel, RTCIceTransport

from pipeline.errors import NoMediaPath
from pipeline.line import ToCaller, to_json
from pipeline.media.quality import LineQuality
from pipeline.telemetry.containment import contained
from pipeline.transports.ice import (
    LocalGatherer,
    LocalIce,
    Network,
    addresses_to_offer,
    usable_candidates,
)
from pipeline.transports.sdp import Offer, write_answer
from pipeline.transports.settings import MediaSettings
from pipeline.transports.webrtc_audio import AudioLeg
from pipeline.transports.webrtc_secure import LocalDtls, LocalSctp

LABEL = "wardline"
FAREWELL_MS = 1_000.0
"""How long the last messages may take to be acknowledged before the connection is closed."""


class Peer:
    """One connection of one caller."""

    def __init__(
        self,
        call_id: str,
        offer: Offer,
        settings: MediaSettings,
        networks: tuple[Network, ...],
        *,
        fence: Callable[[], int],
        on_frame: Callable[[bytes], None],
        on_message: Callable[[str | bytes], None],
        on_quality: Callable[[LineQuality], None],
    ) -> None:
        """Build nothing that holds a socket; raises NoMediaPath when the caller is out of reach."""
        self._call_id = call_id
        self._offer = offer
        self._on_message = on_message
        self._caller = usable_candidates(offer.candidates, networks)
        self.agent = LocalIce(
            addresses=addresses_to_offer(settings, networks, self._caller),
            ports=(settings.port_min, settings.port_max),
            networks=networks,
        )
        self.agent.ice_controlling = offer.ice.iceLite
        self._gatherer = LocalGatherer(self.agent)
        self._ice = RTCIceTransport(self._gatherer)
        self._dtls = LocalDtls(self.agent, self._ice)
        self._dtls.take_role(server=offer.we_are_dtls_server)
        self._sctp = LocalSctp(self._dtls)
        self.audio = AudioLeg(
            self._dtls,
            payload_type=offer.opus_payload_type,
            fence=fence,
            on_frame=on_frame,
            on_quality=on_quality,
        )
        self._channel: RTCDataChannel | None = None
        self._channel_open = asyncio.Event()
        self._limit: asyncio.Timeout | None = None
        self.ending = asyncio.Event()
        """Set when this connection is over or should be."""
        self._ice.on("statechange", self._on_transport_change)
        self._dtls.on("statechange", self._on_transport_change)
        self._sctp.on("datachannel", self._on_channel)

    async def answer(self) -> str:
        """Open the sockets and write the answer."""
        await self._gatherer.gather()
        candidates = self._gatherer.getLocalCandidates()
        if not candidates:
            raise NoMediaPath("The server has no address that this caller could reach.")
        for candidate in self._caller:
            await self._ice.addRemoteCandidate(candidate)
        return write_answer(
            self._offer,
            ice=self._gatherer.getLocalParameters(),
            dtls=self._dtls.getLocalParameters(),
            candidates=candidates,
            ssrc=self.audio.ssrc,
            cname=self.audio.cname,
        )

    async def connect(self, limit_ms: float) -> None:
        """Wait until audio can flow and the data channel is open; raises ConnectionError or TimeoutError."""
        if self.ending.is_set():
            raise ConnectionError("over before it began")
        try:
            async with asyncio.timeout(limit_ms / 1000.0) as self._limit:
                await self._ice.start(self._offer.ice)
                if self._ice.state != "completed":
                    raise ConnectionError("no path")
                self.audio.start()
                await self._dtls.start(self._offer.dtls)
                if not self._dtls.connected:
                    raise ConnectionError("no handshake")
                await self._sctp.start(self._offer.sctp_capabilities, self._offer.sctp_port)
                await self._channel_open.wait()
        finally:
            self._limit = None

    def end(self) -> None:
        """This connection is over, or should be, even while it is being made."""
        self.ending.set()
        if self._limit is not None and self._limit.when() is not None:
            self._limit.reschedule(asyncio.get_running_loop().time())

    def send(self, message: ToCaller) -> bool:
        """Put a message on the wire before returning; False when the connection is gone."""
        if self._channel is None:
            return False
        return self._sctp.send_now(self._channel, json.dumps(to_json(message)))

    async def farewell(self) -> None:
        """Give the last messages a moment to arrive."""
        try:
            async with asyncio.timeout(FAREWELL_MS / 1000.0):
                while (  # noqa: ASYNC110  # see below
                    self._sctp.unacknowledged and self._dtls.connected
                ):
                    await asyncio.sleep(0.010)  # aiortc has no event for an acknowledged message
        except TimeoutError:
            pass

    async def close(self) -> None:
        """Leave no task, timer or socket; safe in every state and more than once."""
        self.ending.set()
        with contained(self._call_id, "audio"):
            self.audio.stop()
        # each by itself: one that fails must not leave the sockets of the others behind
        for name, stop in (
            ("sctp", self._sctp.stop),
            ("dtls", self._dtls.stop),
            ("ice", self._ice.stop),
            ("sockets", self.agent.close),
        ):
            with contained(self._call_id, name):
                await stop()
        for emitter in (self._ice, self._dtls, self._sctp, self._gatherer):
            emitter.remove_all_listeners()

    def _on_channel(self, channel: RTCDataChannel) -> None:
        if channel.label != LABEL or self._channel is not None:
            return
        self._channel = channel
        channel.on("message", self._on_message)
        channel.on("close", self.end)
        self._channel_open.set()

    def _on_transport_change(self) -> None:
        if self._ice.state in ("failed", "closed") or self._dtls.state in ("failed", "closed"):
            self.end()
