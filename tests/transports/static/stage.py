"""One Chromium for all page tests, on its own thread and loop, and what a test does with it.

Playwright starts once because a browser costs a second; each test gets a fresh context and server.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Coroutine
from pathlib import Path
from typing import Any, Literal, TypeVar

from playwright.async_api import Browser, BrowserContext, Page, Playwright, async_playwright

from bench.browser import CALLING
from pipeline.transports.pages import Page as WirePage
from tests.fakes.page_server import FakeCall, PageServer

T = TypeVar("T")

FLAGS = [*CALLING, "--autoplay-policy=user-gesture-required"]
TAP = Path(__file__).with_name("tap.js").read_text()
TAP_WORKLET = WirePage(
    Path(__file__).with_name("tap_worklet.js").read_bytes(), "text/javascript; charset=utf-8"
)
TEST_LIMIT_S = 120


class Seat:
    """One open page, its server, and all it said."""

    def __init__(self, page: Page, server: PageServer) -> None:
        self.page = page
        self.server = server
        self.console: list[str] = []
        self.urls: list[str] = []
        page.on("console", lambda entry: self.console.append(f"{entry.type}: {entry.text}"))
        page.on("pageerror", lambda error: self.console.append(f"error: {error}"))
        page.on("request", lambda request: self.urls.append(request.url))

    async def press_call(self) -> None:
        """Press Call once the page shows what the server tells it.

        A line that comes between a button's going down and up moves it away, and the press is lost.
        """
        await self.page.wait_for_load_state("networkidle")
        await self.page.click("#call-button")

    async def call(self) -> FakeCall:
        """Press Call, agree, and wait until both ends are connected."""
        number = len(self.server.calls) + 1
        await self.press_call()
        await self.page.click("#consent-call")
        call = await self.server.call(number)
        await self.page.wait_for_selector("body[data-stage=live]")
        await call.until("ping")
        return call

    async def text(self, selector: str) -> str:
        return (await self.page.locator(selector).inner_text()).strip()


class Stage:
    """The browser's thread; `run` carries a test's coroutine there."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="stage", daemon=True)
        self._playwright: Playwright | None = None
        self._browser: Browser | None = None

    def open(self) -> None:
        self._thread.start()
        self.run(self._launch())

    def close(self) -> None:
        self.run(self._quit())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def run(self, work: Coroutine[Any, Any, T], limit_s: float = TEST_LIMIT_S) -> T:
        async def bounded() -> T:
            async with asyncio.timeout(limit_s):
                return await work

        return asyncio.run_coroutine_threadsafe(bounded(), self._loop).result(limit_s + 10)

    async def _launch(self) -> None:
        self._playwright = await async_playwright().start()
        self._browser = await self._playwright.chromium.launch(
            executable_path="/usr/bin/chromium", headless=True, args=FLAGS
        )

    async def _quit(self) -> None:
        if self._browser is not None:
            await self._browser.close()
        if self._playwright is not None:
            await self._playwright.stop()

    @contextlib.asynccontextmanager
    async def seat(
        self,
        path: str = "/",
        *,
        microphone: bool = True,
        script: str = "",
        tap: bool = False,
        width: int = 1280,
        height: int = 860,
        scheme: Literal["light", "dark"] = "light",
        reduced_motion: bool = True,
        forced_colors: bool = False,
    ) -> AsyncIterator[Seat]:
        """A fresh context on a fresh server; afterwards the console must have stayed empty."""
        assert self._browser is not None
        async with PageServer().serving() as server:
            context: BrowserContext = await self._browser.new_context(
                viewport={"width": width, "height": height},
                color_scheme=scheme,
                reduced_motion="reduce" if reduced_motion else "no-preference",
                forced_colors="active" if forced_colors else "none",
            )
            context.set_default_timeout(60_000)
            if microphone:
                await context.grant_permissions(["microphone"], origin=server.url)
            if tap:
                server.extra["/static/tap-worklet.js"] = TAP_WORKLET
                await context.add_init_script(TAP)
            if script:
                await context.add_init_script(script)
            page = await context.new_page()
            seat = Seat(page, server)
            try:
                await page.goto(f"{server.url}{path}")
                yield seat
            finally:
                await context.close()
