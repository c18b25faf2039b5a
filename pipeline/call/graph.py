"""Builds Pipecat's graph of one call: the one file that does, and the only way into it.

What may enter is listed in `CallGraph`'s methods: proposed turn frames, transcripts, our own interruption
and sentences of ours. No 20 ms frame, no adopted turn frame, no RTVI, tracing, turn tracking or idle cancel.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import Protocol

from pipecat.adapters.llm.schemas.function_schema import FunctionSchema
from pipecat.adapters.llm.schemas.tools_schema import ToolsSchema
from pipecat.frames.frames import (
    BotStartedSpeakingFrame,
    BotStoppedSpeakingFrame,
    EagerEndOfTurnCancelFrame,
    EagerTranscriptionFrame,
    Frame,
    InterruptionFrame,
    ProposedUserStartedSpeakingFrame,
    ProposedUserStoppedSpeakingFrame,
    TranscriptionFrame,
    TTSSpeakFrame,
)
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineWorker
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.aggregators.llm_response_universal import (
    LLMContextAggregatorPair,
    LLMUserAggregatorParams,
)
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.services.llm_service import FunctionCallHandler
from pipecat.turns.types import ProcessFrameResult
from pipecat.turns.user_start import ExternalUserTurnStartStrategy
from pipecat.turns.user_stop import EagerUserTurnStopStrategy
from pipecat.turns.user_turn_strategies import UserTurnStrategies
from pipecat.workers.runner import WorkerRunner

from models.ports import Language, LanguageModel, Spoken, TextToSpeech
from pipeline.call.ledger import Ledger
from pipeline.call.reply import Kind, Replies
from pipeline.call.settings import CallSettings
from pipeline.call.speak import CUT, Speaker, SpeakHooks, SpeechGuard, Voice, unguarded
from pipeline.call.think import Lines, Thinker, ThinkHooks
from pipeline.media.playout import Playout

PASSAGE_DEADLINE_S = 0.5
"""A frame is taken in, and an interruption crosses the graph, in about a millisecond; a stuck one must not
hold the next turn."""

DROPPED = "dropped"
"""Key in a stop proposal's metadata: the turn that was opened held no words after all."""


class GraphHooks(ThinkHooks, SpeakHooks, Protocol):
    """Everything the graph tells the call."""

    def fault(self) -> None:
        """A stage of the graph raised."""


class FloorStop(EagerUserTurnStopStrategy):  # type: ignore[no-untyped-call]  # pipecat's hook is untyped
    """The floor has decided: a final transcript ends the turn now, and nothing else does."""

    async def _task_handler(self) -> None:
        """Never tick: the stock 0.5 s tick may end a turn while a stop is being compared, and answer it twice."""

    async def process_frame(self, frame: Frame) -> ProcessFrameResult:
        """Close an empty turn too: while one is open, results of tools are withheld."""
        result = await super().process_frame(frame)
        if isinstance(frame, ProposedUserStoppedSpeakingFrame) and frame.metadata.get(DROPPED):
            await self._trigger_user_turn_stopped()  # type: ignore[no-untyped-call]  # pipecat's own
        return result

    async def cleanup(self) -> None:
        """A call that ends while it speculates leaves no timer, which would hold the caller's words."""
        await self._take_speculation()
        await super().cleanup()  # type: ignore[no-untyped-call]  # pipecat's own

    async def _handle_transcription(self, frame: TranscriptionFrame) -> None:
        await super()._handle_transcription(frame)
        if frame.finalized:
            await self._maybe_trigger_user_turn_stopped()  # type: ignore[no-untyped-call]  # pipecat's own


