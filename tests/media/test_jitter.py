from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.media.jitter import MAX_WAIT_MS, STALL_WAIT_MS, Counts, Hole, JitterBuffer, Media

CLOCK_HZ = 48_000
FRAME = 960


class Feed:
    """Runs a buffer over (arrival, packet number) pairs and keeps (time, item)."""

    def __init__(self, first_timestamp: int = 0, first_sequence: int = 0, ppm: float = 0.0) -> None:
        self.buffer = JitterBuffer(CLOCK_HZ)
        self.out: list[tuple[float, Media | Hole]] = []
        self._timestamp = first_timestamp
        self._sequence = first_sequence

    def wait_until(self, at_ms: float) -> None:
        while True:
            due = self.buffer.due_ms()
            if due is None or due > at_ms:
                return
            self.out += [(due, item) for item in self.buffer.take(due)]

    def arrive(self, at_ms: float, number: int, *, ssrc: int = 1, offset: int = 0) -> None:
        self.wait_until(at_ms)
        self.buffer.add(
            ssrc=ssrc,
            sequence=(self._sequence + number) & 0xFFFF,
            timestamp=(self._timestamp + number * FRAME + offset) & 0xFFFFFFFF,
            samples=FRAME,
            payload=number.to_bytes(4, "big"),
            arrival_ms=at_ms,
        )
        self.out += [(at_ms, item) for item in self.buffer.take(at_ms)]

    def numbers(self) -> list[int | None]:
        return [
            int.from_bytes(item.payload, "big") if isinstance(item, Media) else None
            for _, item in self.out
        ]


def steady(count: int, *, without: Iterable[int] = ()) -> list[tuple[float, int]]:
    missing = set(without)
    return [(1000.0 + 20.0 * n, n) for n in range(count) if n not in missing]


def test_ordered_packets_pass_without_any_delay() -> None:
    feed = Feed()
    for at, number in steady(100):
        feed.arrive(at, number)
    assert feed.numbers() == list(range(100))
    assert [at for at, _ in feed.out] == [at for at, _ in steady(100)]


def test_two_swapped_packets_leave_in_order() -> None:
    feed = Feed()
    for at, number in [(0.0, 0), (40.0, 2), (45.0, 1), (60.0, 3)]:
        feed.arrive(at, number)
    assert feed.numbers() == [0, 1, 2, 3]


def test_a_hole_is_waited_for_and_then_concealed() -> None:
    feed = Feed()
    for at, number in steady(50, without=[20]):
        feed.arrive(at, number)
    assert feed.numbers() == [*range(20), None, *range(21, 50)]
    expected_ms = 1000.0 + 20.0 * 20
    hole_at = next(at for at, item in feed.out if isinstance(item, Hole))
    assert 20.0 < hole_at - expected_ms <= MAX_WAIT_MS


def test_delay_is_back_to_nothing_right_after_a_loss() -> None:
    feed = Feed()
    for at, number in steady(100, without=[20, 50]):
        feed.arrive(at, number)
    assert feed.out[-1][0] == 1000.0 + 20.0 * 99
    assert sum(at > 1000.0 + 20.0 * n for n, (at, _) in enumerate(feed.out)) <= 8


def test_duplicates_and_late_packets_are_dropped_and_counted() -> None:
    feed = Feed()
    for at, number in [*steady(10), (1185.0, 9), (1190.0, 3)]:
        feed.arrive(at, number)
    assert feed.numbers() == list(range(10))
    assert feed.buffer.counts.late == 2


@pytest.mark.parametrize("first", [0, 2**32 - 5 * FRAME, 2**31 - FRAME])
def test_counters_may_wrap(first: int) -> None:
    feed = Feed(first_timestamp=first, first_sequence=65_530)
    for at, number in steady(30, without=[7]):
        feed.arrive(at, number)
    assert feed.numbers() == [*range(7), None, *range(8, 30)]


def test_a_stall_shorter_than_its_limit_loses_nothing() -> None:
    feed = Feed()
    for at, number in steady(10):
        feed.arrive(at, number)
    for number in range(10, 16):
        feed.arrive(1000.0 + 20 * 10 + STALL_WAIT_MS - 1, number)
    assert feed.numbers() == list(range(16))


def test_silence_of_the_sender_still_counts_time() -> None:
    feed = Feed()
    for at, number in steady(10):
        feed.arrive(at, number)
    feed.wait_until(6000.0)
    holes = [item for _, item in feed.out if isinstance(item, Hole)]
    assert len(holes) == pytest.approx((6000.0 - 1200.0 - STALL_WAIT_MS) / 20.0, abs=1)


def longer_way(by_ms: float, back_after: int = 400) -> list[tuple[float, int]]:
    """Packets that need so much longer from the fiftieth on, until this one; none overtakes another."""
    packets, last_ms = list[tuple[float, int]](), 0.0
    for at, number in steady(400):
        last_ms = max(last_ms, at + (by_ms if 50 <= number < back_after else 0.0))
        packets.append((last_ms, number))
    return packets


