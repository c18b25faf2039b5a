"""The page as people meet it: axe without a violation, a phone, paper, forced colours, and nothing asked of anybody."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from bench.reports.page import as_html
from bench.reports.result import read
from tests.bench.reports.made import SHAPES, text, turns_file
from tests.transports.static.stage import FLAGS

pytestmark = [pytest.mark.browser, pytest.mark.wire]

EVERYTHING = turns_file(6, slower=30.0) | {"capacity": SHAPES["capacity"]["capacity"]}
AXE = resources.files("axe_core_python").joinpath("axe.min.js").read_text()
RUN = "axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'best-practice']})"
SIDEWAYS = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


@pytest.fixture(autouse=True)
def _no_blocking_calls_in_the_loop() -> None:
    """Off here: Playwright starts its program in a loop of its own, which may block."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path="/usr/bin/chromium", headless=True, args=list(FLAGS)
        )
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def shown(browser: Browser, file: Path, shape: str, **how: Any) -> Iterator[Page]:
    """The page from a file, in a context that only a test may run scripts in."""
    document = EVERYTHING if shape == "everything" else SHAPES[shape]
    saved = read("", text(turns_file(8, turns=9)))
    file.write_text(as_html(read("", text(document)), saved), encoding="utf-8")
    context = browser.new_context(bypass_csp=True, **how)
    try:
        page = context.new_page()
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.goto(file.as_uri())
        assert asked == [file.as_uri()]
        yield page
    finally:
        context.close()


def violations(page: Page) -> list[str]:
    page.evaluate(AXE)
    found: dict[str, Any] = page.evaluate(RUN)
    return [f"{v['id']}: {node['html']}" for v in found["violations"] for node in v["nodes"]]


@pytest.mark.parametrize("scheme", ["light", pytest.param("dark", marks=pytest.mark.long)])
def test_a_page_with_everything_passes_axe_and_fits_a_phone(
    scheme: str, browser: Browser, tmp_path: Path
) -> None:
    look = {"color_scheme": scheme, "viewport": {"width": 360, "height": 740}}
    with shown(browser, tmp_path / "page.html", "everything", **look) as page:
        assert violations(page) == []
        assert page.evaluate(SIDEWAYS) == 0


@pytest.mark.long
@pytest.mark.parametrize("shape", SHAPES)
def test_every_shape_passes_axe(shape: str, browser: Browser, tmp_path: Path) -> None:
    for scheme in ("light", "dark"):
        with shown(browser, tmp_path / "page.html", shape, color_scheme=scheme) as page:
            assert violations(page) == []
            assert page.evaluate(SIDEWAYS) == 0


def test_parts_of_a_bar_are_seen_with_forced_colours_and_on_paper(
    browser: Browser, tmp_path: Path
) -> None:
    edges = "[...document.querySelectorAll('.bars .part')].map((part) => getComputedStyle(part).borderTopWidth)"
    kept = "[...document.querySelectorAll('.part, .swatch')].every((part) => getComputedStyle(part).printColorAdjust === 'exact')"
    file = tmp_path / "page.html"
    with shown(browser, file, "with controls", forced_colors="active") as page:
        assert set(page.evaluate(edges)) == {"1px"}
    with shown(browser, file, "with controls") as page:
        page.emulate_media(media="print")
        assert page.evaluate(kept)
        assert page.evaluate(SIDEWAYS) == 0


def test_a_part_of_a_millisecond_is_seen_beside_a_bar_of_seconds(
    browser: Browser, tmp_path: Path
) -> None:
    document = turns_file(4, worlds=("ours", "stock"))
    for turn in document["turns"]:
        if turn["world"] == "stock":
            turn["marks_ms"] = {"speech_end": 0.0, "first_sound": 3_200.0, "first_content": 3_200.0}
    seen = """[...document.querySelectorAll('.bars .part')].map((part) => {
      const gap = parseFloat(getComputedStyle(part).boxShadow.match(/([0-9.]+)px/)?.[1] ?? '0');
      return part.getBoundingClientRect().width - gap;
    })"""
    file = tmp_path / "page.html"
    file.write_text(as_html(read("", text(document))), encoding="utf-8")
    page = browser.new_page(viewport={"width": 1000, "height": 800})
    page.goto(file.as_uri())
    widths = page.evaluate(seen)
    page.close()
    assert len(widths) == 5
    assert min(widths) >= 3.0


def test_the_pages_own_policy_stops_any_script(browser: Browser, tmp_path: Path) -> None:
    file = tmp_path / "page.html"
    html = as_html(read("", text(SHAPES["with controls"])))
    file.write_text(html.replace("<main>", "<main><script>document.title='stolen'</script>"))
    page = browser.new_page()
    page.goto(file.as_uri())
    assert "stolen" not in page.title()
    page.close()
