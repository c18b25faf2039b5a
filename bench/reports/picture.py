"""A picture of a page's main chart, drawn by the browser that the tests use."""

from __future__ import annotations

from pathlib import Path

from bench.browser import program
from bench.errors import PictureImpossible
from bench.reports.page import PICTURE

WIDTH_PX, HEIGHT_PX = 1000, 800
SHARPNESS = 2.0
"""Pixels of the picture for each of the page's: sharp on a good screen."""
LIMIT_MS = 30_000.0


def draw(
    html: str | None, target: Path, *, width_px: int = WIDTH_PX, sharpness: float = SHARPNESS
) -> None:
    """Write a page's picture as PNG; raises PictureImpossible or BrowserMissing. Blocks, for seconds."""
    if html is None:
        raise PictureImpossible("this result has no answered turn and no number of calls to draw")
    path = program("a picture")
    from playwright.sync_api import Error, sync_playwright

    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
            try:
                page = browser.new_page(
                    viewport={"width": width_px, "height": HEIGHT_PX},
                    device_scale_factor=sharpness,
                    color_scheme="light",
                    offline=True,
                    java_script_enabled=False,
                )
                page.set_content(html, timeout=LIMIT_MS)
                page.locator(f"#{PICTURE}").screenshot(path=target, timeout=LIMIT_MS)
            finally:
                browser.close()
    except Error as error:
        first = error.message.splitlines()[0] if error.message else "it said nothing"
        raise PictureImpossible(f"Chromium could not draw: {first[:200]}") from None
