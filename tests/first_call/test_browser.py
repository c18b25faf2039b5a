"""The booking through the real page: Chromium, a microphone of recordings, the whole server behind it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.first_call import microphone, person
from tests.first_call.page import BOOKED, Booked, Softphone, chromium, softphone
from tests.first_call.served import Served, until
from tests.first_call.stored import stored, wrong_in

pytestmark = [pytest.mark.wire, pytest.mark.browser]

CALLS = 12


AFTER_THE_GREETING_MS = 15_000.0
"""The greeting takes 12 s and is not interrupted; the question is put again after 7 s of silence."""
HEARD_LIMIT_MS = 60_000.0


def _as_said(done: Booked, number: int) -> None:
    for value in BOOKED:
        assert value in done.request.lower(), (number, done.request, done.captions)
    assert done.console == []
    assert done.foreign == []
    assert done.kept == 0


def _ids(server: Served, beside: Path) -> set[str]:
    return {request["id"] for request in stored(server, beside)}


def _kept_as_said(server: Served, beside: Path, before: set[str], calls: int) -> None:
    """The page shows two digits of the number; the store has all ten."""
    new = [request for request in stored(server, beside) if request["id"] not in before]
    assert [wrong_in(request) for request in new] == [[]] * calls


@pytest.mark.long
def test_the_sentence_that_chromium_s_own_microphone_plays_is_heard(
    server: Served, tmp_path: Path
) -> None:
    """Chromium's own capture, with its echo canceller. A file cannot answer what it is asked: one sentence."""
    file = tmp_path / "microphone.wav"
    line = "I need a follow up appointment."
    asyncio.run(microphone.write([(AFTER_THE_GREETING_MS, line)], file))

    async def say() -> tuple[str, Softphone]:
        async with chromium(file) as browser, softphone(browser, server.url) as phone:
            await phone.call()
            filled = phone.page.locator("#request-fields [data-field=reason] dd")
            await filled.get_by_text("follow-up").wait_for(timeout=HEARD_LIMIT_MS)
            return await phone.text("#captions-log .line-caller"), phone

    caption, phone = asyncio.run(say())
    assert "follow up appointment" in caption
    assert phone.console == []
    assert phone.foreign() == []
    until(lambda: server.calls() == 0, 10.0, "the end of the closed page's call")


@pytest.mark.long
def test_twelve_calls_in_a_row_through_the_page_are_all_booked(
    server: Served, tmp_path: Path
) -> None:
    silence = tmp_path / "silence.wav"
    asyncio.run(microphone.write([], silence))

    async def calls() -> list[Booked]:
        async with chromium(silence) as browser:
            return [await person.booked(browser, server.url) for _ in range(CALLS)]

    before = _ids(server, tmp_path)
    for number, done in enumerate(asyncio.run(calls()), 1):
        _as_said(done, number)
    until(lambda: server.calls() == 0, 10.0, "the end of the calls")
    _kept_as_said(server, tmp_path, before, CALLS)


def test_a_page_that_is_reloaded_in_a_call_frees_its_line_at_once(
    server: Served, tmp_path: Path
) -> None:
    file = tmp_path / "microphone.wav"
    asyncio.run(microphone.write([(20_000.0, "Yes.")], file))

    async def reload() -> tuple[str, Softphone]:
        async with chromium(file) as browser, softphone(browser, server.url) as phone:
            await phone.call()
            await phone.page.wait_for_selector("#captions-log .line-agent")
            caption = await phone.text("#captions-log")
            assert server.calls() == 1
            await phone.page.reload()
            until(lambda: server.calls() == 0, 5.0, "the end of the reloaded page's call")
            return caption, phone

    caption, phone = asyncio.run(reload())
    assert "emergency" in caption
    assert phone.foreign() == []
