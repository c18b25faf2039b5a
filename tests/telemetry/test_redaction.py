"""One redactor in a process, and what it knows of each call."""

from __future__ import annotations

import asyncio

import pytest

from phi.carry import CallContext
from phi.kinds import Redacted
from phi.redact import Redactor
from pipeline.call.known_desk import KnownDesk
from pipeline.telemetry import words
from pipeline.telemetry.redaction import NotClean, Redaction
from pipeline.turn.events import Asked
from tests.fakes.desk import FakeDesk

PLAIN = "the waxwing file is ready"
"""No layer but the known values has a reason to take `waxwing`."""


def written() -> bool:
    """As with `log.text = "redacted"`."""
    return True


def test_what_a_dialogue_fills_is_known_until_the_call_is_over() -> None:
    redaction = Redaction(wanted=written)
    call = redaction.open()
    before = Redactor().redact(PLAIN).text
    with redaction.within(call):
        assert redaction.clean(PLAIN)[0] == before
        KnownDesk(FakeDesk(), call).field("first_name", "waxwing", "W.")
        cleaned, taken = redaction.clean(PLAIN)
        assert "waxwing" not in cleaned
        assert sum(taken.values()) == 1
    assert "waxwing" not in redaction.clean(PLAIN)[0]  # a library's thread knows no call
    redaction.close(call)
    assert redaction.clean(PLAIN)[0] == before
    with redaction.within(call):  # a late record of a call that was wiped
        assert redaction.clean(PLAIN)[0] == before


def test_an_identifier_from_the_keypad_is_known_before_the_call_has_it() -> None:
    redaction = Redaction(wanted=written)
    call = redaction.open()
    desk = FakeDesk()
    overheard = KnownDesk(desk, call)
    overheard.collected("patient.word", "waxwing")
    assert overheard.outgoing is desk.outgoing
    assert "waxwing" not in redaction.clean(PLAIN)[0]
    redaction.close(call)


async def test_two_calls_at_once_keep_their_questions_apart() -> None:
    redaction = Redaction(wanted=written)
    asked, other = redaction.open(), redaction.open()
    KnownDesk(FakeDesk(), asked).asked(Asked("phone", digits=10))
    KnownDesk(FakeDesk(), other).asked(Asked("confirm"))
    assert asked.context.expecting is not None
    assert other.context.expecting is None

    async def write(text: str) -> str:
        await asyncio.sleep(0)
        return redaction.clean(text)[0]

    async with asyncio.TaskGroup() as group:
        with redaction.within(asked):
            first = group.create_task(write("five five"))
        with redaction.within(other):
            second = group.create_task(write("yes please"))
    assert "five" not in first.result()
    assert second.result() == "yes please"
    KnownDesk(FakeDesk(), asked).asked(None)
    assert asked.context.expecting is None


def test_what_the_redactor_withholds_is_not_given_back() -> None:
    redaction = Redaction(Redactor(size_max_bytes=4), wanted=written)
    with pytest.raises(NotClean):
        redaction.clean("longer than that")


def test_nothing_is_learnt_while_no_words_are_written() -> None:
    assert not words.allowed()
    call = Redaction().open()
    KnownDesk(FakeDesk(), call).field("first_name", "waxwing", "W.")
    KnownDesk(FakeDesk(), call).collected("patient.word", "waxwing")
    assert not call.context.known


def test_a_record_of_no_call_is_read_once_however_many_calls_are_open(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    redactor, read = Redactor(), list[str]()
    redact = redactor.redact

    def counted(text: str, context: CallContext) -> Redacted:
        read.append(text)
        return redact(text, context)

    monkeypatch.setattr(redactor, "redact", counted)
    redaction = Redaction(redactor, wanted=written)
    for name in ("waxwing", "bunting", *("dunlin",) * 48):
        redaction.open().learn("first_name", name)
    cleaned, taken = redaction.clean("the waxwing file and the bunting file are ready")
    assert "wing" not in cleaned
    assert "bunting" not in cleaned
    assert sum(taken.values()) == 2
    assert len(read) == 1
