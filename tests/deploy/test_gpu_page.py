"""`docs/gpu-box.md` holds what is calculated, names what exists, and claims no figure of a card."""

from __future__ import annotations

import re

from pipeline.settings import Settings
from tests.deploy.recipes import COMPOSE, ROOT
from tools.gpu_table import ears, table

PAGE = (ROOT / "docs/gpu-box.md").read_text()


def test_the_memory_tables_are_the_calculated_ones() -> None:
    assert table() in PAGE  # python -m tools.gpu_table
    assert ears() in PAGE


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
