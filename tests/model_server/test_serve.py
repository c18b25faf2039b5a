"""`wardline models serve` over a program that behaves as vLLM was measured to: no orphan, no word, no silence."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
from pathlib import Path

import pytest

from pipeline.bundle.versions import Bundles
from pipeline.commands.models import check_files
from pipeline.errors import StartUpError
from pipeline.settings import LlmServer, Settings
from tests.bundle.rig import CHAT, placed, writable
from tests.fakes.fake_vllm import WORDS
from tests.model_server.kept import UNTIL_S, kept, runs

pytestmark = pytest.mark.wire

PLANTED = ("Maria", "Planted", "0142")


def test_a_life_from_the_first_tokens_to_the_last_without_a_word_of_it(tmp_path: Path) -> None:
    with kept(tmp_path) as server:
        server.until("model_server_ready")
        asked = json.loads((server.model / "asked").read_text())
        given = json.loads((server.model / "given").read_text())
        assert server.stop() == 0
        assert (server.model / "drained").exists()
        assert server.running() == []
    assert asked["model"] == "receptionist"
    (ended,) = server.events("model_server_ended")
    assert (ended["status"], ended["reason"]) == (0, "asked")
    assert server.out().splitlines()[-1] == "Stopped."
    key = key_is_its_users_alone(tmp_path / "state" / "keys" / "llm-server.key")
    assert given["environment"]["VLLM_API_KEY"] == key
    assert not any(key in word for word in given["words"])
    assert "PYTHONPATH" not in given["environment"]
    everything = server.out() + server.err()
    assert not any(word in everything for word in (key, *PLANTED))
    told = server.events("foreign_output")
    assert sum(event["bytes"] for event in told) > 4 * len(WORDS)
    assert {event["process"] for event in told} == {"llm"}
    kept_files = [file for file in (tmp_path / "state").rglob("*") if file.is_file()]
    assert not any(word.encode() in file.read_bytes() for file in kept_files for word in PLANTED)


def key_is_its_users_alone(file: Path) -> str:
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    return file.read_text().strip()


def test_a_killed_part_leaves_no_orphan_and_is_started_again(tmp_path: Path) -> None:
    with kept(tmp_path) as server:
        for count, victim in enumerate(("front", "keeper"), 1):
            server.until("model_server_ready", count)
            all_three = server.pids()
            assert len(all_three) == 3
            os.kill(all_three[victim] if victim == "front" else server.keeper(), signal.SIGKILL)
            server.until("model_server_ended", count)
            assert [pid for pid in all_three.values() if runs(pid)] == []
        server.until("model_server_started", 3)
        assert "was killed from outside" in server.out()
        server.stop(signal.SIGKILL)  # while it loads
        server.until_none_runs()


def test_when_we_are_killed_nothing_of_it_is_left(tmp_path: Path) -> None:
    with kept(tmp_path) as server:
        server.until("model_server_ready")
        keeper = server.keeper()
        server.stop(signal.SIGKILL)
        server.until_none_runs(keeper)


def test_a_kill_while_it_loads_leaves_nothing(tmp_path: Path) -> None:
    with kept(tmp_path, "loads long") as server:
        server.until("model_server_started")
        while len(server.pids()) < 3:
            assert server.process.poll() is None
        server.stop(signal.SIGKILL)
        server.until_none_runs()


def test_a_program_that_will_not_stop_is_ended_in_bounded_time(tmp_path: Path) -> None:
    with kept(tmp_path, "will not stop") as server:
        server.until("model_server_ready")
        assert server.stop() == 0
        assert server.running() == []
        (ended,) = server.events("model_server_ended")
        assert ended["status"] == 128 + signal.SIGKILL


def test_a_second_signal_waits_for_no_reply(tmp_path: Path) -> None:
    with kept(tmp_path, "will not stop", drain_limit_ms=600_000) as server:
        server.until("model_server_ready")
        server.process.send_signal(signal.SIGTERM)
        server.until_asked_to_stop()
        assert server.stop(signal.SIGINT) == 0
        assert server.running() == []


def test_a_program_that_ends_again_and_again_is_given_up_with_a_sentence(tmp_path: Path) -> None:
    with kept(tmp_path, "no memory", toml="restarts = 1") as server:
        assert server.process.wait(30) == 1
        ends = server.events("model_server_ended")
        assert [end["hint"] for end in ends] == ["memory", "memory"]
        assert [end.get("next_start_ms") for end in ends] == [1000.0, None]
        assert "llm_server.memory_percent" in server.err()
        assert "2 times in a row" in server.err()
        assert not any(word in server.out() + server.err() for word in PLANTED)


def test_one_that_never_answers_is_ended_after_its_time(tmp_path: Path) -> None:
    toml = "start_limit_ms = 1500\nrestarts = 0"
    with kept(tmp_path, "never well", toml=toml) as server:
        assert server.process.wait(30) == 1
        assert server.running() == []
        assert "llm_server.start_limit_ms" in server.err()


def test_whoever_takes_the_port_between_two_lives_is_told_nothing(tmp_path: Path) -> None:
    with kept(tmp_path, "ends", toml="restarts = 3") as server, socket.socket() as stranger:
        server.until("model_server_ended")
        stranger.bind(("127.0.0.1", server.port))
        stranger.listen()
        assert server.process.wait(UNTIL_S) == 1
        assert f"port {server.port} on 127.0.0.1 is in use by another program" in server.err()
        assert len(server.events("model_server_started")) == 1
        stranger.setblocking(False)
        with pytest.raises(BlockingIOError):
            stranger.accept()[0].recv(1)


def bundle(folder: Path) -> tuple[Bundles, Path, str]:
    """The bundle with a language model, where the settings name it, and the setting that says so."""
    bundles = Bundles(folder / "models")
    placed(bundles, chat=CHAT)
    return bundles, folder / "models/current/chat", f'[bundle]\ndirectory = "{folder}/models"'


def test_altered_weights_are_refused_before_the_program_starts(tmp_path: Path) -> None:
    _, model, toml = bundle(tmp_path)
    weights = writable(model / "model.safetensors")
    weights.write_bytes(CHAT["model.safetensors"].replace(b"n", b"m", 1))
    with kept(tmp_path, toml=toml, bundled=model) as server:
        assert server.process.wait(UNTIL_S) == 78
        sentence = server.err().splitlines()[-1]
        assert "chat/model.safetensors (changed)" in sentence
        assert "unpack or pull the bundle again" in sentence
        assert server.events("model_server_started") == []
        assert server.pids() == {}


def test_every_life_loads_the_version_of_the_start_and_only_while_it_is_whole(
    tmp_path: Path,
) -> None:
    bundles, model, toml = bundle(tmp_path)
    first = model.resolve()
    with kept(tmp_path, toml=toml, bundled=model) as server:
        server.until("model_server_ready")
        assert json.loads((first / "given").read_text())["words"][2] == str(first)
        placed(bundles, chat={**CHAT, "model.safetensors": b"another"})
        assert model.resolve() != first
        server.model = first
        os.kill(server.pids()["front"], signal.SIGKILL)
        # the program that stands for vLLM keeps its notes beside the model: that is no longer what was fetched
        assert server.process.wait(UNTIL_S) == 78
        sentence = server.err().splitlines()[-1]
        assert f"the model files in {first.parent} are not" in sentence
        assert "(added)" in sentence
        assert len(server.events("model_server_started")) == 1
        assert server.running() == []


@pytest.mark.parametrize(
    ("program", "model", "sentence"),
    [
        ("", "model", "executable is not set"),
        ("nowhere", "model", "there is no program"),
        ("plain", "model", "chmod \\+x"),
        ("vllm", "", "model_directory is not set"),
        ("vllm", "empty", "is no model's folder"),
    ],
)
def test_what_is_missing_is_named_with_what_to_do(
    tmp_path: Path, program: str, model: str, sentence: str
) -> None:
    for name, mode in (("plain", 0o644), ("vllm", 0o755)):
        (tmp_path / name).touch(mode)
    for name in ("model", "empty"):
        (tmp_path / name).mkdir()
    (tmp_path / "model" / "config.json").touch()
    server = LlmServer(
        executable=str(tmp_path / program) if program else "",
        model_directory=str(tmp_path / model) if model else "",
    )
    with pytest.raises(StartUpError, match=sentence):
        check_files(Settings(llm_server=server))


def test_a_file_that_is_no_program_is_a_sentence(tmp_path: Path) -> None:
    program = tmp_path / "vllm"
    program.write_text("not a program\n")
    program.chmod(0o755)
    with kept(tmp_path, executable=program, toml="restarts = 0") as server:
        assert server.process.wait(30) == 1
        assert "cannot be run" in server.err()
