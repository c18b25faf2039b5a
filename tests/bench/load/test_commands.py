"""What the commands' arguments ask for, and what is refused before anything is started."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import pytest

from bench.bench_command import command
from bench.control import Floor
from bench.errors import BenchError, ProfilerUnusable
from bench.load import faults_command
from bench.load.lost_model import Model
from bench.load.lost_store import StoreFile
from bench.load.results import World
from bench.load.simulate_command import against_target, simulated
from bench.load.timeline import Turn
from bench.load.turns import Ran
from bench.load.turns_command import plan_of, refused
from bench.load.victims import ANSWER, ASK
from bench.load.worlds import Plan
from pipeline.clock import wall_now


def arguments(*given: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    command.configure(parser)
    parser.set_defaults(run=command.run)
    return parser.parse_args(given)


def plan(*given: str) -> Plan:
    return plan_of(arguments(*given))


def test_turns_start_our_own_server_unless_one_is_named() -> None:
    found = plan("turns", "--scenario", "quick", "--stock", "--seed", "4", "--turns", "2")
    assert (found.url, found.worlds) == ("", ("ours", "stock", "stock default"))
    assert (found.scenario.name, found.scenario.seed, found.scenario.turns) == ("quick", 4, 2)
    assert (found.calls, found.rounds, found.door) == (1, 1, "stream")
    named = plan("turns", "--url", "http://127.0.0.1:9000/", "--door", "webrtc")
    assert (named.url, named.entrance) == ("http://127.0.0.1:9000", None)


def test_a_simulation_starts_its_server_and_has_the_scenarios_times() -> None:
    found = plan("simulate")
    assert (found.url, found.calls, found.worlds) == ("", 32, ("ours",))
    assert "GPUStack" in found.scenario.engines.source


def test_a_simulation_of_no_time_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    asked = arguments("simulate", "--scenario", "quick")
    assert asked.run(asked) == 1
    assert "simulate nothing" in capsys.readouterr().err


def test_events_and_times_of_ones_own_are_not_both_taken(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "times.toml").write_text('source = "mine"\nstt_final_ms = 5\n')
    given = ("--events", str(tmp_path / "none"), "--engines", str(tmp_path / "times.toml"))
    asked = arguments("simulate", *given)
    assert asked.run(asked) == 1
    assert "leave one out" in capsys.readouterr().err
    asked = arguments("simulate", *given[:2])
    assert asked.run(asked) == 1
    assert "cannot be read" in capsys.readouterr().err


def test_a_simulation_tells_its_figures_beside_the_target_and_whose_times_they_are() -> None:
    world = World("ours", [answered(400.0), answered(420.0)])
    ran = Ran(plan("simulate"), wall_now(), 1.0, {"ours": world}, [], Floor())
    told = against_target([row.as_json(True) for row in simulated(ran)], "a card")
    assert "p50 410 ms, limit 500 ms: met" in told
    assert "limit 350 ms, which is for a server that speculates, as ours does: missed" in told
    assert told.endswith("of times from: a card")


def answered(wait_ms: float) -> Turn:
    return Turn(0, 0, "speech", "x", 0.0, 0.0, tag=1, first_content_ms=wait_ms)


def test_times_of_a_file_replace_the_scenarios(tmp_path: Path) -> None:
    file = tmp_path / "times.toml"
    file.write_text('source = "mine"\nstt_final_ms = 5\n')
    assert plan("turns", "--engines", str(file)).scenario.engines.source == "mine"
    assert plan("turns", "--engines", "embedded").embedded
    file.write_text("stt_final_ms = -5\n")
    with pytest.raises(BenchError, match=r"stt_final_ms.*source"):
        plan("turns", "--engines", str(file))


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (("--worlds", "ours,theirs"), "there is no world 'theirs'"),
        (("--worlds", "stock"), "measures nothing of ours"),
        (("--scenario", "none"), "there is no scenario"),
        (("--engines", "embedded", "--stock"), "no embedded engines"),
    ],
)
def test_what_makes_no_sense_is_refused_with_a_sentence(
    given: tuple[str, ...], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = arguments("turns", *given)
    assert asked.run(asked) == 1
    assert says in capsys.readouterr().err


def test_a_fault_out_of_a_task_is_a_sentence_too_and_one_of_ours_is_not_hidden(
    capsys: pytest.CaptureFixture[str],
) -> None:
    fault = ProfilerUnusable("py-spy may not look")
    assert refused("capacity", BaseExceptionGroup("tasks", [ExceptionGroup("task", [fault])])) == 1
    assert capsys.readouterr().err == "wardline bench capacity: py-spy may not look\n"
    with pytest.raises(ZeroDivisionError):
        refused("capacity", ExceptionGroup("tasks", [ZeroDivisionError()]))


def test_a_token_that_others_may_read_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("0123456789abcdef" * 2)
    given = ("--url", "http://127.0.0.1:1", "--public-url", "https://x", "--auth-token-file")
    with pytest.raises(BenchError, match="auth-token-file"):
        plan("turns", *given, str(file))
    file.chmod(0o600)
    entrance = plan("turns", *given, str(file)).entrance
    assert entrance is not None
    assert entrance.token not in repr(entrance)


@pytest.mark.parametrize("calls", ["0", "x", "1,x", "1000"])
def test_capacity_takes_numbers_of_calls(calls: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        arguments("capacity", "--calls", calls)
    capsys.readouterr()
    assert arguments("capacity", "--calls", "5,1,5").calls == (1, 5)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (("--victim", "gateway", "--door", "stream"), "--door sip or sip-plain"),
        (("--victim", "model", "--scenario", "quick"), "leave out --scenario"),
        (("--victim", "worker", "--store", "server"), "what --victim store is"),
    ],
)
def test_what_no_victim_has_is_refused(
    given: tuple[str, ...], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = arguments("faults", *given)
    assert asked.run(asked) == 1
    assert says in capsys.readouterr().err


def test_a_victim_has_its_own_callers_and_its_door() -> None:
    def faults(*given: str) -> Plan:
        asked = arguments("faults", *given)
        return faults_command.plan_of(asked, faults_command.victim_of(asked.victim, asked.store))

    worker, gateway, model = faults(), faults("--victim", "gateway"), faults("--victim", "model")
    assert (worker.scenario.name, worker.door, worker.embedded) == ("conversation", "stream", False)
    assert (gateway.scenario.name, gateway.door, gateway.embedded) == ("conversation", "sip", False)
    assert (model.scenario.name, model.door, model.embedded) == ("embedded", "stream", True)
    first, second = StoreFile().parts(model), Model().parts(model)
    assert [cue.said for cue in first[0].cues] == [ASK, ANSWER]
    assert [cue.said for cue in second[0].cues] == [ASK]
    assert first[0].cues[0] == second[0].cues[0]
    gap_ms = first[0].cues[1].onset_sample / 48.0 - first[0].cues[0].end_ms
    assert gap_ms == pytest.approx(model.scenario.think_ms[0], abs=50.0)


def test_a_profile_without_py_spy_starts_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    asked = arguments("capacity", "--calls", "1", "--profile", str(tmp_path / "profile"))
    assert asked.run(asked) == 1
    assert "needs py-spy, which is not installed" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
