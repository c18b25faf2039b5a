"""A caller of a carrier's stream is led to a person and back: what the carrier is told to do, step by step."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientWebSocketResponse

from pipeline.line import Transfer
from pipeline.stream import messages
from pipeline.supervisor.carrier_steps import CarrierCallLed, CarrierCallOver
from pipeline.supervisor.carrier_streams import CarrierRefused
from pipeline.telemetry.events import Event, set_sink
from pipeline.transfer import TransferOutcome
from tests.fakes.echo_call import TaggedCall
from tests.supervisor.carrier_rig import (
    CALL,
    CALLER,
    FLOW,
    FORM,
    PUBLIC,
    Carrier,
    closed,
    opened,
    until,
)

pytestmark = pytest.mark.wire

SHOWN = "+12125550100"
PEOPLE: dict[str, Any] = {
    "media_stream": {"shown_number": SHOWN},
    "transfer": {
        "targets": ["front-desk +12125550123", "nurse sip:201@pbx.clinic.example"],
        "domain": "clinic.pstn.example",
        "ladder": ["front-desk", "nurse"],
        "urgent": ["nurse", "front-desk"],
        "limit_ms": 40_000,
    },
}
NO_ANSWER = {"CallStatus": "in-progress", "DialCallStatus": "no-answer"}
APOLOGY = FLOW.say(FLOW.lines.apology)


@pytest.fixture
def said() -> Iterator[list[Event]]:
    events: list[Event] = []
    set_sink(events.append)
    yield events
    set_sink(None)


def led(said: list[Event]) -> list[tuple[str, str, bool]]:
    found = [event for event in said if isinstance(event, CarrierCallLed)]
    return [(str(each.target), str(each.outcome), each.rescued) for each in found]


async def wants(
    carrier: Carrier, end: ClientWebSocketResponse, call: TaggedCall, target: str
) -> str:
    """The worker asks for a person: what the carrier is told then."""
    assert call.leg is not None
    call.leg.send(Transfer(target))
    assert await closed(end)
    return await carrier.after(CallStatus="in-progress")


async def back(carrier: Carrier, text: str) -> ClientWebSocketResponse:
    """The caller comes back by the stream that this answer opens."""
    found = re.search(r'name="token" value="([^"]+)"', text)
    assert found, text
    return await carrier.begin(found[1])


async def test_a_caller_is_led_to_a_person_and_the_worker_is_free(
    tmp_path: Path, said: list[Event]
) -> None:
    async with opened(tmp_path, **PEOPLE) as carrier:
        end, call = await carrier.on_a_call()
        assert call.leg is not None
        assert call.leg.can_transfer
        text = await wants(carrier, end, call, "front-desk")
        assert ">+12125550123</Number></Dial>" in text
        assert f'<Dial timeout="35" callerId="{SHOWN}" ' in text
        assert CALLER not in text
        await until(lambda: call.holds == [True])
        ring = re.search(rf'statusCallback="{PUBLIC}([^"]+)"', text)
        assert ring
        assert call.outcomes == []
        child = {**FORM, "CallSid": "CA9", "ParentCallSid": CALL, "CallStatus": "in-progress"}
        status, _ = await carrier.post(ring[1], {**child, "ParentCallSid": "CA8"})
        assert status == 403
        status, _ = await carrier.post(ring[1], child)
        assert status == 204
        await until(lambda: call.outcomes == [(TransferOutcome.CONNECTED, "front-desk")])
        assert (await carrier.post(ring[1], child))[0] == 403  # told once
        text = await carrier.after(CallStatus="in-progress", DialCallStatus="completed")
        assert "<Response><Hangup/></Response>" in text
    assert led(said) == [("front-desk", "connected", False)]


async def test_nobody_answers_and_the_caller_is_back_with_the_same_worker(
    tmp_path: Path, said: list[Event]
) -> None:
    async with opened(tmp_path, **PEOPLE) as carrier:
        end, call = await carrier.on_a_call()
        text = await wants(carrier, end, call, "front-desk")
        text = await carrier.after(**NO_ANSWER)
        assert "<Stream" in text
        end = await back(carrier, text)
        await until(lambda: call.outcomes == [(TransferOutcome.NO_ANSWER, "front-desk")])
        assert call.holds == [True, False]
        await end.send_str(messages.key("MZ1", "7"))
        await until(lambda: call.keys == ["7"])
        text = await wants(carrier, end, call, "nurse")  # the ladder goes on
        assert ">sip:201@pbx.clinic.example</Sip></Dial>" in text
        assert f'callerId="{SHOWN}"' in text, (
            "the patient's number would stand in the INVITE's From"
        )
        text = await carrier.after(CallStatus="in-progress", DialCallStatus="busy")
        end = await back(carrier, text)
        await until(lambda: call.outcomes[1:] == [(TransferOutcome.BUSY, "nurse")])
        assert len(carrier.lines.callers) == 1  # no second line was taken
        await end.close()
        await until(lambda: call.hung_up == ["caller"])
    assert led(said) == [("front-desk", "no_answer", False), ("nurse", "busy", False)]


async def test_a_caller_who_hangs_up_while_it_rings_leaves_the_worker_free(tmp_path: Path) -> None:
    async with opened(tmp_path, **PEOPLE) as carrier:
        end, call = await carrier.on_a_call()
        await wants(carrier, end, call, "front-desk")
        text = await carrier.after(CallStatus="completed", DialCallStatus="canceled")
        assert "<Response><Hangup/></Response>" in text
        await until(lambda: call.hung_up == ["caller"])


async def test_a_worker_that_dies_leaves_the_caller_to_the_urgent_people_one_after_another(
    tmp_path: Path, said: list[Event]
) -> None:
    async with opened(tmp_path, **PEOPLE) as carrier:
        end, _ = await carrier.on_a_call()
        carrier.lines.rig.door._lines["c1"]._wire.abort()  # type: ignore[union-attr]  # as when its process is killed
        assert await closed(end)
        text = await carrier.after(CallStatus="in-progress")
        assert re.search(rf"{re.escape(APOLOGY)}</Say><Dial .*201@pbx", text)
        text = await carrier.after(**NO_ANSWER)
        assert "<Say" not in text
        assert "+12125550123</Number>" in text
        assert not [event for event in said if isinstance(event, CarrierCallOver)]
        text = await carrier.after(**NO_ANSWER)
        assert "<Response><Hangup/></Response>" in text  # a person or nobody, never a mailbox
        over = [str(event.call_id) for event in said if isinstance(event, CarrierCallOver)]
        assert over == ["c1"], "nobody is called for this caller any more"
        status, _ = await carrier.post(carrier.next or "/api/telephone/after/x", FORM)
        assert status == 403
    assert led(said) == [("nurse", "no_answer", True), ("front-desk", "no_answer", True)]


async def test_a_call_that_breaks_in_a_worker_that_lives_is_made_good_for(tmp_path: Path) -> None:
    async with opened(tmp_path, **PEOPLE) as carrier:
        end, call = await carrier.on_a_call()
        assert call.leg is not None
        call.leg.close("error")
        assert await closed(end)
        text = await carrier.after(CallStatus="in-progress")
        assert re.search(rf"{re.escape(APOLOGY)}</Say><Dial .*201@pbx", text)


async def test_a_worker_that_dies_while_a_telephone_rings_is_made_good_for(tmp_path: Path) -> None:
    async with opened(tmp_path, **PEOPLE) as carrier:
        end, call = await carrier.on_a_call()
        await wants(carrier, end, call, "front-desk")
        carrier.lines.rig.door._lines["c1"]._wire.abort()  # type: ignore[union-attr]  # as when its process is killed
        await until(lambda: call.hung_up == ["lost"])
        text = await carrier.after(**NO_ANSWER)
        assert re.search(rf"{re.escape(APOLOGY)}</Say><Dial .*201@pbx", text)


async def test_nobody_but_configured_people_is_ever_dialled(tmp_path: Path) -> None:
    async with opened(tmp_path, **PEOPLE) as carrier:
        end, call = await carrier.on_a_call()
        assert call.leg is not None
        names = ("911", "+12125550199", "sos", "nobody")
        for name in names:
            call.leg.send(Transfer(name))
        refused = [(TransferOutcome.REFUSED, name) for name in names]
        await until(lambda: call.outcomes == refused)
        await end.send_str(messages.key("MZ1", "1"))  # the stream goes on
        await until(lambda: call.keys == ["1"])
        await end.close()


async def test_each_step_is_answered_once(tmp_path: Path, said: list[Event]) -> None:
    async with opened(tmp_path, **PEOPLE) as carrier:
        end, call = await carrier.on_a_call()
        await wants(carrier, end, call, "front-desk")
        step = carrier.next
        form = {**FORM, **NO_ANSWER}
        status, text = await carrier.post(step, form)
        assert (status, "token" in text) == (200, True)
        status, text = await carrier.post(step, form)  # the same once more, as from a proxy's log
        assert (status, "token" in text) == (403, False)
        assert CarrierRefused in {type(event) for event in said}
