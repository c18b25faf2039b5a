"""aiortc's DTLS and SCTP with the seams we need: sending within the call, and an end that leaves nothing.

Every private name of aiortc that the server relies on is used in this file and in `ice.py`;
`assert_aiortc_fits` checks them at start-up, so that an upgrade fails there and not in a call.
"""

from __future__ import annotations

import asyncio
import inspect
import struct
from collections.abc import Callable, Coroutine
from typing import Any, Protocol

import aioice
from aiortc import RTCCertificate, RTCDataChannel, RTCDtlsTransport, RTCIceTransport
from aiortc.rtcdtlstransport import RtpReceiver, RtpSender, State
from aiortc.rtcrtpparameters import RTCRtpReceiveParameters
from aiortc.rtcsctptransport import WEBRTC_STRING, RTCSctpTransport
from aiortc.rtp import RtpPacket
from pylibsrtp import Error as SrtpError

from pipeline.errors import StartUpError
from pipeline.transports.ice import LocalGatherer, LocalIce

MAX_BUFFERED_BYTES = 256 * 1024
"""Messages a caller has not acknowledged: beyond this it is not reading."""
MAX_PARTIAL_BYTES = 64 * 1024
"""Fragments of unfinished messages: ours have one fragment."""
MAX_CHANNELS = 8


class AudioEnd(RtpReceiver, RtpSender, Protocol):
    """What receives a caller's packets and the reports about ours."""


SSRCS_MAX = 8
"""A caller has one, and another when the page begins anew. libsrtp keeps each for as long as the call lasts, and looks for them one by one."""


class LocalDtls(RTCDtlsTransport):
    """A DTLS transport that sends and takes audio without a suspension point."""

    def __init__(self, agent: LocalIce, ice: RTCIceTransport) -> None:
        """A transport with a certificate of its own."""
        super().__init__(ice, [RTCCertificate.generateCertificate()])
        self._agent = agent
        self._on_packet: Callable[[RtpPacket], None] = lambda packet: None
        self._ssrcs = set[bytes]()
        self.connected = False
        """As `state` says in a word, which aiortc writes anew each time."""

    def _set_state(self, state: State) -> None:
        self.connected = state == State.CONNECTED
        self._agent.on_rtp = self._take if self.connected else None
        super()._set_state(state)

    def take_role(self, *, server: bool) -> None:
        """Be the server or the client of the handshake, as the answer says."""
        self._set_role("server" if server else "client")

    def route_audio(
        self,
        leg: AudioEnd,
        payload_type: int,
        ssrc: int,
        on_packet: Callable[[RtpPacket], None],
    ) -> None:
        """Send this payload type's packets to `on_packet`, and reports about our stream `ssrc` to `leg`."""
        self._on_packet = on_packet
        self._rtp_header_extensions_map.configure(RTCRtpReceiveParameters())
        self._rtp_router.register_receiver(leg, ssrcs=[], payload_types=[payload_type])
        self._rtp_router.register_sender(leg, ssrc=ssrc)

    def unroute_audio(self, leg: AudioEnd) -> None:
        """Forget `leg`."""
        self._on_packet = lambda packet: None
        self._rtp_router.unregister_receiver(leg)
        self._rtp_router.unregister_sender(leg)

    def _take(self, data: bytes) -> None:
        """Decrypt a packet and hand it on before returning: what aiortc does behind a queue and a task, each a turn of the loop."""
        ssrc = data[8:12]
        if ssrc not in self._ssrcs and len(self._ssrcs) >= SSRCS_MAX:
            return
        try:
            clear = self._rx_srtp.unprotect(data)
            self._ssrcs.add(ssrc)
            packet = RtpPacket.parse(clear, self._rtp_header_extensions_map)
        except (SrtpError, ValueError):
            return  # forged, a second time, or broken
        if self._rtp_router.route_rtp(packet) is None:
            return
        taken = False
        try:
            self._on_packet(packet)
            taken = True
        finally:
            if not taken and self._task is not None:
                self._task.cancel()  # a fault of ours ends the connection, as one in aiortc's own task does

    def send_rtp_now(self, packet: bytes) -> bool:
        """Encrypt and hand a packet to the socket before returning; False when there is no way."""
        if not self.connected:
            return False
        try:
            return self._agent.send_now(self._tx_srtp.protect(packet))
        except SrtpError:
            return False

    def send_rtcp_now(self, packets: bytes) -> bool:
        """The same for reports."""
        if not self.connected:
            return False
        try:
            return self._agent.send_now(self._tx_srtp.protect_rtcp(packets))
        except SrtpError:
            return False

    async def stop(self) -> None:
        """Close, and wait for the receiving task, which aiortc leaves behind."""
        pump = self._task
        await super().stop()
        if pump is not None:
            await asyncio.wait({pump})
            if not pump.cancelled():
                pump.exception()  # retrieved: a malformed packet's error ends here, not in a log line


