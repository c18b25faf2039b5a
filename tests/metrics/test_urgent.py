"""What becomes of callers with urgent words, as the events of three kinds of processes tell it."""

from __future__ import annotations

import pytest

from pipeline.metrics import families as f
from pipeline.metrics.tally import Tally
from pipeline.metrics.urgent import CARRIED_MAX, RESCUE_LIMIT_MS, URGENT_MAX, UrgentCalls

TRUNK, STREAM = "phone_call_joined", "carrier_stream_joined"
URGENT: dict[str, object] = {"event": "urgent_raised"}
LOST: dict[str, object] = {"event": "call_over", "worker_lost": True}
OVER: dict[str, object] = {"event": "phone_call_over", "worker_lost": True}
STREAM_OVER: dict[str, object] = {"event": "carrier_call_over"}
ENDED: dict[str, object] = {"event": "call_ended"}


def led(outcome: str, event: str = "phone_call_led") -> dict[str, object]:
    return {"event": event, "outcome": outcome}


class House:
    def __init__(self) -> None:
        self.tally = Tally(["supervisor", "gateway", "w1"])
        self.calls = UrgentCalls(self.tally)

    def hear(self, *records: dict[str, object], call_id: str = "c1") -> House:
        for record in records:
            self.calls.take(str(record["event"]), call_id, record)
        return self

    def counted(self) -> dict[str, float]:
        return {key[0]: value for key, value in self.tally.values(f.URGENT).items() if value}


@pytest.mark.parametrize(
    ("became", "events"),
    [
        ({"told": 1}, [ENDED]),
        ({"connected": 1}, [led("connected", "transfer_tried"), ENDED]),
        ({"unanswered": 1}, [led("no_answer", "transfer_tried"), ENDED]),
        (
            {"connected": 1},
            [
                led("busy", "transfer_tried"),
                led("connected", "transfer_tried"),
                led("no_answer", "transfer_tried"),  # of the first, and late
                ENDED,
            ],
        ),
        ({"left": 1}, [led("left", "transfer_tried"), led("no_answer", "transfer_tried"), ENDED]),
        ({"connected": 1}, [led("left", "transfer_tried"), led("connected"), ENDED]),
        ({"connected": 1}, [led("connected"), led("left"), ENDED]),
        ({"lost": 1}, [LOST, ENDED]),
        ({"told": 1}, [{"event": "call_over", "worker_lost": False}, ENDED]),
    ],
)
def test_an_urgent_call_counts_once_by_whether_a_person_was_reached(
    became: dict[str, float], events: list[dict[str, object]]
) -> None:
    assert House().hear(URGENT, URGENT, *events).counted() == became


@pytest.mark.parametrize(
    ("became", "joined", "events"),
    [
        ("connected", TRUNK, [LOST, led("busy"), led("connected"), OVER]),
        ("connected", TRUNK, [led("connected"), OVER, LOST]),  # the worker hung for ten seconds
        ("lost", TRUNK, [led("busy"), OVER, LOST]),
        ("lost", TRUNK, [LOST, led("no_answer"), led("caller_left"), OVER]),
        ("left", TRUNK, [LOST, led("left"), OVER]),
        ("connected", STREAM, [LOST, led("connected", "carrier_call_led")]),
        ("lost", STREAM, [LOST, led("no_answer", "carrier_call_led"), STREAM_OVER]),
    ],
)
def test_a_caller_whose_worker_died_counts_by_what_the_rescue_came_to(
    became: str, joined: str, events: list[dict[str, object]]
) -> None:
    house = House().hear({"event": joined}, URGENT, *events)
    assert house.counted() == {became: 1}
    assert house.hear(OVER, STREAM_OVER, ENDED).counted() == {became: 1}
    assert not house.calls._became
    assert not house.calls._alone
    assert not house.calls._carried


def test_a_gateway_that_dies_too_takes_its_callers_with_it_and_no_carriers() -> None:
    house = House().hear({"event": TRUNK}, URGENT, LOST)
    house.hear({"event": STREAM}, URGENT, LOST, call_id="c2")
    assert house.counted() == {}
    house.hear({"event": "worker_ended", "worker": "w1"}, call_id="other")
    assert house.counted() == {}
    house.hear({"event": "worker_ended", "worker": "gateway"}, call_id="other")
    assert house.counted() == {"lost": 1}
    assert house.hear(led("connected", "carrier_call_led"), call_id="c2").counted() == {
        "lost": 1,
        "connected": 1,
    }


def test_a_carrier_that_asks_for_nothing_any_more_has_lost_the_caller() -> None:
    house = House().hear({"event": STREAM}, URGENT, LOST)
    house.calls.look(0.0)
    house.calls.look(RESCUE_LIMIT_MS)
    house.hear(led("busy", "carrier_call_led"))  # the next telephone rings
    house.calls.look(RESCUE_LIMIT_MS + 1)
    house.calls.look(2 * RESCUE_LIMIT_MS + 1)
    assert house.counted() == {}
    house.calls.look(2 * RESCUE_LIMIT_MS + 2)
    assert house.counted() == {"lost": 1}


def test_what_never_ends_is_forgotten_in_time() -> None:
    house = House()
    for number in range(URGENT_MAX + 1):
        house.hear({"event": TRUNK}, URGENT, LOST, call_id=f"c{number}")
    assert (len(house.calls._became), len(house.calls._alone)) == (URGENT_MAX, URGENT_MAX)
    for number in range(CARRIED_MAX):
        house.hear({"event": TRUNK}, call_id=f"d{number}")
    assert len(house.calls._carried) == CARRIED_MAX
    house.hear(OVER, call_id="c0")
    assert house.hear(OVER, call_id="c1").counted() == {"lost": 1}
