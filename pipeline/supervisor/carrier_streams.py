"""Telephone calls that a carrier brings as a WebSocket: its webhook, and the stream passed on to a worker.

The signature has no time in it, so a signed webhook only fetches a token: good once, for a minute, for its own call.
The stream shows it in its first words. Whatever is not signed is turned away before a byte of it means anything. A
bridge of the practice's own shows a token of its own in place of the signature, and everything else is the same.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from urllib.parse import parse_qsl

from aiohttp import web

from pipeline.call.flow import Flow
from pipeline.clock import Clock
from pipeline.errors import CallRefused, NotAuthorised, OfferInvalid, TooMany
from pipeline.own_numbers import line_of, origin_of
from pipeline.setting_kinds import own_numbers
from pipeline.setting_rules import ladders
from pipeline.settings import Settings
from pipeline.stream.local import connect as reach
from pipeline.stream.local import socket_of
from pipeline.stream.messages import (
    Bringer,
    Connected,
    Start,
    read_carrier,
)
from pipeline.stream.wire import PROMPT, connect
from pipeline.supervisor.carrier_calls import CarrierCall, CarrierCalls
from pipeline.supervisor.carrier_end import CarrierEnd
from pipeline.supervisor.carrier_relay import Relay
from pipeline.supervisor.carrier_signature import is_borne, is_signed, spellings
from pipeline.supervisor.carrier_steps import CarrierSteps
from pipeline.supervisor.carrier_twiml import AFTER, ANSWERED, STREAM, WEBHOOK, Twiml
from pipeline.supervisor.door import BODY_BYTES_MAX
from pipeline.supervisor.gateway import Lines
from pipeline.telemetry.events import Event, Token, emit
from pipeline.transfer import forbidden, targets_of

HEADER = "X-Twilio-Signature"
START_LIMIT_S = 10.0
RING_MARGIN_S = 5
"""A carrier adds some seconds of its own to the time that a telephone rings."""
RING_MIN_S = 5
AWAY_MARGIN_S = 30.0
"""For the caller to be back from a person's telephone; who comes later has lost the worker."""
_CALL = re.compile(r"[A-Za-z0-9]{2,64}\Z")
_DOORS = {AFTER: "after", ANSWERED: "answered"}
"""Each has its place in `metrics.families.SIGNED`."""


class CarrierRefused(Event):
    """A request of no carrier of ours, or one that does not fit the call it names; or a caller without a line."""

    door: Token
    reason: Token


class CarrierStreamJoined(Event):
    """A carrier's stream has a worker."""

    call_id: Token
    line: Token
    """As in `phone_call_joined`: the practice's own names (`sip.numbers`)."""
    forwarded_from: Token


class NotSigned(NotAuthorised):
    """The request is not signed by the account, or not as it must be, nor a bridge's."""

    status = 403
    code = "not_signed"