class LocalSctp(RTCSctpTransport):
    """SCTP that transmits before `send` returns and survives malformed packets."""

    def __init__(self, transport: LocalDtls) -> None:
        """Bound what an unfinished message may occupy."""
        super().__init__(transport)
        self._advertised_rwnd = MAX_PARTIAL_BYTES
        self.malformed = 0

    def send_now(self, channel: RTCDataChannel, text: str) -> bool:
        """Transmit a message within this call; False when the channel is gone or nobody reads."""
        data = text.encode()
        if channel.readyState != "open" or channel.bufferedAmount + len(data) > MAX_BUFFERED_BYTES:
            return False
        channel._addBufferedAmount(len(data))  # noqa: SLF001  # as aiortc's own _data_channel_send
        self._data_channel_queue.append((channel, WEBRTC_STRING, data))
        try:
            _run_now(self._data_channel_flush())
        except ConnectionError:
            return False
        return True

    @property
    def unacknowledged(self) -> bool:
        """True while a message of ours may still be lost."""
        return bool(self._data_channel_queue or self._outbound_queue or self._sent_queue)

    async def _handle_data(self, data: bytes) -> None:
        if self._advertised_rwnd < 0 or len(self._data_channels) > MAX_CHANNELS:
            raise ConnectionError("the caller exceeds the limits of its data channel")
        try:
            await super()._handle_data(data)
        except (AssertionError, LookupError, ValueError, TypeError, struct.error):
            self.malformed += 1

    async def stop(self) -> None:
        """Abort the association and its timers."""
        await super().stop()
        self._t1_cancel()
        self._t2_cancel()
        self._t3_cancel()
        if self._reconfig_handle is not None:
            self._reconfig_handle.cancel()
            self._reconfig_handle = None


def assert_aiortc_fits() -> None:
    """Raise StartUpError when the installed aiortc or aioice lacks a name that we rely on."""
    try:
        missing = [*_changed_methods(), *_missing_names()]
    except (AttributeError, TypeError, AssertionError) as error:
        missing = [f"a constructor: {type(error).__name__}"]
    if missing:
        raise StartUpError(
            f"aiortc or aioice is not the pinned version (missing {', '.join(missing)}): run `make setup`"
        )


_REPLACED: tuple[tuple[type, str, tuple[str, ...]], ...] = (
    (aioice.Connection, "request_received", ("message", "addr", "protocol")),
    (aioice.Connection, "data_received", ("data", "component")),
    (aioice.Connection, "gather_candidates", ()),
    (aioice.Connection, "query_consent", ()),
    (RTCSctpTransport, "_handle_data", ("data",)),
    (RTCDtlsTransport, "_set_state", ("state",)),
    (RtpReceiver, "_handle_rtp_packet", ("packet", "arrival_time_ms")),
    (RtpReceiver, "_handle_disconnect", ()),
    (RtpSender, "_handle_rtcp_packet", ("packet",)),
)
"""Methods of theirs that ours stand in for: they must still be called, and with these parameters."""


def _changed_methods() -> list[str]:
    changed = []
    for owner, name, expected in _REPLACED:
        theirs = getattr(owner, name, None)
        if theirs is None or tuple(inspect.signature(theirs).parameters)[1:] != expected:
            changed.append(f"{owner.__name__}.{name}({', '.join(expected)})")
    return changed


def _missing_names() -> list[str]:
    agent = LocalIce(addresses=[], ports=(0, 0), networks=())
    ice = RTCIceTransport(LocalGatherer(agent))
    dtls = LocalDtls(agent, ice)
    sctp = LocalSctp(dtls)
    needed: tuple[tuple[object, str], ...] = (
        (agent, "_check_list _nominated _protocols _queue _local_candidates _remote_candidates"),
        (agent, "_local_candidates_start _local_candidates_end _query_consent_task"),
        (ice, "_connection _role_set"),
        (dtls, "_rtp_router _rtp_header_extensions_map _tx_srtp _rx_srtp _task _set_role"),
        (sctp, "_advertised_rwnd _data_channel_queue _data_channel_flush _data_channels"),
        (sctp, "_outbound_queue _sent_queue _reconfig_handle"),
        (sctp, "_t1_cancel _t2_cancel _t3_cancel"),
    )
    missing = [
        f"{type(owner).__name__}.{name}"
        for owner, names in needed
        for name in names.split()
        if not hasattr(owner, name)
    ]
    if ice._connection is not agent:  # noqa: SLF001  # the seam itself is under test
        missing.append("RTCIceGatherer._connection")
    return missing


def _run_now(step: Coroutine[Any, Any, None]) -> None:
    """Run a coroutine of aiortc that is `async` in name only; it must not suspend."""
    try:
        step.send(None)
    except StopIteration:
        return
    step.close()
    raise RuntimeError("aiortc suspends while it sends: the flush would be late")
