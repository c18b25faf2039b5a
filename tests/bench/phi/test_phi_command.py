from __future__ import annotations

import argparse
import json
import sys
from importlib.resources import files
from pathlib import Path

import pytest

from bench.errors import LabelledSetInvalid, RedactorUnusable
from bench.phi import phi_command
from bench.phi.labelled import DEVELOPMENT, TEST_HALF, Item, Record, Span, read, write
from bench.phi.phi_command import bench_phi, configure, measured, run_redactor
from bench.phi.redactors import DigitsAndCapitals, Nothing, Program
from bench.phi.scoring import Tally
from bench.phi.table import Scored, as_text, judge
from phi.carry import CallContext
from phi.redact import Redactor

ECHO = """
import json, sys
for line in sys.stdin:
    asked = json.loads(line)
    print(json.dumps({"text": asked["text"].replace("maria", "[NAME]"), "us": 5.0}), flush=True)
"""


def item(text: str = "hi maria", *names: str) -> Item:
    spans = tuple(Span(text.index(n), text.index(n) + len(n), "NAME") for n in names or ("maria",))
    return Item("x-000-0", "x-000", "spoken", "en", (Record(text, spans),), {})


def arguments(*argv: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    configure(parser)
    return parser.parse_args(argv)


@pytest.fixture(scope="module")
def test_half() -> Tally:
    """The test half through this checkout's redactor: what is found, not how fast."""
    redactor, tally = Redactor(budget_ms=1_000.0), Tally()
    for each in read(TEST_HALF):
        context = CallContext(lang=each.lang, single=len(each.records) == 1)
        for field, value in each.known.items():
            context.learn(field, value)
        tally.add(each, [redactor.redact(record.text, context).text for record in each.records])
    assert not any(redactor.failures.values())
    return tally


def test_the_miss_rate_that_the_server_prints_is_this_redactors(test_half: Tally) -> None:
    """Whoever changes the redactor records again: wardline bench phi --half test --record phi/measured.json."""
    committed = files("phi").joinpath("measured.json").read_text()
    assert json.loads(committed) == measured(test_half)


ACCEPTED_MISSES = {"words lost in clean items": 0.02}
"""A line of P1 that this version misses, and what it may not fall below; said in docs/redaction.md."""


def test_target_p1_holds_on_the_test_half(test_half: Tally) -> None:
    lines = [line for line in judge(Scored("wardline", test_half, ())) if line.target == "P1"]
    assert len(lines) > 12
    for line in lines:
        assert line.measured is not None, line
        if line.what in ACCEPTED_MISSES:
            assert line.outcome == "MISSED", f"{line.what} is met: take it off the list"
            assert line.measured <= ACCEPTED_MISSES[line.what], line
        else:
            assert line.outcome == "met", line


def test_only_the_test_half_is_recorded(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "measured.json"
    assert bench_phi(arguments("--half", "development", "--record", str(file))) == 1
    assert "wants the test half" in capsys.readouterr().err
    assert not file.exists()


@pytest.mark.wire
def test_program_is_scored_through_its_command_line() -> None:
    with Program([sys.executable, "-c", ECHO]) as program:
        scored = run_redactor("echo", program, [item(), item("hi joan", "joan")])
    assert scored.tally.core == [1, 2]
    assert scored.costs_us == (5.0, 5.0)


@pytest.mark.wire
@pytest.mark.parametrize(
    "code", ["pass", "print('no')", "print('[]')", "import time; time.sleep(60)"]
)
def test_program_that_fails_is_named_and_not_waited_for(code: str) -> None:
    with (
        Program([sys.executable, "-c", code], answer_within_ms=3_000) as program,
        pytest.raises(RedactorUnusable),
    ):
        program.redact(item(), 0)


@pytest.mark.wire
def test_program_that_is_not_there_is_a_sentence() -> None:
    with pytest.raises(RedactorUnusable, match="does not start"):
        Program(["/nonexistent/redactor"])


def test_baselines_bound_the_table_from_below() -> None:
    items = read(DEVELOPMENT)
    assert run_redactor("nothing", Nothing(), items).tally.core[0] == 0
    rough = run_redactor("rough", DigitsAndCapitals(), items).tally
    assert 0 < rough.core[0] < rough.core[1] * 0.6


def test_missed_line_says_missed_and_a_set_without_spans_says_not_measured() -> None:
    lines = judge(run_redactor("nothing", Nothing(), [item()]))
    outcomes = {line.what: line.outcome for line in lines}
    assert outcomes["recall, spoken"] == "MISSED"
    assert outcomes["recall, spanish"] == "not measured"
    assert outcomes["cost of a record, p50, us"] == "met"


def test_absent_redactor_is_named_in_plain_words() -> None:
    scored = run_redactor("nothing", Nothing(), [item()])
    assert "presidio patterns: not installed" in as_text(
        "test", [scored], {"presidio patterns": "not installed"}
    )


@pytest.mark.parametrize(("reveal", "shown"), [((), False), (("--reveal-test",), True)])
def test_items_of_the_test_half_are_shown_only_by_name(
    reveal: tuple[str, ...],
    shown: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    half = tmp_path / "half.jsonl"
    write(half, [item("hi there zoraida", "zoraida")])
    monkeypatch.setitem(phi_command.HALVES, "test", half)
    monkeypatch.setattr(phi_command, "_score", _nothing_as_ours)
    bench_phi(arguments("--half", "test", "--show-errors", "--out", str(tmp_path), *reveal))
    assert ("zoraida" in capsys.readouterr().out) is shown
    [kept] = tmp_path.glob("*-phi.json")
    assert "zoraida" not in kept.read_text()


def _nothing_as_ours(
    items: list[Item], given: argparse.Namespace
) -> tuple[list[Scored], dict[str, str]]:
    return [run_redactor("wardline", Nothing(), items)], {}


def test_damaged_file_is_named_by_line_and_not_quoted(tmp_path: Path) -> None:
    half = tmp_path / "half.jsonl"
    write(half, [item()])
    half.write_text(half.read_text() + '{"records": "maria"}\n')
    with pytest.raises(LabelledSetInvalid, match="line 2") as caught:
        read(half)
    assert "maria" not in str(caught.value)


def test_halves_are_read_back_as_written(tmp_path: Path) -> None:
    for path in (DEVELOPMENT, TEST_HALF):
        write(tmp_path / path.name, read(path))
        assert (tmp_path / path.name).read_bytes() == path.read_bytes()
