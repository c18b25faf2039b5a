"""What is known of a carrier's calls, on a clock of our own."""

from __future__ import annotations

import pytest

from pipeline.supervisor import carrier_calls
from pipeline.supervisor.carrier_calls import CALL_KEPT_MS, CALLS_MAX, SEEN_MS, CarrierCalls
from pipeline.supervisor.tokens import TOKEN_LIFE_MS


def test_a_call_is_taken_once_whatever_became_of_it() -> None:
    calls = CarrierCalls()
    call = calls.first_seen("CA1", "signed 1", "+1", 0.0)
    assert call is not None
    calls.over(call)  # busy, or its caller hung up
    assert calls.first_seen("CA1", "signed 2", "+1", SEEN_MS - 1) is None
    assert calls.first_seen("CA2", "signed 1", "+1", 1.0) is None  # one form cut into another
    assert calls.first_seen("CA2", "signed 2", "+1", 2.0) is not None


def test_the_first_token_stays_good_when_its_webhook_comes_again() -> None:
    calls = CarrierCalls()
    call = calls.first_seen("CA1", "signed 1", "+1", 0.0)
    assert call is not None
    token = calls.token(call, 0.0)
    assert calls.first_seen("CA1", "signed 1", "+1", 1.0) is None
    assert calls.redeem(token, "CA1", 2.0) is call
    assert calls.redeem(token, "CA1", 2.0) is None


def test_a_token_is_good_for_its_own_call_and_for_a_minute() -> None:
    calls = CarrierCalls()
    first = calls.first_seen("CA1", "signed 1", "+1", 0.0)
    second = calls.first_seen("CA2", "signed 2", "+1", 0.0)
    assert first is not None
    assert second is not None
    assert calls.redeem(calls.token(first, 0.0), "CA2", 1.0) is None
    assert calls.redeem(calls.token(second, 0.0), "CA2", TOKEN_LIFE_MS) is None
    token = calls.token(second, 0.0)
    calls.over(second)
    assert calls.redeem(token, "CA2", 1.0) is None


def test_each_step_is_asked_about_once_and_voids_the_one_before() -> None:
    calls = CarrierCalls()
    call = calls.first_seen("CA1", "signed 1", "+1", 0.0)
    assert call is not None
    assert calls.at_step("CA1", "") is None
    first = calls.next_step(call)
    assert calls.at_step("CA2", first) is None
    assert calls.at_step("CA1", first) is call
    assert calls.at_step("CA1", first) is None
    second, third = calls.next_step(call), calls.next_step(call)
    assert calls.at_step("CA1", second) is None
    assert calls.at_step("CA1", third) is call


def test_memory_is_bounded_and_old_calls_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(carrier_calls, "SEEN_MAX", 20)
    calls = CarrierCalls()
    for number in range(CALLS_MAX + 5):
        assert calls.first_seen(f"CA{number}", f"signed {number}", "+1", 0.0) is not None
    assert len(calls) == CALLS_MAX
    assert len(calls._seen) <= 20
    assert calls.first_seen(f"CA{CALLS_MAX + 4}", "x", "+1", 0.0) is None
    assert calls.first_seen("CAnew", "new", "+1", CALL_KEPT_MS + 1) is not None
    assert len(calls) == 1
    assert calls.first_seen("CAlate", "late", "+1", SEEN_MS + CALL_KEPT_MS + 2) is not None
    assert len(calls._seen) == 2
