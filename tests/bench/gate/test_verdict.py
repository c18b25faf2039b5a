from __future__ import annotations

import random
from collections.abc import Callable, Sequence

import pytest

from bench.errors import BudgetInvalid
from bench.figures import Interval
from bench.gate import budget as budgets
from bench.gate.budget import Budget, Line
from bench.gate.verdict import MET, MISSED, NOT_JUDGED, as_text, judge
from bench.reports.result import OURS, Result, Row, RunFacts, Spread, Turn

WIRE = Line("wire.fastest", "ratio", 0.8, "the turn", "the report", "p50", noise=0.1)
STALE = Line("stale", "count", 0, "the fence", "playout", "worst", agree=1, when_late=True)
CPU = Line("cpu", "ratio", 0.42, "the processor", "a profiler", "p50", noise=0.1, when_late=True)
BUDGET = Budget((WIRE, STALE, CPU), {})
PUNCTUAL = {"late_p99_ms": 1.0, "limit_ms": 5.0}
LATE = {"late_p99_ms": 9.0, "limit_ms": 5.0}


def figure(value: float) -> Spread:
    return Spread(30, Interval(value, value, value), None, None, value)


def run(wire: float = 0.7, *, stale: int = 0, cpu: float = 0.3, late: bool = False, lost: bool = False) -> Result:  # fmt: skip
    """A run with these ratios to a control of 100."""
    rows = (
        Row("wire.fastest", "", "ms", figure(100 * wire), control=figure(100)),
        Row("stale", "", "frames", Spread(12, worst=float(stale))),
        Row("cpu", "", "s", figure(cpu), control=figure(1.0)),
    )
    notes = ("calls were lost; call 2: gone",) if lost else ()
    facts = RunFacts("turns", valid=not (late or lost), generator=LATE if late else PUNCTUAL, notes=notes)  # fmt: skip
    return Result(facts, rows)


def gate(measure: Callable[[], Result], budget: Budget = BUDGET, most: int = 3) -> tuple[int, int]:
    """The status of a whole gate, and how many runs it took."""
    runs: list[Result] = []
    while True:
        runs.append(measure())
        outcome = judge(budget, runs, most)
        if not outcome.again:
            return outcome.status, len(runs)


def told(*runs: Result) -> dict[str, str]:
    return {each.line.id: each.verdict for each in judge(BUDGET, runs, 3).judged}


def test_a_run_within_every_limit_is_enough() -> None:
    assert gate(run) == (MET, 1)


def test_a_slow_turn_is_asked_three_times_and_then_missed() -> None:
    assert told(run(0.95))["wire.fastest"] == "again"
    assert told(run(0.95), run(0.95))["wire.fastest"] == "again"
    assert gate(lambda: run(0.95)) == (MISSED, 3)


def test_one_good_run_clears_a_row_that_a_busy_moment_had_accused() -> None:
    assert told(run(1.9), run(0.79))["wire.fastest"] == "met"


def test_within_the_noise_is_no_miss_but_is_said() -> None:
    runs = [run(0.85), run(0.86), run(0.84)]
    outcome = judge(BUDGET, runs, 3)
    assert outcome.status == MET
    assert "beyond its limit, within its noise" in as_text(outcome, runs[-1])


def test_a_stale_frame_is_missed_at_once() -> None:
    assert gate(lambda: run(stale=1)) == (MISSED, 1)


def test_a_late_caller_excuses_times_but_no_stale_frame_and_no_processor() -> None:
    assert told(run(3.0, late=True))["wire.fastest"] == "again"
    assert gate(lambda: run(3.0, late=True)) == (NOT_JUDGED, 4)
    assert gate(lambda: run(3.0, stale=2, late=True)) == (MISSED, 1)
    assert gate(lambda: run(3.0, cpu=0.8, late=True)) == (MISSED, 3)


def test_late_callers_confirm_what_a_run_that_counts_has_shown_and_nothing_else() -> None:
    slow, late = run(0.95), run(0.95, late=True)
    outcome = judge(BUDGET, [slow, late, late, late], 3)
    assert outcome.status == MISSED
    assert "runs of late callers confirm it" in as_text(outcome, None)
    assert judge(BUDGET, [slow, late, late, run(0.7, late=True)], 3).status == NOT_JUDGED
    assert judge(BUDGET, [late] * 4, 3).status == NOT_JUDGED


