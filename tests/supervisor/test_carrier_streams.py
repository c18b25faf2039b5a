from __future__ import annotations

import asyncio
import json
import random
import re
from base64 import b64decode
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import numpy as np
import pytest
from aiohttp import ClientSession, ClientWebSocketResponse, WSMsgType, WSServerHandshakeError, web

from pipeline import config
from pipeline.clock import LoopClock
from pipeline.errors import LinesBusy
from pipeline.media.g711 import ulaw_decode
from pipeline.settings import Settings
from pipeline.stream import messages
from pipeline.stream.messages import Bringer
from pipeline.supervisor.carrier_signature import signature
from pipeline.supervisor.carrier_streams import (
    AFTER,
    HEADER,
    STREAM,
    WEBHOOK,
    CarrierRefused,
    CarrierStreams,
)
from pipeline.supervisor.door import Door
from pipeline.telemetry.events import Event, set_sink
from tests.transports.stream_rig import Rig
from tests.transports.stream_rig import opened as door_opened

pytestmark = pytest.mark.wire

KEY = "0123456789abcdef" * 2
PUBLIC = "https://voice.clinic.example"
ACCOUNT = "AC00000000000000000000000000000001"
CALL = "CA00000000000000000000000000000001"
CALLER = "+12125550147"
FORM = {"CallSid": CALL, "AccountSid": ACCOUNT, "From": CALLER, "To": "+12125550100"}


class Lines:
    """Gives the lines of one door."""

    def __init__(self, rig: Rig) -> None:
        self.rig = rig
        self.free: int | None = 1
        self.callers: list[str] = []

    def free_lines(self) -> int | None:
        return self.free

    async def expect(self, caller: str, bringer: Bringer) -> dict[str, str]:
        assert bringer is Bringer.CARRIER
        if not self.free:
            raise LinesBusy("All lines are busy.")
        self.callers.append(caller)
        call_id = f"c{len(self.callers)}"
        self.rig.expect(call_id, f"shown {call_id}")
        return {"call_id": call_id, "worker": "w1", "token": f"shown {call_id}"}


class Carrier:
    """A carrier that signs as it should, unless it is told otherwise."""

    def __init__(self, session: ClientSession, base: str, lines: Lines) -> None:
        self.session = session
        self.base = base
        self.lines = lines

    async def post(
        self, path: str, form: dict[str, str], *, header: str | None = None, **more: str
    ) -> tuple[int, str]:
        signed = signature(KEY, PUBLIC + path, list(form.items()))
        headers = {HEADER: signed if header is None else header, **more}
        headers = {name: value for name, value in headers.items() if value}
        headers["Content-Type"] = "application/x-www-form-urlencoded"
        async with self.session.post(
            self.base + path, data=urlencode(form), headers=headers
        ) as answer:
            return answer.status, await answer.text()

    async def token(self, call: str = CALL) -> str:
        status, text = await self.post(WEBHOOK, {**FORM, "CallSid": call})
        assert status == 200, text
        found = re.search(r'name="token" value="([^"]+)"', text)
        assert found, text
        assert f'<Stream url="wss://voice.clinic.example{STREAM}">' in text
        return found[1]

    async def connect(self, header: str | None = None) -> ClientWebSocketResponse:
        signed = signature(KEY, f"wss://voice.clinic.example{STREAM}")
        headers = {HEADER: signed if header is None else header}
        return await self.session.ws_connect(self.base + STREAM, headers=headers)

    async def begin(
        self, token: str, *, call: str = CALL, account: str = ACCOUNT
    ) -> ClientWebSocketResponse:
        end = await self.connect()
        await end.send_json({"event": "connected", "protocol": "Call", "version": "1.0.0"})
        await end.send_json(start(token, call, account))
        return end


def start(token: str, call: str = CALL, account: str = ACCOUNT) -> dict[str, Any]:
    return {
        "event": "start",
        "sequenceNumber": "1",
        "streamSid": "MZ1",
        "start": {
            "streamSid": "MZ1",
            "accountSid": account,
            "callSid": call,
            "tracks": ["inbound"],
            "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
            "customParameters": {"token": token},
        },
    }


@pytest.fixture
def said() -> Iterator[list[Event]]:
    events: list[Event] = []
    set_sink(events.append)
    yield events
    set_sink(None)


