"""Asks the language model's servers on this machine how busy they are, for `/metrics`: their own is for nobody else.

Of what they say only listed numbers are read (`pipeline.metrics.model_load`). A server elsewhere is not asked: the
workers speak to it, and this process has no business there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from urllib.parse import urlsplit

import aiohttp

from pipeline.metrics import families as f
from pipeline.metrics.model_load import TEXT_BYTES_MAX, Load, read_load
from pipeline.metrics.tally import Tally
from pipeline.setting_kinds import is_loopback
from pipeline.settings import Settings

ANSWER_LIMIT_MS = 1_000.0
"""A scrape does not wait longer for a model that is stuck."""


def asked(settings: Settings) -> Iterator[tuple[int, str]]:
    """Place in the settings and address of each server that is asked."""
    engines = settings.engines
    if engines.llm != "openai" or engines.llm_dialect != "vllm":
        return
    for number, url in enumerate((engines.llm_url, *engines.llm_more_urls)):
        parts = urlsplit(url)
        if parts.scheme == "http" and is_loopback(parts.hostname or ""):
            # a name would have to be resolved: this one is known
            where = parts.netloc.lower().replace("localhost", "127.0.0.1")
            yield number, f"http://{where}/metrics"


async def look_at_models(settings: Settings, tally: Tally) -> None:
    """Note how busy each of them is; one that does not say so in time is not up."""
    servers = list(asked(settings))
    if not servers:
        return
    limits = aiohttp.ClientTimeout(total=ANSWER_LIMIT_MS / 1000)
    async with (
        aiohttp.ClientSession(timeout=limits, trust_env=False) as session,
        asyncio.TaskGroup() as group,
    ):
        for number, url in servers:
            group.create_task(_look(session, url, str(number), tally), name="model load")


async def _look(session: aiohttp.ClientSession, url: str, server: str, tally: Tally) -> None:
    load = await _load(session, url)
    tally.set(f.MODEL_UP, float(load is not None), server=server)
    if load is None:
        for family in (f.MODEL_RUNNING, f.MODEL_WAITING, f.MODEL_CACHE):
            tally.clear(family, server=server)
        return
    tally.set(f.MODEL_RUNNING, load.running, server=server)
    tally.set(f.MODEL_WAITING, load.waiting, server=server)
    tally.set(f.MODEL_CACHE, load.cache_used, server=server)
    tally.set(f.MODEL_PROMPT, load.prompt_tokens, server=server)
    tally.set(f.MODEL_GENERATED, load.generated_tokens, server=server)


async def _load(session: aiohttp.ClientSession, url: str) -> Load | None:
    try:
        async with session.get(url, allow_redirects=False) as response:
            if response.status != 200:
                return None
            text = b""
            while len(text) < TEXT_BYTES_MAX and not response.content.at_eof():
                text += await response.content.read(TEXT_BYTES_MAX - len(text))
            return read_load(text.decode(errors="replace"))
    except (TimeoutError, aiohttp.ClientError, OSError):
        return None
