"""docs/model-server.md shows the options that are really passed, with their reasons."""

from __future__ import annotations

from pathlib import Path

from pipeline.model_server import flags
from pipeline.model_server.hints import ADVICE
from pipeline.settings import LLM_OPTIONS, LlmServer

PAGE = (Path(__file__).parents[2] / "docs" / "model-server.md").read_text()


def rows() -> list[str]:
    """One for each option; that of the processor and that of the model's own drafts are marked."""
    on_card = flags.recommended(LlmServer(draft="mtp"), flags.DEFAULT_NAME)
    on_cpu = flags.recommended(LlmServer(device="cpu"), flags.DEFAULT_NAME)
    known = {flag.words for flag in on_card}
    extra = [flag for flag in on_cpu if flag.words not in known]
    made = []
    for flag in (*on_card, *extra):
        when = ' (`device = "cpu"`)' if flag in extra else ""
        made.append(f"| `{' '.join(flag.words)}`{when} | {flag.reason} |")
    return made


def test_the_table_is_that_of_the_program() -> None:
    shown = [line for line in PAGE.splitlines() if line.startswith("| `--")]
    assert shown == rows()


def test_every_hint_and_every_further_option_is_explained() -> None:
    assert all(f"hint `{token}`" in PAGE for token in set(ADVICE) - {"port"})
    assert all(f"`{option}`" in PAGE for option in LLM_OPTIONS)
    assert f"vLLM {flags.VLLM_VERSION}" in PAGE
