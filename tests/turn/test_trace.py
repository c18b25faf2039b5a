"""A kept call: written and read back to the byte, decided again alike, and never anything but what it declares."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import typing

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from pipeline.turn.endpoint import EndpointSettings
from pipeline.turn.events import (
    Asked,
    Completeness,
    EndTurn,
    Event,
    Evidence,
    Profile,
    ReplyDrained,
    ReplyStarted,
    SpeechPaused,
    SpeechStarted,
    TimerDue,
    WordsHeard,
)
from pipeline.turn.floor import Floor
from pipeline.turn.replay import again, replay
from pipeline.turn.settings import FloorSettings
from pipeline.turn.trace import SLOTS, Recorder, Trace, TraceDamaged, read, written

LATE_MS = 3.7
"""How late that day's loop woke its floor."""


def recorded(
    told: list[Event], settings: FloorSettings | None = None, late_ms: float = LATE_MS
) -> Trace:
    """A floor that is told this, woken a little late as a real one is, and written down."""
    settings = settings or FloorSettings()
    floor, recorder = Floor(settings), Recorder("1.2.3", settings)

    def tell(event: Event) -> None:
        recorder.told(event, floor.on(event), floor.next_due_ms)

    for event in told:
        before_ms = float("-inf")
        while (
            due_ms := floor.next_due_ms
        ) is not None and before_ms < due_ms + late_ms < event.at_ms:
            before_ms = due_ms + late_ms
            tell(TimerDue(before_ms))
        tell(event)
    return recorder.trace("goodbye")


def a_call(slot: str = "day") -> list[Event]:
    """A question, an answer of two words with a breath between them, and silence."""
    return [
        ReplyStarted(1000.25, 1),
        ReplyDrained(3000.125, 1, Asked(slot)),
        SpeechStarted(4160.5, 4000.5),
        SpeechPaused(4700.0, 4620.0),
        WordsHeard(4710.0, Evidence(1, Completeness.BARE, settled=True)),
        SpeechStarted(5400.0, 5240.0),
        SpeechPaused(6080.0, 6000.0),
        WordsHeard(6090.3, Evidence(3, Completeness.ANSWERED, settled=True)),
        ReplyStarted(7000.0, 2),
        ReplyDrained(9000.0, 2),
        TimerDue(60_000.0),
    ]


def decided(trace: Trace) -> list[str]:
    return [type(action).__name__ for row in trace.rows for action in row.actions]


def test_a_trace_is_read_back_to_the_byte() -> None:
    trace = recorded(a_call())
    data = written(trace)
    assert read(data) == trace
    assert written(read(data)) == data
    assert "EndTurn" in decided(trace)


def test_the_same_trace_gives_the_same_decisions_to_the_byte() -> None:
    trace = recorded(a_call())
    steps = replay(trace)
    assert not [step for step in steps if step.differs]
    assert written(again(trace, steps)) == written(trace)
    assert replay(trace) == steps


def test_a_changed_tunable_shows_where_the_decision_falls_otherwise() -> None:
    trace = recorded(a_call())
    slower = FloorSettings(endpoint=EndpointSettings(silence_ms=350.0))
    different = [step for step in replay(trace, slower) if step.differs]
    assert [type(step.event).__name__ for step in different] == ["TimerDue", "TimerDue"]
    then, now = different
    assert (then.recorded, then.decided) == ((EndTurn(),), ())
    assert (now.recorded, now.decided, now.row) == ((), (EndTurn(),), None)
    assert now.event.at_ms - then.event.at_ms == pytest.approx(150.0 - LATE_MS)


def test_a_quicker_floor_decides_before_the_recorded_one_was_woken() -> None:
    trace = recorded(a_call())
    quicker = FloorSettings(endpoint=EndpointSettings(silence_ms=100.0))
    first = next(step for step in replay(trace, quicker) if step.differs)
    assert first.row is None
    assert EndTurn() in first.decided


KINDS = typing.get_args(Event)


@st.composite
def calls(draw: st.DrawFn) -> list[Event]:
    """Any events in the order of time."""
    at_ms, out = draw(st.floats(0, 1e9)), list[Event]()
    for _ in range(draw(st.integers(1, 30))):
        at_ms += draw(st.floats(0, 4_000))
        kind = draw(st.sampled_from(KINDS))
        told = {
            name: draw(_value(name, hint, at_ms))
            for name, hint in typing.get_type_hints(kind).items()
        }
        out.append(kind(**told))
    return out


def _value(name: str, hint: object, at_ms: float) -> st.SearchStrategy[object]:
    if name == "at_ms":
        return st.just(at_ms)
    if hint is Evidence:
        return st.builds(
            Evidence,
            st.integers(0, 20),
            st.sampled_from(Completeness),
            st.integers(0, 12),
            st.booleans(),
            st.booleans(),
            st.booleans(),
        )
    if "Asked" in str(hint):
        asked = st.builds(
            Asked,
            st.sampled_from(sorted(SLOTS)),
            st.integers(0, 10),
            st.sampled_from(Profile),
            st.booleans(),
        )
        return st.one_of(st.none(), asked)
    if hint is bool:
        return st.booleans()
    if hint is int:
        return st.integers(0, 50)
    if hint is float:
        return st.floats(0, 1) if name == "probability" else st.floats(at_ms - 500, at_ms)
    return st.one_of(st.none(), st.floats(at_ms, at_ms + 9_000))


