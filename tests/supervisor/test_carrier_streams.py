from __future__ import annotations

import asyncio
import json
from base64 import b64decode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from aiohttp import WSServerHandshakeError, web

from pipeline.clock import LoopClock
from pipeline.media.g711 import ulaw_decode
from pipeline.settings import Http, Practice, Settings
from pipeline.stream import messages
from pipeline.supervisor.carrier_signature import signature
from pipeline.supervisor.carrier_streams import (
    CarrierRefused,
    CarrierStreamJoined,
    CarrierStreams,
)
from pipeline.supervisor.carrier_twiml import WEBHOOK
from pipeline.telemetry.events import Event, set_sink
from pipeline.telephone_settings import MediaStream, Transfer
from tests.fakes.certificates import authority
from tests.supervisor.carrier_rig import (
    CALLER,
    FLOW,
    FORM,
    KEY,
    PUBLIC,
    Lines,
    closed,
    opened,
    start,
    until,
)
from tests.transports.stream_rig import opened as door_opened

pytestmark = pytest.mark.wire


@pytest.fixture
def said() -> Iterator[list[Event]]:
    events: list[Event] = []
    set_sink(events.append)
    yield events
    set_sink(None)


@pytest.mark.parametrize(("number", "reached"), [("911", True), ("112", False)])
async def test_an_emergency_number_where_the_practice_is_gets_no_call_though_the_configuration_lets_it_through(
    tmp_path: Path, number: str, reached: bool
) -> None:
    """100 is an extension of many exchanges, and the police elsewhere."""
    settings = Settings(
        media_stream=MediaStream(auth_token=KEY, shown_number="+12125550100"),
        http=Http(public_url=PUBLIC),
        practice=Practice(emergency_number=number),
        transfer=Transfer(targets=("nurse sip:100@pbx.example",), ladder=("nurse",)),
    )
    async with door_opened(tmp_path) as rig:
        carrier = CarrierStreams(settings, Lines(rig), LoopClock(), FLOW)
    assert bool(carrier._targets) is reached


@pytest.mark.parametrize("tls", [False, True])
async def test_a_signed_call_is_joined_to_a_worker_and_heard_both_ways(
    tmp_path: Path, tls: bool
) -> None:
    shown = await asyncio.to_thread(authority, tmp_path) if tls else None
    async with opened(tmp_path, shown=shown) as carrier:
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
        async with asyncio.timeout(60):
            while "clear" not in kinds:
                kinds.append(json.loads((await end.receive()).data)["event"])
        await end.send_json({"event": "stop", "streamSid": "MZ1", "stop": {}})
        await until(lambda: call.hung_up == ["caller"])
        assert await closed(end)


@pytest.mark.parametrize(
    ("form", "told"),
    [
        ({}, ("front-desk", "none")),
        ({"ForwardedFrom": "12125550101"}, ("front-desk", "pediatrics")),
        ({"To": "sip:clinic@x.example", "ForwardedFrom": CALLER}, ("other", "other")),
    ],
)
async def test_a_stream_says_which_of_the_practices_numbers_was_dialled(
    tmp_path: Path, said: list[Event], form: dict[str, str], told: tuple[str, str]
) -> None:
    own = {"numbers": ["front-desk +12125550100", "pediatrics +12125550101"]}
    async with opened(tmp_path, sip=own) as carrier:
        await carrier.begin(await carrier.token(**form))
        await until(lambda: "c1" in carrier.lines.rig.calls)
        await until(lambda: any(isinstance(event, CarrierStreamJoined) for event in said))
        assert carrier.lines.dialled == [("c1", *told)]
    [joined] = [event for event in said if isinstance(event, CarrierStreamJoined)]
    assert (str(joined.line), str(joined.forwarded_from)) == told


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
        for stream in ("MZ1", "c1"):
            await end.send_str(messages.transferred(stream, "connected", "front-desk"))
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
        token = await carrier.token("CA2")
        assert await closed(await carrier.begin(token, call="CA2", account="AC9"))
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


async def test_a_caller_whom_no_line_is_free_for_hears_the_practices_line_and_is_told_of_once(
    tmp_path: Path, said: list[Event]
) -> None:
    busy = FLOW.say(FLOW.lines.busy)

    def told() -> list[str]:
        refused = (event for event in said if isinstance(event, CarrierRefused))
        return [str(each.door) for each in refused if str(each.reason) == "lines_busy"]

    async with opened(tmp_path) as carrier:
        carrier.lines.free = 0
        status, text = await carrier.post(WEBHOOK, FORM)
        assert (status, f"{busy}</Say><Hangup/>" in text) == (200, True)
        assert told() == ["webhook"]
        carrier.lines.free = 1
        status, _ = await carrier.post(WEBHOOK, FORM)
        assert status == 403  # that call is over
        token = await carrier.token("CA2")
        carrier.lines.free = 0  # taken by somebody else meanwhile
        assert await closed(await carrier.begin(token, call="CA2"))
        assert busy in await carrier.after("CA2")
        assert told() == ["webhook", "stream"]


async def test_a_line_whose_worker_does_not_open_is_given_back(tmp_path: Path) -> None:
    async with opened(tmp_path) as carrier:
        token = await carrier.token()
        await carrier.lines.rig.door.__aexit__(None, None, None)
        assert await closed(await carrier.begin(token))
        assert carrier.lines.given_back == ["c1"]


async def test_a_practice_may_leave_busy_callers_to_the_carrier(tmp_path: Path) -> None:
    async with opened(tmp_path, media_stream={"busy": "reject"}) as carrier:
        carrier.lines.free = 0
        status, text = await carrier.post(WEBHOOK, FORM)
        assert (status, '<Reject reason="busy"/>' in text) == (200, True)
        carrier.lines.free = 1
        token = await carrier.token("CA2")
        carrier.lines.free = 0
        assert await closed(await carrier.begin(token, call="CA2"))
        assert FLOW.say(FLOW.lines.busy) in await carrier.after("CA2")  # it was answered


async def test_a_caller_whose_worker_died_hears_why_and_others_do_not(tmp_path: Path) -> None:
    async with opened(tmp_path) as carrier:
        end = await carrier.begin(await carrier.token())
        rig = carrier.lines.rig
        await until(lambda: "c1" in rig.calls)
        rig.door._lines["c1"]._wire.abort()  # type: ignore[union-attr]  # as when its process is killed
        assert await closed(end)
        assert "<Say" in await carrier.after()
        end = await carrier.begin(await carrier.token("CA2"), call="CA2")
        await until(lambda: "c2" in rig.calls)
        leg = rig.calls["c2"].leg
        assert leg is not None
        leg.close("goodbye")
        assert await closed(end)
        assert "<Say" not in await carrier.after("CA2")


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
    refused_ones = [event for event in said if isinstance(event, CarrierRefused)]
    assert [str(event.door) for event in refused_ones] == ["webhook"] * 5 + ["stream"] * 2
    assert right not in str(said)
    assert CALLER not in str([event.record() for event in said])


async def test_without_a_token_there_are_no_doors(tmp_path: Path) -> None:
    async with door_opened(tmp_path) as rig:
        app = web.Application()
        CarrierStreams(Settings(), Lines(rig), LoopClock(), FLOW).add_to(app)
        assert list(app.router.routes()) == []
