"""What a model's words cost on their way into the graph: our client and stage against Pipecat's stock service.

Run as a program: `python -m tests.call.model_cost STREAMS` prints one JSON line. The server is a child of its own, so
that the processor time counted here is the client's alone; both sides read the same stream in turn.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import aiohttp
from aiohttp import web
from pipecat.frames.frames import Frame, LLMContextFrame, LLMFullResponseEndFrame, LLMTextFrame
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineWorker
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.workers.runner import WorkerRunner

from models.openai_llm import OpenAiLanguageModel, OpenAiSettings
from models.ports import ChatMessage, ReplyRequest, Spoken
from models.replicas import Replicas
from pipeline.call.settings import CallSettings
from pipeline.call.think import Lines, Thinker

FIRST_TOKEN_MS = 50.0
TOKEN_MS = 10.0
TOKENS = 100
ROUNDS = 4
TURNS = 3
"""Each side is measured so often, in turn: the quietest turn says what the code costs, the others what else ran."""
LONG, SHORT = "hello", "in one word"


def stamp() -> str:
    return f"{time.perf_counter():.6f}"


# --- the server, a child ---------------------------------------------------------------------------


async def answer(request: web.Request) -> web.StreamResponse:
    arrived = stamp()
    tokens = 1 if SHORT.encode() in await request.read() else TOKENS
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await response.prepare(request)
    await asyncio.sleep(FIRST_TOKEN_MS / 1000)
    due_s = asyncio.get_running_loop().time()
    for at in range(tokens):
        text = f"{arrived}/{stamp()} " if at == 0 else "word "
        chunk = {
            "id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m",
            "choices": [{"index": 0, "delta": {"content": text}, "finish_reason": None}],
        }  # fmt: skip
        await response.write(f"data: {json.dumps(chunk)}\n\n".encode())
        due_s += TOKEN_MS / 1000
        await asyncio.sleep(max(0.0, due_s - asyncio.get_running_loop().time()))
    end = {
        "id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m",
        "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}],
    }  # fmt: skip
    await response.write(f"data: {json.dumps(end)}\n\ndata: [DONE]\n\n".encode())
    return response


async def serve() -> None:
    app = web.Application()
    app.router.add_post("/v1/chat/completions", answer)
    runner = web.AppRunner(app, handler_cancellation=True)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    sys.stdout.write(f"{runner.addresses[0][1]}\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


# --- the two sides ---------------------------------------------------------------------------------


class Sink(FrameProcessor):
    """Notes when the first words come, and the end."""

    def __init__(self) -> None:
        super().__init__()
        self.asked_s = 0.0
        self.added_ms: list[float] = []
        self.texts = self.frames = 0
        self.over = asyncio.Event()
        self.first_cpu_s = 0.0
        """Of the whole process, from the question to the first word: one's own only when nobody else asks."""
        self._asked_cpu_s = 0.0
        self._first = True

    def ask(self) -> None:
        self.over.clear()
        self._first = True
        self.asked_s = time.perf_counter()
        self._asked_cpu_s = time.process_time()

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if isinstance(frame, LLMTextFrame):
            self.frames += 1
            self.texts += len(frame.text.split())
            if self._first:
                self._first = False
                self.first_cpu_s = time.process_time() - self._asked_cpu_s
                now_s = time.perf_counter()
                arrived, sent = (float(each) for each in frame.text.split()[0].split("/"))
                self.added_ms.append((arrived - self.asked_s + now_s - sent) * 1000)
        elif isinstance(frame, LLMFullResponseEndFrame):
            self.over.set()
        await self.push_frame(frame, direction)


class NoHooks:
    def alternatives(self) -> tuple[Spoken, ...]:
        return ()

    def typed(self) -> bool:
        return False

    def first_token(self) -> None:
        pass

    def confirmed(self, reply_id: str) -> None:
        pass

    def failed(self, stage: str, code: str) -> None:
        raise AssertionError(stage, code)


def stock(url: str) -> Callable[[], FrameProcessor]:
    from pipecat.services.openai.llm import OpenAILLMService

    return lambda: OpenAILLMService(
        api_key="k", base_url=url, settings=OpenAILLMService.Settings(model="m")
    )


def ours(model: Replicas) -> Callable[[], FrameProcessor]:
    lines = Lines(filler=lambda: "", apology=lambda: "")
    return lambda: Thinker(model, lines, NoHooks(), CallSettings())


def question(words: str) -> LLMContextFrame:
    return LLMContextFrame(LLMContext([{"role": "user", "content": words}]))


