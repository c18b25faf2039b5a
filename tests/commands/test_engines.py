"""`wardline engines`: the list, its JSON, and figures of engines that are known to the millisecond."""

from __future__ import annotations

import asyncio
import http.server
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from models.errors import EngineFailed
from pipeline import config
from pipeline.cli import main
from pipeline.commands.engine_trial import NotMeasured, hearing, measure, speaking
from pipeline.machine.engines import Found, survey
from pipeline.settings import Settings
from tests.fakes.speech_to_text import FakeRecognizer, FakeSpeechToText
from tests.fakes.voice import FakeVoice

SECOND = bytes(32_000)
KEY = "0123456789abcdef" * 2


def found(engine: str, settings: Settings) -> Found:
    return next(each for each in survey(settings, (), 100_000) if each.engine == engine)


def quiet(_: str) -> None:
    """Nobody watches."""


def test_the_list_names_each_engine_once_and_marks_the_chosen(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["engines"]) == 0
    lines = capsys.readouterr().out.splitlines()
    chosen = [
        line.split()[2] for line in lines if line.startswith("* ") and "is chosen" not in line
    ]
    assert chosen == ["pocketsphinx", "scripted", "espeak"]
    for name in ("whisper", "openai", "piper"):
        assert sum(f" {name} " in line for line in lines) == 1


def test_the_json_has_what_the_list_has_and_the_status_says_whether_the_chosen_are_ready(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("WARDLINE_ENGINES_STT", "whisper")
    monkeypatch.setenv("WARDLINE_ENGINES_WHISPER_DIRECTORY", str(tmp_path))
    assert main(["engines", "--json"]) == 1
    document = json.loads(capsys.readouterr().out)
    whisper = next(each for each in document["engines"] if each["engine"] == "whisper")
    assert whisper["chosen"]
    assert whisper["state"] == "not set up"
    assert whisper["licence"] == "MIT"
    assert whisper["installed"]
    assert not whisper["model_present"]
    assert "model.bin" in whisper["message"]
    assert main(["engines", "--only", "espeak", "--json"]) == 0
    assert [each["engine"] for each in json.loads(capsys.readouterr().out)["engines"]] == ["espeak"]


@pytest.mark.wire
def test_measuring_says_what_it_does_and_adds_figures() -> None:
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pipeline.cli", "engines", "--measure", "--json"),
            *("--only", "espeak", "--rounds", "1"),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr.startswith("measuring espeak")
    assert len(done.stderr.splitlines()) == 1  # no library said anything
    figures = json.loads(done.stdout)["engines"][0]["measured"]
    assert 0 < figures["first_audio_ms_p50"] <= figures["first_audio_ms_worst"]
    assert 0 < figures["real_time_factor_p50"] < 1


async def test_a_recognisers_figures_are_its_own_time_and_not_that_of_speaking() -> None:
    engine = Ears(settle_ms=60.0)
    figures = await hearing(engine, SECOND, rounds=3)
    assert figures["end_to_final_ms_p50"] == pytest.approx(60.0, abs=0.1)
    assert figures["real_time_factor_p50"] == pytest.approx(0.06, abs=0.001)
    assert [ear.fed_bytes for ear in engine.lent] == [len(SECOND)] * 6
    assert all(ear.closed == 1 for ear in engine.lent)
    assert engine.stopped


async def test_a_recogniser_that_fails_is_given_back_and_stopped() -> None:
    engine = Ears(settle_ms=1.0, failure=EngineFailed("no"))
    with pytest.raises(EngineFailed):
        await hearing(engine, SECOND, rounds=1)
    assert [ear.closed for ear in engine.lent] == [1]
    assert engine.stopped


async def test_a_voices_first_audio_is_timed_apart_from_the_whole() -> None:
    voice = FakeVoice(chunk_delay_ms=30.0)
    figures = await speaking(voice, rounds=2)
    assert figures["first_audio_ms_p50"] == pytest.approx(30.0, abs=0.1)
    chunks = figures["real_time_factor_p50"] * 200 / 30
    assert chunks == pytest.approx(1.0, rel=0.2)  # 30 ms for each 200 ms of sound
    assert len(voice.texts) == 2


def test_what_is_not_ready_is_a_sentence() -> None:
    settings = Settings()
    for engine in ("whisper", "piper", "openai", "scripted"):
        with pytest.raises(NotMeasured, match=r"[a-z]{4}"):
            measure(found(engine, settings), settings, 1, quiet)


@pytest.mark.wire
def test_a_language_models_tokens_are_timed_and_its_key_sent() -> None:
    with answering(200, ["one", "", ", two", ", three"]) as (port, seen):
        settings = chat(port)
        figures = measure(found("openai", settings), settings, 2, quiet)
    assert seen == [f"Bearer {KEY}"] * 2
    assert figures["first_token_ms_p50"] > 0
    assert (
        figures["first_token_ms_p50"]
        < figures["first_token_ms_p50"] + figures["inter_token_ms_p95"]
    )
    assert figures["inter_token_ms_p95"] >= figures["inter_token_ms_p50"] >= 0


@pytest.mark.wire
@pytest.mark.parametrize(
    ("status", "pieces", "said"),
    [(503, ["no room for Mary"], "status 503"), (200, [], "too short"), (200, None, "protocol")],
)
def test_a_server_that_answers_something_else_is_a_sentence_without_its_words(
    status: int, pieces: list[str] | None, said: str
) -> None:
    with answering(status, pieces) as (port, _):
        settings = chat(port)
        with pytest.raises(NotMeasured, match=said) as caught:
            measure(found("openai", settings), settings, 1, quiet)
    assert "Mary" not in str(caught.value)


@pytest.mark.wire
def test_a_server_that_is_not_there_is_a_sentence() -> None:
    with answering(200, []) as (port, _):
        settings = chat(port)
    with pytest.raises(NotMeasured, match="wardline models serve"):
        measure(found("openai", settings), settings, 1, quiet)


def chat(port: int) -> Settings:
    engines = {"llm": "openai", "llm_url": f"http://127.0.0.1:{port}/v1", "llm_model": "m"}
    settings = config.from_mapping({"engines": engines})
    return replace(settings, engines=replace(settings.engines, llm_api_key=KEY))


class Ears(FakeSpeechToText):
    """Ears whose settling takes a known time."""

    def __init__(self, *, settle_ms: float, failure: Exception | None = None) -> None:
        super().__init__(slots=100)
        self._settle_ms, self._failure = settle_ms, failure
        self.stopped = False

    async def start(self) -> None:
        await asyncio.sleep(1.0)  # loading is no part of any figure

    async def open(self) -> FakeRecognizer:
        ear = FakeRecognizer(settle_ms=self._settle_ms)
        ear.failure = self._failure
        self.lent.append(ear)
        return ear

    async def stop(self) -> None:
        self.stopped = True


@contextmanager
def answering(status: int, pieces: list[str] | None) -> Iterator[tuple[int, list[str]]]:
    """A chat server that sends these pieces; None sends a page instead."""
    seen: list[str] = []

    class Door(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            seen.append(self.headers["Authorization"])
            self.send_response(status)
            self.end_headers()
            if pieces is None:
                self.wfile.write(b"data: <html>\n\n")
                return
            for piece in pieces:
                event = {"choices": [{"delta": {"content": piece}}]}
                self.wfile.write(b"data: " + json.dumps(event).encode() + b"\n\n")
                self.wfile.flush()
            self.wfile.write(b"data: [DONE]\n\n")

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base's name
            """Say nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Door) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_address[1], seen
        finally:
            server.shutdown()
            thread.join()
