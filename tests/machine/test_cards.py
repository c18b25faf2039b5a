"""What `nvidia-smi` prints becomes cards; anything else becomes none."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.machine.cards import Card, cards, parsed

PRINTED = """NVIDIA L4, 23034, 22500, 580.95.05
NVIDIA RTX 6000 Ada Generation, 49140, 48000, 580.95.05
"""


def test_each_line_is_a_card() -> None:
    assert parsed(PRINTED) == (
        Card("NVIDIA L4", 23_034, 22_500, "580.95.05"),
        Card("NVIDIA RTX 6000 Ada Generation", 49_140, 48_000, "580.95.05"),
    )


@given(st.text())
def test_whatever_is_printed_is_cards_or_nothing(text: str) -> None:
    assert all(card.memory_mb >= 0 for card in parsed(text))


@pytest.mark.parametrize(
    "line", ["", "No devices were found", "NVIDIA L4, [N/A], [N/A], 580", "a, ²³, 4, 5"]
)
def test_a_line_that_is_no_card_is_left_out(line: str) -> None:
    assert parsed(f"{line}\n{PRINTED}") == parsed(PRINTED)


@pytest.mark.wire
@pytest.mark.parametrize(
    ("body", "count"), [(f"cat <<'E'\n{PRINTED}E", 2), ("echo NVIDIA-SMI has failed; exit 9", 0)]
)
def test_the_drivers_program_is_asked_and_its_failure_is_no_card(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str, count: int
) -> None:
    program = tmp_path / "nvidia-smi"
    program.write_text(f"#!/bin/sh\n{body}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    assert len(cards()) == count


def test_without_a_driver_there_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert cards() == ()
