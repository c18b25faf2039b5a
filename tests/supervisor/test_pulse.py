"""When a process below counts as silent, and when as hung."""

from __future__ import annotations

from pipeline.supervisor.pulse import HUNG_LOOKS, LATE_MS, SILENT_LOOKS, Pulse

HOUR_MS = 3_600_000.0


def looked(pulse: Pulse, times: int, *, heard: int = 1, late_ms: float = 0.0) -> tuple[bool, bool]:
    for _ in range(times):
        pulse.look(heard, late_ms)
    return pulse.silent, pulse.hung


def test_who_answers_nothing_is_silent_first_and_hung_much_later() -> None:
    pulse = Pulse()
    assert looked(pulse, 1) == (False, False)  # it was not asked before
    assert looked(pulse, SILENT_LOOKS - 1) == (False, False)
    assert looked(pulse, 1) == (True, False)
    assert looked(pulse, HUNG_LOOKS - SILENT_LOOKS - 1) == (True, False)
    assert looked(pulse, 1) == (True, True)


def test_a_loaded_process_that_says_anything_now_and_then_is_never_hung() -> None:
    pulse = Pulse()
    for heard in range(0, 100, 2):
        assert looked(pulse, HUNG_LOOKS, heard=heard) == (True, False)
        pulse.look(heard + 1, 0.0)
        assert not pulse.silent


def test_a_machine_that_was_stopped_is_nobodys_silence() -> None:
    pulse = Pulse()
    looked(pulse, SILENT_LOOKS)
    assert looked(pulse, 10 * HUNG_LOOKS, late_ms=HOUR_MS) == (False, False)
    assert looked(pulse, 10 * HUNG_LOOKS, late_ms=LATE_MS + 1) == (False, False)


def test_a_process_that_hangs_through_a_late_look_is_found_all_the_same() -> None:
    pulse = Pulse()
    looked(pulse, SILENT_LOOKS)
    looked(pulse, 1, late_ms=HOUR_MS)
    assert looked(pulse, 1) == (True, False)
