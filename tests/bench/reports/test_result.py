from __future__ import annotations

import contextlib
import copy
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.errors import ResultInvalid
from bench.reports.result import load, read
from tests.bench.reports.made import EMPTY, SHAPES, text, turns_file

WORDS = "Tuesday-at-nine"


@pytest.mark.parametrize("shape", SHAPES)
def test_every_shape_of_result_is_understood(shape: str) -> None:
    result = read("a file", text(SHAPES[shape]))
    assert len(result.rows) == len(SHAPES[shape]["rows"])
    assert len(result.turns) == len(SHAPES[shape]["turns"])
    assert len(result.capacity) == len(SHAPES[shape]["capacity"])


def test_figures_arrive_where_they_belong() -> None:
    result = read("a file", text(SHAPES["with controls"]))
    wire = result.row("wire")
    assert wire is not None
    assert wire.spread.p50 is not None
    assert wire.control is not None
    assert (wire.spread.count, wire.control.count, wire.unit) == (120, 120, "ms")
    assert wire.ratio == pytest.approx(wire.spread.p50.value / wire.control.p50.value if wire.control.p50 else 0)  # fmt: skip
    stale = result.row("stale_frames")
    assert stale is not None
    assert stale.counts
    assert result.worlds() == ["ours", "stock", "stock default"]
    assert result.run.instant


@pytest.mark.parametrize(
    ("document", "says"),
    [
        ("", "no JSON"),
        ("[" * 100_000, "no JSON"),
        ("[]", 'no "format"'),
        ("{}", 'no "format"'),
        ('{"format": 1}', "another format"),
        ('{"format": 2}', "run.kind"),
        ('{"format": 2, "run": 7}', "run"),
        ('{"format": 2, "run": {"kind": "turns", "valid": NaN}}', "no JSON"),
        ('{"format": 2, "run": {"kind": "turns", "valid": "yes"}}', "run.valid"),
        ("1" * 5_000, "no JSON"),
    ],
    ids=range(10),
)
def test_a_foreign_file_is_refused_in_a_sentence(document: str, says: str) -> None:
    with pytest.raises(ResultInvalid, match=says):
        read("a file", document)


def broken(place: str, value: Any) -> dict[str, Any]:
    document = copy.deepcopy(turns_file(1, turns=3))
    *way, last = place.split(".")
    inner: Any = document
    for step in way:
        inner = inner[int(step) if step.isdigit() else step]
    inner[last] = value
    return document


@pytest.mark.parametrize(
    "place",
    ["rows.0.id", "rows.0.p50.value", "rows.0.count", "rows.0.limit", "rows.0.outcome", "rows.0.comparable", "turns.2.marks_ms", "turns.0.world", "run.notes", "run.machine", "rows", "turns", "capacity", "run.seed"],
)  # fmt: skip
def test_damage_is_named_by_its_place_and_never_by_its_content(place: str) -> None:
    with pytest.raises(ResultInvalid) as caught:
        read("a file", text(broken(place, [WORDS, {"x": WORDS}])))
    assert place.split(".")[-1].split("[")[0] in str(caught.value)
    assert WORDS not in str(caught.value)


def test_figures_that_nobody_can_have_measured_are_damage() -> None:
    for value in (1e300, 10**400, -(10**400), True, "7"):
        with pytest.raises(ResultInvalid, match=r"rows\[0\]\.p50\.value"):
            read("a file", json.dumps(broken("rows.0.p50.value", value)))


def test_of_many_faults_the_first_are_told_and_the_others_counted() -> None:
    document = turns_file(1, turns=9)
    document["turns"] = [{} for _ in range(9)]
    with pytest.raises(ResultInvalid, match="and 5 more"):
        read("a file", text(document))


def test_what_could_steer_a_terminal_is_taken_out_of_every_text() -> None:
    document = copy.deepcopy(EMPTY)
    document["run"] |= {"scenario": "a\x1b[2Jb\ud800\u202e", "machine": {"c\x07": "d\x00"}}
    run = read("a file", text(document)).run
    assert run.scenario.isprintable()
    assert all(name.isprintable() and value.isprintable() for name, value in run.machine.items())


def test_a_file_that_is_missing_or_no_text_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(ResultInvalid, match="cannot be read"):
        load(tmp_path / "nothing.json")
    with pytest.raises(ResultInvalid, match="cannot be read"):
        load(tmp_path)
    binary = tmp_path / "binary.json"
    binary.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ResultInvalid, match="no text"):
        load(binary)


JSON = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip
PLACES = ["run", "rows", "turns", "capacity", "rows.0", "rows.0.control", "rows.0.p95", "turns.1", "turns.1.barge_in_ms", "run.engines", "run.load", "run.calls", "run.clock_error_ms"]  # fmt: skip


@given(st.sampled_from(PLACES), JSON)
def test_whatever_stands_in_a_place_is_understood_or_refused(place: str, value: Any) -> None:
    document = turns_file(1, turns=2)
    *way, last = place.split(".")
    inner: Any = document
    for step in way:
        inner = inner[int(step) if step.isdigit() else step]
    inner[int(last) if last.isdigit() else last] = value
    with contextlib.suppress(ResultInvalid):
        read("a file", text(document))
