"""The softphone in Chromium against a scripted server."""

from __future__ import annotations

import asyncio

import pytest

from tests.transports.static.stage import Stage

pytestmark = [pytest.mark.browser, pytest.mark.wire]


async def test_a_call_connects_and_shows_captions_and_the_request(stage: Stage) -> None:
    async with stage.seat() as seat:
        call = await seat.call()
        call.send(type="state", value="listening")
        call.say("agent", 1, "How can I help?")
        call.say("caller", 2, "an appoint", final=False)
        call.say("caller", 2, "an appointment please")
        call.send(type="request", fields={"reason": "Appointment", "day": ""}, complete=False)
        await seat.page.wait_for_selector("#captions-log .line-caller")
        assert "How can I help?" in await seat.text("#captions-log")
        assert "an appointment please" in await seat.text("#captions-log")
        assert await seat.text("#captions-drafts") == ""
        await seat.page.wait_for_selector(".request-fields .filled")
        assert "Appointment" in await seat.text("#request-fields")
        assert await seat.text("#phase") == "Listening"
        await seat.page.click("#hang-up")
        assert await seat.text("#after-title") == "You hung up"
        async with asyncio.timeout(60):
            await call.hung_up.wait()
        assert seat.console == []


async def test_a_withdrawn_field_leaves_the_request_and_its_copy_after_the_call(
    stage: Stage,
) -> None:
    async with stage.seat() as seat:
        call = await seat.call()
        fields = {"reason": "Check-up", "day": "Tuesday"}
        call.send(type="request", fields=fields, complete=False)
        await seat.page.wait_for_selector('#request-fields [data-field="day"]')
        call.send(type="request", fields={"reason": "Check-up"}, complete=False)
        await seat.page.wait_for_selector('#request-fields [data-field="day"]', state="detached")
        assert "Check-up" in await seat.text("#request-fields")
        await seat.page.click("#hang-up")
        after = await seat.text("#after-request")
        assert "Check-up" in after
        assert "Tuesday" not in after
        assert seat.console == []


async def test_what_the_assistant_says_twice_in_a_turn_is_two_lines(stage: Stage) -> None:
    async with stage.seat() as seat:
        call = await seat.call()
        call.say("agent", 1, "Which day?")
        call.say("agent", 1, "Sorry, which", final=False)
        call.say("agent", 1, "Sorry, which day suits you?")
        call.say("caller", 2, "tues")
        call.say("caller", 2, "tuesday please")
        await seat.page.wait_for_selector("#captions-log .line-caller")
        lines = await seat.page.locator("#captions-log .line-words").all_inner_texts()
        assert lines == ["Which day?", "Sorry, which day suits you?", "tuesday please"]
        assert await seat.text("#captions-drafts") == ""


async def test_the_end_of_a_call_does_not_end_the_next_one(stage: Stage) -> None:
    slow = (
        "const real = setTimeout; window.setTimeout = (f, ms) => real(f, ms === 1500 ? 4000 : ms);"
    )
    async with stage.seat(script=slow) as seat:
        call = await seat.call()
        call.facts.put_nowait({"type": "ended"})
        call.send(type="bye", reason="goodbye")
        await seat.page.wait_for_selector("body[data-stage=ended]")
        await seat.page.click("#clear")
        again = await seat.call()
        await again.until("ping", 6, limit_s=10.0)
        assert await seat.page.locator("body[data-stage=live]").count() == 1


async def test_nothing_of_a_call_is_left_in_storage_url_console_or_on_the_cleared_screen(
    stage: Stage,
) -> None:
    async with stage.seat() as seat:
        call = await seat.call()
        call.say("agent", 1, "Hello Zebedee")
        call.send(type="request", fields={"first_name": "Zebedee"}, complete=True)
        await seat.page.wait_for_selector(".request-fields .filled")
        await seat.page.click("#hang-up")
        await seat.page.click("#clear")
        kept = await seat.page.evaluate(
            """async () => JSON.stringify([localStorage.length, sessionStorage.length, document.cookie,
                (await indexedDB.databases()).length, (await caches.keys()).length])"""
        )
        assert kept == '[0,0,"",0,0]'
        assert seat.page.url == f"{seat.server.url}/"
        assert "Zebedee" not in await seat.page.content()
        assert seat.console == []
        assert {url for url in seat.urls if not url.startswith(seat.server.url)} == set()
        assert all("key-1" not in url and "once" not in url for url in seat.urls)


