"""How busy the language model is, in our own numbers: of what its server says no label and nothing unlisted."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from aiohttp import web

from pipeline.metrics.tally import Tally
from pipeline.metrics.text import written
from pipeline.settings import Settings
from pipeline.supervisor import model_load
from pipeline.supervisor.model_load import asked, look_at_models
from tests.fakes.fake_vllm import METRICS

pytestmark = pytest.mark.wire


def settings(*urls: str, dialect: str = "vllm") -> Settings:
    plain = Settings()
    engines = replace(
        plain.engines, llm="openai", llm_url=urls[0], llm_more_urls=urls[1:], llm_dialect=dialect
    )
    return replace(plain, engines=engines)


@asynccontextmanager
async def serving(answer: web.Response | float) -> AsyncIterator[str]:
    async def metrics(request: web.Request) -> web.Response:
        assert "Authorization" not in request.headers
        if isinstance(answer, float):
            await asyncio.sleep(answer)
            return web.Response()
        return answer

    app = web.Application()
    app.router.add_get("/metrics", metrics)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1, handler_cancellation=True)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    server = site._server
    assert isinstance(server, asyncio.Server)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    finally:
        await runner.cleanup()


async def shown(*urls: str, tally: Tally | None = None) -> dict[str, str]:
    tally = tally or Tally(["supervisor"])
    await look_at_models(settings(*urls), tally)
    lines = [line for line in written(tally, "1").splitlines() if line.startswith("wardline_model")]
    return {
        line.split(" ")[0].removeprefix("wardline_model_"): line.split(" ")[1] for line in lines
    }


async def test_the_listed_numbers_are_shown_and_no_label_of_its_making() -> None:
    async with serving(web.Response(text=METRICS)) as url:
        found = await shown(url)
    assert found == {
        'server_up{server="0"}': "1",
        'requests_running{server="0"}': "1",
        'requests_waiting{server="0"}': "2",
        'cache_used_ratio{server="0"}': "0.25",
        'prompt_tokens_total{server="0"}': "1000",
        'generated_tokens_total{server="0"}': "200",
    }


async def test_one_that_is_gone_or_fails_is_not_up_and_the_other_is() -> None:
    tally = Tally(["supervisor"])
    async with serving(web.Response(text=METRICS)) as good:
        async with serving(web.Response(status=500, text=METRICS)) as bad:
            found = await shown(good, bad, "http://127.0.0.1:9/v1", tally=tally)
            ups = [found[f'server_up{{server="{n}"}}'] for n in range(3)]
            assert ups == ["1", "0", "0"]
        assert 'requests_running{server="1"}' not in found
    gone = await shown(good, tally=tally)
    assert gone['server_up{server="0"}'] == "0"
    assert 'requests_running{server="0"}' not in gone, "a number of then is none of now"


async def test_a_model_that_is_stuck_does_not_hold_up_a_scrape(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(model_load, "ANSWER_LIMIT_MS", 100.0)
    async with serving(30.0) as url, asyncio.timeout(20):
        assert (await shown(url))['server_up{server="0"}'] == "0"


async def test_it_follows_nobody_to_another_address() -> None:
    async with serving(web.Response(text=METRICS)) as there:
        moved = web.Response(status=302, headers={"Location": there.replace("/v1", "/metrics")})
        async with serving(moved) as url:
            assert (await shown(url))['server_up{server="0"}'] == "0"


def test_only_servers_on_this_machine_are_asked() -> None:
    urls = (
        "http://localhost:8000/v1",
        "http://10.20.0.5:8000/v1",
        "https://127.0.0.1:8001/v1",
        "http://[::1]:8002/v1",
    )
    assert list(asked(settings(*urls))) == [
        (0, "http://127.0.0.1:8000/metrics"),
        (3, "http://[::1]:8002/metrics"),
    ]
    assert list(asked(settings(*urls, dialect="plain"))) == []
    assert list(asked(Settings())) == []