class CallGraph:
    """The turn world of one call. Its methods only queue; `run` owns every task."""

    def __init__(
        self,
        model: LanguageModel,
        engine: TextToSpeech,
        playout: Playout,
        lines: Lines,
        hooks: GraphHooks,
        settings: CallSettings,
        *,
        language: Language = "en",
        context: LLMContext | None = None,
        guard: SpeechGuard = unguarded,
    ) -> None:
        """Build the stages; nothing runs yet."""
        self._hooks = hooks
        self.context = context or LLMContext()
        self.replies = Replies(playout, Ledger(self.context.messages))  # type: ignore[arg-type]  # the live list of dicts
        self.thinker = Thinker(model, lines, hooks, settings)
        self._voice = Voice(
            engine,
            self.replies,
            hooks,
            settings,
            sample_rate_hz=playout.sample_rate_hz,
            language=language,
            guard=guard,
        )
        self._speaker = Speaker(self.replies, hooks)
        self._pair = LLMContextAggregatorPair(
            self.context,
            user_params=LLMUserAggregatorParams(
                user_turn_strategies=UserTurnStrategies(
                    # The edge interrupts, not the start of a turn (row T8).
                    start=[ExternalUserTurnStartStrategy(enable_interruptions=False)],
                    stop=[FloorStop(speculation_timeout=settings.max_call_ms / 1000.0)],
                ),
                user_turn_stop_timeout=settings.max_call_ms
                / 1000.0,  # the floor has its own watchdog
                empty_user_turn=None,
            ),
        )
        self.head: FrameProcessor = self._pair.user()
        self._worker = PipelineWorker(
            Pipeline([self.head, self.thinker, self._voice, self._speaker, self._pair.assistant()]),
            enable_rtvi=False,
            enable_tracing=False,
            enable_turn_tracking=False,
            cancel_on_idle_timeout=False,
            idle_timeout_secs=None,
            check_dangling_tasks=False,
        )
        self._worker.add_event_handler("on_pipeline_error", self._on_fault)
        self._worker.add_event_handler("on_pipeline_started", self._on_started)
        self._started = asyncio.Event()
        self._errands: asyncio.Queue[Callable[[], Awaitable[None]]] = asyncio.Queue()
        self._turn_open = False

    def offer_tools(
        self,
        tools: Sequence[tuple[FunctionSchema, FunctionCallHandler]],
        *,
        kept_going: Collection[str] = (),
    ) -> None:
        """Let the model call these from its next request on; an interruption does not stop those in `kept_going`."""
        for schema, answer in tools:
            self.thinker.register_function(
                schema.name, answer, cancel_on_interruption=schema.name not in kept_going
            )
        self.context.set_tools(ToolsSchema(standard_tools=[schema for schema, _ in tools]))

    async def run(self) -> None:
        """Run until cancelled; leaves no task behind."""
        runner = WorkerRunner(handle_sigint=False, check_dangling_tasks=False)
        await runner.add_workers(self._worker)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(runner.run(auto_end=False), name="graph")
            tasks.create_task(self._run_errands(), name="graph-errands")

    async def _run_errands(self) -> None:
        await self._started.wait()
        while True:
            errand = await self._errands.get()
            await errand()

    # --- what may enter --------------------------------------------------------------------------

    def open_turn(self) -> None:
        """The caller has begun to say something that counts."""
        if not self._turn_open:
            self._turn_open = True
            self._enter(ProposedUserStartedSpeakingFrame())

    def take_eager(self, text: Spoken) -> None:
        """Let the model start on words that may not be all of the turn."""
        self.open_turn()
        self._enter(EagerTranscriptionFrame(text.text, "", ""))

    def withdraw_eager(self) -> None:
        """The caller went on: what was started is void."""
        self._enter(EagerEndOfTurnCancelFrame())

    def end_turn(self, text: Spoken) -> None:
        """The turn is over, and these are its words."""
        self.open_turn()
        self._turn_open = False
        self._enter(TranscriptionFrame(text.text, "", "", finalized=True))
        self._enter(ProposedUserStoppedSpeakingFrame())

    def drop_turn(self) -> None:
        """What opened the turn was noise."""
        if self._turn_open:
            self._turn_open = False
            stop = ProposedUserStoppedSpeakingFrame()
            stop.metadata[DROPPED] = True
            self._enter(stop)

    def interrupt(self, cut: int) -> None:
        """Cancel everything on its way; what is queued behind this waits until it has passed the graph."""
        frame = InterruptionFrame()
        frame.metadata[CUT] = cut
        self._enter(frame)
        passed = self.replies.passage(cut)
        self._errands.put_nowait(lambda: self._in_time(passed))

    def say(self, text: str, kind: Kind = Kind.LINE) -> None:
        """Speak a sentence of ours, outside any reply of the model."""

        async def errand() -> None:
            self.replies.announce(kind)
            await self._voice.queue_frame(TTSSpeakFrame(text, append_to_context=False))

        self._errands.put_nowait(errand)

    def bot_started(self) -> None:
        """The first sample of a reply was sent."""
        self._errands.put_nowait(lambda: self._speaker.broadcast_frame(BotStartedSpeakingFrame))

    def bot_stopped(self) -> None:
        """The last sample of a reply was sent, or it was cut."""
        self._errands.put_nowait(lambda: self._speaker.broadcast_frame(BotStoppedSpeakingFrame))

    def forget_turn(self, text: Spoken) -> None:
        """Take the last user message out again: its words come once more, as part of a longer turn."""

        async def errand() -> None:
            self._forget(text)

        self._errands.put_nowait(errand)

    def _forget(self, text: Spoken) -> None:
        messages = self.context.messages
        for index in range(len(messages) - 1, -1, -1):
            message = messages[index]
            if isinstance(message, dict) and message.get("role") == "user":
                if message.get("content") == text.text:
                    del messages[index]
                return

    def _enter(self, frame: Frame) -> None:
        """Hand a frame to the head and wait until it has taken it in: an interruption may not overtake words."""

        async def errand() -> None:
            taken = asyncio.Event()

            async def on_taken(*_: object) -> None:
                taken.set()

            await self.head.queue_frame(frame, FrameDirection.DOWNSTREAM, on_taken)
            await self._in_time(taken)

        self._errands.put_nowait(errand)

    async def _in_time(self, passed: asyncio.Event) -> None:
        try:
            async with asyncio.timeout(PASSAGE_DEADLINE_S):
                await passed.wait()
        except TimeoutError:
            self._hooks.fault()

    async def _on_started(self, *_: object) -> None:
        self._started.set()

    async def _on_fault(self, *_: object) -> None:
        self._hooks.fault()
