"""Which engines there are, what each lacks here, and whether it fits. Any mix of them is a configuration."""

from __future__ import annotations

import dataclasses
import itertools
import json
from pathlib import Path

import pytest

from models.sizes import LLMS, MIB, plan
from models.whisper_files import NEEDED, VOCABULARIES
from pipeline import config
from pipeline.cli import main
from pipeline.errors import ConfigError
from pipeline.machine.cards import Card
from pipeline.machine.engines import ENGINES, LLM_FILES, Found, missing_files, survey
from pipeline.settings import Engines, Settings
from pipeline.supervisor.checked import check, check_before_start

CARD = Card("A card", 24_000, 20_000, "580")
FILES: dict[str, dict[str, tuple[str, ...]]] = {
    "stt": {
        "pocketsphinx": (),
        "whisper": tuple(f"whisper/{name}" for name in (*NEEDED, VOCABULARIES[0])),
    },
    "tts": {"espeak": (), "piper": ("voice.onnx", "voice.onnx.json")},
    "llm": {"scripted": (), "openai": ()},
}
MIXES = list(itertools.product(*(FILES[role].items() for role in FILES)))


def made(folder: Path, without: str = "") -> None:
    """Every file that some mix needs, but one."""
    (folder / "whisper").mkdir(exist_ok=True)
    for choices in FILES.values():
        for names in choices.values():
            for name in names:
                if name != without:
                    (folder / name).write_text("{}")


def settings_of(folder: Path, stt: str, tts: str, llm: str) -> Settings:
    engines = {"stt": stt, "tts": tts, "llm": llm}
    if stt == "whisper":
        engines["whisper_directory"] = str(folder / "whisper")
    if tts == "piper":
        engines["piper_voice"] = str(folder / "voice.onnx")
    if llm == "openai":
        engines |= {"llm_url": "http://127.0.0.1:8000/v1", "llm_model": "receptionist"}
    return config.from_mapping({"engines": engines})


def toml_of(settings: Settings, folder: Path) -> Path:
    file = folder / "wardline.toml"
    keys = ("stt", "tts", "llm", "whisper_directory", "piper_voice", "llm_url", "llm_model")
    values = {key: getattr(settings.engines, key) for key in keys}
    lines = [f"{key} = {json.dumps(value)}" for key, value in values.items() if value]
    file.write_text("[engines]\n" + "\n".join(lines) + "\n")
    return file


def by_name(
    settings: Settings, cards: tuple[Card, ...] = (), free_mb: int = 8_000
) -> dict[str, Found]:
    return {found.engine: found for found in survey(settings, cards, free_mb)}


def test_every_choice_of_the_settings_is_an_engine_and_no_other() -> None:
    for setting in ("stt", "llm", "tts"):
        field = next(each for each in dataclasses.fields(Engines) if each.name == setting)
        named = [each.name for each in ENGINES if each.setting == setting]
        assert sorted(named) == sorted(field.metadata["choices"])


@pytest.mark.parametrize("mix", MIXES, ids=lambda mix: "-".join(name for name, _ in mix))
def test_any_mix_is_accepted_and_each_missing_file_is_one_fault(
    tmp_path: Path, mix: tuple[tuple[str, tuple[str, ...]], ...], capsys: pytest.CaptureFixture[str]
) -> None:
    names = [name for name, _ in mix]
    made(tmp_path)
    settings = settings_of(tmp_path, *names)
    file = toml_of(settings, tmp_path)
    assert main(["check-config", str(file)]) == 0
    assert {found.engine for found in by_name(settings).values() if found.chosen} == set(names)
    for needed in [path for _, files in mix for path in files]:
        (tmp_path / needed).unlink()
        capsys.readouterr()
        assert main(["check-config", str(file)]) == 78
        said = capsys.readouterr().err.splitlines()
        assert len(said) == 2, said  # how many, and the one
        assert Path(needed).name in said[1] or needed == "voice.onnx"
        assert said[1].strip().startswith(("engines.whisper_directory:", "engines.piper_voice:"))
        made(tmp_path)


def test_several_missing_files_are_named_at_once(tmp_path: Path) -> None:
    made(tmp_path)
    settings = settings_of(tmp_path, "whisper", "piper", "scripted")
    for name in ("model.bin", "tokenizer.json"):
        (tmp_path / "whisper" / name).unlink()
    (tmp_path / "voice.onnx.json").unlink()
    faults = missing_files(settings)
    assert len(faults) == 2
    assert "model.bin, tokenizer.json" in faults[0]
    assert "voice.onnx.json" in faults[1]
    assert all("wardline bundle" in fault for fault in faults)
    assert missing_files(settings_of(tmp_path, "pocketsphinx", "espeak", "scripted")) == []


