"""The graph answers confirmed turns only, and nothing of a withdrawn one is spoken, kept or run."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import pytest
from pipecat.frames.frames import Frame
from pipecat.processors.aggregators.llm_response_universal import LLMUserAggregator
from pipecat.turns.speculation_gate import SpeculationGate

from models.ports import ReplyRequest, Spoken
from pipeline.call.reply import Kind
from pipeline.call.settings import CallSettings
from tests.call.graph_rig import running
from tests.fakes.language_model import FakeLanguageModel, tokens
from tests.fakes.voice import FakeVoice


async def test_a_turn_is_answered_and_both_sides_are_kept() -> None:
    async with running(FakeLanguageModel("We open at nine. Anything else?")) as rig:
        await rig.turn("when do you open")
        assert rig.context() == [
            ("user", "when do you open"),
            ("assistant", "We open at nine. Anything else?"),
        ]
        assert rig.heard() == ["We", "open", "at", "nine.", "Anything", "else?"]
        assert len(rig.model.confirmed) == 1


async def test_a_final_transcript_ends_the_turn_without_waiting_for_a_tick() -> None:
    loop = asyncio.get_running_loop()
    async with running(FakeLanguageModel("Yes.")) as rig:
        await rig.turn("hello")
        began = loop.time()
        rig.sent.clear()
        rig.graph.end_turn(Spoken("are you open"))
        await rig.sent.wait()
        assert loop.time() - began < 0.02


def answer_to(request: ReplyRequest) -> str:
    return f"Answer to {request.messages[-1].content}."


async def test_an_eager_answer_that_was_withdrawn_is_never_spoken_or_kept() -> None:
    async with running(FakeLanguageModel(answer_to, token_ms=5.0)) as rig:
        rig.graph.take_eager(Spoken("I want to"))
        await asyncio.sleep(0.25)
        await rig.turn("I want to cancel it")
        assert " ".join(rig.voice.texts) == "Answer to I want to cancel it."
        assert rig.context() == [
            ("user", "I want to cancel it"),
            ("assistant", "Answer to I want to cancel it."),
        ]
        assert [r.messages[-1].content for r in rig.model.confirmed_requests] == [
            "I want to cancel it"
        ]


async def test_an_eager_answer_that_was_right_is_spoken_once_and_confirmed_once() -> None:
    async with running(FakeLanguageModel(answer_to, token_ms=5.0)) as rig:
        rig.graph.take_eager(Spoken("on Tuesday"))
        await asyncio.sleep(0.25)
        assert rig.voice.texts == []
        assert rig.model.confirmed == []
        await rig.turn("On Tuesday.")
        assert rig.voice.texts == ["Answer to on Tuesday."]
        assert len(rig.model.requests) == len(rig.model.confirmed) == 1


async def test_a_stop_at_the_instant_of_the_stock_tick_is_answered_once() -> None:
    async with running(FakeLanguageModel(answer_to)) as rig:
        await rig.turn("hello")
        for at_s in (0.4995, 0.5, 0.5005, 1.0):
            rig.graph.take_eager(Spoken(f"Tuesday {at_s}"))
            await asyncio.sleep(at_s)
            rig.wire.clear()
            await rig.turn(f"Tuesday {at_s}")
        assert len(rig.model.requests) == len(rig.model.confirmed) == 5
        assert len(rig.said()) == 5


async def fence(seed: int, count: int) -> None:
    """Interrupt replies at random moments, many before any audio; compare wire and context word by word."""
    chance = random.Random(seed)
    voice = FakeVoice(chunk_delay_ms=30.0)
    model = FakeLanguageModel("One, two three. Four five six seven eight nine.", token_ms=10.0)
    async with running(model, voice) as rig:
        expected: list[str] = []
        for index in range(count):
            rig.wire.clear()
            eager = chance.random() < 0.5
            if eager:
                rig.graph.take_eager(Spoken(f"turn {index}"))
                await asyncio.sleep(chance.choice([0.0, 0.02, 0.1, 0.3]))
            rig.graph.end_turn(Spoken(f"turn {index}"))
            await asyncio.sleep(chance.choice([0.0, 0.001, 0.02, 0.06, 0.1, 0.3, 0.6, 1.1, 2.3]))
            rig.interrupt()
            sent = len(rig.wire)
            await asyncio.sleep(chance.choice([0.0, 0.01, 0.4]))
            assert len(rig.wire) == sent, "a stale frame left after the decision"
            if words := rig.heard():
                expected.append(" ".join(words))
        await asyncio.sleep(1.0)
        assert rig.said() == expected
        assert all(text for _, text in rig.context())
        assert [text for role, text in rig.context() if role == "user"] == [
            f"turn {index}"
            for index in sorted(int(t.split()[1]) for r, t in rig.context() if r == "user")
        ]


@pytest.mark.parametrize("seed", [1, 2])
async def test_target_b1_nothing_stale_leaves_and_the_context_is_what_the_wire_carried(
    seed: int,
) -> None:
    await fence(seed, 20)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(10, 18))
async def test_target_b1_in_full_counts(seed: int) -> None:
    await fence(seed, 40)


async def test_a_turn_passes_pipecats_aggregator_and_gate(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fails when a turn can be answered around them."""
    seen: list[str] = []
    begin, push = SpeculationGate.begin_speculation, LLMUserAggregator._push_aggregation

    def counted_begin(gate: SpeculationGate, speculation: bool) -> None:
        seen.append("gate")
        begin(gate, speculation)

    async def counted_push(aggregator: LLMUserAggregator, *, run_llm: bool = True) -> str:
        text = await push(aggregator, run_llm=run_llm)
        seen.append("aggregator" if text else "")
        return text

    monkeypatch.setattr(SpeculationGate, "begin_speculation", counted_begin)
    monkeypatch.setattr(LLMUserAggregator, "_push_aggregation", counted_push)
    async with running(FakeLanguageModel("Yes.")) as rig:
        await rig.turn("hello")
        assert seen.count("gate") == 1
        assert seen.count("aggregator") == 1


