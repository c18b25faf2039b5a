from __future__ import annotations

import struct
from pathlib import Path

import pytest

from bench.errors import PictureImpossible
from bench.reports.page import as_picture
from bench.reports.picture import draw
from bench.reports.result import read
from tests.bench.reports.made import SHAPES, text

pytestmark = [pytest.mark.browser, pytest.mark.wire]


@pytest.fixture(autouse=True)
def _no_blocking_calls_in_the_loop() -> None:
    """Off here: Playwright starts its program in a loop of its own, which may block."""


def test_the_picture_is_a_png_of_the_chart(tmp_path: Path) -> None:
    picture = tmp_path / "turn.png"
    draw(as_picture(read("", text(SHAPES["with controls"]))), picture)
    content = picture.read_bytes()
    assert content[:8] == b"\x89PNG\r\n\x1a\n"
    width, height = struct.unpack(">II", content[16:24])
    assert width > 1_500
    assert height > 400


def test_a_result_without_turns_has_no_picture(tmp_path: Path) -> None:
    with pytest.raises(PictureImpossible, match="no answered turn"):
        draw(as_picture(read("", text(SHAPES["empty"]))), tmp_path / "turn.png")
