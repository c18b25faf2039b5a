"""The audit's records are closed: exactly their fields, no value of a caller fits, and read back whole."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phi.chain import Chain
from pipeline.audit.records import (
    TYPES,
    Authentication,
    CallEnd,
    CallStart,
    PhiAccess,
    Record,
    RecordInvalid,
    from_fields,
    json_schema,
    read,
    stamp,
)
from tests.audit.rig import end, start

BOOT = "01234567-89ab-cdef-0123-456789abcdef"
AT = datetime(2026, 11, 21, 7, 3, 44, 5, tzinfo=UTC)
LOOK = {
    "action": "show",
    "resource_type": "request",
    "user_id": "staff:front-desk",
    "success": True,
    "field_names": ["phone"],
}


def line_of(record: Record, at: datetime = AT) -> bytes:
    return Chain().append(record.type, {**stamp(at, 12.5, BOOT), **record.fields()})


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("call_start", {"call_id", "caller_id", "agent_name"}),
        ("phi_access", {"action", "resource_type", "user_id", "success"}),
        ("function_call", {"function_name", "sanitized_args", "result_status"}),
        ("authentication", {"auth_type", "success", "source_ip"}),
        ("call_end", {"call_id", "duration", "disposition"}),
    ],
)
def test_row_a1_each_type_has_the_named_fields_and_a_time(kind: str, fields: set[str]) -> None:
    schema = next(s for s in json_schema()["oneOf"] if s["properties"]["type"].get("const") == kind)
    assert fields | {"ts"} <= set(schema["required"])
    assert schema["additionalProperties"] is False


def test_row_a1_every_further_event_has_a_type() -> None:
    further = {"barge_in", "recording", "consent", "configuration", "escalation", "egress_test"}
    assert further <= TYPES.keys()


def test_row_a4_a_phi_access_says_so_and_who() -> None:
    record = from_fields("phi_access", LOOK)
    assert record.fields()["phi_accessed"] is True
    with pytest.raises(RecordInvalid):
        from_fields("phi_access", {**LOOK, "phi_accessed": False})


def test_x20_a_patient_s_id_is_no_user_id() -> None:
    for wrong in ("p-20391", "MRN00412345", "maria.gomez", "patient:maria", "staff:", "staff:a b"):
        with pytest.raises(RecordInvalid) as caught:
            from_fields("phi_access", {**LOOK, "user_id": wrong})
        assert wrong not in str(caught.value)


def test_x21_a_record_read_back_has_every_field_it_needs() -> None:
    line = line_of(end())
    entry = read(line)
    assert entry.record == end()
    whole = json.loads(line)
    assert set(whole) == {
        "seq", "type", "ts", "mono_ms", "boot", "hash", "call_id", "duration", "disposition", "field_names",
    }  # fmt: skip
    for name in whole:
        less = {key: value for key, value in whole.items() if key != name}
        with pytest.raises(RecordInvalid):
            read(json.dumps(less).encode())
    with pytest.raises(RecordInvalid):
        read(json.dumps({**whole, "note": "x"}).encode())
    with pytest.raises(RecordInvalid):
        read(line.replace(b'"seq":1', b'"seq":1,"seq":1'))


def test_x23_times_are_utc_with_offset_beside_a_monotonic_one() -> None:
    whole = json.loads(line_of(start()))
    assert whole["ts"] == "2026-11-21T07:03:44.000005+00:00"
    assert datetime.fromisoformat(whole["ts"]).utcoffset() == timedelta(0)
    assert whole["mono_ms"] == 12.5
    assert whole["boot"] == BOOT
    for wrong in ("2026-11-21T07:03:44.000005", "2026-02-30T07:03:44.000005+00:00"):
        with pytest.raises(RecordInvalid):
            read(json.dumps({**whole, "ts": wrong}).encode())


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        (CallStart, {"call_id": "555 0123", "caller_id": "h" + "0" * 32, "agent_name": "a"}),
        (CallStart, {"call_id": "c" + "0" * 12 + "\n", "caller_id": "h" + "0" * 32, "agent_name": "a"}),
        (CallStart, {"call_id": "c" + "0" * 12, "caller_id": "192.0.2.7", "agent_name": "a"}),
        (CallEnd, {"call_id": "c" + "0" * 12, "duration": float("nan"), "disposition": "booked"}),
        (CallEnd, {"call_id": "c" + "0" * 12, "duration": True, "disposition": "booked"}),
        (CallEnd, {"call_id": "c" + "0" * 12, "duration": 1, "disposition": "chest pain"}),
        (CallEnd, {"call_id": "c" + "0" * 12, "duration": 1, "disposition": "booked", "field_names": ("José",)}),
        (CallEnd, {"call_id": "c" + "0" * 12, "duration": 1, "disposition": "booked", "field_names": "day"}),
        (Authentication, {"auth_type": "staff_token", "success": True, "source_ip": "maria"}),
        (PhiAccess, {**LOOK, "field_names": ("John Smith",)}),
    ],
)  # fmt: skip
def test_what_could_hold_a_value_does_not_build(kind: type[Record], fields: dict[str, Any]) -> None:
    with pytest.raises(RecordInvalid):
        kind(**fields)


@given(st.text(max_size=40))
def test_no_free_text_fits_a_field_name(text: str) -> None:
    fits = re.fullmatch(r"[a-z][a-z0-9_]{0,39}", text) is not None
    try:
        CallEnd(call_id="c" + "0" * 12, duration=0, disposition="other", field_names=(text,))
    except RecordInvalid:
        assert not fits
    else:
        assert fits


@given(st.one_of(st.binary(max_size=200), st.recursive(st.none() | st.text(), st.lists).map(
    lambda tree: json.dumps(tree).encode()
)))  # fmt: skip
def test_no_line_makes_reading_raise_anything_else(line: bytes) -> None:
    with pytest.raises(RecordInvalid):
        read(line)
