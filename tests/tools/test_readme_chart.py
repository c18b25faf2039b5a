from __future__ import annotations

import pytest

from bench.errors import BenchError
from bench.reports.result import read
from tests.bench.reports.made import SHAPES, text, turns_file
from tools.readme_chart import BEGIN, END, PICTURE, ROOT, filled, words


def test_the_words_name_ours_and_stock_and_where_it_was_measured() -> None:
    said = words(read("", text(SHAPES["with controls"])))
    for part in (f'<img src="{PICTURE}" width="640" alt="Median turn', "**The caller waited ", "| Wardline |", "| stock Pipecat, fastest setting |", "Some CPU", "pipecat-ai 1.14.0"):  # fmt: skip
        assert part in said


@pytest.mark.parametrize(
    ("shape", "says"), [("void", "void"), ("no control", "--stock"), ("empty", "--stock")]
)
def test_what_proves_nothing_does_not_come_into_the_readme(shape: str, says: str) -> None:
    with pytest.raises(BenchError, match=says):
        words(read("", text(SHAPES[shape])))


def test_only_what_stands_between_the_marks_is_replaced() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    once = filled(readme, "figures")
    assert f"{BEGIN}\nfigures\n{END}" in once
    assert filled(once, "figures") == once
    assert len(once.split(END)[1]) == len(readme.split(END)[1])
    with pytest.raises(BenchError, match="no <!--"):
        filled("nothing", "figures")


def test_the_sentence_and_the_table_are_rounded_alike() -> None:
    made = turns_file(worlds=("ours", "stock"))
    for turn in made["turns"]:
        turn["marks_ms"] = {"pause_seen": 100.0, "decision": 191.46, "first_content": 199.3}
    said = words(read("", text(made)))
    assert "191 ms are silence" in said
    assert "| 191 silence kept on purpose" in said
