"""docs/requirements.md names only tests that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
NAMED = sorted(
    set(
        re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", (ROOT / "docs/requirements.md").read_text())
    )
)


def test_the_page_names_tests() -> None:
    assert len(NAMED) > 30


@pytest.mark.parametrize(("path", "function"), NAMED)
def test_a_named_test_exists(path: str, function: str) -> None:
    text = (ROOT / path).read_text()
    assert re.search(rf"def {function}\(", text) if function else "def test_" in text
