"""Calls of the trunks, as the gateway sees them: sockets, tasks and the clock around `exchange`.

The shell: it passes bytes and time in, wakes who waits for a call, and owns every task. It decides nothing.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from types import TracebackType

from pipeline.errors import StartUpError
from pipeline.sip.addresses import Malformed, hop_of, read_uri
from pipeline.sip.connections import Connections
from pipeline.sip.events import TrunkFault, TrunkTraffic
from pipeline.sip.exchange import Exchange
from pipeline.sip.incoming import IncomingCall
from pipeline.sip.line import SecondLeg, TrunkLine
from pipeline.sip.paths import Path
from pipeline.sip.ports import CallMedia, CallOver, CallTaker, MediaRefused, NotReached
from pipeline.sip.settings import SignallingSettings, Transport
from pipeline.sip.transactions import Way
from pipeline.telemetry.events import Token, emit

__all__ = ["NotReached", "SecondLeg", "Tables", "TrunkLine", "Trunks"]

TOKEN_BYTES = 10
"""Tags and branches nobody guesses: who knows a tag may end the call."""
GOODBYE_LIMIT_MS = 1_000.0
"""How long stopping waits for answers to our BYEs."""
TRAFFIC_EVERY_MS = 60_000.0


def _token() -> str:
    return secrets.token_hex(TOKEN_BYTES)


@dataclass(frozen=True, slots=True)
class Tables:
    """How much is remembered just now; all zero where nobody calls."""

    calls: int
    transactions: int
    connections: int


class Trunks:
    """All trunks of a gateway. Use it as `async with Trunks(settings, taker) as trunks:`."""

    def __init__(
        self,
        settings: SignallingSettings,
        taker: CallTaker,
        *,
        token: Callable[[], str] = _token,
    ) -> None:
        """Raises StartUpError for settings that mean nothing. `token` is for tests."""
        self._taker = taker
        self._settings = settings
        self._closing = False
        self._stopped = False
        try:
            self._exchange = Exchange(settings, self._send, token, self._may_ring, self._on_call)
        except ValueError:
            raise StartUpError(
                "a trunk's networks must be addresses in CIDR notation, such as 54.172.60.0/30"
            ) from None
        self._tasks = asyncio.TaskGroup()
        self._takes: set[asyncio.Task[None]] = set()
        self._connections = Connections(
            settings,
            self._tasks,
            permits=self._exchange.admission.permits,
            trunk_of=self._exchange.admission.name_of,
            certificate_name=self._exchange.admission.certificate_name,
            on_message=self._on_message,
            on_unsendable=self._on_unsendable,
            in_use=self._exchange.uses,
        )
        self._alarm: asyncio.TimerHandle | None = None
        self._alarm_ms: float | None = None
        self._traffic: asyncio.TimerHandle | None = None
        self._counts_told = (0,) * 7
        self._quiet = asyncio.Event()

    async def __aenter__(self) -> Trunks:
        """Listen; raises StartUpError."""
        await self._tasks.__aenter__()
        try:
            await self._connections.listen()
        except BaseException:
            await self._connections.close()
            await self._tasks.__aexit__(None, None, None)
            raise
        self._tell_traffic_later()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop taking calls, end those there are, wait a moment for the other side, close everything.

        What the block raised goes on as it is: the tasks here end without it.
        """
        self._closing = True
        self._connections.stop_listening()
        for task in list(self._takes):
            task.cancel()
        with self._turn():
            self._exchange.hang_up_all()
        try:
            async with asyncio.timeout(GOODBYE_LIMIT_MS / 1000):
                await self._quiet.wait()
        except TimeoutError:
            pass
        self._stopped = True
        for handle in (self._alarm, self._traffic):
            if handle is not None:
                handle.cancel()
        self._tell_traffic()
        await self._connections.close()
        await self._tasks.__aexit__(None, None, None)

    @property
    def ports(self) -> dict[str, int]:
        """Where it listens, by transport."""
        return dict(self._connections.ports)

    @property
    def calls(self) -> int:
        """Calls that are not over."""
        return self._exchange.admission.calls

    @property
    def tables(self) -> Tables:
        """How much is remembered."""
        return Tables(
            self._exchange.calls,
            len(self._exchange.station.transactions),
            len(self._connections),
        )

    async def dial(self, trunk: str, target: str, media: CallMedia) -> SecondLeg:
        """Call a person and return once they have answered; raises `NotReached`, or ValueError for a wrong target.

        `target` is a SIP URI of the configuration; its host, or the trunk's proxy, is an address of the trunk's.
        Cancelled while it rings, it gives up.
        """
        own = self._exchange.admission.trunk_named(trunk)
        settings = own.settings
        usual: Transport = next((each for each in settings.transports if each in self.ports), "tls")
        try:
            hop = hop_of(read_uri(settings.outbound_proxy or target), usual)
        except Malformed:
            raise ValueError("a person's address must be a SIP URI with a host") from None
        path = self._connections.path_to(hop, own.permits)
        leg = SecondLeg(trunk, self._turn)
        with self._turn():
            leg.call = self._exchange.dial(trunk, target, media, settings.shown_number, path, leg)
        try:
            await leg.answered()
        except BaseException:
            leg.hang_up()
            raise
        return leg

    async def watch_certificate(self) -> None:
        """Use renewed certificate files for the handshakes to come; runs until cancelled."""
        await self._connections.watch_certificate()

    # ---- what comes in -------------------------------------------------------------------------------------------

    def _on_message(self, data: bytes, path: Path) -> None:
        with self._turn():
            self._exchange.receive(data, path)

    def _on_unsendable(self, branch: str) -> None:
        with self._turn():
            self._exchange.station.transactions.unsendable(branch)

    def _may_ring(self) -> int | None:
        return self._settings.retry_after_s if self._closing else self._taker.may_ring()

    def _on_call(self, call: IncomingCall) -> None:
        dial = partial(self.dial, call.trunk.name)
        transport = call.transaction.path.transport
        line = TrunkLine(call, transport, self._turn, dial, self._exchange.bridge)
        call.listener = line
        call_id = call.invite.call_id
        task = self._tasks.create_task(self._live(line), name=f"call {call_id}")
        self._takes.add(task)
        task.add_done_callback(self._takes.discard)

    async def _live(self, line: TrunkLine) -> None:
        """One call, from its first ring to its end."""
        try:
            await self._taker.take(line)
        except (CallOver, MediaRefused):
            pass  # the caller left, or was told 488: the taker need not catch what ends a call
        except Exception as error:  # noqa: BLE001  # the edge of a call
            emit(TrunkFault(Token("take"), Token(type(error).__name__)))
            line.reject(500)
        finally:
            line.hang_up()

    # ---- what goes out, and time -----------------------------------------------------------------------------------

    def _send(self, data: bytes, way: Way) -> None:
        self._connections.send(data, way)

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """Tell the calculation the time, let it work, and set the one timer to its next alarm."""
        self._exchange.run(asyncio.get_running_loop().time() * 1000)
        try:
            yield
        finally:
            self._set_alarm()

    def _set_alarm(self) -> None:
        if self._closing and not self._exchange.calls:
            self._quiet.set()
        next_ms = self._exchange.next_ms()
        if self._stopped or next_ms == self._alarm_ms:
            return
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        self._alarm_ms = next_ms
        if next_ms is not None:
            self._alarm = asyncio.get_running_loop().call_at(next_ms / 1000, self._on_alarm)

    def _on_alarm(self) -> None:
        self._alarm = self._alarm_ms = None
        with self._turn():
            pass

    # ---- what is told ----------------------------------------------------------------------------------------------

    def _tell_traffic_later(self) -> None:
        loop = asyncio.get_running_loop()
        self._traffic = loop.call_later(TRAFFIC_EVERY_MS / 1000, self._on_traffic)

    def _on_traffic(self) -> None:
        self._tell_traffic()
        self._tell_traffic_later()

    def _tell_traffic(self) -> None:
        dropped, refused = self._exchange.dropped, self._connections.refused
        now = (
            dropped.strangers + refused.strangers,
            dropped.unreadable,
            dropped.stray,
            refused.refused,
            refused.handshakes,
            refused.cut,
            dropped.untold,
        )
        new = [count - told for count, told in zip(now, self._counts_told, strict=True)]
        self._counts_told = now
        if any(new):
            emit(TrunkTraffic(*new))