async def test_the_keyboard_runs_a_whole_call(stage: Stage) -> None:
    async with stage.seat() as seat:
        keyboard = seat.page.keyboard
        await keyboard.press("c")
        await keyboard.press("Enter")  # the dialog puts the focus on "Agree and call"
        call = await seat.server.call()
        await seat.page.wait_for_selector("body[data-stage=live]")
        await keyboard.press("m")
        assert (await call.until("mute", 2))[-1] == {"type": "mute", "on": True}
        await keyboard.down("Space")
        assert (await call.until("mute", 3))[-1] == {"type": "mute", "on": False}
        await keyboard.up("Space")
        assert (await call.until("mute", 4))[-1] == {"type": "mute", "on": True}
        await keyboard.press("5")
        await keyboard.press("#")
        assert [key["key"] for key in await call.until("dtmf", 2)] == ["5", "#"]
        await keyboard.press("t")
        await keyboard.type("Tuesday m 5")
        await keyboard.press("Enter")
        assert (await call.until("typed"))[0]["text"] == "Tuesday m 5"
        assert len(call.of("dtmf")) == 2, "keys typed into the field are not shortcuts"
        await seat.page.locator("#phase").focus()
        await keyboard.press("h")
        await seat.page.wait_for_selector("#after:not([hidden])")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("NotFoundError", "No microphone was found"),
        ("NotReadableError", "The microphone is in use"),
        ("SecurityError", "The microphone is blocked"),
    ],
)
async def test_each_microphone_error_has_its_own_words(stage: Stage, name: str, words: str) -> None:
    broken = (
        "navigator.mediaDevices.getUserMedia = () => "
        f"Promise.reject(new DOMException('no', '{name}'))"
    )
    async with stage.seat(script=broken) as seat:
        await seat.press_call()
        await seat.page.click("#consent-call")
        await seat.page.wait_for_selector("#problem:not([hidden])")
        assert await seat.text("#problem-title") == words


async def test_a_denied_microphone_offers_to_type_and_the_typed_call_works(stage: Stage) -> None:
    async with stage.seat(microphone=False) as seat:
        await seat.press_call()
        await seat.page.click("#consent-call")
        await seat.page.wait_for_selector("#problem:not([hidden])")
        assert await seat.text("#problem-title") == "The microphone is blocked"
        await seat.page.click("#problem-type")
        await seat.page.click("#consent-type")
        call = await seat.server.call()
        await seat.page.wait_for_selector("body[data-stage=live]")
        await seat.page.fill("#typed", "an appointment")
        await seat.page.press("#typed", "Enter")
        assert (await call.until("typed"))[0]["text"] == "an appointment"


async def test_the_microphone_stays_shut_until_the_caller_agrees(stage: Stage) -> None:
    spy = """const real = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
        window.opened = 0;
        navigator.mediaDevices.getUserMedia = (want) => { window.opened += 1; return real(want); };"""
    async with stage.seat(script=spy) as seat:
        await seat.press_call()
        await seat.page.wait_for_selector("#consent[open]")
        assert "automated assistant" in await seat.text("#consent-text")
        assert await seat.page.evaluate("window.opened") == 0
        await seat.page.click("#consent-check")
        await seat.page.wait_for_selector("#check:not([hidden])")
        assert await seat.page.evaluate("window.opened") == 1
        assert seat.server.calls == []
        await seat.page.wait_for_selector("#check-level[data-good=true]")
        await seat.page.click("#check-cancel")
        assert await seat.page.get_attribute("body", "data-stage") == "idle"


async def test_a_lost_worker_means_an_apology_heard_and_the_number_within_two_seconds(
    stage: Stage,
) -> None:
    async with stage.seat(tap=True) as seat:
        call = await seat.call()
        await seat.page.wait_for_function("() => window.tapped.ready")
        call.facts.put_nowait({"type": "worker_lost"})
        await call.connections[0].close()
        await seat.page.evaluate("window.tapped.blocks.length = 0")
        await seat.page.wait_for_selector("#after-number:not([hidden])", timeout=2000)
        assert "020 7946 0123" in await seat.text("#after")
        await seat.page.wait_for_function(
            "() => window.tapped.blocks.some(([, rms]) => rms > 0.02)", timeout=2000
        )


