"""A practice that hears with Whisper and speaks with Piper, a caller at its page, and what its store then holds.

Which chat model phrases is the test's choice: a stand-in of the OpenAI protocol (`test_open_models`) or a real vLLM
(`tests/vllm/test_page`).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.first_call import person
from tests.first_call.page import Booked, chromium
from tests.first_call.served import Served, served, wardline
from tests.models.voices import ENGLISH
from tests.models.whisper.tiny import FOLDER

NUMBER = "2125550143"
"""The script's."""


@contextmanager
def practice(folder: Path, llm: str, cache: Path) -> Iterator[Served]:
    """Served with tiny open models; `llm` holds the lines of `[engines]` that name the chat model."""
    engines = (
        f'[engines]\nstt = "whisper"\nwhisper_directory = "{FOLDER}"\nwhisper_device = "cpu"\n'
        f'whisper_window = "short"\ntts = "piper"\npiper_voice = "{ENGLISH}"\nllm = "openai"\n{llm}'
    )
    with served(folder, engines, cache) as server:
        yield server


async def called(url: str, silence: Path) -> Booked:
    """The whole booking by voice in Chromium."""
    async with chromium(silence) as browser:
        return await person.booked(browser, url)


def stored(server: Served) -> list[dict[str, str]]:
    """Every request of the store, as a member of staff exports it."""
    config = ("--config", str(server.directory / "wardline.toml"))
    token, to = server.directory / "staff-token", server.directory / "exported"
    token.write_text(wardline("token", *config, "create", "desk").stdout)
    done = wardline("requests", *config, "--token-file", str(token), "export", "--to", str(to))
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in to.read_text().splitlines()]
