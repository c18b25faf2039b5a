"""A bridge of the practice's own brings calls by a token in place of a carrier's signature, and by nothing less."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientWebSocketResponse, WSServerHandshakeError

from pipeline.line import Transfer
from pipeline.supervisor.carrier_signature import is_borne, signature
from pipeline.supervisor.carrier_streams import HEADER
from pipeline.supervisor.carrier_twiml import STREAM, WEBHOOK
from pipeline.telemetry.events import Event, set_sink
from tests.supervisor.carrier_rig import FORM, KEY, PUBLIC, Carrier, closed, opened, start, until

pytestmark = pytest.mark.wire

TOKEN = "fedcba9876543210" * 2
CALL = "b0000000000000000000000000000001"
BRIDGE: dict[str, Any] = {"media_stream": {"bridge_token": TOKEN}}
ONLY_BRIDGE: dict[str, Any] = {
    "media_stream": {"bridge_token": TOKEN, "auth_token": "", "account": ""}
}
CALLED = {"CallSid": CALL, "From": "+12125550147", "To": "+12125550100"}
"""A bridge has no account."""


@pytest.fixture
def said() -> Iterator[list[Event]]:
    events: list[Event] = []
    set_sink(events.append)
    yield events
    set_sink(None)


async def asked(
    carrier: Carrier, path: str = WEBHOOK, form: dict[str, str] | None = None, shown: str = TOKEN
) -> tuple[int, str]:
    form = CALLED if form is None else form
    status, text = await carrier.post(path, form, header="", Authorization=f"Bearer {shown}")
    carrier.follow(text)
    return status, text


async def token_of(carrier: Carrier, form: dict[str, str] | None = None) -> str:
    status, text = await asked(carrier, form=form)
    found = re.search(r'name="token" value="([^"]+)"', text)
    assert status == 200, text
    assert found, text
    return found[1]


async def streamed(
    carrier: Carrier, token: str, headers: dict[str, str] | None = None, call: str = CALL
) -> ClientWebSocketResponse:
    headers = {"Authorization": f"Bearer {TOKEN}"} if headers is None else headers
    end = await carrier.session.ws_connect(carrier.base + STREAM, headers=headers)
    await end.send_json({"event": "connected"})
    await end.send_json(start(token, call, ""))
    return end


@pytest.mark.parametrize("settings", [BRIDGE, ONLY_BRIDGE], ids=["beside a carrier", "alone"])
async def test_a_bridges_call_is_joined_to_a_worker(
    tmp_path: Path, settings: dict[str, Any], said: list[Event], capfd: pytest.CaptureFixture[str]
) -> None:
    async with opened(tmp_path, **settings) as carrier:
        end = await streamed(carrier, await token_of(carrier))
        calls = carrier.lines.rig.calls
        await until(lambda: "c1" in calls)
        await end.send_json({"event": "dtmf", "streamSid": "MZ1", "dtmf": {"digit": "5"}})
        await until(lambda: calls["c1"].keys == ["5"])
        await end.send_json({"event": "stop", "streamSid": "MZ1", "stop": {}})
        assert await closed(end)
        await asked(carrier, shown=TOKEN[:-1] + "x")
    written = "".join(capfd.readouterr()) + repr(said)
    assert TOKEN not in written
    assert TOKEN[:-1] not in written


async def test_a_bridges_caller_is_led_to_a_person(tmp_path: Path) -> None:
    transfer = {"targets": ["nurse +12125550123"], "ladder": ["nurse"]}
    async with opened(tmp_path, transfer=transfer, **BRIDGE) as carrier:
        end = await streamed(carrier, await token_of(carrier))
        calls = carrier.lines.rig.calls
        await until(lambda: "c1" in calls)
        leg = calls["c1"].leg
        assert leg is not None
        leg.send(Transfer("nurse"))
        assert await closed(end)
        after = carrier.next
        signed, _ = await carrier.post(
            after, {**FORM, "CallSid": CALL, "CallStatus": "in-progress"}
        )
        assert signed == 403, "a carrier does not act in a bridge's call"
        going_on = {**CALLED, "CallStatus": "in-progress"}
        status, text = await asked(carrier, after, going_on)
        assert (status, "<Number" in text) == (200, True)
        status, _ = await asked(carrier, after, going_on)
        assert status == 403, "each step is asked for once"


async def test_a_bridges_call_and_its_token_are_good_once(tmp_path: Path) -> None:
    async with opened(tmp_path, **BRIDGE) as carrier:
        token = await token_of(carrier)
        assert (await asked(carrier))[0] == 403
        end = await streamed(carrier, token)
        await until(lambda: "c1" in carrier.lines.rig.calls)
        again = await streamed(carrier, token)
        assert await closed(again)
        assert len(carrier.lines.callers) == 1
        other = await token_of(carrier, {**CALLED, "CallSid": CALL + "2"})
        wrong = await streamed(carrier, other)
        assert await closed(wrong), "a token is good for its own call alone"
        await end.close()


async def test_without_its_calls_token_a_bridge_brings_nobody(tmp_path: Path) -> None:
    async with opened(tmp_path, **BRIDGE) as carrier:
        await token_of(carrier)
        for token in ("", TOKEN):
            assert await closed(await streamed(carrier, token))
        assert carrier.lines.callers == []


async def test_neither_a_carrier_nor_a_bridge_brings_the_others_call(tmp_path: Path) -> None:
    signed = {HEADER: signature(KEY, f"wss://voice.clinic.example{STREAM}")}
    async with opened(tmp_path, **BRIDGE) as carrier:
        theirs = await carrier.token()
        assert await closed(await streamed(carrier, theirs, call=FORM["CallSid"]))
        ours = await token_of(carrier)
        assert await closed(await streamed(carrier, ours, headers=signed))
        assert carrier.lines.callers == []


async def test_who_shows_a_signature_is_judged_by_that_alone(tmp_path: Path) -> None:
    async with opened(tmp_path, **BRIDGE) as carrier:
        bearer = f"Bearer {TOKEN}"
        status, _ = await carrier.post(WEBHOOK, FORM, header="wrong", Authorization=bearer)
        assert status == 403
        with pytest.raises(WSServerHandshakeError, match="403"):
            await streamed(carrier, "", headers={HEADER: "wrong", "Authorization": bearer})


WRONG = (
    "",
    "Bearer",
    "Bearer ",
    TOKEN,
    f"Basic {TOKEN}",
    f"Bearer {TOKEN[:-1]}",
    f"Bearer {TOKEN}0",
    f"Bearer {TOKEN.upper()}",
    f"Bearer {TOKEN}, Bearer {TOKEN}",
    f"Bearer {KEY}",
    f"Bearer token={TOKEN}",
)


@pytest.mark.parametrize("settings", [BRIDGE, {}], ids=["with a token", "without one"])
async def test_a_token_that_is_not_the_bridges_opens_nothing(
    tmp_path: Path, settings: dict[str, Any]
) -> None:
    rng = random.Random(17)
    at = [rng.randrange(len(TOKEN)) for _ in range(60)]
    changed = [f"Bearer {TOKEN[:n]}{rng.choice('ghxyzG_-')}{TOKEN[n + 1 :]}" for n in at]
    right = () if settings else (f"Bearer {TOKEN}",)
    async with opened(tmp_path, **settings) as carrier:
        for header in (*WRONG, *changed, *right):
            status, _ = await carrier.post(WEBHOOK, CALLED, header="", Authorization=header)
            assert status == 403, header
            headers = {"Authorization": header} if header else {}
            with pytest.raises(WSServerHandshakeError, match="403"):
                await streamed(carrier, "", headers=headers)
        assert carrier.lines.callers == []


def test_only_one_header_with_the_right_token_bears_it() -> None:
    assert is_borne(TOKEN, [f"Bearer {TOKEN}"])
    assert is_borne(TOKEN, [f"bearer  {TOKEN}"])
    assert not is_borne(TOKEN, [f"Bearer {TOKEN}"] * 2)
    assert not is_borne("", ["Bearer "])
    assert not is_borne(TOKEN, ["Bearer \udcff"])


async def test_the_address_in_the_answer_is_ours(tmp_path: Path) -> None:
    async with opened(tmp_path, **ONLY_BRIDGE) as carrier:
        _, text = await asked(carrier)
        assert f'<Stream url="{PUBLIC.replace("https", "wss")}{STREAM}">' in text
