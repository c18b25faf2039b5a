"""The HTTP front: pages, call tokens, offers, the events of a call, the live view, health.

It owns no call and no model: it checks who asks, passes the offer to the worker the token names, and tells
the page at once when that worker dies. `docs/protocol.md` is its description.
"""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from aiohttp import web

from pipeline.allowance import RateLimit
from pipeline.call.flow_file import load_flow
from pipeline.call.request import FIELD_NAMES
from pipeline.certificate import certified_names
from pipeline.clock import Clock, wall_now
from pipeline.errors import (
    CallRefused,
    LinesBusy,
    NotAuthorised,
    OfferInvalid,
    RoleTooLow,
    TooMany,
    Unguarded,
)
from pipeline.settings import Settings
from pipeline.stream.messages import Bringer
from pipeline.supervisor.call_events import CallAnswered, CallOver, CallTurnedAway, FieldRevealed
from pipeline.supervisor.carrier_streams import CarrierStreams
from pipeline.supervisor.channel import ChannelClosed
from pipeline.supervisor.door import BODY_BYTES_MAX, STREAM, Door, Serve, bearer, text_of
from pipeline.supervisor.emergency import Emergency, Standing, SwitchFile, wanted
from pipeline.supervisor.facts import Facts
from pipeline.supervisor.fetching import Fetching
from pipeline.supervisor.guests import CALL_DOORS
from pipeline.supervisor.limits import Share, counted_as
from pipeline.supervisor.live import LiveView
from pipeline.supervisor.metrics import Meter, MetricsDoor
from pipeline.supervisor.relay import ice_servers
from pipeline.supervisor.staff import FETCH, StaffTokens
from pipeline.supervisor.tokens import TOKEN_LIFE_MS, CallTokens, OpenCall, OpenCalls
from pipeline.supervisor.witness import Witness
from pipeline.supervisor.workers import LATE, Worker, Workers
from pipeline.telemetry.events import Token, emit
from pipeline.transports.pages import Page

OFFER_LIMIT_MS = 10_000.0
"""Building an answer takes tens of milliseconds; a worker that takes longer is stuck."""
EXPECT_LIMIT_MS = 8_000.0
"""For a telephone call, with every worker that is asked for it: the gateway waits for 10 s (`trunking.PLACE_LIMIT_MS`)."""

ALIVE_EVERY_MS = 1_000.0
WRITE_LIMIT_MS = 10_000.0
REOFFERS_PER_MINUTE = 30
"""For one call: a page that looks for its way back tries every four seconds."""
STREAMS_PER_CALL_MAX = 2
STAFF_CHECK_MS = 1_000.0
"""How soon a revoked token is signed out of an open live view."""


class WorkerGone(LinesBusy):
    """The worker that was asked has ended, or does not answer: another may take the call."""


@dataclass(frozen=True, slots=True)
class _Taken:
    """A new call that a worker has."""

    call: OpenCall
    key: str
    answer: dict[str, Any]


