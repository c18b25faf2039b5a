"""Several servers with the same model as one: a reply that has not begun to be heard moves to the next of them.

Each server has a breaker: one that failed is asked by a trial of ours before any caller meets it again, and no reply
asks the same server twice. The trial is the warm-up, so a server that comes back knows the prompt's beginning already.
Refuses to know a wire format and what is talked about.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from typing import Protocol

from models.breaker import Breaker, Circuit
from models.chat_wire import BROKEN
from models.closing import closing
from models.errors import EngineError, EngineFailed
from models.openai_llm import BUSY, REFUSED, SLOW, STALLED, UNFIT, UNREACHABLE, UNTRUSTED
from models.ports import ReplyEvent, ReplyRequest, TextDelta, ToolCall

NONE_READY = "llm_none_ready"
"""No server is known to answer: the script speaks at once, and nobody waits."""

TRIAL_MS = 10_000.0
"""A first request compiles the schemas; nobody waits for it."""

_REMEMBERED_CALLS = 1_024
_SERVERS_FAULT = frozenset(
    {UNREACHABLE, UNTRUSTED, BUSY, SLOW, STALLED, REFUSED, BROKEN, "llm_error"}
)
"""What says something about the server; a reply that does not stop says it about the model, UNFIT about the request."""
_LATE = frozenset({SLOW, STALLED})
"""Of a reply to an unfinished turn they say that others were served first, as they should be."""
_GONE = frozenset({UNREACHABLE, UNTRUSTED, BROKEN})


class ChatServer(Protocol):
    """One of the servers."""

    def reply(self, request: ReplyRequest) -> AsyncIterator[ReplyEvent]:
        """Stream a reply; closing the iterator stops the work. Raises EngineFailed."""

    async def warm(self, request: ReplyRequest) -> None:
        """Ask for as little as possible; raises EngineFailed."""

    async def stop(self) -> None:
        """Close the connections."""


OnCircuit = Callable[[int, Circuit, str], None]
"""Told which server (from 0) is now open or closed, and the code of what happened."""


def untold(server: int, circuit: Circuit, code: str) -> None:
    """Nobody wants to know."""


@dataclass(slots=True)
class _Seat:
    """One server, what is known of it and how many replies it is making."""

    index: int
    server: ChatServer
    breaker: Breaker
    busy: int = 0
    tried: asyncio.Event = field(default_factory=asyncio.Event)
    """The first trial is over, however it went."""
    fell: asyncio.Event = field(default_factory=asyncio.Event)
    """The circuit is open: a trial will be due."""


class Replicas:
    """`models.ports.LanguageModel` over servers; the first of the list is preferred while all are idle."""

    def __init__(
        self,
        servers: Sequence[ChatServer],
        *,
        on_circuit: OnCircuit = untold,
        breaker: Callable[[], Breaker] = Breaker,
        trial_ms: float = TRIAL_MS,
    ) -> None:
        """Nothing is asked before `running`."""
        self._seats = [_Seat(at, server, breaker()) for at, server in enumerate(servers)]
        self._on_circuit = on_circuit
        self._trial_ms = trial_ms
        self._homes: OrderedDict[str, int] = OrderedDict()
        self._unconfirmed: set[str] = set()
        """Replies under way to turns that may not be over."""

    @asynccontextmanager
    async def running(self, *samples: ReplyRequest) -> AsyncIterator[None]:
        """Try every server now, and each that fails again and again, for as long as the block lasts.

        The samples are what real requests begin with; a server that answers serves them all.
        """
        try:
            async with asyncio.TaskGroup() as tasks:
                watches = [
                    tasks.create_task(self._watch(seat, samples), name="llm server")
                    for seat in self._seats
                ]
                try:
                    yield
                finally:
                    for watch in watches:
                        watch.cancel()
        finally:
            for seat in self._seats:
                await seat.server.stop()

    async def start(self) -> None:
        """Return when each server was tried once; one that does not answer stops nothing."""
        for seat in self._seats:
            await seat.tried.wait()

    @property
    def ready(self) -> int:
        """How many servers answer."""
        return sum(seat.breaker.state is Circuit.CLOSED for seat in self._seats)

    def reply(self, request: ReplyRequest) -> AsyncIterator[ReplyEvent]:
        """Stream a reply of the first server that begins one. Raises EngineFailed."""
        return self._reply(request)

    def confirm(self, reply_id: str) -> None:
        """Somebody waits for this reply now: whether it comes in time says something about its server."""
        self._unconfirmed.discard(reply_id)

    async def _reply(self, request: ReplyRequest) -> AsyncGenerator[ReplyEvent, None]:
        if request.speculative:
            self._unconfirmed.add(request.reply_id)
        try:
            async with aclosing(self._first_to_begin(request)) as events:
                async for event in events:
                    yield event
        finally:
            self._unconfirmed.discard(request.reply_id)

    async def _first_to_begin(self, request: ReplyRequest) -> AsyncGenerator[ReplyEvent, None]:
        failure = EngineFailed("no language model answers", code=NONE_READY)
        for seat in self._order(request.conversation):
            begun = False
            seat.busy += 1
            try:
                async with aclosing(closing(seat.server.reply(request))) as events:
                    async for event in events:
                        begun = begun or _is_heard(event)
                        yield event
                self._told(seat, "")
                self._settle(request.conversation, seat)
                return
            except EngineFailed as error:
                if error.code not in _LATE or request.reply_id not in self._unconfirmed:
                    self._told(seat, error.code)
                if begun:
                    raise
                failure = error
            finally:
                seat.busy -= 1
        raise failure

    def _order(self, conversation: str) -> list[_Seat]:
        """The servers that answer: the one that knows this conversation first, then the least busy."""
        home = self._homes.get(conversation)
        ready = [seat for seat in self._seats if seat.breaker.state is Circuit.CLOSED]
        return sorted(ready, key=lambda seat: (seat.index != home, seat.busy, seat.index))

    def _settle(self, conversation: str, seat: _Seat) -> None:
        if conversation:
            self._homes[conversation] = seat.index
            self._homes.move_to_end(conversation)
            if len(self._homes) > _REMEMBERED_CALLS:
                self._homes.popitem(last=False)

    def _told(self, seat: _Seat, code: str) -> None:
        """Learn from how a request went; "": well."""
        now_ms = asyncio.get_running_loop().time() * 1000.0
        if not code:
            changed = seat.breaker.succeeded()
        elif code in _SERVERS_FAULT:
            changed = seat.breaker.failed(now_ms, gone=code in _GONE)
        else:
            return
        if seat.breaker.state is Circuit.OPEN:
            seat.fell.set()
        if changed:
            self._on_circuit(seat.index, seat.breaker.state, code)

    async def _watch(self, seat: _Seat, samples: Sequence[ReplyRequest]) -> None:
        """Try this server whenever a trial is due."""
        while True:
            due_ms = seat.breaker.due_ms
            if due_ms is None:
                seat.fell.clear()
                await seat.fell.wait()
                continue
            now_ms = asyncio.get_running_loop().time() * 1000.0
            if not seat.breaker.probe_due(now_ms):
                await asyncio.sleep(max(0.001, (due_ms - now_ms) / 1000.0))
                continue
            first = not seat.tried.is_set()
            code = await self._try(seat, samples)
            self._told(seat, code)
            if first and code:
                self._on_circuit(seat.index, Circuit.OPEN, code)
            seat.tried.set()

    async def _try(self, seat: _Seat, samples: Sequence[ReplyRequest]) -> str:
        """The code of what went wrong, "" for nothing."""
        try:
            async with asyncio.timeout(self._trial_ms / 1000.0):
                for sample in samples:
                    await seat.server.warm(sample)
        except EngineError as error:
            if (
                error.code == UNFIT
            ):  # the samples are what calls ask: who cannot take them serves none
                return REFUSED
            return error.code if error.code in _SERVERS_FAULT else ""
        except TimeoutError:
            return SLOW
        except Exception:  # noqa: BLE001  # edge of a request: its text may quote one, and the next trial must come
            return BROKEN
        return ""


def _is_heard(event: ReplyEvent) -> bool:
    """Whether it cannot be taken back: the next server would say it again."""
    match event:
        case TextDelta():
            return bool(event.text.strip())
        case ToolCall():
            return True