async def test_no_frame_of_audio_enters_the_graph(monkeypatch: pytest.MonkeyPatch) -> None:
    entered: list[str] = []
    async with running(FakeLanguageModel("Yes.")) as rig:
        queue_frame = rig.graph.head.queue_frame

        async def kept(frame: Frame, *rest: Any) -> None:
            entered.append(type(frame).__name__)
            await queue_frame(frame, *rest)

        monkeypatch.setattr(rig.graph.head, "queue_frame", kept)
        rig.graph.take_eager(Spoken("hello"))
        rig.graph.withdraw_eager()
        await rig.turn("hello")
        rig.interrupt()
        await asyncio.sleep(0.1)
    assert set(entered) <= {
        "ProposedUserStartedSpeakingFrame",
        "ProposedUserStoppedSpeakingFrame",
        "EagerTranscriptionFrame",
        "EagerEndOfTurnCancelFrame",
        "TranscriptionFrame",
        "InterruptionFrame",
        "LLMContextFrame",
        "LLMContextUserTurnFrame",
        "BotStartedSpeakingFrame",
        "BotStoppedSpeakingFrame",
        "CancelFrame",
        "StartFrame",
        "LLMServiceMetadataFrame",
        "MetricsFrame",
    }


async def test_two_replies_follow_each_other_under_their_own_epochs() -> None:
    async with running(FakeLanguageModel("And this is the answer.")) as rig:
        rig.graph.say("One moment.", Kind.FILLER)
        await rig.turn("hello")
        await asyncio.sleep(2.0)
        epochs = list(dict.fromkeys(epoch for epoch, _ in rig.wire))
        assert len(epochs) == 2
        assert rig.heard(epochs[0]) == ["One", "moment."]
        assert rig.heard(epochs[1]) == ["And", "this", "is", "the", "answer."]


async def test_the_lead_of_the_voice_is_capped() -> None:
    voice = FakeVoice(letter_ms=100.0)
    settings = CallSettings(voice_lead_ms=2_000.0)
    async with running(FakeLanguageModel("One two three four. " * 20), voice, settings) as rig:
        rig.graph.end_turn(Spoken("hello"))
        await asyncio.sleep(1.0)
        assert rig.replies.lead_samples <= 8_000 * 2.4
        rig.drained.clear()
        await rig.drained.wait()
        assert len(rig.heard()) == 80


async def test_a_voice_at_another_rate_and_without_word_times_is_placed_by_letters() -> None:
    voice = FakeVoice(sample_rate_hz=22_050, with_words=False)
    async with running(FakeLanguageModel("One two three four five."), voice) as rig:
        await rig.turn("hello")
        assert rig.said() == ["One two three four five."]
        sent = sum(len(pcm) for _, pcm in rig.wire) // 2
        assert sent == pytest.approx(voice.made_samples * 8_000 / 22_050, abs=400)


async def test_a_long_clause_crosses_the_graph_in_few_frames() -> None:
    voice = FakeVoice(chunk_ms=40.0)
    words = "one two three four five six seven eight nine ten " * 3
    async with running(FakeLanguageModel(words + "eleven."), voice) as rig:
        await rig.turn("hello")
        assert rig.heard() == voice.texts[0].split()
        chunks = voice.made_samples / (8 * 40)
        assert chunks > 100
        assert rig.hooks.log.count("audio") <= 12


@pytest.mark.parametrize("chunk_ms", [40.0, 200.0, 900.0])
async def test_a_voice_that_just_keeps_up_never_lets_the_wire_run_dry(chunk_ms: float) -> None:
    voice = FakeVoice(chunk_ms=chunk_ms, chunk_delay_ms=chunk_ms - 1.0)
    loop = asyncio.get_running_loop()
    async with running(FakeLanguageModel("One two three four five six seven eight."), voice) as rig:
        began_s = loop.time()
        await rig.turn("hello")
        took_ms = (loop.time() - began_s) * 1_000.0
    audio_ms = voice.made_samples / 8.0
    assert took_ms <= chunk_ms + audio_ms + 60.0


@pytest.mark.parametrize(("pauses_ms", "frames"), [((), 1), ((300.0,), 2)])
async def test_words_that_wait_together_are_one_frame(
    pauses_ms: tuple[float, ...], frames: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    pushed: list[str] = []
    answer = [*tokens("We open at"), *pauses_ms, *tokens("nine in the morning.")]
    async with running(FakeLanguageModel(lambda _: answer)) as rig:
        push = rig.graph.thinker._push_llm_text

        async def kept(text: str) -> None:
            pushed.append(text)
            await push(text)

        monkeypatch.setattr(rig.graph.thinker, "_push_llm_text", kept)
        await rig.turn("hello")
        assert rig.said() == ["We open at nine in the morning."]
    assert len(pushed) == frames
