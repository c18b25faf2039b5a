"""What vLLM is started with: the doors that stay shut, the settings that arrive, and options that exist."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.config import from_mapping
from pipeline.errors import ConfigError
from pipeline.model_server import flags
from pipeline.model_server.surroundings import CACHES, QUIET, environment
from pipeline.settings import LLM_OPTIONS, Engines, LlmServer, Settings

SERVER = LlmServer(executable="/opt/vllm/bin/vllm", model_directory="/models/one")
KNOWN = json.loads((Path(__file__).parent / "vllm_options.json").read_text())


def words(server: LlmServer = SERVER, name: str = "receptionist") -> list[str]:
    return list(flags.command(server, name))


def after(option: str, server: LlmServer = SERVER) -> str:
    return words(server)[words(server).index(option) + 1]


def test_the_program_serves_the_folder_under_the_name_that_requests_use() -> None:
    assert words()[:3] == ["/opt/vllm/bin/vllm", "serve", "/models/one"]
    assert after("--served-model-name") == "receptionist"
    asked = Settings(engines=Engines(llm_model="desk"))
    assert flags.served_name(asked) == "desk"
    assert flags.served_name(Settings()) == flags.DEFAULT_NAME


def test_only_loopback_is_listened_on_and_no_setting_changes_that() -> None:
    assert after("--host") == "127.0.0.1"
    assert "--host" not in LLM_OPTIONS
    assert after("--allowed-origins") == "[]"


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--port", "8100"),
        ("--max-model-len", "4096"),
        ("--max-num-seqs", "7"),
        ("--max-num-queued-reqs", "16"),
        ("--tool-call-parser", "qwen3_xml"),
        ("--gpu-memory-utilization", "0.55"),
        ("--shutdown-timeout", "3"),
    ],
)
def test_a_setting_arrives(option: str, value: str) -> None:
    server = replace(
        SERVER,
        port=8100,
        context_tokens=4096,
        sequences=7,
        queued=9,
        tool_parser="qwen3_xml",
        memory_percent=55,
        drain_limit_ms=2_500,
    )
    assert after(option, server) == value


def test_a_processor_is_asked_for_no_share_of_a_card_and_a_card_is_never_run_uncompiled() -> None:
    on_cpu = words(replace(SERVER, device="cpu"))
    assert "--gpu-memory-utilization" not in on_cpu
    assert "--enforce-eager" in on_cpu
    assert "--enforce-eager" not in words()


def test_drafts_are_made_only_when_asked_for() -> None:
    assert "--speculative-config" not in words()
    drafted = replace(SERVER, draft="mtp")
    assert json.loads(after("--speculative-config", drafted))["method"] == "mtp"


def test_every_option_has_a_reason() -> None:
    for flag in flags.recommended(replace(SERVER, draft="mtp"), "one"):
        assert len(flag.reason) > 10 or flag.reason.startswith("llm_server.")


@pytest.mark.parametrize("device", ["gpu", "cpu"])
def test_every_option_is_one_of_the_checked_release(device: str) -> None:
    server = replace(SERVER, device=device, draft="mtp", options=LLM_OPTIONS)
    given = [
        word.partition("=")[0].partition(".")[0]
        for flag in flags.recommended(server, "one")
        for word in flag.words[:1]
    ]
    assert KNOWN["version"] == flags.VLLM_VERSION
    assert len(given) > 20
    assert set(given) - set(KNOWN["options"]) == set()


def test_the_list_of_options_would_notice_one_that_does_not_exist() -> None:
    assert "--disable-log-requests" not in KNOWN["options"]  # older releases had it
    assert len(KNOWN["options"]) > 150


def test_options_that_open_a_door_or_write_words_down_are_refused_without_being_quoted() -> None:
    for option in ("--host=0.0.0.0", "--enable-log-outputs", "--api-key=x", "Maria"):
        with pytest.raises(ConfigError) as caught:
            from_mapping({"llm_server": {"options": [option]}})
        assert option not in str(caught.value)
    good = from_mapping({"llm_server": {"options": ["--dtype=float32"]}})
    assert "--dtype=float32" in words(good.llm_server)


def test_no_option_of_ours_can_be_given_twice() -> None:
    ours = {
        word.partition("=")[0] for flag in flags.recommended(SERVER, "one") for word in flag.words
    }
    assert ours.isdisjoint(LLM_OPTIONS)


def test_the_key_is_in_the_environment_and_never_in_a_word() -> None:
    key = "0123456789abcdef" * 2
    made = environment(SERVER, key, Path("/cache"), "/usr/bin")
    assert made["VLLM_API_KEY"] == key
    assert not any(key in word for word in words())
    assert "api-key" not in " ".join(words())


def test_nothing_calls_home_and_everything_written_lies_under_one_folder() -> None:
    made = environment(SERVER, "k", Path("/cache"), "/usr/bin")
    for name in ("VLLM_NO_USAGE_STATS", "DO_NOT_TRACK", "HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"):
        assert made[name] == "1"
    assert made["VLLM_LOGGING_LEVEL"] in {"WARNING", "ERROR"}
    assert all(Path(made[name]).is_relative_to("/cache") for name in CACHES)
    assert made["PATH"] == "/opt/vllm/bin:/usr/bin"
    assert set(QUIET) <= set(made)


def test_memory_for_conversations_is_set_where_the_processor_computes() -> None:
    assert "VLLM_CPU_KVCACHE_SPACE" not in environment(SERVER, "k", Path("/c"), "")
    on_cpu = replace(SERVER, device="cpu", cache_gib=2)
    assert environment(on_cpu, "k", Path("/c"), "")["VLLM_CPU_KVCACHE_SPACE"] == "2"


def test_the_command_for_a_person_can_be_pasted() -> None:
    lines = list(flags.shown(SERVER, "one"))
    assert lines[0] == "/opt/vllm/bin/vllm serve /models/one"
    assert "  --default-chat-template-kwargs '{\"enable_thinking\": false}'" in lines