def test_lost_calls_are_no_busy_machine() -> None:
    runs = [run(lost=True), run(lost=True)]
    outcome = judge(BUDGET, runs, 3)
    assert outcome.status == MISSED
    assert "call 2: gone" in as_text(outcome, None)
    assert told(run(lost=True), run()) == dict.fromkeys(("calls", "wire.fastest", "stale", "cpu"), "met")  # fmt: skip


def test_a_row_without_its_control_is_never_met() -> None:
    bare = Row("wire.fastest", "", "ms", figure(10))
    alone = Result(run().run, (bare, *run().rows[1:]))
    outcome = judge(BUDGET, [alone, alone, alone], 3)
    assert outcome.status == NOT_JUDGED
    assert "not comparable" in as_text(outcome, alone)


def test_a_row_that_nobody_measures_is_a_fault_of_the_budget() -> None:
    unknown = Budget((Line("wire.fastets", "ratio", 1, "a", "b"),), {})
    with pytest.raises(BudgetInvalid, match=r"wire\.fastets"):
        judge(unknown, [run()], 1)


def test_a_miss_names_row_stage_measured_limit_and_where_to_look() -> None:
    marks = {"pause_seen": 118.0, "decision": 200.0, "first_byte_out": 232.0, "first_content": 250.0}  # fmt: skip
    slow = run(0.95)
    shown = Result(slow.run, slow.rows, (Turn(OURS, "speech", answered=True, marks_ms=marks),))
    text = as_text(judge(BUDGET, [slow] * 3, 3), shown)
    for part in ("MISSED     wire.fastest", "0.95, 0.95, 0.95", "at most 0.8", "stage: the turn", "look at: the report", "took 32 ms"):  # fmt: skip
        assert part in text


def healthy(chance: random.Random) -> Result:
    """A busy machine: a usual spread of 6 %, and every tenth run disturbed by up to three times that of a slow server."""
    disturbed = chance.uniform(1.0, 2.0) if chance.random() < 0.1 else 1.0
    return run(
        0.7 * chance.lognormvariate(0, 0.06) * disturbed,
        cpu=0.3 * chance.lognormvariate(0, 0.1) * disturbed,
        late=chance.random() < 0.1,
    )


def share(measure: Callable[[random.Random], Result], gates: int) -> float:
    chance = random.Random(11)
    return sum(gate(lambda: measure(chance))[0] == MISSED for _ in range(gates)) / gates


def test_a_thousand_gates_of_a_healthy_server_on_a_busy_machine_raise_two_alarms_at_most() -> None:
    """Twenty in a row without one is then certain to 96 %."""
    assert share(healthy, 1_000) <= 0.002


@pytest.mark.parametrize(
    ("times", "stale", "cpu"),
    [(1.43, 0, 1.0), (1.0, 1, 1.0), (1.0, 0, 2.0)],
    ids=["thirty milliseconds more", "a stale frame", "twice the processor"],
)
def test_what_is_really_worse_is_found_on_the_same_machine(
    times: float, stale: int, cpu: float
) -> None:
    def worse(chance: random.Random) -> Result:
        usual = healthy(chance)
        figures = [row.spread.p50.value if row.spread.p50 else 0.0 for row in usual.rows]
        late = not usual.run.valid
        return run(figures[0] / 100 * times, stale=stale, cpu=figures[2] * cpu, late=late)

    assert share(worse, 300) >= 0.97


def test_every_line_of_the_shipped_budget_can_be_met_and_missed() -> None:
    shipped = budgets.shipped()

    def all_at(factor: float) -> Sequence[Result]:
        rows = []
        for line in shipped.lines:
            value = line.edge * factor + (1 if line.of == "count" and factor > 1 else 0)
            ratio = Row(line.id, "", "ms", everywhere(value), control=everywhere(1.0))  # fmt: skip
            count = Row(line.id, "", "frames", Spread(9, worst=value))
            rows.append(ratio if line.of == "ratio" else count)
        return [Result(RunFacts("turns", valid=True, generator=PUNCTUAL), tuple(rows))] * 3

    assert judge(shipped, all_at(0.0), 3).status == MET
    missed = judge(shipped, all_at(1.5), 3).missed
    assert [each.line.id for each in missed] == [line.id for line in shipped.lines]


def everywhere(value: float) -> Spread:
    one = Interval(value, value, value)
    return Spread(9, one, one, one, value)
