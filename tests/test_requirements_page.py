"""docs/requirements.md names only tests that exist, and every row that is promised."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs/requirements.md").read_text()
NAMED = sorted(set(re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", PAGE)))
ROWS = [line.split("|") for line in PAGE.splitlines() if re.match(r"\| [A-Z]\d", line)]
PROMISED = {
    "T": 29, "D": 25, "W": 12, "C": 11, "A": 10, "R": 6, "P": 12, "I": 7, "U": 15, "O": 15, "X": 34,
}  # fmt: skip
"""How many rows each kind has; X: mistakes of others that we do not make."""
ALSO_ELSEWHERE = {"X13", "P11"}
"""Named twice: two halves of it are tested in different places."""


def ids(cell: str) -> list[str]:
    return [each.strip() for each in cell.split(",")]


def test_the_page_names_tests() -> None:
    assert len(NAMED) > 150


@pytest.mark.parametrize(("path", "function"), NAMED)
def test_a_named_test_exists(path: str, function: str) -> None:
    text = (ROOT / path).read_text()
    assert re.search(rf"def {function}\(", text) if function else "def test_" in text


def test_every_row_is_there_once() -> None:
    found = Counter(row for cells in ROWS for row in ids(cells[1]))
    wanted = {f"{kind}{number}" for kind, last in PROMISED.items() for number in range(1, last + 1)}
    assert found.keys() == wanted
    assert {row for row, count in found.items() if count > 1} == ALSO_ELSEWHERE


def test_a_row_has_a_test_or_the_part_that_brings_it() -> None:
    for cells in ROWS:
        later = re.match(r" (later: (GPU box|Telephone|Bench)\b|not built: \w)", cells[3])
        assert later or cells[3].startswith(" `tests/"), cells[1]
