"""When a request is written, and what is never taken back; times are numbers, nothing waits."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pipeline.store.draft import Draft, Snapshot, State
from pipeline.store.fields import KINDS, FieldRule, RequestSchema

SCHEMA = RequestSchema(
    (
        FieldRule("reason", KINDS["choice"], ("flu_shot", "check_up"), required=True, store=True),
        FieldRule("first_name", KINDS["first_name"], required=True, store=True),
        FieldRule("phone", KINDS["phone"], required=True, store=True, lookup=True),
        FieldRule("ssn4", KINDS["ssn4"], required=False),
    )
)
FULL = {"reason": "flu_shot", "first_name": "José", "phone": "2125550143"}


def draft() -> Draft:
    return Draft("r1", "c1", SCHEMA, 1_000)


def filled(at_ms: float) -> Draft:
    new = draft()
    for name, value in FULL.items():
        assert new.field(name, value, at_ms)
    return new


def takes(some: Draft, until_ms: float, step_ms: float = 100.0) -> list[tuple[float, Snapshot]]:
    """Every commit up to then, asking as a timer does."""
    taken: list[tuple[float, Snapshot]] = []
    while some.due_ms is not None and some.due_ms <= until_ms:
        due_ms = some.due_ms
        snapshot = some.take(due_ms)
        assert snapshot is not None
        taken.append((due_ms, snapshot))
        assert len(taken) < 5, "a timer that is due at once, for ever"
    return taken


def test_row_d2_of_three_values_in_800_ms_only_the_last_is_committed() -> None:
    some = draft()
    for at_ms, reason in ((0.0, "flu_shot"), (400.0, "check_up"), (800.0, "flu_shot")):
        some.field("reason", reason, at_ms)
    assert some.take(2_299.0) is None
    ((at_ms, snapshot), *more) = takes(some, 2_300.0)
    assert at_ms == 2_300.0
    assert snapshot.fields == {"reason": "flu_shot"}
    assert not more


def test_rows_d2_d6_while_the_caller_speaks_nothing_is_committed() -> None:
    some = draft()
    some.field("reason", "flu_shot", 0.0)
    for at_ms in range(0, 6_000, 500):
        some.heard(float(at_ms))
        assert some.take(float(at_ms)) is None
    assert some.due_ms == 5_500.0 + 1_500.0


def test_row_d4_after_14_s_of_slow_speech_the_partial_is_kept_and_marked() -> None:
    some = draft()
    some.field("first_name", "José", 0.0)
    for spoken_ms in range(0, 14_000, 1_000):
        some.heard(float(spoken_ms))
        assert some.take(float(spoken_ms)) is None
    ((at_ms, snapshot),) = takes(some, 14_000.0)
    assert at_ms == 14_000.0
    assert snapshot.state is State.INCOMPLETE
    assert snapshot.fields == {"first_name": "José"}


def test_rows_d4_x18_after_14_s_of_silence_the_partial_is_kept_and_marked() -> None:
    some = draft()
    some.field("first_name", "José", 0.0)
    first, second = takes(some, 60_000.0)
    assert (first[0], first[1].state) == (1_500.0, State.OPEN)
    assert (second[0], second[1].state) == (15_500.0 - 1_500.0, State.INCOMPLETE)
    assert second[1].fields == {"first_name": "José"}


def test_row_d7_a_committed_field_is_not_emptied_and_a_waiting_one_may_be_taken_back() -> None:
    some = draft()
    some.field("reason", "flu_shot", 0.0)
    some.take(1_500.0)
    some.field("reason", None, 2_000.0)
    some.field("first_name", "Ana", 2_000.0)
    some.field("first_name", None, 2_100.0)
    snapshot = some.take(3_600.0)
    assert snapshot is not None
    assert snapshot.fields == {"reason": "flu_shot"}


def test_a_confirmed_request_is_committed_at_once_and_complete() -> None:
    some = filled(0.0)
    assert some.complete(10.0) == ()
    snapshot = some.take(10.0)
    assert snapshot is not None
    assert (snapshot.state, snapshot.fields) == (State.COMPLETE, FULL)
    assert snapshot.tokens == {"phone": "2125550143"}
    some.end("goodbye", 20.0)
    last = some.take(20.0)
    assert last is not None
    assert (last.state, last.ended) == (State.COMPLETE, "goodbye")
    assert some.due_ms is None


def test_a_confirmation_taken_back_is_committed_at_once_and_may_come_again() -> None:
    some = filled(0.0)
    some.taken_back(5.0)  # nothing was confirmed yet
    assert some.state is State.OPEN
    some.complete(10.0)
    assert some.take(10.0) is not None
    some.taken_back(20.0)
    snapshot = some.take(20.0)
    assert snapshot is not None
    assert (snapshot.state, snapshot.fields) == (State.INCOMPLETE, FULL)
    some.end("hung_up", 30.0)
    last = some.take(30.0)
    assert last is not None
    assert last.state is State.INCOMPLETE
    again = filled(0.0)
    again.complete(10.0)
    again.taken_back(20.0)
    again.complete(30.0)
    assert again.state is State.COMPLETE


def test_rows_d12_x30_what_is_missing_is_named_and_the_request_is_kept_incomplete() -> None:
    some = draft()
    some.field("reason", "flu_shot", 0.0)
    assert some.complete(5.0) == ("first_name", "phone")
    some.end("lost", 6.0)
    snapshot = some.take(6.0)
    assert snapshot is not None
    assert (snapshot.state, snapshot.ended) == (State.INCOMPLETE, "lost")
    assert snapshot.fields == {"reason": "flu_shot"}


def test_row_d11_a_field_the_schema_does_not_store_never_enters_a_snapshot() -> None:
    some = filled(0.0)
    assert some.field("ssn4", "1234", 0.0)
    some.complete(0.0)
    snapshot = some.take(0.0)
    assert snapshot is not None
    assert "1234" not in {*snapshot.fields.values(), *snapshot.tokens.values()}


def test_rows_d9_p11_an_unknown_field_or_value_is_refused_and_counted() -> None:
    some = draft()
    assert not some.field("diagnosis", "flu", 0.0)
    assert not some.field("reason", "my leg hurts", 0.0)
    assert not some.field("Phone", "2125550143", 0.0)
    assert some.refused == 3
    assert some.due_ms is None


def test_a_call_without_a_word_leaves_nothing() -> None:
    some = draft()
    some.heard(0.0)
    some.end("hangup", 100.0)
    assert some.due_ms is None


def test_urgent_words_are_kept_at_once() -> None:
    some = draft()
    some.urgent("chest_pain", 5.0)
    snapshot = some.take(5.0)
    assert snapshot is not None
    assert snapshot.urgent == "chest_pain"


_STEPS = st.lists(
    st.tuples(
        st.sampled_from(["heard", "reason", "first_name", "phone", "none", "timer"]),
        st.floats(0.0, 20_000.0),
    ),
    max_size=30,
)


@given(_STEPS)
def test_row_d7_whatever_happens_a_later_commit_knows_all_an_earlier_one_knew(
    steps: list[tuple[str, float]],
) -> None:
    some, now_ms, known = draft(), 0.0, set[str]()
    state = State.OPEN
    revision = 0
    for step, after_ms in steps:
        for _, snapshot in takes(some, now_ms + after_ms):
            assert known <= set(snapshot.fields)
            assert snapshot.revision == revision + 1
            assert not (state is not State.OPEN and snapshot.state is State.OPEN)
            known, state, revision = set(snapshot.fields), snapshot.state, snapshot.revision
        now_ms += after_ms
        if step == "heard":
            some.heard(now_ms)
        elif step == "none":
            some.field("phone", None, now_ms)
        elif step != "timer":
            some.field(step, FULL[step], now_ms)
    waiting = some.due_ms
    assert waiting is None or waiting <= now_ms + 14_000.0


def test_a_number_to_call_back_is_a_whole_request_and_nothing_less_is() -> None:
    there = draft()
    there.call_back()
    assert there.complete(10.0) == ("phone",)
    assert there.field("phone", "2125550143", 20.0)
    assert there.complete(30.0) == ()
    assert there.state is State.COMPLETE