class CarrierStreams:
    """The doors for carriers and bridges; only there when an account's or a bridge's token is configured."""

    def __init__(
        self,
        settings: Settings,
        lines: Lines,
        clock: Clock,
        flow: Flow,
        dialled: Callable[[str, str, str], None] = lambda call_id, line, forwarded_from: None,
    ) -> None:
        """Know our public address, who gives lines, and the practice's words; `dialled` as of `GatewayProcess`."""
        self._settings = settings
        self._lines = lines
        self._clock = clock
        self._secret = settings.media_stream.auth_token
        self._bridge = settings.media_stream.bridge_token
        transfer = settings.transfer
        self._twiml = Twiml(
            settings.http.public_url,
            settings.practice.language,
            _ring_s(transfer.limit_ms),
            settings.media_stream.shown_number,
        )
        self._calls = CarrierCalls()
        self._flow = flow
        self._dialled = dialled
        self._own = own_numbers(settings.sip.numbers)
        self._targets = {
            name: target
            for name, target in targets_of(transfer.targets).items()
            # once more before a carrier is told to dial
            if not forbidden(target.address, settings.practice.emergency_number)
        }
        urgent = ladders(settings)[2]
        self._steps = CarrierSteps(
            self._twiml, self._calls, clock, self._targets, urgent, flow.say(flow.lines.apology)
        )
        self._away_s = transfer.limit_ms / 1000.0 + AWAY_MARGIN_S

    def add_to(self, app: web.Application) -> None:
        """Open the doors."""
        if self._settings.media_stream.open:
            app.router.add_post(WEBHOOK, self._answer)
            app.router.add_post(f"{AFTER}/{{step}}", self._after)
            app.router.add_post(f"{ANSWERED}/{{ring}}", self._answered)
            app.router.add_get(STREAM, self._serve, allow_head=False)

    # --- the webhooks --------------------------------------------------------------------------------

    async def _answer(self, request: web.Request) -> web.Response:
        """A number of ours is called: hand out a token, once for each call, or say that all lines are busy."""
        form, _ = await self._form(request, WEBHOOK)
        signature = request.headers.get(HEADER, "")
        call = self._calls.first_seen(
            form["CallSid"], signature, form.get("From", ""), self._clock.now_ms()
        )
        if call is None:
            raise self._refused("webhook", "again")
        call.line = line_of(form.get("To", ""), self._own)
        call.forwarded_from = origin_of(form.get("ForwardedFrom", ""), self._own)
        if self._lines.free_lines():
            with suppress(TooMany):
                return _twiml(self._steps.stream(call))
        emit(CarrierRefused(Token("webhook"), Token("lines_busy")))
        return self._busy(call)

    def _busy(self, call: CarrierCall) -> web.Response:
        """Nobody can take the call; one whose stream has begun cannot be rejected any more."""
        self._calls.over(call)
        if self._settings.media_stream.busy == "reject" and not call.busy:
            return _twiml(self._twiml.reject())
        return _twiml(self._twiml.hang_up(self._flow.say(self._flow.lines.busy)))

    async def _after(self, request: web.Request) -> web.Response:
        """A stream is over, or a person's call: what comes next."""
        step = request.match_info["step"]
        form, bridged = await self._form(request, f"{AFTER}/{step}")
        call = self._calls.at_step(form["CallSid"], step, bridged=bridged)
        if call is None:
            raise self._refused("after", "again")
        return self._busy(call) if call.busy else _twiml(self._steps.after(call, form))

    async def _answered(self, request: web.Request) -> web.Response:
        """A person who was called has answered."""
        ring = request.match_info["ring"]
        form, bridged = await self._form(request, f"{ANSWERED}/{ring}")
        call = self._calls.at_ring(form.get("ParentCallSid", ""), ring, bridged=bridged)
        if call is None:
            raise self._refused("answered", "again")
        self._steps.answered(call)
        return web.Response(status=204)

    async def _form(self, request: web.Request, path: str) -> tuple[Mapping[str, str], bool]:
        """The form of a request about a call of our account's, or of a bridge's (true); raises `NotSigned`."""
        door = _DOORS.get(path.rpartition("/")[0], "webhook")
        if request.content_type != "application/x-www-form-urlencoded":
            raise OfferInvalid("Send a form.")
        if (request.content_length or 0) > BODY_BYTES_MAX:
            raise OfferInvalid("The form is too long.")
        async with asyncio.timeout(self._settings.http.request_limit_ms / 1000):
            data = await request.read()
        try:
            given = parse_qsl(
                data.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=200
            )
        except ValueError:
            raise OfferInvalid("The form cannot be read.") from None
        bridged = self._is_bridge(request)
        signed = bridged or self._is_signed(request, self._twiml.url(path), given)
        if request.raw_path != path or not signed:
            raise self._refused(door, "signature")
        form = dict(given)
        if not _CALL.match(form.get("CallSid", "")):
            raise self._refused(door, "call")
        if not bridged and not self._is_ours(form.get("AccountSid", "")):
            raise self._refused(door, "account")
        return form, bridged

    def _is_bridge(self, request: web.Request) -> bool:
        """Whether the practice's own bridge asks: whoever shows a signature is judged by that alone."""
        given = request.headers.getall("Authorization", [])
        return HEADER not in request.headers and is_borne(self._bridge, given)

    def _is_signed(
        self, request: web.Request, url: str, form: list[tuple[str, str]] | None = None
    ) -> bool:
        given = request.headers.getall(HEADER, [])
        return is_signed(self._secret, given, spellings(url), form or ())

    def _is_ours(self, account: str) -> bool:
        ours = self._settings.media_stream.account
        return not ours or account == ours

    def _refused(self, door: str, reason: str) -> NotSigned:
        emit(CarrierRefused(Token(door), Token(reason)))
        return NotSigned("The request is not signed by this account, or does not fit its call.")

    # --- the stream ----------------------------------------------------------------------------------

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        bridged = self._is_bridge(request)
        signed = bridged or self._is_signed(request, self._twiml.stream_url)
        if request.raw_path != STREAM or not signed:
            raise self._refused("stream", "signature")
        end = CarrierEnd()
        response = await end.open(request)
        try:
            try:
                async with asyncio.timeout(START_LIMIT_S):
                    start = await _start(end)
            except TimeoutError:
                start = None
            call = self._redeem(start, bridged=bridged) if start is not None else None
            if start is None or call is None:
                emit(CarrierRefused(Token("stream"), Token("token")))
            else:
                await self._join(end, start, call)
        finally:
            await end.close()
        return response

    def _redeem(self, start: Start, *, bridged: bool) -> CarrierCall | None:
        """The call that this token is good for; it is used up in any case."""
        token = start.parameters.get("token", "")
        call = self._calls.redeem(token, start.call, self._clock.now_ms(), bridged=bridged)
        return call if bridged or self._is_ours(start.account) else None

    async def _join(self, end: CarrierEnd, start: Start, call: CarrierCall) -> None:
        """Bring the caller to a worker, or back to it, until one of the two leaves or a person is wanted."""
        relay = call.relay
        try:
            if relay is None:
                call.relay = relay = await self._placed(call)
                await relay.begin(end, start)
            else:
                await relay.go_on(end, start, call.outcome, call.rang)
        except (CallRefused, OSError, TimeoutError):
            emit(CarrierRefused(Token("stream"), Token("lines_busy")))
            call.busy = True
            return
        except BaseException:
            if relay is not None:
                relay.leave()
            raise
        call.lost = relay.worker_lost
        if relay.wanted and relay.here:
            relay.wait_for_it(self._away_s)
        else:
            relay.leave()

    async def _placed(self, call: CarrierCall) -> Relay:
        """A worker that has a line for this call. Raises `CallRefused`, `OSError` or `TimeoutError`."""
        caller, call.caller = call.caller, ""
        line = await self._lines.expect(caller, Bringer.CARRIER)
        call.call_id = line["call_id"]
        self._dialled(call.call_id, call.line, call.forwarded_from)
        relay = Relay(call.call_id, self._targets)
        path = socket_of(self._settings.state.directory, line["worker"])
        try:
            await connect(await reach(path), relay, line["token"], PROMPT)
        except BaseException:
            # the caller left, or this worker does not open: its line is free again
            self._lines.give_back(call.call_id)
            raise
        emit(CarrierStreamJoined(Token(call.call_id), Token(call.line), Token(call.forwarded_from)))
        return relay


async def _start(end: CarrierEnd) -> Start | None:
    """The first words of a stream: `connected`, then `start`, and nothing else."""
    said = read_carrier(await end.text() or "", "")
    if isinstance(said, Connected):
        said = read_carrier(await end.text() or "", "")
    return said if isinstance(said, Start) else None


def _ring_s(limit_ms: int) -> int:
    return max(RING_MIN_S, limit_ms // 1000 - RING_MARGIN_S)


def _twiml(text: str) -> web.Response:
    return web.Response(text=text, content_type="text/xml")
