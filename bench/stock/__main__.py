"""`python -m bench.stock`: the stock bot as a server of its own on 127.0.0.1; says "ready PORT" and serves until SIGTERM.

`/ws` takes a carrier's media stream (FastAPI, Twilio's serializer), `/api/offer` a page's offer (SmallWebRTC).
"""

from __future__ import annotations

import argparse
import asyncio
import json
import socket
import sys
from typing import Any

from loguru import logger  # noqa: TID251  # silenced here: what Pipecat logs is not what is measured

logger.remove()

from bench.stock.bot import DEFAULT_CHUNKS, FAST_CHUNKS, Engines, serve  # noqa: E402  # after the silence
from models.timed.times import load  # noqa: E402  # the same

NEEDS = "the control needs fastapi and uvicorn: `make setup-dev` installs them"


def main() -> int:
    """Serve."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", default="instant")
    parser.add_argument("--default", action="store_true")
    arguments = parser.parse_args()
    try:
        import uvicorn
    except ImportError:
        print(NEEDS, file=sys.stderr)
        return 1
    listening = socket.create_server(("127.0.0.1", 0), backlog=512)
    app = _app(Engines(load(arguments.times)), arguments.default)
    config = uvicorn.Config(app, log_level="critical", access_log=False, ws="websockets-sansio")
    print(f"ready {listening.getsockname()[1]}", flush=True)
    asyncio.run(uvicorn.Server(config).serve([listening]))
    return 0


def _app(engines: Engines, default: bool) -> Any:
    from fastapi import FastAPI, WebSocket
    from pipecat.serializers.twilio import TwilioFrameSerializer
    from pipecat.transports.base_transport import TransportParams
    from pipecat.transports.smallwebrtc.connection import SmallWebRTCConnection
    from pipecat.transports.smallwebrtc.transport import SmallWebRTCTransport
    from pipecat.transports.websocket.fastapi import (
        FastAPIWebsocketParams,
        FastAPIWebsocketTransport,
    )

    app = FastAPI()
    chunks = DEFAULT_CHUNKS if default else FAST_CHUNKS
    running: set[asyncio.Task[None]] = set()

    async def stream(websocket: WebSocket) -> None:
        """A carrier's stream: `connected`, `start`, and then sound."""
        await websocket.accept()
        await websocket.receive_text()
        start = json.loads(await websocket.receive_text())["start"]
        serializer = TwilioFrameSerializer(
            start["streamSid"],
            start["callSid"],
            params=TwilioFrameSerializer.InputParams(auto_hang_up=False),
        )
        transport = FastAPIWebsocketTransport(
            websocket,
            FastAPIWebsocketParams(
                audio_in_enabled=True,
                audio_out_enabled=True,
                audio_out_10ms_chunks=chunks,
                serializer=serializer,
            ),
        )
        await serve(transport, engines, default=default, rates_hz=(8_000, 8_000))

    async def offer(body: dict[str, str]) -> dict[str, str]:
        """A page's offer."""
        connection = SmallWebRTCConnection()
        await connection.initialize(sdp=body["sdp"], type=body["type"])
        transport = SmallWebRTCTransport(
            webrtc_connection=connection,
            params=TransportParams(
                audio_in_enabled=True, audio_out_enabled=True, audio_out_10ms_chunks=chunks
            ),
        )
        task = asyncio.get_running_loop().create_task(
            serve(transport, engines, default=default, rates_hz=(16_000, 24_000))
        )
        running.add(task)
        task.add_done_callback(running.discard)
        answer = connection.get_answer()  # type: ignore[no-untyped-call]  # Pipecat declares no types here
        return {"sdp": answer["sdp"], "type": answer["type"]}

    # FastAPI reads a route's types from the function's own module, which has none of these names.
    stream.__annotations__ = {"websocket": WebSocket, "return": None}
    offer.__annotations__ = {"body": dict[str, str], "return": dict[str, str]}
    app.websocket("/ws")(stream)
    app.post("/api/offer")(offer)
    return app


if __name__ == "__main__":
    raise SystemExit(main())