async def measured(make: Callable[[], FrameProcessor], streams: int) -> dict[str, float]:
    sinks = [Sink() for _ in range(streams)]
    workers = [
        PipelineWorker(
            Pipeline([make(), sink]),
            enable_rtvi=False,
            enable_tracing=False,
            enable_turn_tracking=False,
            cancel_on_idle_timeout=False,
            idle_timeout_secs=None,
            check_dangling_tasks=False,
        )
        for sink in sinks
    ]
    used_s = 0.0
    async with asyncio.TaskGroup() as tasks:
        running = []
        for worker in workers:
            runner = WorkerRunner(handle_sigint=False, check_dangling_tasks=False)
            await runner.add_workers(worker)
            running.append(tasks.create_task(runner.run(auto_end=False)))
        await asyncio.sleep(1)
        for at in range(ROUNDS):
            began_s = time.process_time()
            for sink, worker in zip(sinks, workers, strict=True):
                sink.ask()
                await worker.queue_frame(question(LONG))
                await asyncio.sleep(TOKEN_MS / 1000 / streams)
            for sink in sinks:
                await sink.over.wait()
            if at:  # the first opens connections
                used_s += time.process_time() - began_s
            else:
                for sink in sinks:
                    sink.added_ms.clear()
        added = sorted(ms for sink in sinks for ms in sink.added_ms)
        alone_s: list[float] = []
        for sink, worker in zip(sinks, workers, strict=True):
            sink.ask()
            await worker.queue_frame(question(SHORT))
            await sink.over.wait()
            alone_s.append(sink.first_cpu_s)
        for task in running:
            task.cancel()
    assert all(sink.texts == ROUNDS * TOKENS + 1 for sink in sinks)
    return {
        "first_cpu_ms": statistics.median(alone_s) * 1000,
        "added_ms": statistics.median(added),
        "added_p95_ms": added[int(0.95 * len(added))],
        "cpu_us_a_token": used_s * 1e6 / (streams * TOKENS * (ROUNDS - 1)),
        "frames_a_token": sum(sink.frames - 1 for sink in sinks) / (streams * TOKENS * ROUNDS),
    }


async def bare(url: str, streams: int) -> dict[str, float]:
    """The least a client can do: ask, and look at what comes."""
    added: list[float] = []

    async def one(session: aiohttp.ClientSession, round_: int) -> None:
        asked_s = time.perf_counter()
        async with session.post(f"{url}/chat/completions", data=b"{}") as response:
            first = await response.content.readline()
            now_s = time.perf_counter()
            chunk = json.loads(first.removeprefix(b"data: "))
            text = chunk["choices"][0]["delta"]["content"]
            arrived, sent = (float(each) for each in text.split()[0].split("/"))
            if round_:
                added.append((arrived - asked_s + now_s - sent) * 1000)
            async for _ in response.content.iter_any():
                pass

    used_s = 0.0
    async with aiohttp.ClientSession() as session:
        for at in range(ROUNDS):
            began_s = time.process_time()
            async with asyncio.TaskGroup() as tasks:
                for _ in range(streams):
                    tasks.create_task(one(session, at))
                    await asyncio.sleep(TOKEN_MS / 1000 / streams)
            used_s += (time.process_time() - began_s) if at else 0.0
    return {
        "added_ms": statistics.median(added),
        "cpu_us_a_token": used_s * 1e6 / (streams * TOKENS * (ROUNDS - 1)),
    }


async def compare(streams: int) -> None:
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", __spec__.name, "serve", stdout=asyncio.subprocess.PIPE
    )
    assert child.stdout is not None
    try:
        url = f"http://127.0.0.1:{int(await child.stdout.readline())}/v1"
        model = Replicas([OpenAiLanguageModel(OpenAiSettings(url, "m"))])
        found: dict[str, Any] = {"streams": streams}
        async with model.running(ReplyRequest("w", (ChatMessage("user", "hello"),))):
            await model.start()
            for at in range(TURNS):
                found[f"bare{at}"] = await bare(url, streams)
                found[f"stock{at}"] = await measured(stock(url), streams)
                found[f"ours{at}"] = await measured(ours(model), streams)
    finally:
        child.kill()
        await child.wait()
    sys.stdout.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    from loguru import logger  # the stock service logs every token's worth; that is not measured

    logger.remove()
    asyncio.run(serve() if sys.argv[1] == "serve" else compare(int(sys.argv[1])))
