"""A graph on a bench: fake engines, a wire that keeps every frame, and the hooks' log."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from models.ports import Spoken
from pipeline.call.graph import CallGraph
from pipeline.call.settings import CallSettings
from pipeline.call.think import Lines
from pipeline.media.playout import Playout
from tests.fakes.language_model import FakeLanguageModel
from tests.fakes.voice import FakeVoice

LINES = Lines(filler=lambda: "One moment, please.", apology=lambda: "I am sorry, say that again.")


class HookLog:
    def __init__(self) -> None:
        self.log: list[str] = []
        self.heard_otherwise: tuple[Spoken, ...] = ()

    def alternatives(self) -> tuple[Spoken, ...]:
        return self.heard_otherwise

    def typed(self) -> bool:
        return False

    def first_token(self) -> None:
        self.log.append("first_token")

    def confirmed(self, reply_id: str) -> None:
        self.log.append("confirmed")

    def failed(self, stage: str, code: str) -> None:
        self.log.append(f"failed:{stage}:{code}")

    def clause(self, text: str) -> None:
        self.log.append("clause")

    def audio(self, text: str) -> None:
        self.log.append("audio")

    def empty(self) -> None:
        self.log.append("empty")

    def voice_failed(self, code: str) -> None:
        self.log.append(f"voice_failed:{code}")

    def fault(self) -> None:
        self.log.append("fault")


class GraphRig:
    """What the session does with a graph, without a floor."""

    def __init__(self, model: FakeLanguageModel, voice: FakeVoice, settings: CallSettings) -> None:
        self.model = model
        self.voice = voice
        self.hooks = HookLog()
        self.playout = Playout(8_000)
        self.graph = CallGraph(model, voice, self.playout, LINES, self.hooks, settings)
        self.replies = self.graph.replies
        self.wire: list[tuple[int, bytes]] = []
        self.drained = asyncio.Event()
        self.sent = asyncio.Event()
        self.playout.on_started = self._on_started  # type: ignore[method-assign]  # a hook, see Playout
        self.playout.on_drained = self._on_drained  # type: ignore[method-assign]  # a hook, see Playout

    def _on_started(self, epoch: int) -> None:
        self.graph.bot_started()

    def _on_drained(self, epoch: int) -> None:
        self.replies.drained()
        self.graph.bot_stopped()
        self.replies.start_next()
        if not self.replies.busy:
            self.drained.set()

    def on_wire(self, epoch: int, pcm: bytes, voiced: bool) -> None:
        if voiced:
            assert epoch == self.playout.epoch
            self.wire.append((epoch, pcm))
            self.sent.set()

    def interrupt(self) -> None:
        cut, _ = self.replies.cut()
        self.graph.interrupt(cut)
        self.graph.bot_stopped()

    async def turn(self, text: str) -> None:
        """One whole turn, to the last sample of the answer."""
        self.drained.clear()
        self.graph.end_turn(Spoken(text))
        async with asyncio.timeout(60):
            await self.drained.wait()

    def heard(self, epoch: int | None = None) -> list[str]:
        pcm = b"".join(pcm for at, pcm in self.wire if epoch in (None, at))
        return self.voice.words_on(pcm)

    def said(self) -> list[str]:
        return [text for role, text in self.context() if role == "assistant"]

    def context(self) -> list[tuple[str, str]]:
        return [
            (str(message.get("role")), str(message.get("content", "")))
            for message in self.graph.context.messages
            if isinstance(message, dict)
        ]


@asynccontextmanager
async def running(
    model: FakeLanguageModel,
    voice: FakeVoice | None = None,
    settings: CallSettings | None = None,
) -> AsyncIterator[GraphRig]:
    """Run a graph for the length of the block."""
    rig = GraphRig(model, voice or FakeVoice(), settings or CallSettings())
    rig.playout.attach(rig.on_wire)
    async with asyncio.TaskGroup() as tasks:
        graph = tasks.create_task(rig.graph.run())
        try:
            yield rig
        finally:
            graph.cancel()
            rig.playout.detach()