@asynccontextmanager
async def opened(directory: Path) -> AsyncIterator[Carrier]:
    settings = await asyncio.to_thread(
        config.from_mapping,
        {
            "http": {"public_url": PUBLIC},
            "media_stream": {"auth_token": KEY, "account": ACCOUNT},
            "state": {"directory": str(directory)},
        },
    )
    async with door_opened(directory) as rig:
        lines = Lines(rig)
        door = Door(settings.http, tls=False)

        @web.middleware
        async def checked(request: web.Request, handler: Any) -> web.StreamResponse:
            return await door.pass_through(request, handler)

        app = web.Application(middlewares=[checked])
        CarrierStreams(settings, lines, LoopClock()).add_to(app)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = runner.addresses[0][1]
        try:
            async with ClientSession() as session:
                yield Carrier(session, f"http://127.0.0.1:{port}", lines)
        finally:
            await runner.cleanup()


async def closed(end: ClientWebSocketResponse) -> bool:
    async with asyncio.timeout(5):
        while True:
            message = await end.receive()
            if message.type in {WSMsgType.CLOSE, WSMsgType.CLOSED, WSMsgType.CLOSING}:
                return True


async def until(true: Any) -> None:
    async with asyncio.timeout(10):
        while not true():  # noqa: ASYNC110  # the state of other objects
            await asyncio.sleep(0.002)


async def test_a_signed_call_is_joined_to_a_worker_and_heard_both_ways(tmp_path: Path) -> None:
    async with opened(tmp_path) as carrier:
        end = await carrier.begin(await carrier.token())
        rig = carrier.lines.rig
        await until(lambda: "c1" in rig.calls)
        call = rig.calls["c1"]
        assert carrier.lines.callers == [CALLER]
        assert call.playout.sample_rate_hz == 8_000
        for _ in range(5):
            media = {"track": "inbound", "payload": "f" * 212 + "/" * 4}
            await end.send_json({"event": "media", "streamSid": "MZ1", "media": media})
        await until(lambda: call.frames >= 4)
        call.playout.push(0, b"\x10\x00" * 800)
        heard = b""
        while len(heard) < 800:
            message = json.loads((await end.receive()).data)
            if message["event"] == "media":
                heard += messages_payload(message)
            else:
                await end.send_json(message)  # a mark, given back
        assert loudness(heard) > 0
        call.interrupt()
        kinds = []
        async with asyncio.timeout(5):
            while "clear" not in kinds:
                kinds.append(json.loads((await end.receive()).data)["event"])
        await end.send_json({"event": "stop", "streamSid": "MZ1", "stop": {}})
        await until(lambda: call.hung_up == ["caller"])
        assert await closed(end)


async def test_a_bridge_cannot_speak_the_words_of_our_own_processes(tmp_path: Path) -> None:
    async with opened(tmp_path) as carrier:
        end = await carrier.connect()
        begun = start(await carrier.token())
        begun["start"]["mediaFormat"] = {"encoding": "audio/x-l16", "sampleRate": 16000}
        await end.send_json({"event": "connected"})
        await end.send_json(begun)
        rig = carrier.lines.rig
        await until(lambda: "c1" in rig.calls)
        call = rig.calls["c1"]
        assert call.leg is not None
        assert not call.leg.can_transfer  # its samples are those that our gateway sends
        for stream in ("MZ1", "c1"):
            await end.send_str(messages.transferred(stream, "connected"))
            await end.send_str(messages.hold(stream, True))
        await end.send_str(messages.key("MZ1", "5"))
        await until(lambda: call.keys == ["5"])
        assert (call.outcomes, call.holds) == ([], [])
        await end.close()


def messages_payload(message: dict[str, Any]) -> bytes:
    return b64decode(message["media"]["payload"])


def loudness(coded: bytes) -> float:
    return float(np.abs(ulaw_decode(coded).astype(float)).mean())


async def test_a_token_is_good_once_for_its_own_call_and_its_own_account(
    tmp_path: Path, said: list[Event]
) -> None:
    async with opened(tmp_path) as carrier:
        token = await carrier.token()
        for wrong in (
            start(token + "x"),
            start(token, call="CA00000000000000000000000000000002"),
        ):
            end = await carrier.connect()
            await end.send_json({"event": "connected"})
            await end.send_json(wrong)
            assert await closed(end)
        # shown for another call it is used up
        end = await carrier.begin(token)
        assert await closed(end)
        token = await carrier.token()
        assert await closed(await carrier.begin(token, account="AC9"))
        assert carrier.lines.callers == []
        token = await carrier.token("CA3")
        first = await carrier.begin(token, call="CA3")
        await until(lambda: len(carrier.lines.callers) == 1)
        assert await closed(await carrier.begin(token, call="CA3"))
        assert len(carrier.lines.callers) == 1
        status, _ = await carrier.post(WEBHOOK, {**FORM, "CallSid": "CA3"})
        assert status == 403  # a webhook that is sent again gets no second call
        await first.close()
    assert {str(event.reason) for event in said if isinstance(event, CarrierRefused)} == {
        "token",
        "again",
    }