@given(calls(), st.sampled_from([0.0, 0.3, LATE_MS, 40.0]))
@hypothesis_settings(max_examples=60)
def test_any_call_is_written_read_and_decided_again_to_the_byte(
    told: list[Event], late_ms: float
) -> None:
    data = written(recorded(told, late_ms=late_ms))
    trace = read(data)
    assert written(again(trace, replay(trace))) == data


# --- what a trace may hold ---------------------------------------------------------------------------


def test_a_practices_own_question_is_not_named() -> None:
    data = written(recorded(a_call(slot="maria_gonzalez_of_elm_street")))
    assert b"maria" not in data
    assert b'"slot":"other"' in data
    trace = read(data)
    assert written(again(trace, replay(trace))) == data


def test_no_event_of_turn_taking_has_a_field_for_words() -> None:
    """The one text is a question's name, and of those there is a list."""
    texts = {
        (kind.__name__, field.name)
        for kind in (*KINDS, Evidence, Asked)
        for field in dataclasses.fields(kind)
        if "str" in str(typing.get_type_hints(kind)[field.name])
    }
    assert texts == {("Asked", "slot")}


def signed(lines: list[bytes]) -> bytes:
    """These lines with a sum that fits, as somebody would make them who means it."""
    body = b"".join(lines[:-1])
    foot = json.loads(lines[-1]) | {"sha256": hashlib.sha256(body).hexdigest()}
    return body + json.dumps(foot).encode() + b"\n"


@pytest.mark.parametrize(
    "line",
    [
        b'["SpeechStarted",{"at_ms":1.0,"onset_ms":"Maria"},[],null]',
        b'["SpeechStarted",{"at_ms":1.0,"onset_ms":2.0,"said":"Maria"},[],null]',
        b'["SpeechStarted",{"at_ms":1.0},[],null]',
        b'["SpeechStarted",{"at_ms":true,"onset_ms":2.0},[],null]',
        b'["SpeechStarted",{"at_ms":NaN,"onset_ms":2.0},[],null]',
        b'["ReplyDrained",{"at_ms":1.0,"epoch":1,"asked":{"slot":"Maria","digits":0,"profile":"normal","secret":false}},[],null]',
        b'["Maria",{},[],null]',
        b'["TimerDue",{"at_ms":1.0},[["Maria",{}]],null]',
        b'["TimerDue",{"at_ms":1.0},[],"Maria"]',
        b'["TimerDue",{"at_ms":1.0},[]]',
        b'{"Maria":1}',
        b"Maria",
        b"[" * 5_000,
    ],
)
def test_a_line_that_is_none_of_ours_is_refused_by_its_number_and_not_quoted(line: bytes) -> None:
    lines = written(recorded(a_call())).splitlines(keepends=True)
    lines[3] = line + b"\n"
    with pytest.raises(TraceDamaged) as raised:
        read(signed(lines))
    assert "line 4" in str(raised.value)
    assert "Maria" not in str(raised.value)


def test_a_trace_from_before_turn_taking_learned_a_figure_is_still_read() -> None:
    trace = recorded(a_call())
    older = [
        line.replace(b',"urgent":false', b"").replace(b'"longest_turn_ms":45000.0,', b"")
        for line in written(trace).splitlines(keepends=True)
    ]
    assert older != written(trace).splitlines(keepends=True)
    assert read(signed(older)) == trace


def test_a_trace_that_was_cut_changed_or_mixed_up_is_refused() -> None:
    data = written(recorded(a_call()))
    lines = data.splitlines(keepends=True)
    for wrong, why in (
        (data[:-40], "cut off"),
        (b"".join(lines[:-1]), "cut off"),
        (b"".join(lines[:-1])[:-1], "cut off"),
        (b"", "cut off"),
        (data.replace(b"4620.0", b"4621.0"), "its sum is wrong"),
        (b"".join([lines[0], lines[2], lines[1], *lines[3:]]), "its sum is wrong"),
        (b"".join([lines[0], *lines[2:]]), "its sum is wrong"),
        (b"".join([b'{"trace":2}\n', *lines[1:]]), "version 1"),
        (signed([lines[0], *lines[2:]]), "line 1 or the last"),
        (b"\xff\xfe\n" + data, "line 1 "),
    ):
        with pytest.raises(TraceDamaged) as raised:
            read(wrong)
        assert why in str(raised.value), raised.value


@given(st.binary(max_size=300))
def test_no_bytes_break_the_reader(data: bytes) -> None:
    with pytest.raises(TraceDamaged):
        read(data)


def test_a_call_without_end_is_kept_to_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.turn.trace.ROWS_MAX", 5)
    trace = recorded(a_call())
    assert (len(trace.rows), trace.left_out > 0) == (5, True)
    assert not [step for step in replay(read(written(trace))) if step.differs]
