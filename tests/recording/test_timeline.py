"""Two channels in step: what was heard and sent, at its time; what was paused, absent."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pipeline.recording.timeline import Mark, Timeline

RATE_HZ = 8000
FRAME = 160


def frame(value: int) -> bytes:
    return np.full(FRAME, value, dtype="<i2").tobytes()


def channels(sound: bytes) -> tuple[list[int], list[int]]:
    both = np.frombuffer(sound, dtype="<i2").reshape(-1, 2)
    return both[:, 0].tolist(), both[:, 1].tolist()


def test_row_r4_the_caller_is_left_and_the_agent_right_each_at_its_time() -> None:
    line = Timeline(RATE_HZ, 5_000.0)
    line.add("agent", 5_000.0, frame(7))
    line.add("caller", 5_100.0, frame(3))
    sound, mark = line.finish(5_200.0)
    left, right = channels(sound)
    assert mark is None
    assert len(left) == RATE_HZ // 5
    assert right[:FRAME] == [7] * FRAME
    assert not any(right[FRAME:])
    assert left[800 : 800 + FRAME] == [3] * FRAME
    assert sum(map(bool, left)) == FRAME


def test_row_r3_a_paused_span_is_absent_and_its_place_and_length_are_marked() -> None:
    line = Timeline(RATE_HZ, 0.0)
    for at in range(0, 3000, 20):
        if at == 1000:
            line.pause(1000.0)
        if at == 2000:
            assert line.resume(2000.0) == Mark("paused", 8000, 8000)
        value = 99 if 1000 <= at < 2000 else 1
        line.add("caller", float(at), frame(value))
        line.add("agent", float(at), frame(value))
    sound, mark = line.finish(3000.0)
    left, right = channels(sound)
    assert mark is None
    assert left == right == [1] * 16000


def test_x25_a_call_that_ends_paused_ends_its_file_where_the_pause_began() -> None:
    line = Timeline(RATE_HZ, 0.0)
    line.add("caller", 0.0, frame(1))
    line.pause(20.0)
    line.add("caller", 20.0, frame(99))
    sound, mark = line.finish(9_000.0)
    assert channels(sound)[0] == [1] * FRAME
    assert mark == Mark("paused", FRAME)


def test_no_part_of_a_frame_in_a_pause_is_closed_up_to_the_sound_before_it() -> None:
    line = Timeline(RATE_HZ, 0.0)
    line.pause(1.0)
    line.add("caller", 1.0, frame(99))
    sound, mark = line.finish(100.0)
    assert channels(sound)[0] == [0] * 8
    assert mark == Mark("paused", 8)


def test_jitter_is_closed_up_and_a_burst_far_ahead_is_counted() -> None:
    line = Timeline(RATE_HZ, 0.0)
    for index, at in enumerate((0.0, 31.0, 38.0, 61.0)):
        line.add("caller", at, frame(index + 1))
    for _ in range(40):
        line.add("agent", 0.0, frame(1))
    sound, _ = line.finish(80.0)
    assert channels(sound)[0] == [value for value in (1, 2, 3, 4) for _ in range(FRAME)]
    assert line.frames_late > 20


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["caller", "agent", "pause", "resume", "take"]), st.integers(0, 400)
        ),
        max_size=80,
    )
)
def test_row_r3_whatever_the_order_nothing_of_a_pause_is_in_the_file(
    steps: list[tuple[str, int]],
) -> None:
    line = Timeline(RATE_HZ, 0.0)
    now_ms, paused, out, absent = 0.0, False, b"", 0
    for step, wait_ms in steps:
        now_ms += wait_ms
        if step == "pause":
            line.pause(now_ms)
            paused = True
        elif step == "resume":
            mark = line.resume(now_ms)
            absent += (mark.absent_samples or 0) if mark else 0
            paused = False
        elif step == "take":
            out += line.take(now_ms)
        else:
            side = "caller" if step == "caller" else "agent"
            line.add(side, now_ms, frame(99 if paused else 1))  # type: ignore[arg-type]  # narrowed by the table
    rest, mark = line.finish(now_ms)
    left, right = channels(out + rest)
    assert 99 not in {*left, *right}
    assert (mark is not None) == paused
    if not paused:
        assert abs(len(left) + absent - round(now_ms * 8)) <= FRAME
