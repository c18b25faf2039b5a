"""The server's event file on the caller's clock: whose turn an event tells of is found by its moment."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from bench.load.server_marks import assign, lags_ms, told, voids_ms
from bench.load.timeline import Turn

OFFSET_MS = -1_000_000.0


def event(call: str, left_ms: float, first_ms: float = 230.0, **more: object) -> bytes:
    """As the server writes it, with the wall clock's milliseconds."""
    wall_s = (left_ms - OFFSET_MS) / 1000.0
    at = datetime.fromtimestamp(wall_s, UTC).isoformat(timespec="milliseconds")
    record: dict[str, object] = {
        "at": at.replace("+00:00", "Z"),
        "event": "turn_ended",
        "call_id": call,
    }
    record |= {"decision_ms": 200.0, "first_sample_ms": first_ms, "interrupted": False}
    return json.dumps(record | more).encode()


def turn(call: int, end_ms: float, first_ms: float | None = 231.0) -> Turn:
    return Turn(call, 0, "speech", "x", end_ms - 1_000, end_ms, first_sound_ms=first_ms)


def test_marks_are_put_on_the_callers_clock() -> None:
    (found,) = told([event("c1", 5_230.0)], OFFSET_MS)
    assert found.left_ms == pytest.approx(5_230.0, abs=0.6)
    assert found.marks_ms["decision"] == pytest.approx(5_200.0, abs=0.6)
    assert found.marks_ms["first_byte_out"] == pytest.approx(5_230.0, abs=0.6)
    assert found.marks_ms["speech_heard"] == pytest.approx(5_000.0, abs=0.6)


def test_a_line_that_is_written_late_moves_no_mark() -> None:
    (found,) = told([event("c1", 5_236.0, told_ms=236.0)], OFFSET_MS)
    assert found.left_ms == pytest.approx(5_230.0, abs=0.6)
    assert found.speech_end_ms == pytest.approx(5_000.0, abs=0.6)
    assert found.marks_ms["decision"] == pytest.approx(5_200.0, abs=0.6)


def test_a_call_of_the_file_is_the_callers_with_whom_it_shares_most_moments() -> None:
    turns = [turn(0, 5_000.0), turn(0, 9_000.0), turn(1, 5_010.0), turn(1, 9_500.0)]
    lines = [
        event("b", 5_240.0), event("b", 9_730.0), event("a", 5_230.0), event("a", 9_230.0),
    ]  # fmt: skip
    assert assign(turns, told(lines, OFFSET_MS)) == {"a": 0, "b": 1}
    assert [round(each.server_ms["first_byte_out"]) for each in turns] == [230, 230, 230, 230]


def test_nothing_near_gives_no_marks() -> None:
    turns = [turn(0, 5_000.0), turn(0, 7_000.0, None)]
    assert assign(turns, told([event("a", 5_400.0)], OFFSET_MS)) == {}
    assert all(each.server_ms == {} for each in turns)


def test_a_network_that_adds_400_ms_takes_no_marks_away() -> None:
    turns = [turn(0, 5_000.0, 231.0 + 380.0), turn(0, 9_000.0, 231.0 + 20.0)]
    server = told([event("a", 5_230.0), event("a", 9_230.0)], OFFSET_MS)
    assert assign(turns, server, 400.0) == {"a": 0}
    assert [round(each.server_ms["first_byte_out"]) for each in turns] == [230, 230]


def test_what_cannot_be_read_or_was_cut_is_left_out() -> None:
    lines = [
        b'{"event":"turn_ended"',
        b'{"event":"turn_ended"}',
        event("a", 1.0, interrupted=True),
        event("a", 1.0, first_sample_ms=None),
    ]
    assert told(lines, OFFSET_MS) == []


def test_a_workers_late_loop_counts_from_the_first_word_on() -> None:
    def late(at_ms: float, worst_ms: object) -> bytes:
        return event("a", at_ms).replace(b"turn_ended", b"loop_late").replace(b"call_id", b"x")[
            :-1
        ] + (b', "worst_ms": %s}' % json.dumps(worst_ms).encode())

    lines = [late(900.0, 200.0), late(1_500.0, 31.5), late(1_600.0, None), b'{"event":"loop_late"}']
    assert lags_ms(lines, OFFSET_MS, 1_000.0) == [31.5]


def test_what_the_server_voided_is_told_by_caller() -> None:
    def void(call: str, at_ms: float) -> bytes:
        return event(call, at_ms).replace(b"turn_ended", b"reply_interrupted")

    lines = [void("a", 900.0), void("b", 1_500.0), void("a", 1_600.0), void("c", 1.0)]
    lines.append(b'{"event":"reply_interrupted"}')
    found = voids_ms(lines, OFFSET_MS, {"a": 0, "b": 1})
    assert {who: [round(at) for at in times] for who, times in found.items()} == {
        0: [900, 1_600],
        1: [1_500],
    }
