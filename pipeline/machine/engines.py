"""Every engine that a setting can choose, and how it stands on this machine: installed, its files there, memory enough.

What models are good for which machine, and where they come from, is the bundle's catalogue and not known here; nor is
how an engine is started. Opens descriptions of models, never weights.
"""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from models.sizes import (
    CONTEXT_BYTES,
    MIB,
    WHISPERS,
    held_tokens,
    llm_shape,
    vllm_bytes,
    whisper_bytes,
)
from models.whisper_files import absent
from pipeline import config
from pipeline.errors import ConfigError
from pipeline.machine.cards import Card
from pipeline.settings import Settings

Role = Literal["hears", "thinks", "speaks"]
State = Literal["ready", "not set up", "broken", "too big"]

LLM_FILES = ("config.json", "tokenizer.json")
DESCRIPTION_BYTES_MAX = 8 << 20

_POCKETSPHINX_MB, _POCKETSPHINX_PER_CALL_MB = 180, 40
_ESPEAK_MB, _SCRIPTED_MB, _PIPER_MB = 30, 10, 60
"""Measured: a recogniser's loader, one call's decoder, a voice in its process; beside Piper its voice's own file."""
_WORKER = "the voice worker"
_SERVED = "llm_server.model_directory"
_FETCH = "`wardline bundle` fetches and checks models"


@dataclass(frozen=True, slots=True)
class Needs:
    """What an engine takes: memory, and of which kind."""

    memory_mb: int | None
    """None: it depends on a model that is not known yet."""
    on_card: bool = False


@dataclass(frozen=True, slots=True)
class Engine:
    """One choice of one setting."""

    setting: Literal["stt", "llm", "tts"]
    name: str
    """As the setting writes it."""
    role: Role
    licence: str
    package: str
    """What must be importable; "" for none."""
    languages: Callable[[Settings], str]
    missing: Callable[[Settings], tuple[str, ...]]
    """A sentence for each thing that is not there."""
    needs: Callable[[Settings, bool], Needs]
    """With a card, or without."""
    where: str
    """In whose process it runs."""


@dataclass(frozen=True, slots=True)
class Found:
    """How one engine stands here."""

    role: Role
    engine: str
    chosen: bool
    state: State
    message: str
    """What is there, or what to do."""
    licence: str
    installed: bool
    model_present: bool
    runs_in: str
    device: str
    memory_needed_mb: int | None
    memory_free_mb: int
    languages: str


def survey(settings: Settings, cards: tuple[Card, ...], free_mb: int) -> Iterator[Found]:
    """Every engine against this machine."""
    for engine in ENGINES:
        yield _judged(engine, settings, cards, free_mb)


def missing_files(settings: Settings) -> list[str]:
    """A fault for each file that a chosen engine will miss; what a setting itself refuses is not said twice."""
    chosen = (engine for engine in ENGINES if _chosen(engine, settings))
    return [fault for engine in chosen for fault in engine.missing(settings)]


def check_files(settings: Settings, *, served_too: bool = True) -> None:
    """Raise `ConfigError` with every file that a chosen engine would miss; `served_too`: also those that vLLM serves."""
    if found := [
        fault
        for fault in missing_files(settings)
        if served_too or not fault.startswith(f"{_SERVED}:")
    ]:
        raise ConfigError(found)


def _chosen(engine: Engine, settings: Settings) -> bool:
    return str(getattr(settings.engines, engine.setting)) == engine.name


def _judged(engine: Engine, settings: Settings, cards: tuple[Card, ...], free_mb: int) -> Found:
    needs = engine.needs(settings, bool(cards))
    installed = not engine.package or importlib.util.find_spec(engine.package) is not None
    missing = engine.missing(settings)
    best = max(cards, key=lambda card: card.free_mb, default=None)
    free = best.free_mb if needs.on_card and best is not None else free_mb
    state, message = _state(installed, missing, needs, free, engine)
    return Found(
        role=engine.role,
        engine=engine.name,
        chosen=_chosen(engine, settings),
        state=state,
        message=message,
        licence=engine.licence,
        installed=installed,
        model_present=not missing,
        runs_in=engine.where,
        device=best.name if needs.on_card and best is not None else "processor",
        memory_needed_mb=needs.memory_mb,
        memory_free_mb=free,
        languages=engine.languages(settings),
    )


def _state(
    installed: bool, missing: tuple[str, ...], needs: Needs, free_mb: int, engine: Engine
) -> tuple[State, str]:
    if not installed:
        return "broken", f"the package {engine.package} is not installed; run make setup"
    if missing:
        return "not set up", "; ".join(missing)
    if needs.memory_mb is not None and needs.memory_mb > free_mb:
        return "too big", (
            f"needs about {needs.memory_mb} MB and {free_mb} MB are free; end what uses the memory,"
            " or choose a smaller model"
        )
    return "ready", "everything it needs is there"


# --- the choices ---------------------------------------------------------------------------------


def _whisper_missing(settings: Settings) -> tuple[str, ...]:
    return _missing("engines.whisper_directory", settings.engines.whisper_directory, absent)


def _llm_absent(folder: Path) -> list[str]:
    return [name for name in LLM_FILES if not _is_file(folder / name)]


def _missing(key: str, text: str, absent: Callable[[Path], list[str]]) -> tuple[str, ...]:
    if not text:
        return (f"{key}: names no model; {_FETCH}",)
    if names := absent(Path(text)):
        return (f"{key}: {', '.join(names)} missing in the folder; {_FETCH}",)
    return ()


def _piper_missing(settings: Settings) -> tuple[str, ...]:
    voices = dict(_voices(settings))
    if not voices:
        return (f"engines.piper_voice: names no voice; {_FETCH}",)
    faults = []
    for key, voice in voices.items():
        names = [each.name for each in (voice, _described(voice)) if not _is_file(each)]
        if names:
            faults.append(f"{key}: {', '.join(names)} missing in its folder; {_FETCH}")
    return tuple(faults)


