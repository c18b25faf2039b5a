"""`docs/gpu-box.md` holds what is calculated, names what exists, and claims no figure of a card."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from models.sizes import (
    CALL_TOKENS,
    CONTEXT_TOKENS,
    GB,
    HEADROOM,
    LLMS,
    PREFIX_TOKENS,
    held_tokens,
    plan,
)
from pipeline.hub.catalogue import shipped
from pipeline.settings import Settings
from tests.deploy.recipes import COMPOSE, ROOT
from tools.gpu_table import TURBO, ears, table

SETTINGS = (ROOT / "deploy/gpu.toml").read_text()
PAGE = (ROOT / "docs/gpu-box.md").read_text()


def test_the_memory_tables_are_the_calculated_ones() -> None:
    assert table() in PAGE  # python -m tools.gpu_table
    assert ears() in PAGE


def test_the_shipped_settings_fit_the_card_that_their_model_is_recommended_for() -> None:
    tree = tomllib.loads(SETTINGS)
    server, calls = (
        tree["llm_server"],
        tree["workers"]["calls_per_worker"] * tree["workers"]["count"],
    )
    model = Path(server["model_directory"]).name
    entry = next(each for each in shipped().entries if each.id == model)
    named = re.search(r"a card of (\d+) GB", entry.why)
    assert named is not None
    card = int(named[1]) * GB
    shape = next(each for each in LLMS if each.name == "8B" and model == "qwen3-8b")
    whole = plan(shape, TURBO, calls=calls, context_tokens=server["context_tokens"])
    assert tree["engines"]["whisper_directory"].endswith(f"whisper-{TURBO.name}")
    assert whole.needed_bytes <= card
    assert server["memory_percent"] == whole.memory_percent(card)
    assert whole.whisper_bytes <= card * (1 - HEADROOM - server["memory_percent"] / 100)
    line = next(line for line in SETTINGS.splitlines() if line.startswith("memory_percent"))
    assert f"a card of {named[1]} GB, for {calls} calls" in line
    assert f"= {server['memory_percent']}." in PAGE, "the page works the same example"


def test_one_call_fits_into_the_context_that_vllm_is_given() -> None:
    assert Settings().llm_server.context_tokens == CONTEXT_TOKENS
    assert held_tokens(1) == CONTEXT_TOKENS
    assert PREFIX_TOKENS + CALL_TOKENS <= CONTEXT_TOKENS
    for number in (CALL_TOKENS, PREFIX_TOKENS):
        assert f"{number:,} tokens" in PAGE


def test_what_was_not_run_is_said() -> None:
    assert "nothing here was measured on a card" in PAGE
    assert "It was not run on a card yet" in PAGE


def test_every_path_setting_and_variable_on_the_page_exists() -> None:
    for path in re.findall(r"(?:deploy|requirements|bench|tools|tests)/[a-z][\w./-]*", PAGE):
        if path.startswith(("deploy/secrets", "deploy/wardline.toml", "deploy/.env")):
            continue  # the operator's own
        assert (ROOT / path.rstrip(".")).exists(), path
    settings = Settings()
    for section, name in re.findall(
        r"`(media|workers|engines|http|store|llm_server)\.(\w+)`", PAGE
    ):
        if hasattr(settings, section):
            assert hasattr(getattr(settings, section), name), (section, name)
    for variable in set(re.findall(r"\b(WARDLINE_[A-Z_]+)\b", PAGE)):
        assert variable in COMPOSE.read_text(), variable


def test_the_order_of_the_start_is_that_of_the_services() -> None:
    order = re.search(r"in this order: (.*?)\.\n", PAGE, re.DOTALL)
    assert order is not None
    assert re.findall(r"`(rules|line|models|server)`", order[1]) == [
        "rules",
        "line",
        "models",
        "server",
    ]
