"""Takes the pictures of the README: both pages in a live call on a real server, with a recorded caller."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path

from playwright.async_api import Browser, Page

from tests.first_call import microphone, person
from tests.first_call.page import chromium, softphone
from tests.first_call.served import Served, served, wardline

IMAGES = Path(__file__).parents[1] / "docs" / "images"
FIELDS_SHOWN = 4
"""Enough of a request to look at; the call goes on."""
LIMIT_MS = 180_000.0
SIZE = (1280, 860)


async def take(server: Served, file: Path, token: str) -> None:
    """Open both pages, make the call, take the pictures in its middle."""
    await microphone.write([], file)
    async with (
        chromium(file) as browser,
        softphone(browser, server.url, person.MICROPHONE) as phone,
        asyncio.TaskGroup() as call,
    ):
        staff = await _staff(browser, server.url, token)
        await phone.call()
        talk = call.create_task(person.converse(phone, "booking"), name="the caller's part")
        filled = phone.page.locator(".request-fields .filled").nth(FIELDS_SHOWN - 1)
        await filled.wait_for(timeout=LIMIT_MS)
        await phone.page.screenshot(path=IMAGES / "call.png")
        await staff.screenshot(path=IMAGES / "live.png")
        await phone.page.click("#hang-up")
        talk.cancel()


async def _staff(browser: Browser, url: str, token: str) -> Page:
    context = await browser.new_context(viewport={"width": SIZE[0], "height": SIZE[1]})
    page = await context.new_page()
    await page.goto(f"{url}/staff#{token}")
    await page.wait_for_selector("#board:not([hidden])")
    return page


def main() -> None:
    """Start a server, take the pictures, end it."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        practice = '[practice]\nname = "Maple Street Clinic"\n'
        with served(directory / "server", practice) as server:
            config = str(server.directory / "wardline.toml")
            made = wardline("token", "--config", config, "create", "front-desk")
            if made.returncode:
                sys.exit(made.stderr)
            asyncio.run(take(server, directory / "microphone.wav", made.stdout.strip()))
    print(f"wrote {IMAGES}/call.png and {IMAGES}/live.png")


if __name__ == "__main__":
    main()
