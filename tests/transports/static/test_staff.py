"""The live view: the token's way, masked values, the alarm, the lock, the lost connection."""

from __future__ import annotations

import pytest

from tests.fakes.page_server import STAFF_TOKEN
from tests.transports.static.stage import Stage

pytestmark = [pytest.mark.browser, pytest.mark.wire]


async def test_the_token_of_the_link_leaves_the_address_bar_and_is_never_in_a_query(
    stage: Stage,
) -> None:
    async with stage.seat(f"/staff#{STAFF_TOKEN}") as seat:
        await seat.page.wait_for_selector("#board:not([hidden])")
        assert seat.page.url == f"{seat.server.url}/staff"
        assert seat.server.authorisations == [f"Bearer {STAFF_TOKEN}"]
        assert all(STAFF_TOKEN not in path for _, path in seat.server.requests)
        assert await seat.page.evaluate("localStorage.length + sessionStorage.length") == 0
        assert await seat.page.is_visible("#empty")
        assert seat.console == []


async def test_values_are_masked_until_revealed_one_by_one(stage: Stage) -> None:
    async with stage.seat(f"/staff#{STAFF_TOKEN}") as seat:
        await seat.page.wait_for_selector("#board:not([hidden])")
        seat.server.show(type="call", call_id="c-1", state="listening", since_s=3)
        fields = {"first_name": "masked", "day": "masked"}
        seat.server.show(type="request", call_id="c-1", fields=fields, complete=False)
        await seat.page.wait_for_selector("[data-field=day]")
        assert "masked" not in await seat.text(".card-fields")
        await seat.page.click("[data-field=day] .reveal")
        await seat.page.wait_for_selector("[data-field=day] [data-shown]")
        assert await seat.text("[data-field=day] dd span") == "value of day"
        assert "value of" not in await seat.text("[data-field=first_name] dd span")
        assert seat.server.revealed == [{"call_id": "c-1", "field": "day"}]
        await seat.page.click("#lock")
        assert "value of day" not in await seat.page.content()


async def test_a_call_of_the_telephone_says_which_of_the_practice_s_numbers_was_dialled(
    stage: Stage,
) -> None:
    async with stage.seat(f"/staff#{STAFF_TOKEN}") as seat:
        await seat.page.wait_for_selector("#board:not([hidden])")
        told = {"type": "call", "call_id": "c-1", "state": "listening", "since_s": 3}
        seat.server.show(**told)
        await seat.page.wait_for_selector(".card")
        assert not await seat.page.is_visible(".card-line"), "a page's call came to no number"
        seat.server.show(**told, line="front-desk", forwarded_from="none")
        await seat.page.wait_for_selector(".card-line:not([hidden])")
        assert await seat.text(".card-line") == "To front desk"
        seat.server.show(**told, line="other", forwarded_from="front-desk")
        await seat.page.wait_for_selector("text=Forwarded from front desk.")
        assert seat.console == []


async def test_a_withdrawn_field_leaves_the_card_even_while_it_is_revealed(stage: Stage) -> None:
    async with stage.seat(f"/staff#{STAFF_TOKEN}") as seat:
        await seat.page.wait_for_selector("#board:not([hidden])")
        fields = {"first_name": "masked", "day": "masked"}
        seat.server.show(type="request", call_id="c-1", fields=fields, complete=False)
        await seat.page.click("[data-field=day] .reveal")
        await seat.page.wait_for_selector("[data-field=day] [data-shown]")
        fields = {"first_name": "masked"}
        seat.server.show(type="request", call_id="c-1", fields=fields, complete=False)
        await seat.page.wait_for_selector("[data-field=day]", state="detached")
        assert await seat.page.locator("[data-field=first_name]").count() == 1
        assert "value of day" not in await seat.page.content()
        assert seat.console == []


async def test_a_revealed_value_is_masked_as_soon_as_the_caller_corrects_it(stage: Stage) -> None:
    async with stage.seat(f"/staff#{STAFF_TOKEN}") as seat:
        await seat.page.wait_for_selector("#board:not([hidden])")
        for revision in (1, 2):
            fields = {"first_name": "masked", "day": "masked"}
            revisions = {"first_name": 1, "day": revision}
            seat.server.show(
                type="request", call_id="c-1", fields=fields, revisions=revisions, complete=False
            )
            await seat.page.wait_for_selector(f"[data-field=day][data-revision='{revision}']")
            assert "value of day" not in await seat.page.content()
            await seat.page.click("[data-field=day] .reveal")
            await seat.page.wait_for_selector("[data-field=day] [data-shown]")
            if revision == 1:
                await seat.page.click("[data-field=first_name] .reveal")
                await seat.page.wait_for_selector("[data-field=first_name] [data-shown]")
        assert await seat.text("[data-field=first_name] dd span") == "value of first_name"
        assert [shown["field"] for shown in seat.server.revealed] == ["day", "first_name", "day"]
        assert seat.console == []


