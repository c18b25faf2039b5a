from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.errors import BudgetInvalid
from bench.gate import budget

LINE = '[row."wire.fastest"]\nof = "ratio"\nmost = 0.8\nstage = "a"\nlook = "b"\n'


def test_the_shipped_budget_can_be_read_and_has_a_quick_and_a_full_form() -> None:
    shipped = budget.shipped()
    assert set(shipped.forms) == {"quick", "full"}
    assert len(shipped.lines) >= 4
    stale = next(line for line in shipped.lines if line.id == "barge_in.stale_frames")
    assert (stale.of, stale.most, stale.noise, stale.agree, stale.at) == ("count", 0, 0, 1, "worst")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "row: write a table"),
        ("x = ", "no TOML"),
        ("row = 7", "row: write a table"),
        ('[row]\n"wire.fastest" = 7', "row.wire.fastest: write a table"),
        (LINE.replace("ratio", "speed"), 'of: write "ratio" or "count"'),
        (LINE.replace("0.8", "-1"), "most: write a number"),
        (LINE.replace("0.8", "true"), "most: write a number"),
        (LINE.replace("0.8", "nan"), "most: write a number"),
        (LINE.replace("most", "moist"), "moist: there is no such key"),
        (LINE.replace('"a"', '""'), "stage: write a text"),
        (LINE + 'at = "p51"', "at: write one of"),
        (LINE + "agree = 0", "agree: write a number"),
        (LINE + 'when_late = "yes"', "when_late: write true or false"),
        (LINE + "[quick]", "quick.scenario: write a text"),
        (LINE + "[slow]", "slow: there is no such key"),
        (LINE + '[quick]\nscenario = "gate"\ndoor = "back"', "quick.door"),
        ("[" * 5_000, "no TOML"),
    ],
    ids=range(17),
)
def test_damage_is_told_by_its_key(text: str, says: str) -> None:
    with pytest.raises(BudgetInvalid, match=says):
        budget.read("a budget", text)


def test_all_faults_are_told_at_once() -> None:
    text = LINE.replace("0.8", "-1").replace('"a"', '""').replace("ratio", "x")
    with pytest.raises(BudgetInvalid) as caught:
        budget.read("a budget", text)
    assert all(key in str(caught.value) for key in ("of:", "most:", "stage:"))


def test_a_file_that_cannot_be_read_is_a_sentence(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "nothing.toml"):
        with pytest.raises(BudgetInvalid, match="cannot be read"):
            budget.load(path)


@given(st.text(max_size=40))
def test_any_text_is_a_budget_or_refused(text: str) -> None:
    with pytest.raises(BudgetInvalid):
        budget.read("a budget", text)
