"""The fair queue and its lateness: time is an argument, decodes take virtual time."""

from __future__ import annotations

import random

import pytest

from models.whisper.queue import FairQueue, Lateness, Urgency


def drain(queue: FairQueue) -> list[int]:
    order = []
    while (following := queue.take()) is not None:
        order.append(following[0])
    return order


def test_calls_at_their_endpoint_come_first_in_the_order_they_asked() -> None:
    queue = FairQueue()
    queue.ask(1, Urgency.PARTIAL, 0.0)
    queue.ask(2, Urgency.PAUSE, 1.0)
    queue.ask(3, Urgency.ENDPOINT, 3.0)
    queue.ask(4, Urgency.ENDPOINT, 2.0)
    assert drain(queue) == [4, 3, 2, 1]


def test_a_call_waits_once_and_keeps_its_place_however_often_it_asks() -> None:
    queue = FairQueue()
    queue.ask(1, Urgency.ENDPOINT, 0.0)
    queue.ask(2, Urgency.ENDPOINT, 1.0)
    for now_ms in range(2, 50):
        queue.ask(1, Urgency.ENDPOINT, float(now_ms))
        queue.ask(1, Urgency.PARTIAL, float(now_ms))
    assert len(queue) == 2
    assert drain(queue) == [1, 2]


def test_a_partial_that_reaches_its_endpoint_moves_up() -> None:
    queue = FairQueue()
    queue.ask(1, Urgency.PARTIAL, 0.0)
    queue.ask(2, Urgency.PARTIAL, 0.0)
    queue.ask(2, Urgency.ENDPOINT, 5.0)
    assert queue.longest_wait_ms(9.0) == 4.0
    assert queue.take() == (2, Urgency.ENDPOINT, 5.0)


def test_a_withdrawn_call_is_not_decoded() -> None:
    queue = FairQueue()
    queue.ask(1, Urgency.ENDPOINT, 0.0)
    queue.withdraw(1)
    queue.forget(1)
    assert queue.take() is None
    assert queue.longest_wait_ms(100.0) == 0.0


def test_a_call_that_is_being_decoded_waits_for_that() -> None:
    queue = FairQueue()
    queue.ask(1, Urgency.ENDPOINT, 0.0)
    assert queue.take(frozenset({1})) is None
    assert queue.take() is not None


def test_a_wait_behind_a_calls_own_decode_is_not_for_others_and_keeps_its_place() -> None:
    queue = FairQueue()
    queue.ask(1, Urgency.ENDPOINT, 0.0)
    queue.ask(2, Urgency.ENDPOINT, 100.0)
    assert queue.longest_wait_ms(600.0, frozenset({1})) == 500.0
    queue.freed(1, 600.0)
    queue.freed(3, 600.0)
    assert queue.longest_wait_ms(650.0) == 550.0
    assert queue.take() == (1, Urgency.ENDPOINT, 600.0)
    assert queue.take() == (2, Urgency.ENDPOINT, 100.0)


def test_sixteen_talking_calls_are_served_in_turn() -> None:
    """All want more than the model can give: nobody gets more than one decode more than another."""
    queue, served = FairQueue(), dict.fromkeys(range(16), 0)
    draw = random.Random(1)
    for now_ms in range(0, 16_000, 50):
        calls = list(served)
        draw.shuffle(calls)
        for call in calls:
            queue.ask(call, Urgency.PARTIAL, float(now_ms))
        following = queue.take()
        assert following is not None
        served[following[0]] += 1
    assert max(served.values()) - min(served.values()) <= 1


def test_sixteen_calls_at_their_endpoint_wait_no_longer_than_sixteen_decodes() -> None:
    decode_ms, now_ms = 50.0, 0.0
    queue = FairQueue()
    for call in range(16):
        queue.ask(call, Urgency.PARTIAL, 0.0)
    queue.take()  # one partial runs while all of them reach their endpoint
    for call in range(16):
        queue.ask(call, Urgency.ENDPOINT, 1.0)
    waits = []
    while queue:
        now_ms += decode_ms
        following = queue.take()
        assert following is not None
        waits.append(now_ms - 1.0)
    assert max(waits) <= 16 * decode_ms
    assert len(waits) == 16


@pytest.mark.parametrize("other_ends_too", [False, True])
def test_two_calls_delay_each_other_by_one_window_at_most(other_ends_too: bool) -> None:
    """An endpoint waits for the decode that runs; for one more only if the other call's endpoint came before it."""
    window_ms, draw = 100.0, random.Random(7)
    others = [Urgency.PARTIAL, Urgency.PAUSE, *([Urgency.ENDPOINT] if other_ends_too else [])]
    waits = list[float]()
    for _ in range(200):
        queue = FairQueue()
        asks = [(0.0, 2, draw.choice(others)), (draw.uniform(1.0, 900.0), 1, Urgency.ENDPOINT)]
        asks += [(draw.uniform(0.0, 1_000.0), 2, draw.choice(others)) for _ in range(30)]
        waits.append(_wait_of_call_1(queue, sorted(asks), window_ms))
    assert max(waits) > 0.8 * window_ms, (
        "the other call never stood in the way: the draw shows nothing"
    )
    assert max(waits) <= window_ms * (2 if other_ends_too else 1)


def _wait_of_call_1(
    queue: FairQueue, asks: list[tuple[float, int, Urgency]], window_ms: float
) -> float:
    """One decoder, a window for each decode: how long call 1 waited until its own began."""
    now_ms = 0.0
    while True:
        while asks and asks[0][0] <= now_ms:
            at_ms, call, urgency = asks.pop(0)
            queue.ask(call, urgency, at_ms)
        taken = queue.take()
        if taken is None:
            now_ms = asks[0][0]
        elif taken[0] == 1:
            return now_ms - taken[2]
        else:
            now_ms += window_ms


def lateness() -> Lateness:
    return Lateness(late_ms=500.0, relieved_ms=200.0, late_for_ms=10_000.0)


def test_short_waits_are_not_late() -> None:
    judge = lateness()
    for now_ms in range(0, 5_000, 100):
        judge.waited(199.0, float(now_ms))
    assert not judge.late(0.0, 5_000.0)
    assert judge.slowest_ms(5_000.0) == 199.0


def test_one_long_wait_makes_it_late_and_ten_good_seconds_relieve_it() -> None:
    judge = lateness()
    judge.waited(600.0, 0.0)
    assert judge.late(0.0, 1.0)
    assert judge.late(0.0, 9_999.0)
    assert not judge.late(0.0, 10_000.0)


def test_a_middling_wait_keeps_it_late_but_does_not_make_it_so() -> None:
    judge = lateness()
    judge.waited(300.0, 0.0)
    assert not judge.late(0.0, 1.0)
    judge.waited(500.0, 10.0)
    judge.waited(300.0, 8_000.0)
    assert judge.late(0.0, 12_000.0)
    assert not judge.late(0.0, 18_000.0)


def test_an_endpoint_that_still_waits_counts_too() -> None:
    judge = lateness()
    assert judge.late(501.0, 501.0)
    assert judge.late(0.0, 502.0)