async def test_a_field_without_a_value_says_so_in_words(stage: Stage) -> None:
    async with stage.seat(f"/staff#{STAFF_TOKEN}") as seat:
        await seat.page.wait_for_selector("#board:not([hidden])")
        fields = {"not_yet": "masked"}
        seat.server.show(type="request", call_id="c-1", fields=fields, complete=False)
        await seat.page.click("[data-field=not_yet] .reveal")
        await seat.page.wait_for_selector("[data-field=not_yet] [data-shown]")
        assert await seat.text("[data-field=not_yet] dd span") == "Nothing yet"


async def test_a_link_that_was_broken_on_its_way_leaves_the_field_to_type_into(
    stage: Stage,
) -> None:
    async with stage.seat("/staff#%") as seat:
        await seat.page.wait_for_selector("#gate-error:not(:empty)")
        assert seat.page.url == f"{seat.server.url}/staff"
        await seat.page.fill("#token", STAFF_TOKEN)
        await seat.page.press("#token", "Enter")
        await seat.page.wait_for_selector("#board:not([hidden])")
        assert not [line for line in seat.console if "URIError" in line]


async def test_a_request_that_is_not_stored_is_said(stage: Stage) -> None:
    async with stage.seat(f"/staff#{STAFF_TOKEN}") as seat:
        await seat.page.wait_for_selector("#board:not([hidden])")
        fields = {"day": "masked"}
        seat.server.show(type="request", call_id="c-1", fields=fields, complete=True)
        seat.server.show(type="kept", call_id="c-1", kept="waiting")
        await seat.page.wait_for_selector("h3[data-kept=waiting]")
        assert "NOT STORED YET" in await seat.text("h3[data-kept]")
        seat.server.show(type="kept", call_id="c-gone", kept="stored")
        seat.server.show(type="kept", call_id="c-1", kept="stored")
        await seat.page.wait_for_selector("h3[data-kept=stored]")
        assert await seat.text("h3[data-kept]") == "Request, complete"
        assert await seat.page.locator("article.card").count() == 1


async def test_staff_see_whether_a_call_is_recorded(stage: Stage) -> None:
    async with stage.seat(f"/staff#{STAFF_TOKEN}") as seat:
        await seat.page.wait_for_selector("#board:not([hidden])")
        seat.server.show(type="recording", call_id="c-1", state="on")
        await seat.page.wait_for_selector("[data-recording=on]")
        assert await seat.text("[data-recording]") == "Recorded"
        seat.server.show(type="recording", call_id="c-1", state="destroyed")
        await seat.page.wait_for_selector("[data-recording=destroyed]")
        assert await seat.text("[data-recording]") == "Recording destroyed"


async def test_turns_become_waterfalls_and_interruptions_are_counted(stage: Stage) -> None:
    async with stage.seat(f"/staff#{STAFF_TOKEN}") as seat:
        await seat.page.wait_for_selector("#board:not([hidden])")
        marks = {"first_sample_out": 410.0, "decision": 210.0, "final_text": -20.0}
        seat.server.show(type="turn", call_id="c-1", turn=1, marks_ms=marks, interrupted=True)
        await seat.page.wait_for_selector(".turn")
        assert await seat.page.locator(".waterfall .bar").count() == 3
        shown = await seat.text(".waterfall ol")
        assert shown.index("-20 ms") < shown.index("210 ms") < shown.index("410 ms")
        assert await seat.text("#figure-interruptions") == "1"
        assert await seat.text("#figure-reply") == "410 ms"


NETWORK = {
    "type": "network",
    "call_id": "c-1",
    "troubles": ["loss", "jitter"],
    "detect_ms": [91.0, 204.4],
    "stages_ms": {"decision": [212.0, 420.0], "first_sample_out": [402.0, 688.0]},
    "loss_percent": 7.2,
    "jitter_ms": 81.0,
    "round_trip_ms": None,
}


