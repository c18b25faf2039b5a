"""What the tests of this folder know of the running vLLM, and how they talk to it."""

from __future__ import annotations

import subprocess
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from models.openai_llm import OpenAiLanguageModel, OpenAiSettings
from models.ports import ChatMessage, ReplyRequest, ToolSpec
from pipeline.metrics.model_load import Load, read_load
from pipeline.model_server.descendants import below, parents_now
from tests.first_call.served import named
from tools.make_tiny_chat import BOOKING, prompts

ROOT = Path(__file__).parents[2]
ENVIRONMENT = ROOT / ".venv-vllm"
MODEL = Path(__file__).parent / "tiny_chat"
NAME = "receptionist"
START_LIMIT_S = 300.0
"""On a busy machine with two cores a start takes a minute."""

PROMPTS = prompts()
BOOK = ToolSpec(BOOKING["name"], BOOKING["description"], BOOKING["parameters"])


@dataclass
class Real:
    """The supervisor's process, its folder and the port of its vLLM."""

    process: subprocess.Popen[bytes]
    folder: Path
    port: int
    key: str = ""
    """Known once it is ready."""

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def written(self) -> bytes:
        """Every byte that vLLM wrote."""
        return (self.folder / "written").read_bytes()

    def told(self) -> str:
        """Every byte that the supervisor wrote."""
        return (self.folder / "out").read_text() + (self.folder / "err").read_text()

    def events(self, name: str) -> list[dict[str, Any]]:
        return named(name, (self.folder / "err").read_text())

    def until(self, name: str, count: int = 1) -> list[dict[str, Any]]:
        limit = time.monotonic() + START_LIMIT_S
        while len(found := self.events(name)) < count:
            said = self.told()
            assert time.monotonic() < limit, f"no {name}:\n{said}"
            assert self.process.poll() is None, said
            time.sleep(0.1)
        return found

    def family(self) -> dict[int, str]:
        """Every process below the supervisor with what the kernel calls it."""
        return {pid: name_of(pid) for pid in below(self.process.pid, parents_now())}

    def model(self, **settings: float) -> OpenAiLanguageModel:
        """Our client; deadlines for a machine that does other things as well."""
        limits: dict[str, Any] = {"first_token_ms": 20_000.0, "next_token_ms": 20_000.0}
        return OpenAiLanguageModel(
            OpenAiSettings(
                base_url=f"{self.origin}/v1",
                model=NAME,
                api_key=self.key,
                **{**limits, **settings},
            )
        )


def name_of(pid: int) -> str:
    """The command line, "" when it has gone."""
    try:
        return (
            Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        )
    except OSError:
        return ""


def runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] != "Z"
    except OSError:
        return False


def request(
    said: str, say: str, *, book: bool = False, before: tuple[ChatMessage, ...] = ()
) -> ReplyRequest:
    """A turn as the server asks for it: rules first, what to say last."""
    note = PROMPTS.notes[0] + PROMPTS.assignment.format(say=say)
    messages = (
        ChatMessage("system", PROMPTS.rules),
        *before,
        ChatMessage("user", said),
        ChatMessage("system", note),
    )
    return ReplyRequest("r1", messages, (BOOK,) if book else (), temperature=0.0)


def raw_body(said: str, say: str, **more: object) -> dict[str, object]:
    """The same for requests that our client does not make."""
    messages = [{"role": one.role, "content": one.content} for one in request(said, say).messages]
    return {"model": NAME, "messages": messages, "temperature": 0, "max_tokens": 60, **more}


@asynccontextmanager
async def asking(real: Real) -> AsyncIterator[aiohttp.ClientSession]:
    """Requests with the key."""
    headers = {"Authorization": f"Bearer {real.key}"}
    limit = aiohttp.ClientTimeout(total=120)
    async with aiohttp.ClientSession(headers=headers, timeout=limit, trust_env=False) as session:
        yield session


async def load(session: aiohttp.ClientSession, real: Real) -> Load:
    async with session.get(f"{real.origin}/metrics") as response:
        return read_load(await response.text())