class Front:
    """Routes and the little state behind them. Also what the workers report to."""

    def __init__(
        self,
        settings: Settings,
        staff: StaffTokens,
        pages: Mapping[str, Page],
        clock: Clock,
        witness: Witness,
        facts: Facts | None = None,
        meter: Meter | None = None,
    ) -> None:
        """Serve these pages; `workers` is set once they exist."""
        self._meter = meter
        self._facts = facts or Facts(clock)
        self._settings = settings
        self._flow = load_flow(settings.practice)
        self._staff = staff
        self._pages = pages
        self._clock = clock
        self._witness = witness
        self.workers: Workers | None = None
        self.gateway_state: Callable[[], str] = lambda: ""
        """How the telephone gateway is, where there is one."""
        self._tokens = CallTokens()
        self._calls = OpenCalls()
        self._live = LiveView(clock)
        switch = SwitchFile(Path(settings.state.directory))
        self.emergency = Emergency(
            switch, self._switched, self._calls.__len__, self._witness.serves_again
        )
        self._fetching = Fetching(settings, witness)
        self._share = Share.of(settings)
        self._mint_limit = RateLimit(self._share.tokens_per_minute)
        self._staff_limit = RateLimit(60)
        self._reoffer_limit = RateLimit(REOFFERS_PER_MINUTE)
        certified = certified_names(settings.tls.cert) if settings.tls.cert else frozenset[str]()
        self._door = Door(settings.http, tls=bool(settings.tls.cert), certified=certified)
        self._closing = asyncio.Event()
        self.draining = False

    def app(self) -> web.Application:
        """The aiohttp application."""

        @web.middleware
        async def checked(request: web.Request, handler: Serve) -> web.StreamResponse:
            return await self._door.pass_through(request, handler)

        app = web.Application(middlewares=[checked], client_max_size=BODY_BYTES_MAX)
        app.on_response_prepare.append(self._door.add_headers)
        app.router.add_get("/healthz", self._healthz)
        app.router.add_get("/api/practice", self._practice)
        app.router.add_post("/api/calls", _told(self._mint))
        app.router.add_post("/api/offer", _told(self._offer))
        app.router.add_post("/api/reoffer", self._reoffer)
        app.router.add_get("/api/calls/events", self._events, allow_head=False)
        app.router.add_post("/api/hangup", self._hangup)
        app.router.add_get("/api/live", self._live_stream, allow_head=False)
        app.router.add_post("/api/live/reveal", self._reveal)
        app.router.add_post("/api/live/active", self._active)
        app.router.add_post("/api/live/emergency", self._throw_switch)
        app.router.add_post("/api/requests/fetch", self._fetch)
        CarrierStreams(self._settings, self, self._clock, self._flow, self.dialled).add_to(app)
        if self._meter is not None:
            MetricsDoor(self._meter, self._settings.metrics, self._door, self._clock).add_to(app)
        for path in CALL_DOORS:
            app.router.add_options(path, self._door.preflight)
        for path in self._pages:
            app.router.add_get(path, self._page)
        return app

    def close(self) -> None:
        """End every open stream."""
        self._closing.set()
        self._live.close()

    # --- what workers report ---------------------------------------------------------------------

    def on_worker_notice(self, worker: Worker, kind: str, payload: dict[str, Any]) -> None:
        """Keep the book of calls and pass the live view on."""
        if kind == LATE:
            workers = self.workers.all if self.workers else []
            self._live.show_late(sorted({stage for each in workers for stage in each.late}))
            return
        call_id = str(payload.get("call_id", ""))
        if call_id not in worker.calls:  # a worker speaks of its own calls only
            return
        if kind == "call_started":
            self._witness.started(call_id)
        elif kind == "call_ended":
            self._over(worker, call_id)
        elif kind == "live":
            if payload.get("type") == "call":  # its stages begin once the caller is there
                self._calls.connected(call_id)
            self._live.tell(payload)

    async def on_worker_audit(self, worker: Worker, records: object) -> None:
        """Write what a worker puts on record of its calls."""
        await self._witness.reported(worker.name, worker.calls, records)

    def on_worker_ready(self, worker: Worker) -> None:
        """Before its first call it knows how the emergency switch stands."""
        self._tell_switch(worker)

    def on_worker_lost(self, worker: Worker) -> None:
        """Its calls are over; each page is told at once."""
        for call in self._calls.of_worker(worker.name):
            self._over(worker, call.call_id, worker_lost=True)

    def _over(self, worker: Worker, call_id: str, *, worker_lost: bool = False) -> None:
        worker.calls.discard(call_id)
        if self._calls.end(call_id, self._clock.now_ms(), worker_lost=worker_lost):
            self._live.forget(call_id, "worker_lost" if worker_lost else "over")
            self._witness.over(call_id, worker_lost=worker_lost)
            emit(CallOver(call_id=Token(call_id), worker_lost=worker_lost))

    # --- telephone calls (`pipeline.supervisor.gateway.Lines`) ------------------------------------

    def free_lines(self) -> int | None:
        """How many calls could be answered now; None while the server stops or may not answer."""
        if self.draining or self._facts.unsafe or self.workers is None:
            return None
        return sum(w.free_slots for w in self.workers.all if w.takes_calls)

    async def expect(self, caller: str, bringer: Bringer) -> dict[str, str]:
        """Have a worker hold a line for a telephone call: its id, the worker, the token that its stream must show."""
        self._refuse_new_calls()
        worker = self._freest()
        if worker is None:
            raise LinesBusy("All lines are busy.", retry_after_s=5)
        token = secrets.token_urlsafe(24)
        shown = {"token": token, "bringer": bringer.value}
        try:
            async with asyncio.timeout(EXPECT_LIMIT_MS / 1000):
                taken = await self._taken(worker, "expect", shown, caller, door="telephone")
        except TimeoutError:
            raise LinesBusy("No voice worker made ready in time.", retry_after_s=5) from None
        return {"call_id": taken.call.call_id, "worker": taken.call.worker, "token": token}

    def give_back(self, call_id: str) -> None:
        """See `pipeline.supervisor.gateway.Lines`: the line is free at once, not when nobody has come for long enough."""
        call = self._calls.by_id(call_id)
        worker = self.workers.named(call.worker) if call and self.workers else None
        if worker is not None and call_id in worker.calls:
            self._untaken(worker, call_id)

    def dialled(self, call_id: str, line: str, forwarded_from: str) -> None:
        """Which of the practice's own numbers a telephone call came to."""
        if self._calls.by_id(call_id) is not None:
            self._live.dialled(call_id, line, forwarded_from)

    def _freest(self, but: Container[str] = ()) -> Worker | None:
        if self.workers is None:
            return None
        return self.workers.freest(self._tokens.waiting(self._clock.now_ms()), but)

    async def _taken(
        self,
        worker: Worker,
        method: str,
        params: dict[str, Any],
        caller: str,
        *,
        address: str = "",
        door: str = "page",
    ) -> _Taken:
        """Have this worker take a new call, or another one where it has gone or hangs. Raises `CallRefused`."""
        asked: set[str] = set()
        while True:
            call, key = self._calls.open(worker.name, self._clock.now_ms(), address)
            worker.calls.add(call.call_id)
            self._witness.offered(
                call.call_id, caller, "address" if door == "page" else "telephone"
            )
            try:
                answer = await self._ask(worker, method, {"call_id": call.call_id, **params})
            except WorkerGone:
                self._untaken(worker, call.call_id)
                asked.add(worker.name)
                other = self._freest(asked)
                if other is None:
                    raise
                worker = other
            except (
                BaseException
            ):  # refused, timed out or the caller left: the worker must not keep it
                self._untaken(worker, call.call_id)
                raise
            else:
                self._answered(call, worker, door=door)
                return _Taken(call, key, answer)

    def _untaken(self, worker: Worker, call_id: str) -> None:
        if worker.channel is not None:
            worker.channel.notify("forget", {"call_id": call_id})
        self._over(worker, call_id)

    # --- callers ---------------------------------------------------------------------------------

    async def _page(self, request: web.Request) -> web.Response:
        page = self._pages[request.path]
        return web.Response(body=page.body, headers={"Content-Type": page.content_type})

    async def _healthz(self, request: web.Request) -> web.Response:
        del request
        workers = self.workers.all if self.workers else []
        ready = bool(self.workers and self.workers.ready()) and not self.draining
        ready = ready and not self._facts.unsafe
        body = {
            "ready": ready,
            "workers": [
                {
                    "name": w.name,
                    "state": w.shown_state,
                    "calls": len(w.calls),
                    "free_slots": w.free_slots * w.takes_calls,
                    "late": list(w.late),
                }
                for w in workers
            ],
            "version": version("wardline"),
            "tested": self._facts.report(),
            "failing": list(self._facts.failing),
            "relaxed": list(self._facts.relaxed),
            "deployment": self._settings.deployment.name,
            "gateway": self.gateway_state(),
            "paused": self.emergency.standing.paused,
        }
        return web.json_response(body, status=200 if ready else 503)

    async def _practice(self, request: web.Request) -> web.Response:
        del request
        practice = self._settings.practice
        return web.json_response(
            {
                "name": practice.name,
                "phone": practice.phone,
                "emergency_number": practice.emergency_number,
                "consent": practice.consent,
                "language": practice.language,
                "apology": self._flow.write(self._flow.lines.apology),
            }
        )

    async def _mint(self, request: web.Request) -> web.Response:
        self._door.require_origin(request)
        now_ms = self._clock.now_ms()
        address = counted_as(self._door.caller_key(request))
        if wait_s := self._mint_limit.take(address, now_ms):
            raise TooMany("Too many calls from here; wait a little.", retry_after_s=wait_s)
        await self._door.body(request)
        self._refuse_new_calls()
        self._share.refuse_more(*self._calls.held_by(address))
        worker = self._freest()
        if worker is None:
            raise LinesBusy("All lines are busy.", retry_after_s=5)
        token = self._tokens.mint(worker.name, now_ms)
        return web.json_response(
            {
                "token": token,
                "expires_s": int(TOKEN_LIFE_MS / 1000),
                "ice_servers": ice_servers(self._settings, wall_now()),
            },
            status=201,
        )

    async def _offer(self, request: web.Request) -> web.Response:
        token = bearer(request)
        self._tokens.check(token, self._clock.now_ms())
        sdp = _sdp(await self._door.body(request))
        self._refuse_new_calls()
        now_ms = self._clock.now_ms()
        name, caller = self._tokens.redeem(token, now_ms), self._door.caller_key(request)
        address = counted_as(caller)
        self._share.refuse_more(*self._calls.held_by(address))  # no wait from here to `open`
        worker = self._worker(name)
        taken = await self._taken(worker, "offer", {"sdp": sdp}, caller, address=address)
        return self._answer(taken.answer, taken.call, taken.key)

    async def _reoffer(self, request: web.Request) -> web.Response:
        key = bearer(request)
        call = self._calls.by_key(key)
        if wait_s := self._reoffer_limit.take(call.call_id, self._clock.now_ms()):
            raise TooMany("This call was offered again too often.", retry_after_s=wait_s)
        sdp = _sdp(await self._door.body(request))
        if call.ended.is_set():
            raise NotAuthorised("The call has ended.")
        worker = self._worker(call.worker)
        answer = await self._ask(worker, "reoffer", {"call_id": call.call_id, "sdp": sdp})
        self._answered(call, worker, again=True)
        return self._answer(answer, call, key)

    def _answered(
        self, call: OpenCall, worker: Worker, *, again: bool = False, door: str = "page"
    ) -> None:
        emit(
            CallAnswered(
                call_id=Token(call.call_id),
                worker=Token(worker.name),
                again=again,
                door=Token(door),
            )
        )

    def _answer(self, answer: dict[str, Any], call: OpenCall, key: str) -> web.Response:
        return web.json_response(
            {
                "type": "answer",
                "sdp": answer.get("sdp"),
                "call_id": call.call_id,
                "call_key": key,
                "reconnect_ms": self._settings.media.end_after_ms,
            }
        )

    async def _hangup(self, request: web.Request) -> web.Response:
        body = await self._door.body(request)
        call = self._calls.by_key(text_of(body, "call_key", 128))
        if not call.ended.is_set():
            worker = self._worker(call.worker)
            await self._ask(worker, "hangup", {"call_id": call.call_id, "reason": "caller"})
        return web.Response(status=204)

    async def _events(self, request: web.Request) -> web.StreamResponse:
        call = self._calls.by_key(bearer(request))
        if call.streams >= STREAMS_PER_CALL_MAX:
            raise TooMany("This call's events are already being read.", retry_after_s=5)
        call.streams += 1
        try:
            response = await _stream(request)
            while not call.ended.is_set() and not self._closing.is_set():
                await _write(response, {"type": "alive"})
                try:
                    async with asyncio.timeout(ALIVE_EVERY_MS / 1000):
                        await call.ended.wait()
                except TimeoutError:
                    continue
            await _write(response, {"type": "worker_lost" if call.worker_lost else "ended"})
            return response
        finally:
            call.streams -= 1

    def _refuse_new_calls(self) -> None:
        if self.draining:
            raise LinesBusy("The server is being stopped.", retry_after_s=30)
        if self._facts.unsafe:
            raise Unguarded(
                "This service answers no calls until its administrator has looked at it. Please call the practice.",
                retry_after_s=60,
            )

    def _worker(self, name: str) -> Worker:
        worker = self.workers.named(name) if self.workers else None
        if worker is None or worker.channel is None:
            raise LinesBusy("The voice worker was restarted; call again.", retry_after_s=2)
        return worker

    async def _ask(self, worker: Worker, method: str, params: dict[str, Any]) -> dict[str, Any]:
        channel = worker.channel
        try:
            if channel is None or worker.silent:
                raise ChannelClosed
            return await channel.request(method, params, timeout_ms=OFFER_LIMIT_MS)
        except ChannelClosed:
            raise WorkerGone("The voice worker was lost; call again.", retry_after_s=2) from None

    # --- staff -----------------------------------------------------------------------------------

    async def _staff_name(
        self,
        request: web.Request,
        role: str = "readonly",
        *,
        wants: str = "",
        quiet: bool = False,
    ) -> tuple[str, str]:
        """Name and id of the token; refuses guessing by rate, and a token of a lower role.

        `wants`: the access that a refused token did not get. `quiet`: what is on record need not be again.
        """
        key = self._door.caller_key(request)
        if wait_s := self._staff_limit.take(counted_as(key), self._clock.now_ms()):
            raise TooMany("Too many requests from here; wait a little.", retry_after_s=wait_s)
        try:
            token = await asyncio.to_thread(self._staff.use, bearer(request))
        except NotAuthorised:
            self._witness.authenticated(None, key)
            raise
        if not token.may(role):
            self._witness.authenticated(token, key, allowed=False)
            if wants:
                await self._witness.turned_away(wants, token.name)
            raise RoleTooLow(f"This token's role is {token.role}; this needs {role}.")
        if not quiet:
            self._witness.authenticated(token, key)
        return token.name, token.id

    async def _live_stream(self, request: web.Request) -> web.StreamResponse:
        _, token_id = await self._staff_name(request)
        with self._live.watch() as watching:
            response = await _stream(request)
            checked_ms = self._clock.now_ms()
            while not self._closing.is_set() and not watching.overrun:
                message = await watching.next(limit_ms=STAFF_CHECK_MS)
                if message is not None:
                    await _write(response, message)
                if self._clock.now_ms() - checked_ms < STAFF_CHECK_MS:
                    continue
                checked_ms = self._clock.now_ms()
                state = await asyncio.to_thread(self._staff.state_of, token_id)
                if state != "valid":
                    await _write(response, {"type": "signed_out", "reason": state})
                    break
                await _write(response, {"type": "alive"})
            return response

    async def _active(self, request: web.Request) -> web.Response:
        """Somebody sits at the live view: `use` counts it, and nothing else happens."""
        await self._staff_name(request, quiet=True)
        return web.Response(status=204)

    async def _reveal(self, request: web.Request) -> web.Response:
        name, _ = await self._staff_name(request, role="operator", wants="reveal")
        call_id, field = "", ""
        try:
            body = await self._door.body(request)
            call_id, field = text_of(body, "call_id", 40), text_of(body, "field", 40)
            value = await self._value_of(call_id, field)
        except CallRefused:
            await self._witness.revealed(call_id, field, name, there=False)
            raise
        await self._witness.revealed(call_id, field, name, there=value is not None)
        # a name that no request has is the asker's own word, and may be a caller's
        shown = Token(field if field in FIELD_NAMES else "unknown")
        emit(FieldRevealed(call_id=Token(call_id), field=shown, user=Token(name)))
        return web.json_response({"value": value})

    async def _throw_switch(self, request: web.Request) -> web.Response:
        """The emergency switch: a pause acts before it is on record, serving again only once it is."""
        name, _ = await self._staff_name(request, role="operator")
        paused, reason = wanted(await self._door.body(request))
        if not paused:
            await self._witness.switched(paused, name)
        standing = await self.emergency.throw(paused=paused, by=f"staff:{name}", reason=reason)
        if paused:
            await self._witness.switched(paused, name)
        return web.json_response({"paused": standing.paused})

    def _switched(self, standing: Standing) -> None:
        self._live.announce(self.emergency.message(), keep=standing.paused)
        for worker in self.workers.all if self.workers else ():
            self._tell_switch(worker)

    def _tell_switch(self, worker: Worker) -> None:
        if worker.channel is not None:
            worker.channel.notify("emergency", {"paused": self.emergency.standing.paused})

    async def _value_of(self, call_id: str, field: str) -> Any:
        call = self._calls.by_id(call_id)
        if call is None:
            raise OfferInvalid("No such call.")
        worker = self._worker(call.worker)
        answer = await self._ask(worker, "reveal", {"call_id": call_id, "field": field})
        return answer.get("value")

    async def _fetch(self, request: web.Request) -> web.Response:
        name, _ = await self._staff_name(request, role=FETCH, wants="fetch")
        try:
            call_id = text_of(await self._door.body(request), "call_id", 40)
        except CallRefused:
            await self._witness.fetched("", name, None, ())
            raise
        return web.json_response(await self._fetching.fetch(call_id, name))


def _told(serve: Serve) -> Serve:
    """The same door, which says so when it turns somebody away for a reason of ours."""

    async def served(request: web.Request) -> web.StreamResponse:
        try:
            return await serve(request)
        except CallRefused as refusal:
            if refusal.status == 429 or refusal.status >= 500:  # else the request was wrong
                emit(CallTurnedAway(reason=Token(refusal.code)))
            raise

    return served


def _sdp(body: dict[str, Any]) -> str:
    if body.get("type") != "offer":
        raise OfferInvalid('"type" must be "offer".')
    return text_of(body, "sdp", BODY_BYTES_MAX)


async def _stream(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "application/x-ndjson"})
    response.headers["X-Accel-Buffering"] = "no"
    request[STREAM] = response
    await response.prepare(request)
    return response


async def _write(response: web.StreamResponse, message: dict[str, Any]) -> None:
    """One line; a reader who does not read is dropped."""
    async with asyncio.timeout(WRITE_LIMIT_MS / 1000):
        await response.write(json.dumps(message, separators=(",", ":")).encode() + b"\n")
