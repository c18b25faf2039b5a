"""The doors for carriers before one worker's door, and a carrier that signs as it should."""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from aiohttp import ClientSession, ClientWebSocketResponse, TCPConnector, WSMsgType, web

from pipeline import config
from pipeline.call.flow_file import load_flow
from pipeline.clock import LoopClock
from pipeline.errors import LinesBusy
from pipeline.stream.messages import Bringer
from pipeline.supervisor.carrier_signature import signature
from pipeline.supervisor.carrier_streams import HEADER, CarrierStreams
from pipeline.supervisor.carrier_twiml import STREAM, WEBHOOK
from pipeline.supervisor.door import Door
from tests.fakes.certificates import Authority
from tests.fakes.echo_call import TaggedCall
from tests.transports.stream_rig import Rig
from tests.transports.stream_rig import opened as door_opened

KEY = "0123456789abcdef" * 2
PUBLIC = "https://voice.clinic.example"
ACCOUNT = "AC00000000000000000000000000000001"
CALL = "CA00000000000000000000000000000001"
CALLER = "+12125550147"
FLOW = load_flow()
FORM = {"CallSid": CALL, "AccountSid": ACCOUNT, "From": CALLER, "To": "+12125550100"}


class Lines:
    """Gives the lines of one door."""

    def __init__(self, rig: Rig) -> None:
        self.rig = rig
        self.free: int | None = 1
        self.callers: list[str] = []
        self.given_back: list[str] = []
        self.dialled: list[tuple[str, str, str]] = []

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

    def give_back(self, call_id: str) -> None:
        self.given_back.append(call_id)


class Carrier:
    """A carrier that signs as it should, unless it is told otherwise."""

    def __init__(self, session: ClientSession, base: str, lines: Lines) -> None:
        self.session = session
        self.base = base
        self.lines = lines
        self.next = ""

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

    async def token(self, call: str = CALL, **more: str) -> str:
        status, text = await self.post(WEBHOOK, {**FORM, "CallSid": call, **more})
        assert status == 200, text
        found = re.search(r'name="token" value="([^"]+)"', text)
        assert found, text
        assert f'<Stream url="wss://voice.clinic.example{STREAM}">' in text
        self.follow(text)
        return found[1]

    async def on_a_call(self, call: str = CALL) -> tuple[ClientWebSocketResponse, TaggedCall]:
        """A caller whose stream has a worker."""
        calls = self.lines.rig.calls
        name = f"c{len(calls) + 1}"
        end = await self.begin(await self.token(call), call=call)
        await until(lambda: name in calls)
        return end, calls[name]

    def follow(self, text: str) -> None:
        """Remember what is to be asked next."""
        found = re.search(rf'action="{PUBLIC}([^"]+)"', text)
        self.next = found[1] if found else ""

    async def after(self, call: str = CALL, **fields: str) -> str:
        """Ask what comes next, as told."""
        status, text = await self.post(self.next, {**FORM, "CallSid": call, **fields})
        assert status == 200, text
        self.follow(text)
        return text

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


@asynccontextmanager
async def opened(
    directory: Path, *, shown: Authority | None = None, **more: dict[str, Any]
) -> AsyncIterator[Carrier]:
    """With `shown` the carrier's connection ends here, with this certificate."""
    settings = await asyncio.to_thread(
        config.from_mapping,
        {
            "http": {"public_url": PUBLIC},
            "media_stream": {
                "auth_token": KEY,
                "account": ACCOUNT,
                **more.pop("media_stream", {}),
            },
            "state": {"directory": str(directory)},
            **more,
        },
    )
    async with door_opened(directory) as rig:
        lines = Lines(rig)
        door = Door(settings.http, tls=False)

        @web.middleware
        async def checked(request: web.Request, handler: Any) -> web.StreamResponse:
            return await door.pass_through(request, handler)

        app = web.Application(middlewares=[checked])
        CarrierStreams(
            settings, lines, LoopClock(), FLOW, lambda *told: lines.dialled.append(told)
        ).add_to(app)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=shown.server() if shown else None)
        await site.start()
        port = runner.addresses[0][1]
        try:
            trusted = ssl.create_default_context(cafile=shown.ca_file) if shown else True
            async with ClientSession(connector=TCPConnector(ssl=trusted)) as session:
                yield Carrier(session, f"http{'s' * bool(shown)}://127.0.0.1:{port}", lines)
        finally:
            await runner.cleanup()


async def closed(end: ClientWebSocketResponse) -> bool:
    async with asyncio.timeout(60):
        while True:
            message = await end.receive()
            if message.type in {WSMsgType.CLOSE, WSMsgType.CLOSED, WSMsgType.CLOSING}:
                return True


async def until(true: Any) -> None:
    async with asyncio.timeout(60):
        while not true():  # noqa: ASYNC110  # the state of other objects
            await asyncio.sleep(0.002)
