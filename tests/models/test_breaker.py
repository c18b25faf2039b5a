"""A server that failed is left alone, tried alone, and used again only when the trial went well."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from models.breaker import Breaker, Circuit


def proven() -> Breaker:
    breaker = Breaker()
    assert breaker.probe_due(0.0)
    assert breaker.succeeded()
    return breaker


def test_nothing_is_believed_before_the_first_trial() -> None:
    breaker = Breaker()
    states = [breaker.state]
    assert breaker.due_ms == 0.0
    assert breaker.probe_due(0.0)
    states.append(breaker.state)
    assert not breaker.probe_due(0.0)
    assert states == [Circuit.OPEN, Circuit.HALF_OPEN]


def test_two_failures_in_a_row_open_it_and_a_success_between_does_not() -> None:
    breaker = proven()
    assert not breaker.failed(10.0)
    assert not breaker.succeeded()
    assert not breaker.failed(20.0)
    assert breaker.state is Circuit.CLOSED
    assert breaker.failed(30.0)
    assert (breaker.state, breaker.due_ms) == (Circuit.OPEN, 530.0)


def test_a_server_that_is_gone_is_left_at_once() -> None:
    breaker = proven()
    assert breaker.failed(10.0, gone=True)


def test_each_trial_that_fails_doubles_the_pause_up_to_the_longest() -> None:
    breaker, now_ms, pauses = proven(), 0.0, []
    breaker.failed(now_ms, gone=True)
    for _ in range(8):
        assert breaker.due_ms is not None
        pauses.append(breaker.due_ms - now_ms)
        now_ms = breaker.due_ms
        assert breaker.probe_due(now_ms)
        assert not breaker.failed(now_ms)
    assert pauses == [500, 1_000, 2_000, 4_000, 8_000, 15_000, 15_000, 15_000]
    assert breaker.probe_due(now_ms + 15_000)
    assert breaker.succeeded()
    breaker.failed(now_ms, gone=True)
    assert breaker.due_ms == now_ms + 500


def test_old_requests_that_end_badly_do_not_put_the_trial_off() -> None:
    breaker = proven()
    breaker.failed(0.0, gone=True)
    assert not breaker.failed(400.0, gone=True)
    assert breaker.due_ms == 500.0


@given(st.lists(st.tuples(st.sampled_from(["ok", "bad", "gone", "due"]), st.floats(0, 20_000))))
def test_at_most_one_trial_is_under_way_and_an_open_circuit_has_one_due(
    story: list[tuple[str, float]],
) -> None:
    breaker, now_ms = Breaker(), 0.0
    for what, later_ms in story:
        now_ms += later_ms
        before = breaker.state
        match what:
            case "ok":
                assert breaker.succeeded() == (before is not Circuit.CLOSED)
            case "due":
                told = breaker.probe_due(now_ms)
                assert not (told and before is not Circuit.OPEN)
            case _:
                breaker.failed(now_ms, gone=what == "gone")
        assert (breaker.due_ms is not None) == (breaker.state is Circuit.OPEN)
        assert breaker.due_ms is None or breaker.due_ms <= now_ms + 15_000
