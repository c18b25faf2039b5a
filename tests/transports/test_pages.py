"""Path in, page out, with headers that let nothing foreign in."""

from __future__ import annotations

import re

import pytest

from pipeline.transports.pages import SECURITY_HEADERS, load_pages

PAGES = load_pages()


@pytest.mark.parametrize("path", ["/", "/staff", "/static/main.js", "/static/apology.mp3"])
def test_each_page_is_served_with_the_security_headers(path: str) -> None:
    page = PAGES[path]
    assert page.body
    assert page.headers == SECURITY_HEADERS
    assert page.headers["Content-Security-Policy"].startswith("default-src 'self';")
    assert page.headers["Cache-Control"] == "no-store"


def test_every_file_a_page_or_module_names_is_served() -> None:
    text = b"\n".join(page.body for page in PAGES.values() if page.content_type != "audio/mpeg")
    named = set(re.findall(r"/static/[a-z]+\.[a-z0-9]+", text.decode()))
    assert len(named) > 15
    assert named <= PAGES.keys()


@pytest.mark.parametrize("path", ["/", "/staff"])
def test_no_page_holds_inline_script_style_or_a_foreign_address(path: str) -> None:
    html = PAGES[path].body.decode()
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=|https?://", html)