@pytest.mark.parametrize(
    "first",
    [
        {"event": "start"},
        {"event": "media", "media": {"payload": "AAAA"}},
        {"event": "connected", "twice": True},
        "not json",
    ],
)
async def test_a_stream_that_does_not_begin_as_one_is_closed(tmp_path: Path, first: Any) -> None:
    async with opened(tmp_path) as carrier:
        end = await carrier.connect()
        if first == {"event": "connected", "twice": True}:
            await end.send_json(first)
        await end.send_str(first if isinstance(first, str) else json.dumps(first))
        assert await closed(end)


async def test_busy_lines_are_said_in_the_carriers_own_words(tmp_path: Path) -> None:
    async with opened(tmp_path) as carrier:
        carrier.lines.free = 0
        status, text = await carrier.post(WEBHOOK, FORM)
        assert (status, '<Reject reason="busy"/>' in text) == (200, True)
        carrier.lines.free = 1
        token = await carrier.token()
        carrier.lines.free = 0  # taken by somebody else meanwhile
        assert await closed(await carrier.begin(token))
        status, text = await carrier.post(AFTER, FORM)
        assert "<Say>We are sorry, the call was lost." in text


async def test_a_caller_whose_worker_died_hears_why_and_others_do_not(tmp_path: Path) -> None:
    async with opened(tmp_path) as carrier:
        end = await carrier.begin(await carrier.token())
        rig = carrier.lines.rig
        await until(lambda: "c1" in rig.calls)
        rig.door._lines["c1"]._wire.abort()  # type: ignore[union-attr]  # as when its process is killed
        assert await closed(end)
        status, text = await carrier.post(AFTER, FORM)
        assert (status, "<Say>" in text) == (200, True)
        end = await carrier.begin(await carrier.token("CA2"), call="CA2")
        await until(lambda: "c2" in rig.calls)
        leg = rig.calls["c2"].leg
        assert leg is not None
        leg.close("goodbye")
        assert await closed(end)
        _, text = await carrier.post(AFTER, {**FORM, "CallSid": "CA2"})
        assert "<Say>" not in text


async def test_what_is_not_signed_is_turned_away_and_the_right_signature_told_to_nobody(
    tmp_path: Path, said: list[Event]
) -> None:
    right = signature(KEY, PUBLIC + WEBHOOK, list(FORM.items()))
    async with opened(tmp_path) as carrier:
        for header in ("", "x", right[:-2] + "A=", right.lower()):
            status, text = await carrier.post(WEBHOOK, FORM, header=header)
            assert status == 403
            assert right not in text
        status, _ = await carrier.post(WEBHOOK, {**FORM, "To": "+1"}, header=right)
        assert status == 403
        for header in ("", right):
            with pytest.raises(WSServerHandshakeError) as refused:
                await carrier.connect(header)
            assert refused.value.status == 403
    assert right not in str(said)
    assert CALLER not in str([event.record() for event in said])


async def test_300_changed_handshakes_and_webhooks_are_refused(tmp_path: Path) -> None:
    rng = random.Random(13)
    webhook = signature(KEY, PUBLIC + WEBHOOK, list(FORM.items()))
    stream = signature(KEY, f"wss://voice.clinic.example{STREAM}")
    async with opened(tmp_path) as carrier:
        for number in range(300):
            right = webhook if number % 2 else stream
            at = rng.randrange(len(right))
            letter = rng.choice("ABCxyz019+/= ")
            wrong = right[:at] + letter + right[at + 1 :]
            if wrong.strip() == right:
                continue
            if number % 2:
                status, _ = await carrier.post(WEBHOOK, FORM, header=wrong)
                assert status == 403
            else:
                with pytest.raises(WSServerHandshakeError):
                    await carrier.connect(wrong)
        assert carrier.lines.callers == []


async def test_without_a_token_there_are_no_doors(tmp_path: Path) -> None:
    async with door_opened(tmp_path) as rig:
        app = web.Application()
        CarrierStreams(Settings(), Lines(rig), LoopClock()).add_to(app)
        assert list(app.router.routes()) == []
