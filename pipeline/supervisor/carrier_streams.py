"""Telephone calls that a carrier brings as a WebSocket: its webhook, and the stream passed on to a worker.

The signature has no time in it, so a signed webhook only fetches a token: good once, for a minute, for its own call.
The stream shows it in its first words. Whatever is not signed is turned away before a byte of it means anything.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
import secrets
from collections import OrderedDict, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlsplit
from xml.sax.saxutils import escape, quoteattr

from aiohttp import WSMsgType, web

from pipeline.clock import Clock
from pipeline.errors import CallRefused, NotAuthorised, OfferInvalid
from pipeline.settings import Settings
from pipeline.stream import messages
from pipeline.stream.local import connect as reach
from pipeline.stream.local import socket_of
from pipeline.stream.messages import (
    MESSAGE_BYTES_MAX,
    Audio,
    Clear,
    Connected,
    Start,
    Transfer,
    read_from_call,
    read_to_call,
)
from pipeline.stream.wire import NORMAL, Wire, connect
from pipeline.supervisor.carrier_signature import is_signed, spellings
from pipeline.supervisor.door import BODY_BYTES_MAX
from pipeline.supervisor.gateway import Lines
from pipeline.telemetry.events import Event, Token, emit

WEBHOOK, STREAM, AFTER = (
    "/api/telephone/twiml",
    "/api/telephone/stream",
    "/api/telephone/after",
)
HEADER = "X-Twilio-Signature"
TOKEN_LIFE_MS = 60_000.0
TOKENS_MAX = 1_024
REMEMBERED_MAX = 4_096
"""Calls whose token was used, and how calls ended: a webhook that is sent again gets no second call."""
START_LIMIT_S = 10.0
UNSENT_MAX = 512
"""Messages that wait for a carrier that does not read: ten seconds of sound."""
HEARTBEAT_S = 5.0
_CALL = re.compile(r"[A-Za-z0-9]{2,64}\Z")


class CarrierRefused(Event):
    """A request of no carrier of ours, or one that does not fit the call it names."""

    door: Token
    reason: Token


class CarrierStreamJoined(Event):
    """A carrier's stream has a worker."""

    call_id: Token


class NotSigned(NotAuthorised):
    """The request is not signed by the account, or not as it must be."""

    status = 403
    code = "not_signed"


@dataclass(slots=True)
class _Out:
    """A token that is out: whose call it is for."""

    call: str
    caller: str = field(repr=False)
    until_ms: float


class CarrierStreams:
    """The doors for carriers; only there when an account's token is configured."""

    def __init__(self, settings: Settings, lines: Lines, clock: Clock) -> None:
        """Know our public address, and who gives lines."""
        self._settings = settings
        self._lines = lines
        self._clock = clock
        self._secret = settings.media_stream.auth_token
        parts = urlsplit(settings.http.public_url)
        base = f"{parts.netloc}{parts.path.rstrip('/')}"
        self._webhook = f"https://{base}{WEBHOOK}"
        self._after = f"https://{base}{AFTER}"
        self._stream = f"wss://{base}{STREAM}"
        self._out: OrderedDict[bytes, _Out] = OrderedDict()
        self._begun: OrderedDict[str, bool] = OrderedDict()
        """Calls whose stream has begun; true once their worker was lost."""

    def add_to(self, app: web.Application) -> None:
        """Open the doors."""
        if self._secret:
            app.router.add_post(WEBHOOK, self._answer)
            app.router.add_post(AFTER, self._end)
            app.router.add_get(STREAM, self._serve, allow_head=False)

    # --- the webhooks --------------------------------------------------------------------------------

    async def _answer(self, request: web.Request) -> web.Response:
        """A number of ours is called: hand out a token, or say that all lines are busy."""
        form = await self._form(request, self._webhook, "webhook")
        call = form["CallSid"]
        if call in self._begun:
            raise self._refused("webhook", "again")
        if not self._lines.free_lines():
            return _twiml('<Reject reason="busy"/>')
        token = self._mint(call, form.get("From", ""))
        return _twiml(
            f"<Connect action={quoteattr(self._after)}><Stream url={quoteattr(self._stream)}>"
            f'<Parameter name="token" value={quoteattr(token)}/></Stream></Connect>'
        )

    async def _end(self, request: web.Request) -> web.Response:
        """The stream is over: a caller whose worker died hears why."""
        form = await self._form(request, self._after, "after")
        if self._begun.get(form["CallSid"]):
            return _twiml(f"<Say>{escape(self._settings.practice.apology)}</Say><Hangup/>")
        return _twiml("<Hangup/>")

    async def _form(self, request: web.Request, url: str, door: str) -> Mapping[str, str]:
        """The form of a signed request about a call of our account; raises `NotSigned`."""
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
        if request.query_string or not self._is_signed(request, url, given):
            raise self._refused(door, "signature")
        form = dict(given)
        if not _CALL.match(form.get("CallSid", "")):
            raise self._refused(door, "call")
        if not self._is_ours(form.get("AccountSid", "")):
            raise self._refused(door, "account")
        return form

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

    # --- tokens --------------------------------------------------------------------------------------

    def _mint(self, call: str, caller: str) -> str:
        now_ms = self._clock.now_ms()
        for key, out in list(self._out.items()):
            if out.until_ms <= now_ms or out.call == call or len(self._out) >= TOKENS_MAX:
                del self._out[key]
        token = secrets.token_urlsafe(24)
        self._out[_digest(token)] = _Out(call, caller, now_ms + TOKEN_LIFE_MS)
        return token

    def _redeem(self, start: Start) -> _Out | None:
        """Use the token up; None when it is not good for this call."""
        out = self._out.pop(_digest(start.parameters.get("token", "")), None)
        if out is None or out.until_ms <= self._clock.now_ms() or out.call != start.call:
            return None
        self._remember(out.call, False)
        return out

    def _remember(self, call: str, lost: bool) -> None:
        self._begun[call] = lost
        while len(self._begun) > REMEMBERED_MAX:
            self._begun.popitem(last=False)

    # --- the stream ----------------------------------------------------------------------------------

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        if request.query_string or not self._is_signed(request, self._stream):
            raise self._refused("stream", "signature")
        end = web.WebSocketResponse(
            max_msg_size=MESSAGE_BYTES_MAX, compress=False, heartbeat=HEARTBEAT_S
        )
        await end.prepare(request)
        try:
            try:
                async with asyncio.timeout(START_LIMIT_S):
                    start, text = await _start(end)
            except TimeoutError:
                start, text = None, ""
            out = self._redeem(start) if start is not None else None
            if start is None or out is None or not self._is_ours(start.account):
                emit(CarrierRefused(Token("stream"), Token("token")))
            else:
                await self._join(end, start, text, out)
        finally:
            await end.close()
        return end

    async def _join(self, end: web.WebSocketResponse, start: Start, text: str, out: _Out) -> None:
        """Find a worker and pass everything on until one of the two leaves."""
        relay = _Relay(end, start.stream)
        try:
            line = await self._lines.expect(out.caller)
            path = socket_of(self._settings.state.directory, line["worker"])
            wire = await connect(await reach(path), relay, line["token"])
        except (CallRefused, OSError, TimeoutError):
            emit(CarrierRefused(Token("stream"), Token("lines_busy")))
            self._remember(out.call, True)  # the caller hears the sentence instead
            return
        emit(CarrierStreamJoined(Token(line["call_id"])))
        wire.send(messages.connected())
        wire.send(text)
        try:
            await relay.run(wire)
        finally:
            wire.close(NORMAL, "caller")
        self._remember(out.call, relay.worker_lost)


