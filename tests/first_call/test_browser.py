"""The booking through the real page: Chromium, a microphone of recordings, the whole server behind it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.first_call import microphone
from tests.first_call.page import BOOKED, Softphone, booked, chromium, softphone
from tests.first_call.served import Served, until

pytestmark = [pytest.mark.wire, pytest.mark.browser]

CALLS = 12


@pytest.fixture(scope="module")
def timeline(server: Served) -> list[tuple[float, str]]:
    return asyncio.run(microphone.measured(server.url))


def _book(server: Served, timeline: list[tuple[float, str]], file: Path) -> None:
    end_ms = asyncio.run(microphone.write(timeline, file))
    done = asyncio.run(booked(server.url, file, end_ms))
    for value in BOOKED:
        assert value in done.request.lower(), (done.request, done.captions)
    assert done.console == []
    assert done.foreign == []
    assert done.kept == 0
    until(lambda: server.calls() == 0, 10.0, "the end of the call")


@pytest.mark.long
def test_a_booking_is_made_through_the_page_with_nothing_but_a_voice(
    server: Served, timeline: list[tuple[float, str]], tmp_path: Path
) -> None:
    _book(server, timeline, tmp_path / "microphone.wav")


@pytest.mark.long
def test_twelve_calls_in_a_row_through_the_page_are_all_booked(
    server: Served, timeline: list[tuple[float, str]], tmp_path: Path
) -> None:
    for _ in range(CALLS):
        _book(server, timeline, tmp_path / "microphone.wav")


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
