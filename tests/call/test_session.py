"""A whole call on the virtual loop: turns, barge-in, noise, keys, typing, failure, reconnection, the end."""

from __future__ import annotations

from models.ports import ReplyRequest
from tests.call.call_rig import calling
from tests.fakes.receptionist import FakeReceptionist


def answer_to(request: ReplyRequest) -> str:
    return f"You said {request.messages[-1].content}."


async def test_a_spoken_turn_is_answered_with_what_was_said() -> None:
    async with calling(FakeReceptionist(answer_to)) as rig:
        await rig.greeted()
        await rig.turn("book a visit")
        assert rig.context == [
            ("assistant", "Hello there."),
            ("user", "book a visit"),
            ("assistant", "You said book a visit."),
        ]
        assert rig.captions("caller") == ["book a visit"]
        assert rig.captions("agent") == ["Hello there.", "You said book a visit."]
        assert rig.wire_words == ["Hello", "there.", "You", "said", "book", "a", "visit."]
        assert len(rig.receptionist.confirmed) == 1
        (turn,) = rig.watch.turns
        assert turn[0] == 1
        assert turn[2] is False
        assert 0.0 < turn[1]["decision"] <= turn[1]["first_sample_out"] < 800.0
