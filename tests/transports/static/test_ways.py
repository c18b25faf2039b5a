"""Ways to use the softphone that most callers never take: forced colours, no captions, another device, no pointer."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.fakes.page_server import STAFF_TOKEN, FakeCall
from tests.transports.static.stage import Seat, Stage
from tests.transports.static.test_access import violations

pytestmark = [pytest.mark.browser, pytest.mark.wire]

SPY = """
window.asked = []; window.peers = []; window.sinks = [];
const open = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
navigator.mediaDevices.getUserMedia = (want) => { window.asked.push(want.audio.deviceId ?? null); return open(want); };
const Peer = RTCPeerConnection;
window.RTCPeerConnection = class extends Peer { constructor(...given) { super(...given); window.peers.push(this); } };
const sink = AudioContext.prototype.setSinkId;
AudioContext.prototype.setSinkId = function (id) { window.sinks.push(id); return sink.call(this, id); };
"""
SENT = "window.peers.at(-1).getSenders().map((sender) => sender.track?.label).join()"

SHOWN = """(selector) => {
  const seen = (item, part) => {
    const style = getComputedStyle(item, part);
    return { back: style.backgroundColor, ink: style.color, border: `${style.borderTopStyle} ${style.borderTopWidth}`,
             edge: style.borderTopColor };
  };
  const [name, part] = selector.split("::");
  return seen(document.querySelector(name), part ? `::${part}` : undefined);
}"""
"""What a browser paints, forced colours counted in."""


async def style(seat: Seat, selector: str) -> dict[str, str]:
    found: dict[str, str] = await seat.page.evaluate(SHOWN, selector)
    return found


async def busy(seat: Seat) -> FakeCall:
    """A call with something of everything on the screen."""
    call = await seat.call()
    call.send(type="state", value="listening")
    call.say("agent", 1, "Which day would you like?")
    call.say("caller", 2, "Tuesday please.")
    call.say("caller", 3, "in the after", final=False)
    fields = {"reason": "follow-up", "day": "Tuesday, March 3", "time": ""}
    call.send(type="request", fields=fields, complete=True)
    call.send(type="recording", value="on")
    for button in ("#keypad-toggle", "#quality"):
        await seat.page.click(button)
    await seat.page.wait_for_selector("#captions-drafts .line")
    await seat.page.wait_for_selector("#recording:not([hidden])")
    return call


RELAY = {"urls": "turn:127.0.0.9:3478", "username": "1795608000", "credential": "c3ludGhldGlj"}


@pytest.mark.parametrize("given", [[], [RELAY]])
async def test_the_page_asks_no_ice_server_but_the_practices_own_relay(
    stage: Stage, given: list[dict[str, str]]
) -> None:
    async with stage.seat(script=SPY) as seat:
        seat.server.ice_servers = given
        await seat.call()
        used = await seat.page.evaluate(
            """window.peers.map((peer) => peer.getConfiguration().iceServers.map(
              ({ urls, username, credential }) => ({ urls: [urls].flat()[0], username, credential })))"""
        )
    assert used == [given]


HELD = """
window.contexts = []; window.tracks = [];
const Context = AudioContext;
window.AudioContext = class extends Context { constructor(...given) { super(...given); window.contexts.push(this); } };
const open = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
navigator.mediaDevices.getUserMedia = async (want) => {
  const stream = await open(want);
  window.tracks.push(...stream.getTracks());
  return stream;
};
"""


async def test_a_call_made_over_the_apology_leaves_nothing_of_the_last_one(stage: Stage) -> None:
    async with stage.seat(script=SPY + f"{{ {HELD} }}") as seat:
        call = await seat.call()
        call.facts.put_nowait({"type": "worker_lost"})
        await seat.page.wait_for_selector("#after-number:not([hidden])")
        assert await seat.page.evaluate("window.contexts.map(({ state }) => state)") == ["running"]
        await seat.page.click("#again")
        await seat.page.click("#consent-type")
        await seat.page.wait_for_selector("body[data-stage=live]")
        await seat.page.wait_for_function("() => window.contexts[0].state === 'closed'")
        assert await seat.page.evaluate("window.tracks.map(({ readyState }) => readyState)") == [
            "ended"
        ]
        sent = await seat.page.evaluate(
            "window.peers.at(-1).getSenders().map(({ track }) => window.tracks.includes(track))"
        )
        assert sent == [False]


async def test_in_forced_colours_every_state_is_told_apart(stage: Stage) -> None:
    async with stage.seat(forced_colors=True) as seat:
        assert await violations(seat) == []
        page = (await style(seat, "body"))["back"]
        call_button = await style(seat, "#call-button")
        assert call_button["back"] not in (page, call_button["ink"])
        call = await busy(seat)
        assert await violations(seat) == []
        for bordered in (
            "#mute",
            ".key",
            "#hang-up",
            "#quality",
            ".panel",
            ".line-caller",
            "#typed",
        ):
            border = (await style(seat, bordered))["border"]
            assert border.startswith(("solid", "dashed")), bordered
            assert not border.endswith(" 0px"), bordered
        unmuted = await style(seat, "#mute")
        await seat.page.click("#mute")
        muted = await style(seat, "#mute")
        assert muted["back"] not in (unmuted["back"], muted["ink"])
        assert await seat.text("#phase-hint") == "Type your answer or use the keypad."
        for on, off in (
            ("#captions-toggle", "#devices-toggle"),
            ("#keypad-toggle", "#devices-toggle"),
        ):
            assert await style(seat, on) != await style(seat, off), on
        for filled in ("[data-field=day]::before", "#recording .dot", ".level span", ".orb-core"):
            assert (await style(seat, filled))["back"] != page, filled
        call.send(type="urgent", text="Please call now.", number="020 7946 0999")
        await seat.page.wait_for_selector("#urgent:not([hidden])")
        for bordered in ("#urgent", "#urgent-number"):
            assert (await style(seat, bordered))["border"] == "solid 2px"
        assert await violations(seat) == []


async def test_the_live_view_in_forced_colours_passes_axe(stage: Stage) -> None:
    async with stage.seat(f"/staff#{STAFF_TOKEN}", forced_colors=True) as seat:
        await seat.page.wait_for_selector("#board:not([hidden])")
        page = (await style(seat, "body"))["back"]
        seat.server.show(type="call", call_id="call-1", state="listening", since_s=12)
        marks = {"decision": 210.0, "final_text": 260.0, "first_sample_out": 390.0}
        seat.server.show(type="turn", call_id="call-1", turn=2, marks_ms=marks, interrupted=True)
        seat.server.show(type="request", call_id="call-1", fields={"day": "x"}, complete=False)
        seat.server.show(type="urgent", call_id="call-1", kind="chest_pain")
        await seat.page.wait_for_selector(".alarm-line")
        assert await violations(seat) == []
        bars: list[str] = await seat.page.evaluate(
            "[...document.querySelectorAll('.waterfall .bar')].map((bar) => getComputedStyle(bar).backgroundColor)"
        )
        assert bars
        assert page not in bars


async def test_captions_that_are_off_show_and_announce_nothing_and_come_back_whole(
    stage: Stage,
) -> None:
    async with stage.seat() as seat:
        call = await seat.call()
        call.say("agent", 1, "How can I help?")
        await seat.page.wait_for_selector("#captions-log .line-agent")
        await seat.page.click("#captions-toggle")
        assert await seat.page.get_attribute("#captions-toggle", "aria-pressed") == "false"
        call.say("agent", 2, "Which day?")
        call.send(type="state", value="listening")
        await seat.page.wait_for_selector("#captions-log .line >> nth=1", state="attached")
        assert not await seat.page.is_visible(
            "#captions"
        )  # hidden whole: a live region, too, is silent
        assert await seat.text("#captions-off") == "Captions are off. Everything else goes on."
        assert await seat.page.is_visible("#typed")
        assert await violations(seat) == []
        await seat.page.click("#captions-toggle")
        assert await seat.page.get_attribute("#captions-toggle", "aria-pressed") == "true"
        assert not await seat.page.is_visible("#captions-off")
        lines = await seat.page.locator("#captions-log .line-words").all_inner_texts()
        assert lines == ["How can I help?", "Which day?"]
        assert seat.console == []


async def test_another_microphone_and_loudspeaker_are_used_at_once_and_kept_for_the_next_call(
    stage: Stage,
) -> None:
    async with stage.seat(script=SPY) as seat:
        await seat.call()
        await seat.page.click("#devices-toggle")
        await seat.page.wait_for_selector("#microphone-1 option >> nth=2", state="attached")
        names = await seat.page.locator("#microphone-1 option").all_inner_texts()
        assert names[0] == "System default"
        assert await seat.page.input_value("#microphone-1") == ""
        before = await seat.page.evaluate(SENT)
        await seat.page.select_option("#microphone-1", label=names[-1])
        await seat.page.wait_for_function(f"(old) => {SENT} !== old", arg=before)
        assert await seat.page.evaluate(SENT) == names[-1]
        chosen = await seat.page.input_value("#microphone-1")
        assert (await seat.page.evaluate("window.asked"))[1:] == [{"exact": chosen}]
        speakers = await seat.page.locator("#speaker-1 option").all_inner_texts()
        await seat.page.select_option("#speaker-1", label=speakers[-1])
        sink = await seat.page.input_value("#speaker-1")
        assert sink
        await seat.page.wait_for_function("() => window.sinks.length > 0")
        assert await seat.page.evaluate("window.sinks") == [sink]
        assert await seat.page.locator("body[data-stage=live]").count() == 1
        await seat.page.click("#hang-up")
        await seat.page.click("#again")
        await seat.page.click("#consent-call")
        await seat.server.call(2)
        await seat.page.wait_for_selector("body[data-stage=live]")
        assert await seat.page.evaluate(SENT) == names[-1]
        await seat.page.wait_for_function("(id) => window.sinks.at(-1) === id", arg=sink)
        assert seat.console == []


async def test_a_microphone_that_cannot_be_opened_leaves_the_call_on_the_one_it_has(
    stage: Stage,
) -> None:
    broken = SPY + (
        "const good = navigator.mediaDevices.getUserMedia; navigator.mediaDevices.getUserMedia = (want) =>"
        " want.audio.deviceId ? Promise.reject(new DOMException('no', 'NotReadableError')) : good(want);"
    )
    async with stage.seat(script=broken) as seat:
        call = await seat.call()
        await seat.page.click("#devices-toggle")
        await seat.page.wait_for_selector("#microphone-1 option >> nth=1", state="attached")
        before = await seat.page.evaluate(SENT)
        await seat.page.select_option("#microphone-1", index=1)
        await seat.page.wait_for_selector("#problem:not([hidden])")
        assert await seat.text("#problem-title") == "The microphone is in use"
        assert await seat.page.locator("body[data-stage=live]").count() == 1
        assert await seat.page.evaluate(SENT) == before
        state = "window.peers.at(-1).getSenders()[0].track.readyState"
        assert await seat.page.evaluate(state) == "live"
        await call.until("ping", len(call.of("ping")) + 1)


TICKS = """() => {
  const timer = document.getElementById("timer");
  window.ticks = [];
  new MutationObserver(() => window.ticks.push(timer.textContent)).observe(timer, { childList: true });
}"""
"""Keeps each time that is shown from now on: a busy machine may come to look only after some."""


async def test_the_timer_counts_the_call_from_its_answer_and_begins_anew(stage: Stage) -> None:
    async with stage.seat() as seat:
        written = await seat.page.evaluate(
            """async () => { const { clock } = await import("/static/words.js");
                 return [-1, 0, 999, 59_999, 60_000, 615_000, 3_725_000].map(clock); }"""
        )
        assert written == ["0:00", "0:00", "0:00", "0:59", "1:00", "10:15", "62:05"]
        call = await seat.call()
        assert await seat.page.get_attribute("#timer", "role") == "timer"
        await seat.page.wait_for_function(
            "() => document.getElementById('timer').textContent >= '0:02'"
        )
        await call.connections[0].close()  # a connection that is replaced is the same call
        await seat.page.wait_for_selector("body[data-stage=reconnecting]")
        await seat.page.wait_for_selector("body[data-stage=live]")
        minutes, seconds = (await seat.text("#timer")).split(":")
        assert (int(minutes), int(seconds) >= 2) == (0, True)
        await seat.page.click("#hang-up")
        await seat.page.click("#clear")
        assert await seat.page.text_content("#timer") == "0:00"
        await seat.page.evaluate(TICKS)
        await seat.call()
        await seat.page.wait_for_function("() => window.ticks.length > 0")
        assert await seat.page.evaluate("window.ticks[0]") in ("0:00", "0:01")


FOCUS = """() => {
  const item = document.activeElement, style = getComputedStyle(item), box = item.getBoundingClientRect();
  return { id: item === document.body ? "" : item.id || item.dataset.key || item.getAttribute("aria-label") || item.textContent.trim(),
           ring: `${style.outlineStyle} ${parseFloat(style.outlineWidth) >= 2}`,
           seen: box.width > 0 && box.bottom > 0 && box.top < innerHeight };
}"""


async def tab_to(seat: Seat, wanted: str, most: int = 30) -> list[str]:
    """Press Tab until this has the focus; each stop on the way is seen and has a ring."""
    way: list[str] = []
    for _ in range(most):
        await seat.page.keyboard.press("Tab")
        stop: dict[str, Any] = await seat.page.evaluate(FOCUS)
        way.append(stop["id"])
        if stop["id"]:  # behind the last stop comes the browser's own window
            assert stop["ring"] == "solid true", stop
            assert stop["seen"], stop
        if stop["id"] == wanted:
            return way
    raise AssertionError(f"{wanted} is not reached: {way}")


async def test_a_call_is_held_with_tab_enter_and_arrows_alone(stage: Stage) -> None:
    async with stage.seat() as seat:
        keyboard = seat.page.keyboard
        assert (await tab_to(seat, "help-open"))[0] == "Skip to the call"
        await keyboard.press("Enter")
        await tab_to(seat, "shortcuts")
        await keyboard.press("Space")  # single keys off: a screen reader has its own
        await keyboard.press("Escape")
        assert (await seat.page.evaluate(FOCUS))["id"] == "help-open"
        await tab_to(seat, "call-button")
        await keyboard.press("Enter")
        await seat.page.wait_for_selector("#consent[open]")
        await keyboard.press("Escape")
        await seat.page.wait_for_selector("#consent", state="hidden")
        assert (await seat.page.evaluate(FOCUS))["id"] == "call-button"
        await keyboard.press("Enter")
        await tab_to(seat, "consent-type")
        await keyboard.press("Shift+Tab")
        await keyboard.press("Shift+Tab")
        assert (await seat.page.evaluate(FOCUS))["id"] == "consent-call"
        await keyboard.press("Enter")
        call = await seat.server.call()
        await seat.page.wait_for_selector("body[data-stage=live]")
        await keyboard.press("5")
        await tab_to(seat, "mute")
        await keyboard.press("Space")
        assert (await call.until("mute", 2))[-1] == {"type": "mute", "on": True}
        assert call.of("dtmf") == []
        await tab_to(seat, "keypad-toggle")
        await keyboard.press("Enter")
        await tab_to(seat, "devices-toggle")
        await keyboard.press("Enter")
        await tab_to(seat, "0")
        await keyboard.press("Enter")
        assert [key["key"] for key in await call.until("dtmf")] == ["0"]
        await tab_to(seat, "microphone-1")
        await keyboard.press("ArrowDown")
        assert await seat.page.input_value("#microphone-1") != ""
        way = await tab_to(seat, "typed")
        assert "hang-up" in way
        await keyboard.type("Tuesday")
        await keyboard.press("Enter")
        assert (await call.until("typed"))[0]["text"] == "Tuesday"
        for _ in range(30):
            await keyboard.press("Shift+Tab")
            if (await seat.page.evaluate(FOCUS))["id"] == "hang-up":
                break
        await keyboard.press("Enter")
        await seat.page.wait_for_selector("#after:not([hidden])")
        assert (await seat.page.evaluate("document.activeElement.id")) == "after-title"
        await tab_to(seat, "again")
        async with asyncio.timeout(60):
            await call.hung_up.wait()
        assert seat.console == []