def test_a_language_model_that_is_not_there_stops_its_own_program_and_no_call(
    tmp_path: Path,
) -> None:
    tree = config.to_mapping(settings_of(tmp_path, "pocketsphinx", "espeak", "openai"))
    tree["llm_server"] = {**tree["llm_server"], "model_directory": str(tmp_path / "gone")}
    settings = config.from_mapping(tree)
    check_before_start(settings)
    with pytest.raises(ConfigError, match=r"llm_server\.model_directory: config\.json"):
        check(settings)
    for name in LLM_FILES:
        (tmp_path / name).write_text("{}")
    tree["llm_server"]["model_directory"] = str(tmp_path)
    check(config.from_mapping(tree))


def test_an_engine_that_was_not_chosen_is_judged_too(tmp_path: Path) -> None:
    found = by_name(settings_of(tmp_path, "pocketsphinx", "espeak", "scripted"))
    assert {name for name, each in found.items() if each.state == "ready"} == {
        "pocketsphinx",
        "espeak",
        "scripted",
    }
    assert found["whisper"].state == "not set up"
    assert not found["whisper"].model_present
    assert "engines.llm_url" in found["openai"].message


def test_a_recogniser_is_weighed_against_the_card_and_without_one_against_memory(
    tmp_path: Path,
) -> None:
    made(tmp_path)
    with (tmp_path / "whisper/model.bin").open("wb") as file:
        file.truncate(2_000 << 20)  # a hole: no byte of it is on the disk
    settings = settings_of(tmp_path, "whisper", "espeak", "scripted")
    on_card = by_name(settings, (CARD,))["whisper"]
    assert on_card.device == "A card"
    assert (on_card.state, on_card.memory_free_mb) == ("ready", 20_000)
    assert on_card.memory_needed_mb is not None
    assert 2_600 < on_card.memory_needed_mb < 3_600
    assert by_name(settings, (CARD,))["pocketsphinx"].device == "processor"
    tight = by_name(settings, (dataclasses.replace(CARD, free_mb=2_500),))["whisper"]
    assert tight.state == "too big"
    assert "2500 MB are free" in tight.message
    assert by_name(settings, (), 2_000)["whisper"].state == "too big"
    two = by_name(settings, (CARD, dataclasses.replace(CARD, name="The other", free_mb=23_000)))
    assert two["whisper"].device == "The other"


def test_languages_are_read_from_the_models_own_descriptions(tmp_path: Path) -> None:
    made(tmp_path)
    settings = settings_of(tmp_path, "whisper", "piper", "scripted")
    assert by_name(settings)["whisper"].languages == "en"
    (tmp_path / "whisper/config.json").write_text(json.dumps({"lang_ids": [50_259, 50_262]}))
    (tmp_path / "voice.onnx.json").write_text(json.dumps({"language": {"code": "es_MX"}}))
    found = by_name(settings)
    assert found["whisper"].languages == "en, es and others"
    assert found["piper"].languages == "es"


@pytest.mark.parametrize("text", ["", "[]", "no JSON", '{"language": 3}', "[" * 90_000])
def test_a_broken_description_is_no_answer(tmp_path: Path, text: str) -> None:
    made(tmp_path)
    (tmp_path / "voice.onnx.json").write_text(text)
    (tmp_path / "whisper/config.json").write_text(text)
    found = by_name(settings_of(tmp_path, "whisper", "piper", "scripted"))
    assert found["piper"].languages == "as its voice"
    assert found["whisper"].languages == "en"


def test_a_language_model_served_here_is_weighed_by_its_own_files(tmp_path: Path) -> None:
    for name in LLM_FILES:
        (tmp_path / name).write_text("{}")
    described = {
        "num_hidden_layers": 36,
        "hidden_size": 2_560,
        "num_attention_heads": 32,
        "num_key_value_heads": 8,
        "head_dim": 128,
        "intermediate_size": 9_728,
        "vocab_size": 151_936,
        "tie_word_embeddings": True,
    }
    four = LLMS[0]
    (tmp_path / "config.json").write_text(json.dumps(described))
    with (tmp_path / "model.safetensors").open("wb") as file:
        file.truncate(four.weights_bytes())
    tree = config.to_mapping(settings_of(tmp_path, "pocketsphinx", "espeak", "openai"))
    tree["llm_server"] = {**tree["llm_server"], "model_directory": str(tmp_path)}
    tree["workers"] = {**tree["workers"], "count": 2, "calls_per_worker": 8}
    found = by_name(config.from_mapping(tree), (CARD,))["openai"]
    assert found.memory_needed_mb == plan(four, None, calls=16).llm_bytes // MIB, "as on the page"
    assert found.state == "ready"
