"""What a server said was stored, beside what is there."""

from __future__ import annotations

import json

from bench.load.kept import FAILED, STORED, asks_its_model, fields_of, lost, named, said, writes


def line(event: str, **values: object) -> bytes:
    return json.dumps({"event": event, **values}).encode() + b"\n"


LOG = [
    line("request_stored", call_id="c1", fields=1),
    line("request_stored", call_id="c2", fields=1),
    line("turn_ended", call_id="c3", fields=9),
    line("request_stored", call_id="c1", fields=2),
    b'{"event": "request_stored", "call_id": "c4", "fi',
]
EXPORT = [
    {"id": "r1", "call": "c1", "state": "incomplete", "field.reason": "x", "field.first_name": "x"},
    {"id": "r2", "call": "c2", "state": "incomplete"},
]


def test_the_newest_word_of_each_call_counts_and_a_line_that_is_being_written_is_none() -> None:
    assert said(LOG) == {"c1": 2, "c2": 1}
    assert named(LOG, FAILED) == []


def test_a_request_that_lacks_a_field_is_lost_as_one_that_is_not_there() -> None:
    there = fields_of("\n".join(json.dumps(each) for each in EXPORT))
    assert there == {"c1": 2, "c2": 0}
    assert lost({"c1": 2}, there) == []
    assert lost({"c1": 1, "c2": 0}, there) == []
    assert lost(said(LOG) | {"c9": 0}, there) == ["c2", "c9"]


def test_a_store_that_failed_for_two_reasons_is_written_to_again_after_one_word() -> None:
    refused, closed, works = (
        line(FAILED, reason="refused"), line(FAILED, reason="closed"), line("store_works"),
    )  # fmt: skip
    assert not writes([])
    assert not writes([refused, closed])
    assert writes([refused, closed, works, line(STORED, call_id="c1", fields=1)])
    assert not writes([refused, works, closed])


def test_a_model_is_asked_once_its_circuit_is_closed_and_until_it_opens() -> None:
    def circuit(*states: str) -> list[bytes]:
        told = [line("engine_circuit", engine="llm", state=state) for state in states]
        return [*told, line("engine_circuit", engine="tts", state="open")]

    assert not asks_its_model(circuit())
    assert asks_its_model(circuit("closed"))
    assert not asks_its_model(circuit("closed", "open"))
    assert asks_its_model(circuit("closed", "open", "closed"))
