"""The composition root of the telephone gateway: settings become trunks, ports and limits; the supervisor is its desk."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from functools import partial
from typing import Any

from pipeline.call.fixed_lines import kept_lines
from pipeline.call.flow_file import load_flow
from pipeline.errors import CallRefused, StartUpError
from pipeline.heap import Heap
from pipeline.media.kept_lines import KeptLines
from pipeline.media.resample import Doubler
from pipeline.setting_kinds import own_numbers
from pipeline.setting_rules import ladders, sip_certificate, telephone_calls_max, transfer_uris
from pipeline.settings import Settings
from pipeline.sip.desk import NoLine, Place, TrunkRoom
from pipeline.sip.gateway import Gateway
from pipeline.sip.ports import Invite, MediaLeg
from pipeline.sip.rtp_leg import RtpLeg
from pipeline.sip.rtp_ports import RtpPorts
from pipeline.sip.rtp_settings import RtpSettings
from pipeline.sip.settings import Digest, Listen, SignallingSettings, Transport, TrunkSettings
from pipeline.sip.trunk import Trunks
from pipeline.stream.local import socket_of
from pipeline.supervisor.channel import Channel, ChannelClosed
from pipeline.supervisor.host import prove, tell_why, until_closed
from pipeline.telephone_settings import Sip, Trunk

PLACE_LIMIT_MS = 10_000.0
"""More than the supervisor gives all workers together (`front.EXPECT_LIMIT_MS`): who waits less leaves a line held."""
LOST_RETRY_S = 10
STOPPING_RETRY_S = 30
_WAYS: dict[str, Transport] = {"tls": "tls", "tcp": "tcp", "udp": "udp"}


async def run_gateway(settings: Settings, channel: Channel) -> None:
    """Take calls until the supervisor drains this process or is gone."""
    over = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, over.set)
    lines = kept_lines(settings, load_flow(settings.practice))
    desk = SupervisorsDesk(settings, channel, lines)
    gateway = Gateway(desk, rooms(settings))

    async def drain(params: dict[str, Any]) -> dict[str, Any]:
        desk.stopping = True
        try:
            async with asyncio.timeout(float(params["limit_ms"]) / 1000.0):
                await gateway.quiet.wait()
        except TimeoutError:
            pass
        asyncio.get_running_loop().call_soon(over.set)  # after the answer is written
        return {}

    channel.serve = {"drain": drain}
    channel.on_notice = desk.on_notice
    await channel.open()
    heap = Heap()  # a collection in mid-call would hold up the packets of every call
    async with asyncio.TaskGroup() as group, heap.watch(lambda: gateway.calls > 0):
        running = group.create_task(until_closed(channel, over), name="channel")
        try:
            async with Trunks(signalling(settings), gateway) as trunks:
                await prove(channel)
                heap.settle()
                channel.notify("ready", {"free_slots": 0})
                watching = group.create_task(trunks.watch_certificate(), name="certificate")
                await over.wait()
                watching.cancel()
        except StartUpError as error:
            tell_why(channel, error)
            raise
        finally:
            channel.close()
            running.cancel()


class SupervisorsDesk:
    """What the gateway asks of its supervisor, over the channel (`sip.desk.Desk`)."""

    def __init__(self, settings: Settings, channel: Channel, lines: KeptLines) -> None:
        """No line is free until the supervisor says so; `lines` are kept by the workers."""
        self._directory = settings.state.directory
        self._channel = channel
        self._free: int | None = None
        self._lines = lines
        self._retry_s = settings.sip.retry_after_s
        self._refuses = settings.sip.when_busy == "refuse"
        self.stopping = False

    def on_notice(self, kind: str, payload: dict[str, Any]) -> None:
        """Keep what the supervisor tells."""
        if kind == "lines":
            free = payload.get("free")
            self._free = free if isinstance(free, int) else None

    def may_ring(self) -> int | None:
        """See `sip.desk.Desk`."""
        if self._free is None or self.stopping or self._channel.closed.is_set():
            return STOPPING_RETRY_S
        return self._retry_s if self._refuses and self._free <= 0 else None

    async def place(self, invite: Invite) -> Place:
        """See `sip.desk.Desk`."""
        try:
            found = await self._channel.request(
                "place",
                {
                    "caller": invite.caller,
                    "call": invite.call_id,
                    "line": invite.line,
                    "forwarded_from": invite.forwarded_from,
                },
                timeout_ms=PLACE_LIMIT_MS,
            )
        except CallRefused as refused:
            raise NoLine(refused.retry_after_s or LOST_RETRY_S) from None
        except (ChannelClosed, TimeoutError):
            raise NoLine(LOST_RETRY_S) from None
        path = socket_of(self._directory, str(found["worker"]))
        return Place(str(found["call_id"]), path, str(found["token"]))

    def leave(self, invite: Invite) -> None:
        """See `sip.desk.Desk`."""
        self._channel.notify("left", {"call": invite.call_id})

    async def line(self, name: str, sample_rate_hz: int) -> bytes:
        """See `sip.desk.Desk`; they are kept at 8 kHz."""
        pcm = await asyncio.to_thread(self._lines.sound, name)
        return Doubler().feed(pcm) if sample_rate_hz == 16_000 else pcm


# --- settings to rooms -----------------------------------------------------------------------------


def rooms(settings: Settings) -> dict[str, TrunkRoom]:
    """What the gateway needs of each trunk; one set of ports for all of them."""
    sip = settings.sip
    ports = RtpPorts(address=sip.bind, first_port=sip.rtp_port_min, last_port=sip.rtp_port_max)
    _, _, people = ladders(settings)
    busy = settings.transfer.busy if sip.when_busy == "line" else None
    return {
        trunk.name: TrunkRoom(
            _leg_of(trunk, sip, ports),
            transfer_uris(settings, trunk),
            trunk.transfer == "bridge",
            busy,
            people,
        )
        for trunk in settings.trunk
    }


def _leg_of(trunk: Trunk, sip: Sip, ports: RtpPorts) -> Callable[[], MediaLeg]:
    wanted = RtpSettings(
        advertised_address=trunk.advertised_address or sip.advertised_address,
        srtp_required=trunk.srtp == "required",
        allowed_sources=trunk.media,
        codecs=trunk.codecs,
    )
    return partial(RtpLeg, wanted, ports)


def certificate(settings: Settings) -> tuple[str, str]:
    """Chain and key; two empty texts where no trunk uses TLS."""
    return sip_certificate(settings) if settings.sip.tls_port else ("", "")


def signalling(settings: Settings) -> SignallingSettings:
    """Where to listen, who may call and how much of it."""
    sip = settings.sip
    cert, key = certificate(settings)
    listen = (
        Listen("tls", sip.bind, sip.tls_port),
        Listen("tcp", sip.bind, sip.tcp_port),
        Listen("udp", sip.bind, sip.udp_port),
    )
    return SignallingSettings(
        listen=tuple(each for each in listen if each.port),
        trunks=tuple(_trunk(trunk) for trunk in settings.trunk),
        certificate_file=cert,
        key_file=key,
        carrier_ca_file=sip.carrier_ca_file,
        advertised_host=sip.advertised_address,
        advertised_ports=_advertised(sip),
        own_numbers=own_numbers(sip.numbers),
        max_calls=telephone_calls_max(settings),
        calls_per_s=float(sip.calls_per_s),
        retry_after_s=sip.retry_after_s,
        ring_limit_ms=float(sip.ring_limit_ms),
        call_limit_ms=float(sip.call_limit_ms),
        talk_limit_ms=float(sip.talk_limit_ms),
        emergency_number=settings.practice.emergency_number,
        transfer_limit_ms=float(settings.transfer.limit_ms),
    )


def _advertised(sip: Sip) -> dict[Transport, int]:
    ports: dict[Transport, int] = {
        "tls": sip.advertised_tls_port,
        "tcp": sip.advertised_tcp_port,
        "udp": sip.advertised_udp_port,
    }
    return {transport: port for transport, port in ports.items() if port}


def _proxy(trunk: Trunk) -> str:
    """A trunk's proxy as a URI, over the first of the trunk's ways."""
    return (
        f"sip:{trunk.outbound_proxy};transport={trunk.transports[0]}"
        if trunk.outbound_proxy
        else ""
    )


def _trunk(trunk: Trunk) -> TrunkSettings:
    digest = Digest(trunk.digest_user, trunk.digest_secret) if trunk.digest_user else None
    outbound = Digest(trunk.outbound_user, trunk.outbound_secret) if trunk.outbound_user else None
    return TrunkSettings(
        name=trunk.name,
        networks=trunk.signalling,
        transports=tuple(_WAYS[each] for each in trunk.transports),
        max_calls=trunk.calls_max,
        calls_per_s=float(trunk.calls_per_s),
        digest=digest,
        outbound_digest=outbound,
        outbound_proxy=_proxy(trunk),
        shown_number=trunk.shown_number,
        advertised_host=trunk.advertised_address,
        certificate_name=trunk.certificate_name,
    )
