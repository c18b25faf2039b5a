"""What an operator writes in the configuration file, seen in what a worker then does."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from models.breaker import Circuit
from models.errors import EngineFailed, EngineUnavailable
from models.ports import Language
from models.spare_ear import HearingWithSpare
from pipeline import app, config
from pipeline.call.asking import asked_of
from pipeline.call.events import LineNotKept
from pipeline.call.fixed_lines import kept_lines
from pipeline.call.flow_file import load_flow
from pipeline.call.settings import CallSettings
from pipeline.call.steps import State
from pipeline.settings import Settings
from pipeline.telemetry.events import Event, set_sink
from pipeline.turn.chosen import floor_settings
from pipeline.turn.events import Completeness, EndTurn, Reprompt
from pipeline.turn.settings import FloorSettings
from tests.call.call_rig import vowel
from tests.fakes.house import House, OneVoice, opened
from tests.fakes.voice import FakeVoice
from tests.models.voices import ENGLISH, SPANISH
from tests.turn.table import Played, asked, heard, spoken

CALL = "c000000000001"
LINES: tuple[tuple[str, Language], ...] = (
    ("Ask Nguyen now", "en"),
    ("Ask win now", "en"),
    ("Buenos días", "es"),
)


def configured(folder: Path, text: str) -> Settings:
    """The settings as a worker receives them: from the file, through the channel."""
    file = folder / "wardline.toml"
    file.write_text(text)
    return config.from_mapping(json.loads(json.dumps(config.to_mapping(config.load(file, {})))))


def floor(folder: Path, text: str) -> FloorSettings:
    return floor_settings(configured(folder, text))


def turn_ended_ms(settings: FloorSettings, slot: str) -> float:
    """Silence after a whole answer to this question of the shipped script."""
    line = asked(Played(settings), asked_of(State(asked=slot)))
    line.tell(*spoken(1_000, 2_000), heard(2_100, 10, Completeness.ANSWERED, digits=10))
    (at_ms,) = line.wait_until(9_000).at(EndTurn)
    return at_ms - 2_000


@pytest.mark.parametrize(
    ("text", "day_ms", "reason_ms"),
    [
        ("", 200, 250),
        ('[turn]\nprofile = "fast"', 150, 200),
        ('[turn]\nprofile = "patient"', 250, 250),
        ("[turn.endpoint]\nsilence_ms = 300", 300, 375),
        ('[turn]\nprofile = "patient"\n[turn.endpoint]\nsilence_ms = 400', 500, 500),
    ],
)
def test_rows_t1_t2_profile_and_silence_hold_for_every_question(
    tmp_path: Path, text: str, day_ms: float, reason_ms: float
) -> None:
    settings = floor(tmp_path, text)
    for slot in ("day", "time", "name", "phone", "confirm"):
        assert turn_ended_ms(settings, slot) == day_ms, slot
    assert turn_ended_ms(settings, "reason") == reason_ms


@pytest.mark.parametrize(
    ("text", "day_ms", "reason_ms"),
    [
        ("", 7_000, 12_000),
        ('[turn]\nprofile = "patient"', 12_000, 12_000),
        ("[turn]\nno_input_ms = 9000", 9_000, 9_000),
        ('[turn]\nprofile = "patient"\nno_input_ms = 20000', 20_000, 20_000),
    ],
)
def test_row_t29_a_question_is_repeated_after_the_configured_silence(
    tmp_path: Path, text: str, day_ms: float, reason_ms: float
) -> None:
    settings = floor(tmp_path, text)
    for slot, wanted_ms in (("day", day_ms), ("reason", reason_ms)):
        line = asked(Played(settings), asked_of(State(asked=slot)))
        assert line.wait_until(25_000).at(Reprompt)[:1] == [wanted_ms], slot


@pytest.fixture(params=[50, 80])
def threshold(tmp_path: Path, request: pytest.FixtureRequest) -> tuple[int, FloorSettings]:
    percent: int = request.param
    return percent, floor(tmp_path, f"[turn]\nvoice_threshold_percent = {percent}")


async def test_row_t4_the_configured_threshold_decides_what_a_call_takes_for_speech(
    threshold: tuple[int, FloorSettings],
) -> None:
    percent, settings = threshold
    async with opened(House(voice=OneVoice(0.7), floor=settings)) as there:
        await there.answered(CALL)
        sound = vowel(400)
        for start in range(0, len(sound), 640):
            there.door.calls[CALL].on_audio(sound[start : start + 640])
            await asyncio.sleep(0.02)
        assert bool(there.stt.lent[0].begun) is (percent < 70)


@pytest.fixture(params=[15_000, 40_000])
def patience(tmp_path: Path, request: pytest.FixtureRequest) -> tuple[int, CallSettings]:
    end_after_ms: int = request.param
    settings = configured(tmp_path, f"[media]\nend_after_ms = {end_after_ms}")
    assert app._media(settings).end_after_ms == end_after_ms
    return end_after_ms, app._call(settings, load_flow(settings.practice))


async def test_a_lost_caller_is_waited_for_as_long_as_configured(
    patience: tuple[int, CallSettings],
) -> None:
    end_after_ms, settings = patience
    async with opened(House(call=settings)) as there:
        await there.answered(CALL)
        there.door.calls[CALL].detach()
        await asyncio.sleep(end_after_ms / 1000 - 1)
        assert there.ended() == []
        await asyncio.sleep(2)
        assert there.ended() == [CALL]


@pytest.mark.wire
def test_the_configured_voice_is_the_file_that_is_loaded(tmp_path: Path) -> None:
    for name in ("amy", "beside"):
        (tmp_path / f"{name}.onnx").write_bytes(b"no model")
        (tmp_path / f"{name}.onnx.json").write_text("{}")
    chosen = tmp_path / "beside.onnx"
    settings = configured(tmp_path, f'[engines]\ntts = "piper"\npiper_voice = "{chosen}"')
    with pytest.raises(EngineUnavailable, match=r"beside\.onnx"):
        asyncio.run(app._tts(settings).start())


@pytest.mark.wire
@pytest.mark.parametrize("engine", ["piper", "espeak"])
def test_both_voices_and_the_pronunciations_come_from_the_settings(
    tmp_path: Path, engine: str
) -> None:
    names = tmp_path / "names.toml"
    names.write_text('[en]\nNguyen = "win"\n')
    settings = configured(
        tmp_path,
        f'[engines]\ntts = "{engine}"\npiper_voice = "{ENGLISH}"\npiper_voice_es = "{SPANISH}"\n'
        f'pronunciations = "{names}"',
    )

    async def lengths() -> list[int]:
        voice = app._tts(settings)
        await voice.start()
        try:
            return [
                sum([len(chunk.pcm) async for chunk in voice.synthesize(text, language)])
                for text, language in LINES
            ]
        finally:
            await voice.stop()

    told, meant, spanish = asyncio.run(lengths())
    assert abs(told - meant) < 200  # espeak-ng does not end at the same sample each time
    assert spanish


def test_every_listed_server_is_asked_with_a_salt_that_names_nobody(tmp_path: Path) -> None:
    text = (
        '[practice]\nid = "elm"\n[engines]\nllm = "openai"\nllm_model = "m"\n'
        'llm_url = "http://127.0.0.1:8000/v1"\nllm_more_urls = ["http://127.0.0.1:8001/v1"]\n'
        'llm_api_key = "q7Rk2mZxq7Rk2mZxq7Rk2mZxq7Rk2mZx"\n'
    )
    settings = configured(tmp_path, text)
    model = app._chat_model(settings)
    assert model is not None
    assert len(model._seats) == 2
    salt = app._cache_salt(settings)
    assert salt == app._cache_salt(settings), "workers share what the server remembers"
    assert salt != app._cache_salt(configured(tmp_path, text.replace("elm", "oak")))
    assert len(salt) == 64
    without = configured(tmp_path, text.replace("llm_api_key", "# "))
    assert app._cache_salt(without) != app._cache_salt(without), "nobody can guess it"


def test_a_server_that_is_left_alone_is_an_event() -> None:
    told: list[Event] = []
    set_sink(told.append)
    try:
        app._tell_circuit(1, Circuit.OPEN, "llm_busy")
    finally:
        set_sink(None)
    assert [event.record() for event in told] == [
        {"event": "engine_circuit", "engine": "llm", "server": 1, "state": "open", "code": "llm_busy"}
    ]  # fmt: skip


def test_whisper_is_told_the_language_the_device_and_the_practices_words(tmp_path: Path) -> None:
    settings = configured(
        tmp_path,
        f'[engines]\nstt = "whisper"\nwhisper_directory = "{tmp_path}"\nwhisper_language = "detect"\n'
        'whisper_device = "cpu"\nwhisper_window = "short"\n[workers]\ncalls_per_worker = 3',
    )
    flow = load_flow(settings.practice)
    made = app._whisper(settings, flow)
    assert (made.language, made.device, made.window, made.slots) == (None, "cpu", "short", 3)
    assert "metformin" in made.vocabulary.drugs
    assert made.vocabulary.urgent == flow.vocabulary().urgent_phrases
    assert set(made.vocabulary.names) <= set(flow.vocabulary().practice_words)
    assert app._whisper(Settings(), flow).language == "en"


def test_the_embedded_engines_stand_by_for_the_others_unless_they_may_not(tmp_path: Path) -> None:
    whisper = f'stt = "whisper"\nwhisper_directory = "{tmp_path}"\n'
    piper = f'tts = "piper"\npiper_voice = "{ENGLISH}"\n'

    def kinds(text: str) -> tuple[str, str]:
        settings = configured(tmp_path, f"[engines]\n{text}")
        stt, tts = app._stt(settings, load_flow(settings.practice)), app._tts(settings)
        return type(stt).__name__, type(tts).__name__

    assert kinds("") == ("PocketSphinx", "EspeakVoice")
    assert kinds(whisper + piper) == ("HearingWithSpare", "VoiceWithSpare")
    alone = ("WhisperSpeechToText", "PiperTextToSpeech")
    assert kinds(whisper + piper + 'spares = "off"\n') == alone
    spanish = 'whisper_language = "es"\n'
    assert kinds(whisper + piper + spanish)[0] == alone[0], "the spare would hear English"
    found_out = configured(tmp_path, f'[engines]\n{whisper}whisper_language = "detect"\n')
    stt = app._stt(found_out, load_flow(found_out.practice))
    assert isinstance(stt, HearingWithSpare)
    assert stt.spare_knows("en")
    assert not stt.spare_knows("es")
    measured = app.hearing_and_speaking(configured(tmp_path, f"[engines]\n{whisper}{piper}"))
    assert tuple(type(engine).__name__ for engine in measured) == alone


def test_a_spare_that_takes_over_and_an_engine_that_is_left_alone_are_events() -> None:
    told: list[Event] = []
    set_sink(told.append)
    try:
        app._stand_in_of("tts")("engine_failed")
        app._circuit_of("stt")(Circuit.OPEN, "lost")
    finally:
        set_sink(None)
    assert [event.record() for event in told] == [
        {"event": "engine_stood_in", "engine": "tts", "code": "engine_failed"},
        {"event": "engine_circuit", "engine": "stt", "server": 0, "state": "open", "code": "lost"},
    ]


def test_the_waits_that_refuse_a_caller_are_the_configured_ones(tmp_path: Path) -> None:
    settings = configured(
        tmp_path, "[admission]\nhearing_ms = 300\nthinking_ms = 0\nspeaking_ms = 500"
    )
    admission = app._admission(settings)
    marks = {"pause_seen": 0.0, "eager_text": 400.0, "first_token": 9_000.0}
    for _ in range(20):
        admission.turn(marks | {"first_clause": 9_000.0, "first_audio": 9_400.0}, 0.0)
    assert [stage.value for stage in admission.late(0.0)] == ["hearing"]


@pytest.mark.wire
def test_lines_for_when_nobody_can_speak_are_made_once_and_a_voice_that_fails_stops_nothing(
    tmp_path: Path,
) -> None:
    settings = config.from_mapping({"state": {"directory": str(tmp_path)}})
    flow = load_flow(settings.practice)
    seen: list[Event] = []
    set_sink(seen.append)
    try:
        voice = FakeVoice()
        voice.failure = EngineFailed("synthetic")
        asyncio.run(app._keep_lines(settings, flow, voice))
        assert sorted(str(e.line) for e in seen if isinstance(e, LineNotKept)) == [
            "apology",
            "busy",
        ]
        voice.failure = None
        asyncio.run(app._keep_lines(settings, flow, voice))
        made = len(voice.texts)
        asyncio.run(app._keep_lines(settings, flow, voice))
        assert len(voice.texts) == made
    finally:
        set_sink(None)
    kept = kept_lines(settings, flow)
    assert kept.missing() == ()
    assert len(kept.sound("busy")) > 8_000
