"""The commands as a person runs them: servers start by themselves, a result is written, nothing is left behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bench.load import processes
from bench.profile.spy import NOT_ALLOWED
from tests.first_call.served import REPOSITORY, until, wardline

pytestmark = [pytest.mark.wire, pytest.mark.long]

ATTEMPTS = 3
SHORT = ("--scenario", "quick", "--turns", "3", "--report-only")


def result(folder: Path) -> dict[str, Any]:
    (file,) = folder.iterdir()
    found: dict[str, Any] = json.loads(file.read_text("utf-8"))
    assert found["format"] == 2
    return found


def measured(folder: Path, *words: str) -> dict[str, Any]:
    """The result of a bench that judges nothing."""
    done = wardline("bench", *words, "--report-only", "--out", str(folder))
    assert done.returncode == 0, done.stderr + done.stdout
    return result(folder)


def valid_run(folder: Path, *words: str) -> dict[str, Any]:
    """The first that no lateness of its callers voids, of a few."""
    attempts = (measured(folder / str(number), *words) for number in range(ATTEMPTS))
    found = next((each for each in attempts if each["run"]["valid"]), None)
    assert found is not None, "this machine is too busy: the callers were late each time"
    return found


@pytest.fixture(autouse=True)
def _temporary_folder_of_its_own(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What other benches of this machine put beside it is no leftover of ours; a database's account may pass through."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        Path(folder).chmod(0o711)
        monkeypatch.setenv("TMPDIR", folder)
        yield


def left_behind() -> set[str]:
    return {each.name for each in Path(os.environ["TMPDIR"]).glob("wardline-*")}


@pytest.mark.parametrize("door", ["stream", "webrtc"])
def test_turns_of_our_server_and_of_a_stock_bot_in_one_run(door: str, tmp_path: Path) -> None:
    before = left_behind()
    done = wardline(
        "bench", "turns", *SHORT, "--door", door, "--worlds", "ours,stock", "--calls", "2",
        "--out", str(tmp_path),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr + done.stdout
    found = result(tmp_path)
    rows = {row["id"]: row for row in found["rows"]}
    assert {turn["world"] for turn in found["turns"]} == {"ours", "stock"}
    assert rows["overhead.ratio"]["control"]["count"] >= 1
    assert rows["wire.default"]["outcome"] in ("not comparable", "void")
    assert rows["barge_in.stale_frames"]["worst"] == 0
    answered = [turn for turn in found["turns"] if turn["world"] == "ours" and turn["answered"]]
    assert len(answered) >= 4
    staged = [turn for turn in answered if "first_byte_out" in turn["marks_ms"]]
    assert staged
    assert all(
        turn["marks_ms"]["pause_seen"] <= turn["marks_ms"]["decision"] <= turn["marks_ms"]["first_byte_out"]
        for turn in staged
    )  # fmt: skip
    assert set(rows) >= {"cpu.worker", "cpu.supervisor", "pacing", "floor.late"}
    assert left_behind() == before


@pytest.mark.parametrize("door", ["sip", "sip-plain"])
def test_turns_by_telephone_are_measured_like_the_others(door: str, tmp_path: Path) -> None:
    before = left_behind()
    done = wardline(
        "bench", "turns", *SHORT, "--door", door, "--calls", "2", "--out", str(tmp_path)
    )  # fmt: skip
    assert done.returncode == 0, done.stderr + done.stdout
    found = result(tmp_path)
    rows = {row["id"]: row for row in found["rows"]}
    assert set(rows) >= {"cpu.gateway", "cpu.worker", "pacing", "cost.srtp.share"}
    answered = [turn for turn in found["turns"] if turn["answered"]]
    assert len(answered) >= 4
    assert any("first_byte_out" in turn["marks_ms"] for turn in answered)
    cut = [turn for turn in found["turns"] if turn["how"] == "interruption" and turn["interrupted"]]
    assert all("clear" in turn["barge_in_ms"] for turn in cut)
    assert left_behind() == before


def test_a_page_in_a_browser_says_when_it_heard_its_answers(tmp_path: Path) -> None:
    before = left_behind()
    done = wardline(
        "bench", "turns", "--scenario", "quick", "--turns", "4", "--report-only", "--ear",
        "--out", str(tmp_path),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr + done.stdout
    rows = {row["id"]: row for row in result(tmp_path)["rows"]}
    assert rows["ear"]["count"] >= 2
    assert rows["ear"]["p50"]["value"] > rows["ear.after_out"]["p50"]["value"] > 0.0
    assert left_behind() == before


@pytest.mark.parametrize("door", ["stream", "webrtc", "sip"])
def test_callers_of_a_killed_worker_are_told(door: str, tmp_path: Path) -> None:
    before = left_behind()
    done = wardline(
        "bench", "faults", "--door", door, "--calls", "2", "--kills", "1", "--out", str(tmp_path)
    )
    assert done.returncode == 0, done.stderr + done.stdout
    rows = {row["id"]: row for row in result(tmp_path)["rows"]}
    assert rows["fault.told"]["count"] == 2
    assert {row["outcome"] for row in rows.values()} == {"met"}
    assert left_behind() == before


def faults(folder: Path, *more: str) -> dict[str, dict[str, Any]]:
    """The rows of a run that leaves nothing behind."""
    before = left_behind()
    done = wardline("bench", "faults", "--calls", "2", *more, "--report-only", "--out", str(folder))
    assert done.returncode == 0, done.stderr + done.stdout
    assert left_behind() == before
    found = result(folder)
    assert found["run"]["valid"], found["run"]["notes"]
    assert found["run"]["victim"] in more
    return {row["id"].removeprefix("fault."): row for row in found["rows"]}


@pytest.mark.parametrize("door", ["sip", "sip-plain"])
def test_a_killed_gateway_answers_again_and_its_callers_are_counted_as_told_nothing(
    door: str, tmp_path: Path
) -> None:
    rows = faults(tmp_path, "--victim", "gateway", "--door", door, "--kills", "1")
    assert rows["gateway.untold"]["outcome"] == "missed"
    assert rows["gateway.untold"]["worst"] == 2
    assert rows["gateway.answering"]["worst"] < 30_000.0
    assert rows["gateway.calls_left"]["outcome"] == rows["gateway.zombies"]["outcome"] == "met"


@pytest.mark.parametrize("door", ["stream", "webrtc", "sip"])
def test_callers_of_a_killed_model_hear_a_sentence(door: str, tmp_path: Path) -> None:
    rows = faults(tmp_path, "--victim", "model", "--door", door, "--kills", "2")
    assert rows["model.told"]["count"] == rows["model.untold"]["count"] >= 2
    assert rows["model.held"]["worst"] >= 2
    assert rows["model.lost"]["count"] >= 1  # a caller may have been heard wrongly
    assert {row["outcome"] for row in rows.values()} == {"met"}


@pytest.mark.parametrize("door", ["stream", "webrtc", "sip"])
@pytest.mark.parametrize("store", ["file", "server"])
def test_what_a_killed_store_said_was_kept_is_there_and_its_callers_hear_a_sentence(
    store: str, door: str, tmp_path: Path
) -> None:
    rows = faults(tmp_path, "--victim", "store", "--store", store, "--door", door, "--kills", "1")
    assert rows["store.told"]["count"] == 2
    assert rows["store.lost"]["count"] >= 1
    assert {row["outcome"] for row in rows.values()} == {"met"}


def test_sixty_calls_leave_nothing_behind(tmp_path: Path) -> None:
    before = left_behind()
    done = wardline(
        "bench", "soak", "--calls", "60", "--at-once", "10", "--out", str(tmp_path),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr + done.stdout
    rows = {row["id"]: row for row in result(tmp_path)["rows"]}
    for name in ("tasks", "sockets", "files", "threads", "processes", "temp_files", "lost"):
        assert rows[f"soak.{name}"]["outcome"] == "met", done.stdout
    assert rows["soak.rss"]["outcome"] == "met", done.stdout
    assert left_behind() == before


def test_a_bad_network_loses_packets_of_a_page_and_the_call_goes_on(tmp_path: Path) -> None:
    done = wardline(
        "bench", "turns", "--scenario", "bad-network", "--turns", "3", "--report-only",
        "--door", "webrtc", "--out", str(tmp_path),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr + done.stdout
    turns = result(tmp_path)["turns"]
    assert len(turns) >= 3
    assert sum(turn["answered"] for turn in turns) >= 2


@pytest.mark.parametrize("door", ["webrtc", "sip", "stream"])
def test_packets_up_to_400_ms_late_slow_a_call_and_stop_none(door: str, tmp_path: Path) -> None:
    done = wardline(
        "bench", "turns", "--scenario", "jitter", "--turns", "3", "--report-only",
        "--door", door, "--out", str(tmp_path),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr + done.stdout
    found = result(tmp_path)
    assert not any("were lost" in note for note in found["run"]["notes"])
    turns = found["turns"]
    assert len(turns) == 3
    assert sum(turn["answered"] for turn in turns) >= 2


FAR = """
what = "A caller far away: every packet takes 300 ms, each way."
turns = 6
[weather]
delay_ms = 300
"""


def test_a_page_far_away_is_called_for_longer_than_half_a_minute(tmp_path: Path) -> None:
    """Symptom: such a call broke off after 33 s, and one with jitter as large now and then."""
    scenario, out = tmp_path / "far.toml", tmp_path / "out"
    scenario.write_text(FAR)
    done = wardline(
        "bench", "turns", "--scenario", str(scenario), "--door", "webrtc", "--report-only", "--out", str(out)
    )  # fmt: skip
    assert done.returncode == 0, done.stderr + done.stdout
    found = result(out)
    assert not any("were lost" in note for note in found["run"]["notes"])
    ends_ms = [turn["speech_end_at_ms"] for turn in found["turns"]]
    assert max(ends_ms) - min(ends_ms) > 30_000.0  # and it began six seconds before the first
    assert sum(turn["answered"] for turn in found["turns"]) >= 5


def test_an_engine_that_stalls_is_filled_over_and_the_call_goes_on(tmp_path: Path) -> None:
    done = wardline(
        "bench", "turns", "--scenario", "stalled", "--report-only", "--out", str(tmp_path)
    )
    assert done.returncode == 0, done.stderr + done.stdout
    found = result(tmp_path)
    assert not any("were lost" in note for note in found["run"]["notes"])
    turns = found["turns"]
    sounded_ms = [turn["marks_ms"]["first_sound"] for turn in turns]
    assert 1_000.0 < max(sounded_ms) < 2_500.0  # a filler, where the answer was six seconds away
    (last,) = (n for n, turn in enumerate(turns) if not turn["answered"])
    assert all(turn["answered"] for turn in turns[last + 1 :])


@pytest.mark.parametrize("door", ["stream", "webrtc", "sip"])
def test_pauses_inside_sentences_are_judged_on_every_door(door: str, tmp_path: Path) -> None:
    """A recogniser that gets no processor has no words to judge a pause by: such a run is void."""
    before = left_behind()
    asked = ("--engines", "embedded", "--scenario", "pauses", "--turns", "3", "--door", door)
    found = valid_run(tmp_path, "turns", *asked)
    rows = {row["id"]: row for row in found["rows"]}
    pauses = [pause for turn in found["turns"] for pause in turn["pauses"]]
    assert [pause["kind"] for pause in pauses].count("more") == rows["cutoffs.more"]["count"] == 2
    assert all(280.0 <= pause["length_ms"] <= 1_240.0 for pause in pauses)
    assert rows["cutoffs.more"]["worst"] == 0
    assert rows["ending.decision"]["count"] == rows["ending.wire"]["count"] == 2
    assert 150.0 < rows["ending.decision"]["p50"]["value"] < rows["ending.wire"]["p50"]["value"]
    assert left_behind() == before


@pytest.mark.parametrize("door", ["stream", "webrtc", "sip"])
def test_our_own_voice_that_comes_back_cuts_nothing_on_any_door(door: str, tmp_path: Path) -> None:
    found = measured(tmp_path, "turns", "--scenario", "echo", "--turns", "3", "--door", door)
    rows = {row["id"]: row for row in found["rows"]}
    assert rows["echo.cut"]["count"] == rows["echo.unasked"]["count"] == 3
    assert rows["echo.cut"]["worst"] == rows["echo.unasked"]["worst"] == 0
    assert rows["echo.minutes"]["worst"] >= 0.15


@pytest.mark.parametrize("door", ["stream", "webrtc", "sip"])
def test_a_cough_loses_no_reply_on_any_door(door: str, tmp_path: Path) -> None:
    found = measured(tmp_path, "turns", "--scenario", "coughs", "--turns", "5", "--door", door)
    rows = {row["id"]: row for row in found["rows"]}
    assert rows["coughs.lost"]["count"] >= 1
    assert (rows["coughs.lost"]["target"], rows["coughs.lost"]["worst"]) == ("B3", 0)


@pytest.mark.parametrize("door", ["stream", "webrtc", "sip"])
def test_a_conversation_holds_what_was_heard_of_a_cut_reply_on_every_door(
    door: str, tmp_path: Path
) -> None:
    asked = ("--scenario", "context", "--turns", "6", "--calls", "2", "--door", door)
    rows = {row["id"]: row for row in measured(tmp_path, "turns", *asked)["rows"]}
    assert rows["heard.ahead"]["count"] == rows["heard.behind"]["count"] >= 2
    assert rows["heard.ahead"]["worst"] == 0
    assert rows["heard.behind"]["worst"] <= 1


def test_three_rounds_of_one_seed_go_alike(tmp_path: Path) -> None:
    """Guesses race the decision, so a loop that stands still for a tenth of a second may turn their order: such a run is void."""
    found = valid_run(tmp_path, "turns", "--rounds", "3", "--turns", "4")
    rows = {row["id"]: row for row in found["rows"]}
    assert rows["rounds.wire"]["count"] == 3
    assert (rows["rounds.order"]["worst"], rows["rounds.order"]["count"]) == (0, 8)


def test_capacity_of_two_numbers_of_calls(tmp_path: Path) -> None:
    done = wardline(
        "bench", "capacity", "--calls", "1,3", "--window-s", "6", "--report-only", "--out", str(tmp_path)
    )  # fmt: skip
    assert done.returncode == 0, done.stderr + done.stdout
    found = result(tmp_path)
    steps = found["capacity"]
    assert [step["calls"] for step in steps][:1] == [1]
    assert all(step["cpu_s_per_call_minute"]["worker"] > 0 for step in steps)
    assert all(step["wakeups_per_call_minute"]["worker"] > 0 for step in steps)
    assert found["rows"][0]["id"] == "capacity.held"


def test_a_profile_shows_where_the_time_of_a_call_went_and_judges_nothing(tmp_path: Path) -> None:
    pictures = tmp_path / "profile"
    done = wardline(
        "bench", "capacity", "--calls", "1", "--window-s", "5", "--profile", str(pictures), "--out", str(tmp_path / "out")
    )  # fmt: skip
    if NOT_ALLOWED in done.stderr:  # an ordinary user's machine, or a container
        assert done.returncode == 1
        return
    assert "flame graphs" in done.stdout, done.stderr
    assert "pipeline/" in (pictures / "ours-stream-1.svg").read_text()
    assert "share of the time" in done.stdout
    found = result(tmp_path / "out")
    assert found["run"]["valid"] is False
    assert {row["outcome"] for row in found["rows"]} == {"void"}


@pytest.mark.parametrize(
    ("asked", "begun", "sent"),
    [
        (("turns", *SHORT, "--worlds", "ours,stock"), "round 1", signal.SIGINT),
        (("turns", *SHORT, "--door", "sip"), "round 1", signal.SIGINT),
        (("turns", *SHORT, "--door", "sip"), "round 1", signal.SIGTERM),
        (("soak", "--calls", "40", "--at-once", "10"), "warming up", signal.SIGINT),
        (("capacity", "--calls", "3", "--stock"), "ours: 3 calls", signal.SIGINT),
        (("capacity", "--calls", "3", "--stock"), "ours: 3 calls", signal.SIGTERM),
        (("faults", "--victim", "model"), "model: 3 kills", signal.SIGINT),
        (("faults", "--victim", "store", "--store", "server"), "store: 3 kills", signal.SIGTERM),
    ],
)
def test_ctrl_c_and_sigterm_leave_nothing_behind(
    asked: tuple[str, ...], begun: str, sent: signal.Signals, tmp_path: Path
) -> None:
    before = left_behind()
    command = [sys.executable, "-m", "pipeline.cli", "bench", *asked]
    with subprocess.Popen(
        [*command, "--out", str(tmp_path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        cwd=REPOSITORY,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert begun in process.stdout.readline()
        everyone = set(processes.family(process.pid)) - {process.pid}
        assert len(everyone) >= 2
        time.sleep(4.0)  # in the middle of a call
        os.kill(process.pid, sent)
        assert process.wait(60) == 130
    until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in everyone), 10.0, "their end")
    assert left_behind() == before
    assert list(tmp_path.iterdir()) == []
