"""Calls of the trunks, as the gateway sees them: sockets, tasks and the clock around `exchange`.

The shell: it passes bytes and time in, wakes who waits for a call, and owns every task. It decides nothing.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from types import TracebackType

from pipeline.errors import StartUpError
from pipeline.sip.connections import Connections
from pipeline.sip.events import TrunkCallOver, TrunkCallRang, TrunkFault, TrunkTraffic
from pipeline.sip.exchange import Exchange
from pipeline.sip.incoming import IncomingCall
from pipeline.sip.paths import Path
from pipeline.sip.ports import CallMedia, CallOver, CallTaker, MediaRefused, TransferOutcome
from pipeline.sip.settings import SignallingSettings
from pipeline.sip.transactions import Way
from pipeline.telemetry.events import Token, emit

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


class TrunkLine:
    """One call, for whoever takes it: implements `ports.TrunkCall` on a calculation."""

    def __init__(
        self, call: IncomingCall, transport: str, turn: Callable[[], AbstractContextManager[None]]
    ) -> None:
        """Whatever is asked of the call is asked within a `turn`, which tells it the time and sets its timer."""
        self.invite = call.invite
        self._call = call
        self._turn = turn
        self._began_ms = asyncio.get_running_loop().time() * 1000
        self._settled = asyncio.Event()
        self._ended = asyncio.Event()
        self._led = asyncio.Event()
        self._up = False
        self._refused = ""
        self._reason = ""
        self._outcomes: list[TransferOutcome] = []
        emit(TrunkCallRang(Token(self.invite.call_id), Token(self.invite.trunk), Token(transport)))

    async def accept(self, media: CallMedia) -> None:
        """See `ports.TrunkCall`."""
        with self._turn():
            self._call.accept(media)
        await self._settled.wait()
        if self._refused:
            raise MediaRefused(self._refused)
        if not self._up:
            raise CallOver

    def reject(self, status: int, retry_after_s: int | None = None) -> None:
        """See `ports.TrunkCall`."""
        if not 300 <= status <= 699:
            raise ValueError("a refusal has a status from 300 to 699")
        with self._turn():
            self._call.reject(status, retry_after_s)

    async def refer(self, target: str) -> TransferOutcome:
        """See `ports.TrunkCall`."""
        if self._reason or not self._up:
            raise CallOver
        self._outcomes.clear()
        self._led.clear()
        with self._turn():
            self._call.refer(target)
        await self._led.wait()
        if not self._outcomes:
            raise CallOver
        return self._outcomes[0]

    def hang_up(self) -> None:
        """See `ports.TrunkCall`."""
        with self._turn():
            self._call.hang_up()

    async def over(self) -> str:
        """See `ports.TrunkCall`."""
        await self._ended.wait()
        return self._reason

    def on_up(self) -> None:
        """See `conversation.Listener`."""
        self._up = True
        self._settled.set()

    def on_refused(self, reason: str) -> None:
        """See `conversation.Listener`."""
        self._refused = reason
        self._settled.set()

    def on_transfer(self, outcome: TransferOutcome) -> None:
        """See `conversation.Listener`."""
        self._outcomes.append(outcome)
        self._led.set()

    def on_over(self, reason: str) -> None:
        """See `conversation.Listener`."""
        self._reason = reason
        self._settled.set()
        self._led.set()
        self._ended.set()
        duration_ms = asyncio.get_running_loop().time() * 1000 - self._began_ms
        call_id, trunk = Token(self.invite.call_id), Token(self.invite.trunk)
        emit(TrunkCallOver(call_id, trunk, Token(reason), self._up, duration_ms))


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
            certificate_name=self._exchange.admission.certificate_name,
            on_message=self._on_message,
            on_unsendable=self._on_unsendable,
            in_use=self._exchange.uses,
        )
        self._alarm: asyncio.TimerHandle | None = None
        self._alarm_ms: float | None = None
        self._traffic: asyncio.TimerHandle | None = None
        self._counts_told = (0, 0, 0, 0, 0, 0)
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
        """Stop taking calls, end those there are, wait a moment for the other side, close everything."""
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
        await self._tasks.__aexit__(kind, error, trace)

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

    def reload_certificate(self) -> None:
        """Use renewed certificate files for the handshakes to come; reads files, so call it off the event loop."""
        self._connections.reload_certificate()

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
        line = TrunkLine(call, call.transaction.path.transport, self._turn)
        call.listener = line
        task = self._tasks.create_task(self._live(line), name=f"call {call.invite.call_id}")
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
        if self._closing and not self._exchange.station.transactions.ours:
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
        )
        new = [count - told for count, told in zip(now, self._counts_told, strict=True)]
        self._counts_told = now
        if any(new):
            emit(TrunkTraffic(*new))
