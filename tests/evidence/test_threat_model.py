"""docs/threat-model.md names only tests and files that exist, and each threat has one."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs/threat-model.md").read_text()
NAMED = sorted(set(re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", TEXT)))
FILES = sorted(set(re.findall(r"`((?:pipeline|phi|models)/[\w/.]+)`", TEXT)))


@pytest.mark.parametrize(("path", "function"), NAMED)
def test_a_named_test_exists(path: str, function: str) -> None:
    assert re.search(rf"def {function}\(", (ROOT / path).read_text())


@pytest.mark.parametrize("path", FILES)
def test_a_named_file_exists(path: str) -> None:
    assert (ROOT / path).exists()


def test_each_threat_has_a_test_and_each_part_says_what_remains() -> None:
    _, _, threats = TEXT.partition("\n## Threats\n")
    threats, _, _ = threats.partition("\n## Not covered\n")
    parts = threats.split("\n### ")[1:]
    assert len(parts) >= 8
    rows = [
        line
        for line in threats.splitlines()
        if line.startswith("| ") and "| what stops it |" not in line
    ]
    assert len(rows) > 30
    assert [row for row in rows if "`tests/" not in row.split("|")[3]] == []
    assert [part[:40] for part in parts if "Remains" not in part and "Root reads" not in part] == []
    for word in (
        "signing key",
        "Root",
        "thief",
        "stolen backup",
        "misses",
        "Staff",
        "model",
        "caller",
    ):
        assert word in threats, word
