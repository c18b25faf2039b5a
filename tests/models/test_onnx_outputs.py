"""Durations made an output of a voice's file without an ONNX library."""

from __future__ import annotations

import onnxruntime
import pytest
from hypothesis import given
from hypothesis import strategies as some

from models.onnx_outputs import with_durations
from tests.models.voices import ENGLISH
from tools.onnx_graph import Graph

MODEL = ENGLISH.read_bytes()


def test_the_output_is_added_and_the_library_gives_it() -> None:
    data, name = with_durations(MODEL)
    assert name == "w_ceil"
    session = onnxruntime.InferenceSession(data, None, ["CPUExecutionProvider"])
    assert [output.name for output in session.get_outputs()] == ["output", "w_ceil"]


def test_a_file_that_has_it_already_stays_as_it_is() -> None:
    data, _ = with_durations(MODEL)
    assert with_durations(data) == (data, "w_ceil")


def test_without_one_ceil_nothing_is_added() -> None:
    none = MODEL.replace(b"Ceil", b"Sqrt")
    assert with_durations(none) == (none, None)
    graph = Graph("two")
    graph.node("Ceil", ["input"], "one")
    graph.node("Ceil", ["one"], "other")
    assert with_durations(graph.model()) == (graph.model(), None)


@pytest.mark.parametrize("data", [b"", b"\x00", b"\xff" * 40, MODEL[:5_000], b"\x3a\x7fabc"])
def test_what_is_no_model_is_said_to_be_none(data: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  # whichever part of it is wrong
        with_durations(data)


@given(some.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    try:
        with_durations(data)
    except ValueError:
        pass
