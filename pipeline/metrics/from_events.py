"""What each declared event means in numbers: the same events that the log holds, and nothing beside them.

Workers and the gateway count nothing for Prometheus: their events reach the supervisor, which reads them here.
Refuses to know where an event comes from, but for the name of its process.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from pipeline.metrics import families as f
from pipeline.metrics.tally import Tally
from pipeline.metrics.urgent import FOLLOWED, UrgentCalls

Record = Mapping[str, object]
Reading = Callable[[Tally, str, Record], None]
"""One event of a process, told to a tally."""

_STAGES = {
    "pause_seen_ms": "pause_seen",
    "decision_ms": "decision",
    "final_text_ms": "final_text",
    "first_token_ms": "first_token",
    "first_audio_ms": "first_audio",
    "first_sample_ms": "first_byte",
}


def _number(record: Record, key: str) -> float:
    value = record.get(key)
    return float(value) if isinstance(value, int | float) else 0.0


def _word(record: Record, key: str) -> str:
    value = record.get(key)
    return value if isinstance(value, str) else f.OTHER


def _is(record: Record, key: str, value: object) -> float:
    """1 where the field says this, else 0: a counter that is given 0 stays where it is."""
    return float(record.get(key) == value)


def _turn(tally: Tally, _: str, record: Record) -> None:
    for key, stage in _STAGES.items():
        if isinstance(record.get(key), int | float):
            tally.observe(f.TURN_STAGE, _number(record, key) / 1000, stage=stage)
    if isinstance(record.get("detect_ms"), int | float):
        tally.observe(f.DETECTION, _number(record, "detect_ms") / 1000)


def _cut(tally: Tally, _: str, record: Record) -> None:
    for stage in ("detect", "flush"):
        if isinstance(record.get(f"{stage}_ms"), int | float):
            tally.observe(f.BARGE_IN, _number(record, f"{stage}_ms") / 1000, stage=stage)


def _ended(tally: Tally, _: str, record: Record) -> None:
    tally.add(f.CALLS_ENDED, reason=_word(record, "reason"))
    tally.observe(f.CALL_SECONDS, _number(record, "duration_ms") / 1000)
    tally.add(f.FALSE_INTERRUPTIONS, _number(record, "false_interruptions"))
    tally.add(f.STARVED, _number(record, "starved"))
    tally.add(f.SKIPPED, _number(record, "skipped_frames"))


def _carrier_refused(tally: Tally, _: str, record: Record) -> None:
    busy, unsigned = _is(record, "reason", "lines_busy"), _is(record, "reason", "signature")
    tally.add(f.CALLS_REFUSED, busy, door="stream", reason="lines_busy")
    tally.add(f.SIGNATURES_FAILED, unsigned, door=_word(record, "door"))


def _gone(tally: Tally, _: str, record: Record) -> None:
    tally.add(f.RECEIVED, _number(record, "received_packets"))
    tally.add(f.CONCEALED, _number(record, "concealed_frames"))
    tally.add(f.LATE, _number(record, "late_packets"))


def _late(tally: Tally, process: str, record: Record) -> None:
    tally.observe(f.LOOP_LATE, _number(record, "worst_ms") / 1000, process=process)
    tally.add(f.LOOP_LATE_TICKS, _number(record, "times"), process=process)


def _worker_ended(tally: Tally, _: str, record: Record) -> None:
    if record.get("expected") is False:
        tally.add(f.WORKER_RESTARTS, process=_word(record, "worker"))
        tally.add(f.CALLS_LOST, _number(record, "calls_lost"))


def _circuit(tally: Tally, process: str, record: Record) -> None:
    engine, server = _word(record, "engine"), str(record.get("server"))
    is_open = 1.0 - _is(record, "state", "closed")
    tally.set(f.CIRCUIT_OPEN, is_open, worker=process, engine=engine, server=server)


def _audit_written(tally: Tally, _: str, record: Record) -> None:
    tally.set(f.AUDIT_LATE, 0.0)
    tally.add(f.AUDIT_LOST, _number(record, "lost"))


READINGS: Mapping[str, Reading] = MappingProxyType(
    {
        "call_answered": lambda t, _, r: t.add(
            f.CALLS_BEGUN, _is(r, "again", False), door=_word(r, "door")
        ),
        "call_started": lambda t, _, r: t.add(f.CALLS_ANSWERED),
        "call_turned_away": lambda t, _, r: t.add(
            f.CALLS_REFUSED, door="page", reason=_word(r, "reason")
        ),
        "phone_call_refused": lambda t, _, r: t.add(
            f.CALLS_REFUSED, door="telephone", reason=_word(r, "reason")
        ),
        "phone_call_turned_away": lambda t, _, r: t.add(
            f.CALLS_REFUSED, door="telephone", reason="lines_busy"
        ),
        "trunk_request_refused": lambda t, _, r: t.add(
            f.CALLS_REFUSED, _is(r, "reason", "busy"), door="telephone", reason="lines_busy"
        ),
        "carrier_refused": _carrier_refused,
        "call_ended": _ended,
        "call_over": lambda t, _, r: t.add(
            f.CALLS_ENDED, _is(r, "worker_lost", True), reason="worker_lost"
        ),
        "turn_ended": _turn,
        "reply_interrupted": _cut,
        "reply_failed": lambda t, _, r: t.add(f.REPLIES_FAILED, stage=_word(r, "stage")),
        "network_degraded": lambda t, _, r: t.add(f.NETWORK_DEGRADED),
        "transfer_tried": lambda t, _, r: t.add(f.TRANSFERS, outcome=_word(r, "outcome")),
        "offer_abandoned": lambda t, _, r: t.add(f.OFFERS_ABANDONED),
        "caller_gone": _gone,
        "loop_late": _late,
        "worker_started": lambda t, _, r: t.clear(f.CIRCUIT_OPEN, worker=_word(r, "worker")),
        "worker_ended": _worker_ended,
        "engine_circuit": _circuit,
        "engine_stood_in": lambda t, _, r: t.add(f.STOOD_IN, engine=_word(r, "engine")),
        "egress_refused": lambda t, p, r: t.add(f.EGRESS_REFUSED, _number(r, "count"), process=p),
        "free_text": lambda t, p, r: t.add(f.REDACTOR_FAILURES, _is(r, "failed", True), process=p),
        "events_lost": lambda t, p, r: t.add(f.EVENTS_LOST, _number(r, "count"), process=p),
        "foreign_output": lambda t, _, r: t.add(
            f.FOREIGN_BYTES, _number(r, "bytes"), process=_word(r, "process")
        ),
        "fault_contained": lambda t, p, r: t.add(f.FAULTS, process=p),
        "graph_fault": lambda t, p, r: t.add(f.FAULTS, process=p),
        "crashed": lambda t, p, r: t.add(f.CRASHES, process=p),
        "audit_delayed": lambda t, _, r: t.set(f.AUDIT_LATE, 1.0),
        "audit_written": _audit_written,
        "audit_lost": lambda t, _, r: t.add(f.AUDIT_LOST, _number(r, "count")),
        "webhook_delivered": lambda t, _, r: t.add(f.WEBHOOK, outcome="delivered"),
        "webhook_failed": lambda t, _, r: t.add(f.WEBHOOK, outcome="failed"),
        "webhook_given_up": lambda t, _, r: t.add(f.WEBHOOK, outcome="given_up"),
        "report_not_kept": lambda t, _, r: t.add(f.REPORTS_LOST),
    }
)
"""Every event that is counted, by its name; whatever else is said changes no number."""


class EventTally:
    """Reads events into a tally, and follows urgent calls until they are over."""

    def __init__(self, tally: Tally) -> None:
        """Count here."""
        self._tally = tally
        self._urgent = UrgentCalls(tally)

    def take(self, process: str, record: Record) -> None:
        """One event of this process, as it is written."""
        if dropped := _number(record, "dropped"):
            self._tally.add(f.FIELDS_DROPPED, dropped, process=process)
        name = _word(record, "event")
        if (reading := READINGS.get(name)) is not None:
            reading(self._tally, process, record)
        if name in FOLLOWED:
            self._urgent.take(name, _word(record, "call_id"), record)

    def look(self, now_ms: float) -> None:
        """Before the numbers are read: what becomes something by time alone."""
        self._urgent.look(now_ms)
