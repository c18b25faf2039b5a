"""Keys of one entry: complete when all are there or `#` says so, forgotten when they come too slowly."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pipeline.call.key_entry import KeyEntry, KeyLimits

LIMITS = KeyLimits(digits=8, between_ms=15_000, total_ms=45_000)


def test_the_last_digit_completes_it() -> None:
    entry = KeyEntry(LIMITS)
    assert [entry.press(key, 100.0 * n) for n, key in enumerate("07191953")] == [False] * 7 + [True]
    assert entry.take().digits == "07191953"
    assert entry.take().digits == ""


def test_a_hash_ends_it_early_and_alone_ends_nothing() -> None:
    entry = KeyEntry(LIMITS)
    assert not entry.press("#", 0)
    entry.press("7", 100)
    assert entry.press("#", 200)
    assert entry.take().digits == "7"


def test_a_star_begins_again() -> None:
    entry = KeyEntry(LIMITS)
    for key in "12*":
        entry.press(key, 0)
    assert entry.due_ms is None
    entry.press("7", 10)
    entry.press("#", 20)
    assert entry.take().digits == "7"


def test_no_time_runs_before_the_first_key() -> None:
    assert KeyEntry(LIMITS).due_ms is None


def test_a_key_fifteen_seconds_late_finds_a_new_entry() -> None:
    entry = KeyEntry(LIMITS)
    entry.press("1", 0)
    assert entry.due_ms == 15_000
    assert not entry.expired(14_999)
    assert entry.expired(15_000)
    entry.press("2", 15_000)
    entry.press("#", 15_100)
    assert entry.take().digits == "2"


def test_the_whole_entry_has_a_limit_of_its_own() -> None:
    entry = KeyEntry(LIMITS)
    for n in range(4):
        entry.press("1", n * 14_000.0)  # the fifth key would still be in time by itself
    assert entry.due_ms == 45_000


@given(st.lists(st.tuples(st.sampled_from("0123456789*#"), st.floats(0, 20_000)), max_size=40))
def test_it_never_holds_more_than_was_asked_for(presses: list[tuple[str, float]]) -> None:
    entry, now_ms = KeyEntry(LIMITS), 0.0
    for key, later_ms in presses:
        now_ms += later_ms
        if entry.press(key, now_ms):
            taken = entry.take().digits
            assert 0 < len(taken) <= LIMITS.digits
            assert taken.isdigit()
