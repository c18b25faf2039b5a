from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.reports.result import Result, RunFacts, Turn, read
from bench.reports.stages import STAGES, median_wait, unanswered, worst_wait
from tests.bench.reports.made import MIDDLE_MS, SHAPES, text, turns_file

MARKS = [stage.mark for stage in STAGES] + ["eager_text", "first_sound", "speech_end"]


def result(*turns: Turn) -> Result:
    return Result(RunFacts("turns", valid=True), turns=turns)


def turn(wait_ms: float, **marks: float) -> Turn:
    return Turn("ours", "speech", answered=True, marks_ms={**marks, "first_content": wait_ms})


def test_the_median_turn_has_the_lengths_that_were_drawn() -> None:
    wait = median_wait(read("", text(turns_file(3, turns=2_000, worlds=("ours",)))), "ours")
    assert wait is not None
    assert [each.stage.mark for each in wait.stretches] == list(MIDDLE_MS["ours"])
    for each in wait.stretches:
        assert each.length_ms == pytest.approx(MIDDLE_MS["ours"][each.stage.mark], rel=0.1, abs=0.3)


def test_what_was_over_before_the_decision_cost_nothing() -> None:
    eager = turn(
        230, pause_seen=118, decision=200, final_text=130, first_token=131, first_byte_out=205
    )
    wait = median_wait(result(eager), "ours")
    assert wait is not None
    lengths = {each.stage.mark: each.length_ms for each in wait.stretches}
    assert lengths["final_text"] == lengths["first_token"] == 0.0
    assert lengths["first_byte_out"] == 5.0
    assert wait.of("silence") == 200.0


def test_marks_that_some_turns_lack_are_told_as_one_part() -> None:
    full = dict.fromkeys((stage.mark for stage in STAGES[:-1]), 100.0)
    some = {mark: at for mark, at in full.items() if mark != "first_token"}
    wait = median_wait(result(turn(200, **full), turn(200, **some)), "ours")
    assert wait is not None
    joined = next(each for each in wait.stretches if each.stage.mark == "first_clause")
    assert joined.name == "answer begun and first clause complete"
    assert joined.stage.kind == "model"


def test_a_bot_without_marks_has_one_part_that_says_so() -> None:
    wait = median_wait(result(turn(500)), "ours")
    assert wait is not None
    assert [(each.name, each.length_ms) for each in wait.stretches] == [("not split", 500.0)]


def test_the_worst_turn_is_the_last_answer_and_no_cough() -> None:
    cough = Turn("ours", "cough", answered=True, marks_ms={"first_content": 9_000.0})
    found = worst_wait(result(turn(200), turn(800, decision=700), turn(300), cough), "ours")
    assert found is not None
    assert found[1].wait_ms == 800.0


def test_sentences_without_an_answer_are_counted_and_have_no_wait() -> None:
    silent = Turn("ours", "speech", answered=False)
    lost = result(silent, silent, Turn("stock", "speech"), Turn("ours", "cough"))
    assert unanswered(lost, "ours") == 2
    assert median_wait(lost, "ours") is None
    assert worst_wait(lost, "ours") is None


@pytest.mark.parametrize("shape", SHAPES)
def test_every_world_of_every_shape_can_be_taken_apart(shape: str) -> None:
    made = read("", text(SHAPES[shape]))
    for world in {turn.world for turn in made.turns}:
        wait = median_wait(made, world)
        assert wait is not None
        assert sum(each.length_ms for each in wait.stretches) == pytest.approx(wait.wait_ms)


@given(
    st.lists(
        st.dictionaries(st.sampled_from(MARKS), st.floats(-100, 5_000), max_size=8),
        min_size=1,
        max_size=12,
    )
)
def test_the_parts_always_add_up_to_the_wait(marks: list[dict[str, float]]) -> None:
    made = result(*(Turn("ours", "speech", answered=True, marks_ms=each) for each in marks))
    wait = median_wait(made, "ours")
    if wait is not None:
        assert sum(each.length_ms for each in wait.stretches) == pytest.approx(
            wait.wait_ms, abs=1e-6
        )
        assert all(each.length_ms >= 0 for each in wait.stretches)
        assert all(each.name for each in wait.stretches)


def test_the_median_turn_waits_as_long_as_the_table_says() -> None:
    made = result(*(turn(at_ms, decision=at_ms / 2) for at_ms in (100, 320, 330, 341, 900)))
    wait = median_wait(made, "ours")
    assert wait is not None
    assert wait.wait_ms == 330.0
    two = median_wait(result(turn(100), turn(301, decision=200)), "ours")
    assert two is not None
    assert two.wait_ms == 200.5