@pytest.mark.parametrize("keeps_time", [False, True])
@pytest.mark.parametrize("by_ms", [150.0, 300.0, 600.0, 900.0])
def test_a_caller_whose_way_becomes_longer_is_heard_again_within_a_third_of_a_second(
    by_ms: float, keeps_time: bool
) -> None:
    """Symptom: a caller whose network had filled up, or who had left the Wi-Fi, was not heard for minutes."""
    feed = Feed()
    feed.buffer = JitterBuffer(CLOCK_HZ, keeps_time=keeps_time)
    packets = longer_way(by_ms)
    for at, number in packets:
        feed.arrive(at, number)
    heard = [number for number in feed.numbers() if number is not None]
    assert heard == [*range(50), *range(heard[50], 400)]
    assert (heard[50] - 50) * 20.0 <= 320.0
    assert feed.buffer.counts.restarts == 1
    passed_ms = packets[-1][0] - packets[0][0]
    assert len(feed.out) * 20.0 == pytest.approx(passed_ms, abs=40.0)  # time is counted once
    assert [at for at, _ in feed.out[-300:]] == [
        at for at, _ in packets[-300:]
    ]  # and nothing waits


def test_a_way_that_becomes_shorter_again_loses_nothing() -> None:
    feed = Feed()
    for at, number in longer_way(300.0, back_after=200):
        feed.arrive(at, number)
    assert feed.numbers()[-330:] == list(range(70, 400))
    assert feed.buffer.counts.restarts == 1


def test_what_one_stall_held_up_is_no_longer_way() -> None:
    feed = Feed()
    feed.buffer = JitterBuffer(CLOCK_HZ, keeps_time=True)
    for at, number in steady(200):
        held = at if not 50 <= number < 100 else max(at, 1000.0 + 20.0 * 100)
        feed.arrive(held, number)
    assert feed.buffer.counts.restarts == 0
    heard = [number for number in feed.numbers() if number is not None]
    assert heard[:50] == list(range(50))
    assert heard[-100:] == list(range(100, 200))
    assert len(feed.out) == 200


def test_a_packet_that_came_through_in_mid_stall_makes_it_no_longer_way() -> None:
    feed = Feed()
    for at, number in steady(200):
        held = at if not 50 <= number < 80 else max(at, 1000.0 + 20.0 * 80)
        feed.arrive(held if number not in (50, 51) else 2170.0, number)
    assert feed.buffer.counts.restarts == 0
    assert len(feed.out) == 200  # time is counted once


def test_dtx_gap_is_silence_and_not_loss() -> None:
    feed = Feed()
    for at, number in steady(10):
        feed.arrive(at, number)
    feed.arrive(1000.0 + 20 * 10, 10, offset=4 * FRAME)
    holes = [item for _, item in feed.out if isinstance(item, Hole)]
    assert [hole.lost for hole in holes] == [False] * 4
    assert feed.numbers()[-1] == 10


@pytest.mark.parametrize("offset", [10 * CLOCK_HZ, -10 * CLOCK_HZ, 2**31 - 1])
def test_huge_jumps_start_a_new_timeline(offset: int) -> None:
    feed = Feed()
    for at, number in steady(10):
        feed.arrive(at, number)
    for at, number in steady(20)[10:]:
        feed.arrive(at, number, offset=offset)
    assert feed.numbers() == list(range(20))
    assert feed.buffer.counts.restarts == 1


def test_new_ssrc_starts_a_new_timeline() -> None:
    feed = Feed()
    for at, number in steady(10):
        feed.arrive(at, number)
    for at, number in steady(20)[10:]:
        feed.arrive(at, number, ssrc=2, offset=123_456_789)
    assert feed.numbers() == list(range(20))


@pytest.mark.parametrize("ppm", [-200.0, 200.0])
def test_ten_minutes_of_skew_add_neither_delay_nor_holes(ppm: float) -> None:
    feed = Feed()
    jitter = np.random.default_rng(3).exponential(3.0, 30_000)
    for number in range(30_000):
        feed.arrive(20.0 * number * (1 + ppm * 1e-6) + float(jitter[number]), number)
    assert feed.numbers() == list(range(30_000))
    assert feed.buffer.wait_ms <= MAX_WAIT_MS
    due = feed.buffer.due_ms()
    assert due is not None
    last_ms = 20.0 * 30_000 * (1 + ppm * 1e-6)
    assert 0.0 <= due - last_ms <= STALL_WAIT_MS + 20.0


def test_wait_grows_with_the_lateness_it_sees_and_shrinks_again() -> None:
    feed = Feed()
    for number in range(100):
        feed.arrive(20.0 * number + (45.0 if number % 10 == 5 else 0.0), number)
    assert 50.0 < feed.buffer.wait_ms <= MAX_WAIT_MS
    for number in range(100, 1600):
        feed.arrive(20.0 * number, number)
    assert feed.buffer.wait_ms == pytest.approx(40.0)


