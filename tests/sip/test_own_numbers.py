"""Which of the practice's own numbers was called: by the names it gave them, and never by a number."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.clock import LoopClock
from pipeline.own_numbers import NOT_FORWARDED, OTHER_LINE, line_of
from pipeline.setting_kinds import own_numbers, value_of
from pipeline.settings import Settings
from pipeline.sip.phone_events import PhoneCallJoined
from pipeline.supervisor.facts import Facts
from pipeline.supervisor.gateway import GatewayProcess
from pipeline.supervisor.live import LiveView
from pipeline.telemetry.events import Event, set_sink
from tests.sip.gateway_rig import FakeCall, opened
from tests.sip.rig import Rig, settings
from tests.sip.shapes import CALLED, Peer
from tests.supervisor.test_gateway_lines import Lines
from tests.supervisor.test_live import Clock, seen
from tests.supervisor.test_live import call as call_message

FRONT, CHILDREN = "+12125550100", "12125550101"
OWN = {FRONT: "front-desk", CHILDREN: "pediatrics", "201": "nurses"}


def test_the_settings_name_them() -> None:
    lines = (f"front-desk {FRONT}", f"pediatrics  {CHILDREN}", "nurses 201")
    assert own_numbers(lines) == OWN


@pytest.mark.parametrize("word", [OTHER_LINE, NOT_FORWARDED])
def test_none_is_named_as_what_stands_in_the_place_of_a_name(word: str) -> None:
    """The settings know no telephone and have the two words by themselves: they are held together here."""
    rules = {"kind": "own_number"}
    assert value_of("", f"{word} 201", rules)[0]
    assert not value_of("", f"{word}-desk 201", rules)[0]


@pytest.mark.parametrize(
    ("number", "name"),
    [
        (FRONT, "front-desk"),
        ("12125550100", "front-desk"),
        ("2125550100", "front-desk"),
        ("5550101", "pediatrics"),
        ("0012125550101", "pediatrics"),
        ("201", "nurses"),
        ("+201", "nurses"),
        ("1201", "other"),
        ("550100", "other"),
        ("+12125550102", "other"),
        ("", "other"),
    ],
)
def test_a_number_is_known_in_whatever_form_a_carrier_writes_it(number: str, name: str) -> None:
    assert line_of(number, OWN) == name


def test_an_end_that_two_numbers_share_names_neither() -> None:
    assert line_of("5550100", {"+12125550100": "east", "+13105550100": "west"}) == "other"


def rung(*headers: str, own: dict[str, str] = OWN, to: str = FRONT) -> tuple[str, str]:
    rig = Rig(settings(own_numbers=own))
    rig.ring(Peer(uri=f"sip:{to}@voip.example.com", extra=headers))
    invite = rig.calls[0].invite
    return invite.line, invite.forwarded_from


@pytest.mark.parametrize(
    ("headers", "told"),
    [
        ((), ("front-desk", "none")),
        (
            (f"Diversion: <sip:{CHILDREN}@x.example>;reason=no-answer",),
            ("front-desk", "pediatrics"),
        ),
        (("Diversion: <sip:+13105550147@x.example>",), ("front-desk", "other")),
        ((f"History-Info: <sip:{FRONT}@x.example>;index=1",), ("front-desk", "none")),
        (
            (f"History-Info: <sip:{CHILDREN}@x>;index=1, <sip:{FRONT}@x>;index=1.1",),
            ("front-desk", "pediatrics"),
        ),
    ],
)
def test_a_call_says_its_line_and_whence_it_was_forwarded(
    headers: tuple[str, ...], told: tuple[str, str]
) -> None:
    assert rung(*headers) == told


def test_a_practice_that_names_no_number_is_told_of_none() -> None:
    assert rung(own={}, to=CALLED) == ("other", "none")


@pytest.fixture
def said() -> Iterator[list[Event]]:
    events: list[Event] = []
    set_sink(events.append)
    yield events
    set_sink(None)


@pytest.mark.wire
async def test_the_event_of_a_call_holds_the_name(tmp_path: Path, said: list[Event]) -> None:
    async with opened(tmp_path) as rig, asyncio.TaskGroup() as group:
        call = FakeCall()
        call.invite = dataclasses.replace(call.invite, line="pediatrics", forwarded_from="other")
        group.create_task(rig.gateway.take(call))
        await rig.until(lambda: any(isinstance(event, PhoneCallJoined) for event in said))
        call.end("caller")
    [joined] = [event for event in said if isinstance(event, PhoneCallJoined)]
    assert (str(joined.line), str(joined.forwarded_from)) == ("pediatrics", "other")


async def test_the_live_view_says_the_name_with_the_call_and_forgets_it_after() -> None:
    view, lines = LiveView(Clock()), Lines()
    lines.found.set()
    gateway = GatewayProcess(Settings(), lines, Facts(LoopClock()), dialled=view.dialled)
    await gateway._place(
        {"caller": "", "call": "t1", "line": "pediatrics", "forwarded_from": "none"}
    )
    with view.watch() as page:
        assert view.tell(call_message("c1"))
        named = {"line": "pediatrics", "forwarded_from": "none"}
        assert await seen(page) == [call_message("c1", **named)]
        view.forget("c1", "over")
        await seen(page)
        view.tell(call_message("c1"))
        assert await seen(page) == [call_message("c1")]


@pytest.mark.parametrize("line", ["+12125550147", "Jose Ortega", "", 7])
def test_what_is_no_name_is_not_shown(line: object) -> None:
    assert not LiveView(Clock()).tell(call_message("c1", line=line))
