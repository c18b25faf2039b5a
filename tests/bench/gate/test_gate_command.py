from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from bench.gate import gate_command
from bench.gate.gate_command import Patience
from bench.gate.verdict import MET, MISSED, NOT_JUDGED, UNUSABLE
from tests.bench.reports.made import SHAPES, counted, text, turns_file, void

BUDGET = """
[row.wire]
of = "ratio"
most = 0.7
noise = 0.02
stage = "the turn as a whole"
look = "the report"
[row.stale_frames]
of = "count"
most = 0
stage = "the fence"
look = "playout"
"""


@pytest.fixture
def budget(tmp_path: Path) -> Path:
    file = tmp_path / "budget.toml"
    file.write_text(BUDGET)
    return file


def gate(*given: object) -> int:
    parser = argparse.ArgumentParser()
    gate_command.configure(parser)
    arguments = parser.parse_args([str(each) for each in given])
    status: int = arguments.run(arguments)
    return status


def written(folder: Path, **documents: object) -> list[Path]:
    for name, document in documents.items():
        assert isinstance(document, dict)
        (folder / f"{name}.json").write_text(text(document))
    return [folder / f"{name}.json" for name in documents]


def test_a_good_result_passes_and_a_slow_one_is_named(
    tmp_path: Path, budget: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good, slow = written(tmp_path, good=turns_file(1), slow=turns_file(2, slower=30.0))
    assert gate(good, "--budget", budget) == MET
    assert gate(slow, "--budget", budget) == MISSED
    told = capsys.readouterr().out
    assert "MISSED     wire " in told
    assert "stage: the turn as a whole" in told
    assert "“handed to the network” took 3" in told
    assert gate(slow, good, "--budget", budget) == MET


def test_a_stale_frame_fails_even_where_the_turns_are_fast(tmp_path: Path, budget: Path) -> None:
    one = turns_file(1)
    stale = one | {"rows": [one["rows"][0], counted("stale_frames", 1, 40)]}
    assert gate(*written(tmp_path, stale=stale), "--budget", budget) == MISSED


def test_a_void_result_is_not_judged(
    tmp_path: Path, budget: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    late = void(turns_file(1))
    late["run"]["generator"]["late_p99_ms"] = 9.1
    assert gate(*written(tmp_path, late=late), "--budget", budget) == NOT_JUDGED
    assert "NOT JUDGED wire" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("which", "says"),
    [("row", "frames.stale"), ("budget", "most: write a number"), ("result", "no JSON"), ("nothing", "name result files")],
)  # fmt: skip
def test_what_cannot_be_used_is_a_sentence(
    which: str, says: str, tmp_path: Path, budget: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (good,) = written(tmp_path, good=SHAPES["with controls"])
    if which == "row":
        budget.write_text(BUDGET.replace("[row.stale_frames]", '[row."frames.stale"]'))
    elif which == "budget":
        budget.write_text(BUDGET.replace("0.7", "-3"))
    elif which == "result":
        good.write_text("{")
    assert gate(*([] if which == "nothing" else [good]), "--budget", budget) == UNUSABLE
    told = capsys.readouterr().err
    assert says in told
    assert len(told.splitlines()) == 1


def test_no_run_is_begun_that_would_end_too_late() -> None:
    patience = Patience(115.0, 1_000.0)
    assert patience.lasts(1_045.0)  # servers, a warm-up and a run
    assert patience.lasts(1_070.0)
    assert patience.lasts(1_090.0)
    assert not patience.lasts(1_110.0)
    slow = Patience(115.0, 0.0)
    assert not slow.lasts(60.0)