def _voices(settings: Settings) -> Iterator[tuple[str, Path]]:
    """Each voice that a setting names; there is one for each language."""
    for key, value in _values(settings).items():
        if key.startswith("engines.piper_voice") and isinstance(value, str) and value:
            yield key, Path(value)


def _llm_missing(settings: Settings) -> tuple[str, ...]:
    faults = []
    if not settings.engines.llm_url:
        faults.append("engines.llm_url: names no server; `wardline models serve` runs one")
    if not settings.engines.llm_model:
        faults.append("engines.llm_model: names no model at that server")
    if folder := _llm_folder(settings):
        faults += _missing(_SERVED, folder, _llm_absent)
    return tuple(faults)


def _llm_folder(settings: Settings) -> str:
    """Where the model lies that our own supervisor serves; "" where another program serves it."""
    return settings.llm_server.model_directory


def _values(settings: Settings) -> Mapping[str, object]:
    tree = config.to_mapping(settings)
    tables = ((head, part) for head, part in tree.items() if isinstance(part, Mapping))
    return {f"{head}.{key}": value for head, part in tables for key, value in part.items()}


def _pocketsphinx_needs(settings: Settings, _: bool) -> Needs:
    calls = settings.workers.count * settings.workers.calls_per_worker
    return Needs(_POCKETSPHINX_MB + calls * _POCKETSPHINX_PER_CALL_MB)


def _whisper_needs(settings: Settings, card: bool) -> Needs:
    weights = _size(Path(settings.engines.whisper_directory) / "model.bin")
    if not settings.engines.whisper_directory or not weights:
        return Needs(None, card)
    each = whisper_bytes(weights, WHISPERS[0]) - (0 if card else CONTEXT_BYTES)
    return Needs(each * settings.workers.count // MIB, card)


def _piper_needs(settings: Settings, _: bool) -> Needs:
    weights = sum(_size(voice) for _, voice in _voices(settings))
    if not weights:
        return Needs(None)
    return Needs((_PIPER_MB + 2 * weights // MIB) * settings.workers.count)


def _llm_needs(settings: Settings, card: bool) -> Needs:
    folder = _llm_folder(settings)
    shape = llm_shape(description(Path(folder) / "config.json")) if folder else None
    if shape is None:
        return Needs(None, card)
    weights = sum(_size(path) for path in Path(folder).glob("*.safetensors"))
    calls = settings.workers.count * settings.workers.calls_per_worker
    tokens = held_tokens(calls, settings.llm_server.context_tokens)
    return Needs(vllm_bytes(weights, shape, tokens) // MIB, card)


def _whisper_languages(settings: Settings) -> str:
    if not settings.engines.whisper_directory:
        return "as its model"
    found = description(Path(settings.engines.whisper_directory) / "config.json").get("lang_ids")
    return "en, es and others" if isinstance(found, list) and len(found) > 1 else "en"


def _piper_languages(settings: Settings) -> str:
    found = []
    for _, voice in _voices(settings):
        spoken = description(_described(voice)).get("language")
        code = spoken.get("code") if isinstance(spoken, dict) else None
        if isinstance(code, str) and code[:2].isalpha():
            found.append(code[:2])
    return ", ".join(dict.fromkeys(found)) or "as its voice"


def description(path: Path) -> dict[str, object]:
    """A model's own description; empty when there is none that can be read."""
    try:
        with path.open("rb") as file:
            data = file.read(DESCRIPTION_BYTES_MAX + 1)
        found = json.loads(data) if len(data) <= DESCRIPTION_BYTES_MAX else {}
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _described(voice: Path) -> Path:
    return voice.with_name(f"{voice.name}.json")


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except (OSError, ValueError):
        return 0


def _nothing(_: Settings) -> tuple[str, ...]:
    return ()


ENGINES = (
    Engine(
        setting="stt",
        name="pocketsphinx",
        role="hears",
        licence="BSD-2-Clause",
        package="pocketsphinx",
        languages=lambda _: "en",
        missing=_nothing,
        needs=_pocketsphinx_needs,
        where="child processes of the voice worker",
    ),
    Engine(
        setting="stt",
        name="whisper",
        role="hears",
        licence="MIT",
        package="faster_whisper",
        languages=_whisper_languages,
        missing=_whisper_missing,
        needs=_whisper_needs,
        where=_WORKER,
    ),
    Engine(
        setting="llm",
        name="scripted",
        role="thinks",
        licence="Apache-2.0",
        package="",
        languages=lambda _: "en",
        missing=_nothing,
        needs=lambda _settings, _card: Needs(_SCRIPTED_MB),
        where=_WORKER,
    ),
    Engine(
        setting="llm",
        name="openai",
        role="thinks",
        licence="its server's and its model's own",
        package="aiohttp",
        languages=lambda _: "as its model",
        missing=_llm_missing,
        needs=_llm_needs,
        where="a server of its own (vLLM)",
    ),
    Engine(
        setting="tts",
        name="espeak",
        role="speaks",
        licence="GPL-3.0-or-later",
        package="espeakng_loader",
        languages=lambda _: "en, es",
        missing=_nothing,
        needs=lambda _settings, _card: Needs(_ESPEAK_MB),
        where=_WORKER,
    ),
    Engine(
        setting="tts",
        name="piper",
        role="speaks",
        licence="GPL-3.0-or-later",
        package="piper",
        languages=_piper_languages,
        missing=_piper_missing,
        needs=_piper_needs,
        where=_WORKER,
    ),
)
"""In the order of the settings' own choices."""