async def test_row_t15_a_bad_network_is_said_to_staff_with_what_to_do_until_it_is_good(
    stage: Stage,
) -> None:
    async with stage.seat(f"/staff#{STAFF_TOKEN}") as seat:
        await seat.page.wait_for_selector("#board:not([hidden])")
        seat.server.show(type="call", call_id="c-1", state="listening", since_s=3)
        await seat.page.wait_for_selector(".card")
        assert not await seat.page.is_visible(".card-network")
        seat.server.show(**NETWORK)
        await seat.page.wait_for_selector(".card-network:not([hidden])")
        said = await seat.text(".card-network")
        assert said.startswith(
            "Bad line: 7 % of the sound is lost and sound comes unevenly (81 ms)."
        )
        assert "call them back" in said
        assert await seat.page.get_attribute(".card-network", "role") == "status"
        seat.server.show(**{**NETWORK, "troubles": []})
        await seat.page.wait_for_selector(".card-network", state="hidden")
        assert seat.console == []


async def test_row_t16_staff_see_how_quickly_the_last_turns_were_noticed_and_answered(
    stage: Stage,
) -> None:
    async with stage.seat(f"/staff#{STAFF_TOKEN}") as seat:
        await seat.page.wait_for_selector("#board:not([hidden])")
        seat.server.show(**{**NETWORK, "troubles": []})
        await seat.page.wait_for_selector(".card-rolling:not(:empty)")
        said = await seat.text(".card-rolling")
        assert (
            "Pause noticed 91 / 204 ms, Turn decided 212 / 420 ms, Sound sent 402 / 688 ms" in said
        )


async def test_staff_see_why_new_callers_are_refused_until_they_are_not(stage: Stage) -> None:
    async with stage.seat(f"/staff#{STAFF_TOKEN}") as seat:
        await seat.page.wait_for_selector("#board:not([hidden])")
        seat.server.show(type="admission", late=["hearing", "speaking"])
        await seat.page.wait_for_selector("#admission:not(:empty)")
        assert "hearing and speaking" in await seat.text("#admission")
        seat.server.show(type="admission", late=[])
        await seat.page.wait_for_selector("#admission:empty", state="attached")


async def test_an_urgent_call_raises_an_assertive_alarm(stage: Stage) -> None:
    async with stage.seat(f"/staff#{STAFF_TOKEN}") as seat:
        await seat.page.wait_for_selector("#board:not([hidden])")
        seat.server.show(type="urgent", call_id="c-1", kind="chest_pain")
        await seat.page.wait_for_selector(".alarm-line")
        assert "chest pain" in await seat.text("#alarm")
        assert await seat.page.get_attribute("#alarm", "aria-live") == "assertive"


async def test_an_urgent_word_after_a_wish_for_a_person_raises_an_alarm_of_its_own(
    stage: Stage,
) -> None:
    async with stage.seat(f"/staff#{STAFF_TOKEN}") as seat:
        await seat.page.wait_for_selector("#board:not([hidden])")
        seat.server.show(type="urgent", call_id="c-1", kind="person:asked")
        await seat.page.wait_for_selector(".alarm-line")
        assert "wants a person" in await seat.text("#alarm")
        assert "Urgent" not in await seat.text("#alarm")
        seat.server.show(type="urgent", call_id="c-1", kind="chest_pain")
        await seat.page.wait_for_selector(".alarm-line:nth-of-type(2)")
        assert "Urgent" in await seat.text("#alarm")
        assert "chest pain" in await seat.text(".card-urgent")


@pytest.mark.parametrize(("status", "words"), [(401, "unknown, expired"), (403, "may not look")])
async def test_a_refused_token_says_what_to_do(stage: Stage, status: int, words: str) -> None:
    async with stage.seat("/staff") as seat:
        seat.server.staff_status = status
        await seat.page.fill("#token", "wrong")
        await seat.page.press("#token", "Enter")
        await seat.page.wait_for_selector("#gate-error:not(:empty)")
        assert words in await seat.text("#gate-error")


async def test_a_lost_stream_is_opened_again(stage: Stage) -> None:
    async with stage.seat(f"/staff#{STAFF_TOKEN}") as seat:
        await seat.page.wait_for_selector("#link[data-good=true]")
        seat.server.live[0].put_nowait(None)
        await seat.page.wait_for_selector("#link[data-good=false]")
        await seat.page.wait_for_selector("#link[data-good=true]")
        assert len(seat.server.authorisations) == 2


