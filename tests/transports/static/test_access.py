"""Accessibility and layout of both pages: axe without a violation, no sideways scroll, large targets."""

from __future__ import annotations

from importlib import resources
from typing import Any, Literal

import pytest

from tests.fakes.page_server import STAFF_TOKEN
from tests.transports.static.stage import Seat, Stage
from tests.transports.static.test_staff import NETWORK

pytestmark = [pytest.mark.browser, pytest.mark.wire]

AXE = resources.files("axe_core_python").joinpath("axe.min.js").read_text()
RUN = "axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'best-practice']})"
SMALL = """() => [...document.querySelectorAll("button, input, select, .top a, .bottom a")]
  .filter((item) => item.offsetParent && !item.closest("[hidden], .switch"))
  .map((item) => [item.id || item.className || item.textContent, item.getBoundingClientRect()])
  .filter(([, box]) => box.height < 44 || box.width < 44).map(([name]) => name)"""

BOTH_SCHEMES = ["light", pytest.param("dark", marks=pytest.mark.long)]


async def violations(seat: Seat) -> list[str]:
    if not await seat.page.evaluate("'axe' in window"):
        await seat.page.evaluate(AXE)
    result: dict[str, Any] = await seat.page.evaluate(RUN)
    return [f"{v['id']}: {node['html']}" for v in result["violations"] for node in v["nodes"]]


async def sideways_px(seat: Seat) -> int:
    wide: int = await seat.page.evaluate(
        "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    )
    return wide


@pytest.mark.parametrize("scheme", BOTH_SCHEMES)
async def test_the_softphone_passes_axe_in_every_state(
    stage: Stage, scheme: Literal["light", "dark"]
) -> None:
    async with stage.seat(scheme=scheme) as seat:
        assert await violations(seat) == []
        await seat.press_call()
        assert await violations(seat) == []
        await seat.page.click("#consent-call")
        call = await seat.server.call()
        await seat.page.wait_for_selector("body[data-stage=live]")
        call.send(type="state", value="speaking")
        call.say("agent", 1, "How can I help?")
        call.say("caller", 2, "an appointment", final=False)
        call.send(type="request", fields={"reason": "Appointment", "day": ""}, complete=True)
        await seat.page.click("#keypad-toggle")
        await seat.page.click("#devices-toggle")
        await seat.page.click("#quality")
        await seat.page.keyboard.press("m")
        await seat.page.wait_for_selector("#captions-drafts .line")
        assert await violations(seat) == []
        call.send(type="urgent", text="Please call now.", number="020 7946 0999")
        await seat.page.wait_for_selector("#urgent:not([hidden])")
        assert await violations(seat) == []
        call.send(type="bye", reason="person")
        await seat.page.wait_for_selector("#after:not([hidden])")
        assert await violations(seat) == []


@pytest.mark.parametrize("scheme", BOTH_SCHEMES)
async def test_the_live_view_passes_axe_locked_empty_and_busy(
    stage: Stage, scheme: Literal["light", "dark"]
) -> None:
    async with stage.seat("/staff", scheme=scheme) as seat:
        assert await violations(seat) == []
        await seat.page.fill("#token", STAFF_TOKEN)
        await seat.page.press("#token", "Enter")
        await seat.page.wait_for_selector("#board:not([hidden])")
        assert await violations(seat) == []
        seat.server.show(type="call", call_id="call-1", state="listening", since_s=12)
        marks = {"decision": 210.0, "final_text": 260.0, "first_sample_out": 390.0}
        seat.server.show(type="turn", call_id="call-1", turn=2, marks_ms=marks, interrupted=True)
        seat.server.show(type="request", call_id="call-1", fields={"day": "x"}, complete=False)
        seat.server.show(**NETWORK)
        seat.server.show(type="urgent", call_id="call-1", kind="chest_pain")
        await seat.page.wait_for_selector(".alarm-line")
        assert await violations(seat) == []


async def test_a_phone_of_360_px_never_scrolls_sideways_and_targets_are_44_px(stage: Stage) -> None:
    async with stage.seat(width=360, height=740) as seat:
        assert await sideways_px(seat) == 0
        assert await seat.page.evaluate(SMALL) == []
        await seat.page.click("#help-open")
        assert await sideways_px(seat) == 0
        await seat.page.click("#help-close")
        call = await seat.call()
        call.say("agent", 1, "A-very-long-word-" * 12)
        call.send(type="request", fields={"first_name": "W" * 80}, complete=True)
        call.send(type="urgent", text="Please call now.", number="020 7946 0999")
        for button in ("#mute", "#keypad-toggle", "#devices-toggle", "#quality"):
            await seat.page.click(button)
        await seat.page.wait_for_selector("#urgent:not([hidden])")
        assert await sideways_px(seat) == 0
        assert await seat.page.evaluate(SMALL) == []


async def test_the_live_view_fits_a_phone(stage: Stage) -> None:
    async with stage.seat(f"/staff#{STAFF_TOKEN}", width=360, height=740) as seat:
        await seat.page.wait_for_selector("#board:not([hidden])")
        seat.server.show(type="call", call_id="call-" + "x" * 40, state="listening", since_s=12)
        marks = {"decision": 210.0, "first_token": 1260.0, "first_sample_out": 1390.0}
        seat.server.show(type="turn", call_id="call-" + "x" * 40, turn=2, marks_ms=marks)
        seat.server.show(**{**NETWORK, "call_id": "call-" + "x" * 40})
        await seat.page.wait_for_selector(".turn")
        assert await sideways_px(seat) == 0
        assert await seat.page.evaluate(SMALL) == []
