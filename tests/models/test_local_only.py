"""There is no engine that speaks to a provider (row D22): local ones alone, and none can be configured."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from models.chat_address import model_url
from models.errors import EngineUnavailable
from pipeline import config
from pipeline.errors import ConfigError
from pipeline.settings import Settings

ROOT = Path(__file__).parents[2]

LOCAL = {
    "engines.stt": ("pocketsphinx", "whisper"),
    "engines.whisper_language": ("en", "es", "detect"),
    "engines.whisper_device": ("auto", "cpu", "cuda"),
    "engines.whisper_window": ("full", "short"),
    "engines.tts": ("espeak", "piper"),
    "engines.llm": ("scripted", "openai"),
    "engines.llm_dialect": ("vllm", "plain"),
    "engines.spares": ("on", "off"),
}
"""`openai` is the name of a protocol: the server that speaks it must be on loopback or a listed private address."""

PROVIDERS = (
    *("anthropic", "assemblyai", "azure", "boto3", "botocore", "cartesia", "cohere", "deepgram"),
    *(
        "elevenlabs",
        "google",
        "groq",
        "livekit",
        "openai",
        "playht",
        "sentry_sdk",
        "twilio",
        "vapi",
    ),
)
SERVICES_THAT_ARE_OURS = {
    "pipecat.services.ai_service",
    "pipecat.services.llm_service",
    "pipecat.services.settings",
    "pipecat.services.tts_service",
}
"""Base classes of the framework; every other module below `pipecat.services` speaks to somebody."""


def imported() -> Iterator[tuple[str, str]]:
    """File and module of every import in what is shipped."""
    for package in ("pipeline", "models", "phi"):
        for path in sorted((ROOT / package).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                if isinstance(node, ast.Import):
                    yield from ((str(path), alias.name) for alias in node.names)
                elif isinstance(node, ast.ImportFrom) and node.module:
                    yield str(path), node.module


def test_row_d22_every_engine_that_can_be_chosen_is_local() -> None:
    choices = {
        key: rules["choices"]
        for key, _, rules in config.leaves(Settings())
        if key.startswith("engines.") and "choices" in rules
    }
    assert choices == LOCAL


def test_row_d22_no_client_of_a_provider_is_imported() -> None:
    found = list(imported())
    assert len(found) > 1_000
    assert [(path, name) for path, name in found if name.partition(".")[0] in PROVIDERS] == []
    services = {name for _, name in found if name.startswith("pipecat.services")}
    assert services <= SERVICES_THAT_ARE_OURS


@pytest.mark.parametrize(
    "url",
    ["https://api.openai.com/v1", "http://203.0.113.5:8000/v1", "http://localhost.evil.example/v1"],
)
def test_row_d22_a_model_elsewhere_is_refused_by_settings_and_by_the_engine(url: str) -> None:
    with pytest.raises(ConfigError, match="must point at this machine"):
        config.from_mapping({"engines": {"llm_url": url}})
    with pytest.raises(EngineUnavailable):
        model_url(url)
