"""The real page on a real server, in a Chromium whose microphone is a file."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from playwright.async_api import Browser, BrowserContext, Page, async_playwright
from playwright.async_api import TimeoutError as TimeoutError_

from bench.browser import NO_NAMES
from tests.first_call.served import family
from tests.transports.static.stage import FLAGS

BOOKED = ("follow-up", "david", "43", "tuesday", "afternoon")
"""What the shown request holds, in lower case, once the script `booking` has been said."""

END_LIMIT_MS = 30_000.0
"""The call ends this long after the last word at the latest."""


@asynccontextmanager
async def chromium(microphone: Path) -> AsyncIterator[Browser]:
    flag = f"--use-file-for-fake-audio-capture={microphone}%noloop"
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path="/usr/bin/chromium", headless=True, args=[*FLAGS, NO_NAMES, flag]
        )
        try:
            yield browser
        finally:
            await browser.close()


def main_process(microphone: Path) -> int:
    """The Chromium of this process tree that has this microphone."""
    for pid in family(os.getpid()):
        command = Path(f"/proc/{pid}/cmdline").read_bytes()  # its helpers join theirs with blanks
        if str(microphone).encode() in command and b"--type=" not in command:
            return pid
    raise AssertionError("no browser with this microphone runs")


class Softphone:
    """One page and everything it asked for and complained about."""

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        self.url = url
        self.console: list[str] = []
        self.asked: list[str] = []
        page.on("console", lambda entry: self.console.append(f"{entry.type}: {entry.text}"))
        page.on("pageerror", lambda error: self.console.append(f"error: {error}"))
        page.on("request", lambda request: self.asked.append(request.url))

    async def call(self) -> None:
        """Press Call once the page shows what the server tells it, agree, be connected."""
        await self.page.wait_for_load_state("networkidle")
        await self.page.click("#call-button")
        await self.page.click("#consent-call")
        await self.page.wait_for_selector("body[data-stage=live]")

    async def text(self, selector: str) -> str:
        return (await self.page.locator(selector).inner_text()).strip()

    async def kept(self) -> int:
        """What the page left in this browser's storages."""
        count: int = await self.page.evaluate(
            "(async () => localStorage.length + sessionStorage.length"
            " + (await caches.keys()).length + (await indexedDB.databases()).length)()"
        )
        return count + len(await self.page.context.cookies())

    def foreign(self) -> list[str]:
        return [url for url in self.asked if not url.startswith(f"{self.url}/")]


@asynccontextmanager
async def softphone(browser: Browser, url: str, before: str = "") -> AsyncIterator[Softphone]:
    """Open the page; `before` is a script to run ahead of its own."""
    context: BrowserContext = await browser.new_context(viewport={"width": 1280, "height": 860})
    context.set_default_timeout(60_000)
    try:
        await context.grant_permissions(["microphone"], origin=url)
        await context.add_init_script(before)
        phone = Softphone(await context.new_page(), url)
        await phone.page.goto(f"{url}/")
        yield phone
    finally:
        await context.close()


@dataclass(frozen=True)
class Booked:
    """What the page showed when the call was over, and what it kept."""

    request: str
    captions: str
    console: list[str]
    foreign: list[str]
    kept: int


async def over(phone: Softphone, limit_ms: float) -> Booked:
    """Wait for the call's end and read what the page shows then."""
    try:
        await phone.page.wait_for_selector("#after:not([hidden])", timeout=limit_ms)
    except TimeoutError_ as error:
        said = await phone.page.locator("#captions-log").text_content()
        raise AssertionError(f"the call did not end: {said}") from error
    captions = str(await phone.page.locator("#captions-log").text_content())
    request = await phone.text("#after-request")
    return Booked(request, captions, phone.console, phone.foreign(), await phone.kept())