class _Relay:
    """What a worker says, on its way to the carrier, and back (`pipeline.stream.wire.Listener`)."""

    def __init__(self, end: web.WebSocketResponse, stream: str) -> None:
        self._end = end
        self._stream = stream
        self._wire: Wire | None = None
        self._unsent: deque[tuple[bool, str]] = deque()
        """Whether it is sound, and the message."""
        self._more = asyncio.Event()
        self._over = False
        self.worker_lost = False

    async def run(self, wire: Wire) -> None:
        """Return when the carrier or the worker has left."""
        async with asyncio.TaskGroup() as group:
            sending = group.create_task(self._send(), name="to the carrier")
            reading = group.create_task(self._read(wire), name="from the carrier")
            await asyncio.wait({sending, reading}, return_when=asyncio.FIRST_COMPLETED)
            sending.cancel()
            reading.cancel()

    async def _read(self, wire: Wire) -> None:
        async for message in self._end:
            if message.type is not WSMsgType.TEXT or not wire.send(message.data):
                return

    async def _send(self) -> None:
        while True:
            while self._unsent:
                await self._end.send_str(self._unsent.popleft()[1])
            if self._over:
                return
            self._more.clear()
            await self._more.wait()

    def on_open(self, wire: Wire) -> None:
        """See `stream.wire.Listener`."""
        self._wire = wire

    def on_text(self, text: str | bytes) -> None:
        """Queue it; a `clear` also voids what has not left yet."""
        match read_to_call(text):
            case Clear():
                self._unsent = deque(each for each in self._unsent if not each[0])
                self._put(False, str(text))
            case Transfer(target):  # who called is led to nobody by a stream
                if self._wire is not None:
                    self._wire.send(messages.transferred(self._stream, "refused", target))
            case Audio():
                self._put(True, str(text))
            case None:
                pass
            case _:
                self._put(False, str(text))

    def _put(self, sound: bool, text: str) -> None:
        self._unsent.append((sound, text))
        if len(self._unsent) > UNSENT_MAX:
            self._over = True
            self._unsent.clear()
        self._more.set()

    def on_closed(self, code: int, reason: str) -> None:
        """See `stream.wire.Listener`."""
        del reason
        self._wire, self._over = None, True
        self.worker_lost = code != NORMAL
        self._more.set()


async def _start(end: web.WebSocketResponse) -> tuple[Start | None, str]:
    """The first words of a stream: `connected`, then `start`, and nothing else."""
    first = True
    async for message in end:
        said = read_from_call(message.data, "") if message.type is WSMsgType.TEXT else None
        if isinstance(said, Start):
            return said, message.data
        if not (first and isinstance(said, Connected)):
            break
        first = False
    return None, ""


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()


def _twiml(verbs: str) -> web.Response:
    text = f'<?xml version="1.0" encoding="UTF-8"?><Response>{verbs}</Response>'
    return web.Response(text=text, content_type="text/xml")