async def test_fifteen_idle_minutes_lock_the_view(stage: Stage) -> None:
    async with stage.seat("/staff", script="") as seat:
        await seat.page.clock.install()
        await seat.page.goto(f"{seat.server.url}/staff#{STAFF_TOKEN}")
        await seat.page.wait_for_selector("#board:not([hidden])")
        seat.server.show(type="call", call_id="c-1", state="listening", since_s=3)
        await seat.page.wait_for_selector(".card")
        await seat.page.clock.fast_forward("14:50")
        assert await seat.page.is_visible("#board")
        await seat.page.clock.fast_forward("00:15")
        await seat.page.wait_for_selector("#gate:not([hidden])")
        assert "15 minutes" in await seat.text("#gate-error")
        assert await seat.page.locator(".card").count() == 0


async def test_a_touch_reaches_the_server_within_a_minute_and_nothing_else_does(
    stage: Stage,
) -> None:
    async with stage.seat("/staff", script="") as seat:
        page, active = seat.page, seat.server.active
        await page.clock.install()
        await page.goto(f"{seat.server.url}/staff#{STAFF_TOKEN}")
        await page.wait_for_selector("#board:not([hidden])")
        await page.clock.fast_forward("02:00")
        assert active == []
        await page.mouse.move(10, 10)
        async with page.expect_response("**/api/live/active"):
            await page.clock.run_for(1000)
        await page.mouse.move(20, 10)
        await page.clock.run_for(50_000)
        await page.evaluate("fetch('/healthz').then(() => null)")
        assert len(active) == 1
        async with page.expect_response("**/api/live/active"):
            await page.clock.run_for(10_000)
        await page.clock.fast_forward("05:00")
        await page.evaluate("fetch('/healthz').then(() => null)")
        assert active == [f"Bearer {STAFF_TOKEN}"] * 2


@pytest.mark.parametrize(("reason", "words"), [("idle", "15 minutes"), ("revoked", "revoked")])
async def test_a_token_that_the_server_signs_out_locks_the_view(
    stage: Stage, reason: str, words: str
) -> None:
    async with stage.seat(f"/staff#{STAFF_TOKEN}") as seat:
        await seat.page.wait_for_selector("#board:not([hidden])")
        seat.server.show(type="call", call_id="c-1", state="listening", since_s=3)
        await seat.page.wait_for_selector(".card")
        seat.server.show(type="signed_out", reason=reason)
        await seat.page.wait_for_selector("#gate:not([hidden])")
        assert words in await seat.text("#gate-error")
        assert await seat.page.locator(".card").count() == 0
        assert len(seat.server.authorisations) == 1


async def test_row_i6_the_switch_asks_once_more_and_a_pause_is_shown_large(stage: Stage) -> None:
    async with stage.seat(f"/staff#{STAFF_TOKEN}") as seat:
        await seat.page.wait_for_selector("#board:not([hidden])")
        assert not await seat.page.is_visible("#paused")
        await seat.page.click("#switch")
        await seat.page.click("#switch-cancel")
        assert seat.server.switched == []
        await seat.page.click("#switch")
        await seat.page.fill("#switch-reason", "Wrong answers")
        await seat.page.click("#switch-sure")
        await seat.page.wait_for_selector("#paused:not([hidden])")
        assert seat.server.switched == [{"paused": True, "reason": "wrong_answers"}]
        assert "All calls are paused" in await seat.text("#paused")
        assert "staff:anna, wrong answers" in await seat.text("#paused")
        assert not await seat.page.is_visible("#switch-dialog")
        await seat.page.click("#switch")
        await seat.page.click("#switch-sure")
        await seat.page.wait_for_selector("#paused[hidden]", state="attached")
        assert seat.server.switched[1:] == [{"paused": False, "reason": "none"}]
        assert seat.console == []


async def test_a_switch_that_is_refused_says_why_and_shows_no_pause(stage: Stage) -> None:
    async with stage.seat(f"/staff#{STAFF_TOKEN}") as seat:
        await seat.page.wait_for_selector("#board:not([hidden])")
        seat.server.switch_refusal = "This token's role is readonly; this needs operator."
        await seat.page.click("#switch")
        await seat.page.fill("#switch-reason", "5 callers!")
        await seat.page.click("#switch-sure")
        assert "letters and digits" in await seat.text("#switch-error")
        await seat.page.fill("#switch-reason", "")
        await seat.page.click("#switch-sure")
        await seat.page.wait_for_selector("#switch-error:has-text('operator')")
        assert not await seat.page.is_visible("#paused")
        await seat.page.click("#switch-cancel")
        await seat.page.click("#lock")
        assert not await seat.page.is_visible("#switch")