async def test_a_server_that_vanishes_is_an_apology_within_two_seconds(stage: Stage) -> None:
    async with stage.seat() as seat:
        await seat.call()
        await seat.server.vanish()
        await seat.page.wait_for_selector("#after-number:not([hidden])", timeout=2500)
        assert "cut off" in await seat.text("#after-title")


async def test_a_dead_connection_is_replaced_and_the_call_goes_on(stage: Stage) -> None:
    async with stage.seat() as seat:
        call = await seat.call()
        call.say("agent", 1, "Before the drop")
        await seat.page.wait_for_selector("#captions-log .line")
        await call.connections[0].close()
        await seat.page.wait_for_selector("body[data-stage=reconnecting]")
        await seat.page.wait_for_selector("body[data-stage=live]")
        call.say("agent", 2, "After the drop")
        await seat.page.wait_for_selector("#captions-log .line:nth-child(2)")
        assert "Before the drop" in await seat.text("#captions-log")
        assert len(call.connections) == 2
        assert len(seat.server.calls) == 1


async def test_the_page_tries_to_come_back_for_as_long_as_the_server_waits(stage: Stage) -> None:
    async with stage.seat() as seat:
        seat.server.reconnect_ms = 1_000
        seat.server.refuses_reoffer = True
        call = await seat.call()
        await call.connections[0].close()
        await seat.page.wait_for_selector("body[data-stage=reconnecting]")
        await seat.page.wait_for_selector("body[data-stage=ended]", timeout=6_000)
        assert await seat.text("#after-title") == "The connection was lost"


async def test_blocked_media_is_said_after_eight_seconds(stage: Stage) -> None:
    async with stage.seat(
        script="RTCPeerConnection.prototype.setRemoteDescription = async () => {}"
    ) as seat:
        await seat.press_call()
        await seat.page.click("#consent-call")
        await seat.page.wait_for_selector("#problem:not([hidden])", timeout=11_000)
        assert await seat.text("#problem-title") == "Your voice cannot reach the server"


async def test_a_refused_call_shows_the_servers_sentence_and_the_wait(stage: Stage) -> None:
    async with stage.seat() as seat:
        seat.server.refusal = (503, "too_many", "All lines are busy.", 20)
        await seat.press_call()
        await seat.page.click("#consent-call")
        await seat.page.wait_for_selector("#problem:not([hidden])")
        assert await seat.text("#problem-text") == "All lines are busy. Try again in 20 seconds."


async def test_the_caller_always_sees_whether_the_call_is_recorded(stage: Stage) -> None:
    async with stage.seat() as seat:
        call = await seat.call()
        assert not await seat.page.is_visible("#recording")
        for value, words in (
            ("on", "This call is recorded"),
            ("paused", "Recording paused"),
            ("off", "Not recorded any more"),
        ):
            call.send(type="recording", value=value)
            await seat.page.wait_for_selector(f"#recording[data-recording={value}]")
            assert await seat.text("#recording") == words
        assert await seat.page.get_attribute("#recording", "role") == "status"
        assert seat.console == []


async def test_an_urgent_call_shows_the_number_large(stage: Stage) -> None:
    async with stage.seat() as seat:
        call = await seat.call()
        call.send(type="urgent", text="Please call now.", number="020 7946 0999")
        await seat.page.wait_for_selector("#urgent:not([hidden])")
        assert await seat.page.get_attribute("#urgent-number", "href") == "tel:02079460999"
        size = await seat.page.evaluate(
            "parseFloat(getComputedStyle(document.getElementById('urgent-number')).fontSize)"
        )
        assert size >= 24


async def test_leaving_the_page_hangs_up(stage: Stage) -> None:
    async with stage.seat() as seat:
        call = await seat.call()
        await seat.page.goto("about:blank")
        async with asyncio.timeout(60):
            await call.hung_up.wait()
