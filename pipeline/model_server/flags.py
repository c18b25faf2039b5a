"""The command line of vLLM: a calculation from the settings, each option with its reason.

It refuses to know whether the program is there, what the model is and what the key is: no secret is ever an
option, since every user of the machine can read the words a process was started with.
"""

from __future__ import annotations

import math
import shlex
from collections.abc import Iterator
from dataclasses import dataclass

from pipeline.settings import LlmServer, Settings

VLLM_VERSION = "0.32.0"
"""The release these options were checked against; older than 0.30.0 has known holes (CVE-2026-105754 to -105756)."""

HOST = "127.0.0.1"
"""Never a setting: some routes answer without the key (`/metrics`, `/tokenize`, even `/invocations`)."""

DEFAULT_NAME = "receptionist"


@dataclass(frozen=True, slots=True)
class Flag:
    """One option as it is passed, and why."""

    words: tuple[str, ...]
    reason: str


def served_name(settings: Settings) -> str:
    """What the model is called in requests: the client's own setting, so that the two cannot differ."""
    return settings.engines.llm_model or DEFAULT_NAME


def recommended(server: LlmServer, name: str) -> tuple[Flag, ...]:
    """Every option after `vllm serve DIRECTORY`, in the order of the table in docs/model-server.md."""
    return (
        *_door(server, name),
        *_room(server),
        *_answers(server),
        *_silence(),
        *_device(server),
        *(Flag((option,), "llm_server.options") for option in server.options),
    )


def command(server: LlmServer, name: str) -> tuple[str, ...]:
    """The words to start, without any secret."""
    words = [word for flag in recommended(server, name) for word in flag.words]
    return (server.executable, "serve", server.model_directory, *words)


def shown(server: LlmServer, name: str) -> Iterator[str]:
    """The command for a person to read and paste, one option a line."""
    yield shlex.join((server.executable or "vllm", "serve", server.model_directory or "DIRECTORY"))
    for flag in recommended(server, name):
        yield f"  {shlex.join(flag.words)}"


def _door(server: LlmServer, name: str) -> Iterator[Flag]:
    yield Flag(
        ("--served-model-name", name),
        "what requests call it (engines.llm_model); without it answers name the folder",
    )
    yield Flag(("--host", HOST), "loopback, fixed: some routes answer without the key")
    yield Flag(("--port", str(server.port)), "llm_server.port")
    yield Flag(
        ("--allowed-origins", "[]"),
        "no web page may read an answer; the default lets every site's pages",
    )
    yield Flag(("--disable-fastapi-docs",), "no pages that list the routes")
    yield Flag(
        ("--no-trust-remote-code",), "code in a model's folder is not run, whatever its config says"
    )


def _room(server: LlmServer) -> Iterator[Flag]:
    yield Flag(
        ("--max-model-len", str(server.context_tokens)),
        "llm_server.context_tokens: the model's own limit may need more memory than there is",
    )
    yield Flag(
        ("--max-num-seqs", str(server.sequences)),
        "llm_server.sequences: above it each reply gets slower",
    )
    yield Flag(
        ("--max-num-queued-reqs", str(server.sequences + server.queued)),
        "llm_server.sequences + queued, since vLLM counts the running ones too: the next request is refused with 503 within milliseconds, not after a silence",
    )
    yield Flag(
        ("--scheduling-policy", "priority"),
        "a confirmed turn goes before a guess about an unfinished one; the client says which is which when it asks,"
        " and a guess that comes true keeps its place",
    )
    yield Flag(
        ("--enable-prefix-caching",),
        "the rules and the conversation so far are read once; said out loud since some model families turn it off",
    )


def _answers(server: LlmServer) -> Iterator[Flag]:
    yield Flag(("--enable-auto-tool-choice",), "the model decides when to call a tool")
    yield Flag(("--tool-call-parser", server.tool_parser), "llm_server.tool_parser")
    yield Flag(
        ("--tool-strict-level", "parameter"),
        "arguments are held to their JSON Schema while they are written; by default they are only asked for",
    )
    yield Flag(
        ("--structured-outputs-config.backend=xgrammar",),
        "named, because the next option is refused with `auto`",
    )
    yield Flag(
        ("--structured-outputs-config.disable_any_whitespace=true",),
        "a model that is unsure inside a schema otherwise writes spaces until its tokens run out",
    )
    yield Flag(
        ("--default-chat-template-kwargs", '{"enable_thinking": false}'),
        "thinking costs seconds before the first word; templates that do not know it ignore it",
    )
    yield Flag(
        ("--generation-config", "vllm"),
        "sampling comes from the request alone; a file in the model's folder changes nothing",
    )
    yield Flag(
        ("--enable-prompt-tokens-details",),
        "answers say how much of the prompt was remembered, so that a broken prefix shows",
    )


def _silence() -> Iterator[Flag]:
    yield Flag(("--no-enable-log-requests",), "prompts are not logged: the default, said out loud")
    yield Flag(("--no-enable-log-outputs",), "answers are not logged: the default, said out loud")
    yield Flag(("--disable-uvicorn-access-log",), "no line for each request")


def _device(server: LlmServer) -> Iterator[Flag]:
    yield Flag(
        ("--shutdown-timeout", str(math.ceil(server.drain_limit_ms / 1000))),
        "llm_server.drain_limit_ms in seconds: replies in progress may finish after SIGTERM",
    )
    if server.device == "cpu":
        yield Flag(
            ("--enforce-eager",), "compiling takes minutes on a processor and gains little there"
        )
        return
    yield Flag(
        ("--gpu-memory-utilization", f"{server.memory_percent / 100:.2f}"),
        "llm_server.memory_percent: hearing and speaking need the rest of the card",
    )
    yield Flag(
        ("--performance-mode", "interactivity"),
        "short waits for each reply rather than most replies an hour",
    )
    if server.draft == "mtp":
        yield Flag(
            ("--speculative-config", '{"method": "mtp", "num_speculative_tokens": 1}'),
            "llm_server.draft: one token guessed ahead; published measurements show a fifth less time for a reply",
        )
