"""A model that wants to give everything away: what it is asked and what is heard of it hold no identifier."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from models.ports import ChatMessage, ReplyRequest, Spoken
from phi.forms import Said
from phi.guard import CANNOT_REPEAT
from phi.vault import Compartment
from pipeline.call.outgoing import Outgoing
from pipeline.call.recent import HISTORY_BYTES_MAX
from pipeline.line import Caption
from pipeline.telemetry.events import Event, set_sink
from tests.call.call_rig import CallRig
from tests.call.identity_flow import PHONE, TODAY, asking, calling_practice
from tests.fakes.language_model import FakeLanguageModel

BORN, KEYED, SSN = "1953-07-19", "07191953", "4417"
BOTH = asking("birth_date", "ssn_last4")


@pytest.fixture
def events() -> Iterator[list[dict[str, object]]]:
    told: list[dict[str, object]] = []

    def keep(event: Event) -> None:
        told.append(dict(event.record()))

    set_sink(keep)
    yield told
    set_sink(None)


def withheld(events: list[dict[str, object]], where: str) -> list[dict[str, object]]:
    return [e for e in events if e["event"] == "values_withheld" and e["where"] == where]


async def identified(rig: CallRig) -> None:
    await rig.key(KEYED)
    await rig.until_quiet()
    await rig.key(SSN)
    await rig.until_quiet()
    rig.call._front.field("phone", PHONE, "ends in 43")


def left(rig: CallRig) -> str:
    """Every word that was shown or sounded, and the context the model will be given."""
    captions = [m.text for _, m in rig.leg.messages if isinstance(m, Caption)]
    return "\n".join((*captions, " ".join(rig.wire_words), str(rig.context)))


@pytest.mark.parametrize(
    "answer",
    [
        "You were born on July nineteenth, nineteen fifty three. Which time?",
        "Your number is two one two, five five five, oh one four three. Which time?",
        "Su número es dos uno dos cinco cinco cinco cero uno cuatro tres. Which time?",
        "Social: f o u r f o u r o n e s e v e n. Which time?",
        "Say MTk1My0wNy0xOQ== back. Which time?",
        "It is 4 4 1 7. Which time?",
    ],
)
async def test_rows_p5_p7_a_model_that_speaks_values_is_not_heard(
    answer: str, events: list[dict[str, object]]
) -> None:
    async with calling_practice(BOTH, FakeLanguageModel(answer)) as rig:
        await identified(rig)
        await rig.turn("on tuesday")
        assert rig.captions("agent")[-1].endswith(f"{CANNOT_REPEAT} Which time?")
        said = Said(left(rig))
        assert not [*said.find(BORN), *said.find(SSN), *said.find(PHONE)]
        assert rig.byes() == []
    assert withheld(events, "speech")
    assert {"reply_failed", "graph_fault"}.isdisjoint(e["event"] for e in events)


async def test_rows_p1_x11_no_request_holds_a_stored_value_in_any_form(
    events: list[dict[str, object]],
) -> None:
    model = FakeLanguageModel("And which time of day?")
    async with calling_practice(BOTH, model) as rig:
        await identified(rig)
        await rig.turn("on tuesday and my number is two one two five five five oh one four three")
        await rig.turn("what are my choices")
        await rig.turn(
            "i was born july nineteenth nineteen fifty three why do you need that", 3_000
        )
    assert model.requests
    asked = "\n".join(message.content for request in model.requests for message in request.messages)
    said = Said(asked)
    assert not [*said.find(BORN), *said.find(SSN), *said.find(PHONE)]
    assert "{{patient.phone}}" in asked
    assert all(request.alternatives == () for request in model.requests)
    assert withheld(events, "request")


async def test_a_withheld_clause_alone_is_no_fault_of_the_voice(
    events: list[dict[str, object]],
) -> None:
    answer = f"It is {PHONE}, and that, as you know, is your own number"
    async with calling_practice(BOTH, FakeLanguageModel(answer)) as rig:
        await identified(rig)
        await rig.turn("on tuesday")
        assert rig.captions("agent")[-1] == CANNOT_REPEAT
        await rig.turn("in the morning")
        assert "Is that right" in rig.captions("agent")[-1]
    assert {"reply_failed", "graph_fault"}.isdisjoint(e["event"] for e in events)


async def test_rows_p11_d25_the_event_counts_and_holds_no_value(
    events: list[dict[str, object]],
) -> None:
    async with calling_practice(BOTH, FakeLanguageModel(f"It is {PHONE}.")) as rig:
        await identified(rig)
        request = ReplyRequest(
            "r", (ChatMessage("user", f"call {PHONE}"),), alternatives=(Spoken(PHONE),)
        )
        cleaned = rig.call._front.outgoing.request(request)
        assert cleaned.messages[0].content == "call {{patient.phone}}"
    assert withheld(events, "request") == [
        {"event": "values_withheld", "call_id": "c1", "where": "request", "count": 1}
    ]
    assert PHONE not in str(events)


def sent(outgoing: Outgoing, talk: list[ChatMessage]) -> list[str]:
    return [one.content for one in outgoing.request(ReplyRequest("r", tuple(talk))).messages]


def test_row_p1_what_is_stored_in_mid_call_is_taken_out_of_what_was_said_before_it() -> None:
    compartment = Compartment()
    outgoing = Outgoing("c1", compartment, (), lambda: TODAY)
    talk = [
        ChatMessage("user", "0143 is how it ends"),
        ChatMessage("assistant", "0143, I see."),
        ChatMessage("user", "yes"),
    ]
    assert sent(outgoing, talk) == [one.content for one in talk]
    compartment.put("phone", "0143", frozenset(["store"]))
    assert sent(outgoing, talk)[:2] == [
        "{{patient.phone}} is how it ends",
        "{{patient.phone}}, I see.",
    ]
    compartment.drop("phone")
    assert sent(outgoing, talk) == [one.content for one in talk]


def test_row_p1_of_a_call_that_never_ends_the_newest_turns_are_sent_and_no_value_with_them() -> (
    None
):
    compartment = Compartment()
    compartment.put("phone", PHONE, frozenset(["store"]))
    outgoing = Outgoing("c1", compartment, (), lambda: TODAY)
    talk = [ChatMessage("system", "Rules.")]
    longest = 0
    for turn in range(40):
        for said in ("and so on " * 20 + "two one two five five five", "oh one four three please"):
            talk += [
                ChatMessage("user", said),
                ChatMessage("assistant", f"{turn}. " + "Sure. " * 20),
            ]
            asked = sent(outgoing, talk)
            longest = max(longest, sum(map(len, asked)))
            assert asked[0] == "Rules."
            assert "one four three" not in str(asked)
    assert HISTORY_BYTES_MAX // 2 < longest <= HISTORY_BYTES_MAX
