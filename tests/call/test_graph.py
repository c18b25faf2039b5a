"""The graph answers confirmed turns only, and nothing of a withdrawn one is spoken, kept or run."""

from __future__ import annotations

import asyncio

from models.ports import ReplyRequest, Spoken
from tests.call.graph_rig import running
from tests.fakes.language_model import FakeLanguageModel


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