def phone(max_wait_ms: float = 120.0) -> JitterBuffer:
    return JitterBuffer(8_000, max_wait_ms)


def put(
    buffer: JitterBuffer,
    number: int,
    at_ms: float,
    *,
    ssrc: int = 1,
    timestamp: int | None = None,
    pauses: bool = False,
) -> list[Media | Hole]:
    buffer.add(
        ssrc=ssrc,
        sequence=number,
        timestamp=number * 160 if timestamp is None else timestamp,
        samples=160,
        payload=b"x",
        arrival_ms=at_ms,
        payload_type=8,
        pauses=pauses,
    )
    return buffer.take(at_ms)


def test_a_packet_keeps_its_payload_type() -> None:
    assert put(phone(), 0, 0.0) == [Media(b"x", 160, 8)]


def test_an_announced_pause_is_silence_without_the_long_wait() -> None:
    buffer = phone()
    put(buffer, 0, 0.0)
    put(buffer, 1, 20.0, pauses=True)
    due = buffer.due_ms()
    assert due == pytest.approx(40.0 + 40.0)
    assert buffer.take(300.0) == [Hole(160, lost=False)] * 12
    assert put(buffer, 2, 600.0, timestamp=30 * 160)[-1] == Media(b"x", 160, 8)
    assert buffer.counts.concealed == 0


def test_a_pause_nobody_announced_is_told_from_a_loss_by_the_next_packet() -> None:
    buffer = phone()
    put(buffer, 0, 0.0)
    waited = buffer.take(300.0)
    assert waited == [Hole(160, lost=True)] * 9
    assert buffer.counts.concealed == 9
    put(buffer, 1, 600.0, timestamp=30 * 160)
    assert buffer.counts.concealed == 0
    buffer.take(900.0)
    put(buffer, 3, 1_200.0, timestamp=60 * 160)
    assert buffer.counts.concealed >= 9, "packet 2 is missing"


def test_time_told_by_a_packet_without_sound_is_filled_once() -> None:
    buffer = phone()
    put(buffer, 0, 0.0)
    for number, duration in ((1, 160), (2, 320), (3, 480), (4, 480), (5, 480)):
        at_ms = 20.0 * number
        buffer.fill(
            ssrc=1,
            sequence=number,
            begin=160,
            end=160 + duration,
            arrival_ms=at_ms,
            payload_type=101,
        )
        expected = [Media(b"", 160, 101)] if number <= 3 else []
        assert buffer.take(at_ms) == expected
    assert put(buffer, 6, 120.0, timestamp=6 * 160) == [Hole(160, lost=False)] * 2 + [
        Media(b"x", 160, 8)
    ]
    assert buffer.counts == Counts(received=2)


def test_a_wild_duration_fills_nothing() -> None:
    buffer = phone()
    put(buffer, 0, 0.0)
    buffer.fill(ssrc=1, sequence=1, begin=160, end=60_000, arrival_ms=20.0, payload_type=101)
    buffer.fill(ssrc=2, sequence=1, begin=160, end=320, arrival_ms=20.0, payload_type=101)
    assert buffer.take(20.0) == []


def test_a_new_stream_after_a_gap_does_not_lose_the_time_between() -> None:
    buffer = phone()
    put(buffer, 0, 0.0)
    assert put(buffer, 0, 110.0, ssrc=2) == [Hole(160, lost=False)] * 4 + [Media(b"x", 160, 8)]


def test_who_asks_for_more_patience_gets_it_only_where_packets_are_late() -> None:
    buffer = phone()
    for number in range(100):
        put(buffer, number, 20.0 * number)
    assert buffer.wait_ms == 40.0
    for number in range(100, 200):
        put(buffer, number, 20.0 * number + (95.0 if number % 5 == 0 else 0.0))
    assert buffer.wait_ms == pytest.approx(105.0, abs=2.0)


PACKETS = st.lists(
    st.tuples(
        st.floats(0.0, 3_000.0),
        st.integers(0, 2**16 - 1),
        st.integers(0, 2**32 - 1) | st.integers(0, 50).map(lambda n: n * FRAME),
        st.integers(-5, 5_760),
        st.integers(1, 2),
    ),
    max_size=60,
)


@given(packets=PACKETS)
@settings(max_examples=200, deadline=None)
def test_no_stream_of_packets_breaks_it(packets: list[tuple[float, int, int, int, int]]) -> None:
    buffer = JitterBuffer(CLOCK_HZ)
    now_ms = 0.0
    emitted = 0
    for at_ms, sequence, timestamp, samples, ssrc in sorted(packets):
        now_ms = at_ms
        buffer.add(
            ssrc=ssrc,
            sequence=sequence,
            timestamp=timestamp,
            samples=samples,
            payload=b"",
            arrival_ms=at_ms,
        )
        for item in buffer.take(now_ms):
            assert item.samples > 0
            emitted += item.samples
    assert emitted <= (now_ms + 1_000.0) * 48 * max(1, len(packets))
