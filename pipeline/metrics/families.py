"""Every number that `/metrics` may show: its name, what it means, and the closed list of values of each label.

A label whose values are not listed here cannot exist, so that no caller, number, word or address becomes one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from types import MappingProxyType

OTHER = "other"
"""What a value becomes that its label does not list."""
WORKERS_MAX = 64
"""`workers.count` goes no further."""
_NONE: Mapping[str, tuple[str, ...]] = MappingProxyType({})


class Kind(Enum):
    """What Prometheus calls a family's type."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True)
class Family:
    """One name and all its series."""

    name: str
    kind: Kind
    says: str
    labels: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: _NONE)
    """Each label with every value it may have."""
    buckets: tuple[float, ...] = ()
    """Upper bounds of a histogram, in its own unit."""


WORKERS = tuple(f"w{number}" for number in range(1, WORKERS_MAX + 1))
SOUND = ("gateway", *WORKERS)
"""Those that carry sound."""
PROCESSES = ("supervisor", *SOUND)
DOORS = ("page", "telephone", "stream")
"""A web page; a trunk of the gateway; a carrier's WebSocket."""
REFUSALS = ("lines_busy", "too_many", "unguarded", "no_media_path", "worker", "no_port", OTHER)
ENDS = (
    "goodbye",
    "person",
    "urgent",
    "caller",
    "lost",
    "limit",
    "error",
    "shutdown",
    "abandoned",
    "not_connected",
    "paused",
    "worker_lost",
    OTHER,
)
REACHED = ("connected", "left")
"""A person has the caller; or the far end took them without saying who answered, as some exchanges do: not enough for an urgent caller."""
URGENT_ENDS = (*REACHED, "unanswered", "told", "lost")
STAGES = ("pause_seen", "decision", "final_text", "first_token", "first_audio", "first_byte")
OUTCOMES = (*REACHED, "busy", "no_answer", "refused", "unauthorized", OTHER)
ENGINES = ("stt", "tts", "llm", OTHER)
SERVERS = (*(str(number) for number in range(8)), OTHER)
CHECKS = ("canary", "egress", "egress_command", "audit", "store", "models", OTHER)
FAILED_STAGES = ("recogniser", "voice", "model", "first_token", "tool", OTHER)
LATE_STAGES = ("hearing", "thinking", "speaking")
CERTIFICATES = ("pages", "telephone")
PLACES = ("state", "audit", "store")
SIGNED = ("webhook", "after", "answered", "stream", OTHER)

TURN_BUCKETS_S = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 1.0, 1.25, 1.5, 2.0, 3.0, 5.0, 8.0)
"""Dense where targets and limits lie (0.3 s, 0.45 s, 0.7 s, 1.5 s)."""
CUT_BUCKETS_S = (0.001, 0.005, 0.02, 0.05, 0.1, 0.15, 0.18, 0.215, 0.26, 0.3, 0.4, 0.6, 1.0)
CALL_BUCKETS_S = (10.0, 30.0, 60.0, 120.0, 180.0, 240.0, 300.0, 600.0, 900.0)
LATE_BUCKETS_S = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 5.0)


def _counter(name: str, says: str, **labels: tuple[str, ...]) -> Family:
    return Family(f"wardline_{name}_total", Kind.COUNTER, says, MappingProxyType(labels))


def _gauge(name: str, says: str, **labels: tuple[str, ...]) -> Family:
    return Family(f"wardline_{name}", Kind.GAUGE, says, MappingProxyType(labels))


def _histogram(
    name: str, says: str, buckets: tuple[float, ...], **labels: tuple[str, ...]
) -> Family:
    return Family(f"wardline_{name}", Kind.HISTOGRAM, says, MappingProxyType(labels), buckets)


# --- calls -----------------------------------------------------------------------------------------

CALLS_BEGUN = _counter(
    "calls_begun", "Callers that a worker held a line for.", door=("page", "telephone")
)
OFFERS_ABANDONED = _counter(
    "offers_abandoned", "Of those, pages that were answered and never connected: no call was made."
)
CALLS_ANSWERED = _counter("calls_answered", "Calls whose caller was connected and greeted.")
CALLS_REFUSED = _counter(
    "calls_refused", "Callers that were turned away.", door=DOORS, reason=REFUSALS
)
CALLS_ENDED = _counter("calls_ended", "Calls that are over.", reason=ENDS)
CALL_SECONDS = _histogram("call_duration_seconds", "Length of a call.", CALL_BUCKETS_S)
CALLS_LIVE = _gauge("calls_live", "Calls in a worker now.", worker=WORKERS)
LINES_FREE = _gauge("lines_free", "Calls that a worker could take now.", worker=WORKERS)
RECOGNISERS_FREE = _gauge(
    "recognisers_free", "Recognisers of a worker that no call holds.", worker=WORKERS
)
STAGE_LATE = _gauge(
    "stage_late",
    "1 while a worker takes no call because this stage of a turn takes too long.",
    worker=WORKERS,
    stage=LATE_STAGES,
)
URGENT = _counter(
    "urgent_calls",
    "Calls with urgent words that are over: connected to a person, left to an exchange that said no more,"
    " unanswered by everybody who was called, told the number only, or lost with the worker.",
    outcome=URGENT_ENDS,
)
TRANSFERS = _counter("transfers", "Attempts to lead a caller to a person.", outcome=OUTCOMES)

# --- turns -----------------------------------------------------------------------------------------

TURN_STAGE = _histogram(
    "turn_stage_seconds",
    "From the caller's last sample to each stage of the answer.",
    TURN_BUCKETS_S,
    stage=STAGES,
)
DETECTION = _histogram(
    "endpoint_detect_seconds",
    "From the caller's last sample to the moment the pause was noticed, what the network added included.",
    CUT_BUCKETS_S,
)
BARGE_IN = _histogram(
    "barge_in_seconds",
    "detect: from the caller's onset to the decision to fall silent; flush: from there to silence on the line.",
    CUT_BUCKETS_S,
    stage=("detect", "flush"),
)
FALSE_INTERRUPTIONS = _counter("false_interruptions", "Replies that went on after a noise.")
REPLIES_FAILED = _counter(
    "replies_failed", "Replies where a sentence of ours stood in.", stage=FAILED_STAGES
)
NETWORK_DEGRADED = _counter("network_degraded", "Times a call's network was found degraded.")

# --- media -----------------------------------------------------------------------------------------

STARVED = _counter("audio_starved", "Times a reply had no audio when it was due.")
SKIPPED = _counter("audio_skipped_frames", "Frames left out after a stall of the event loop.")
CONCEALED = _counter("audio_concealed_frames", "Frames of callers that did not arrive.")
LATE = _counter("audio_late_packets", "Packets of callers that came after their time.")
RECEIVED = _counter("audio_received_packets", "Packets of callers that arrived.")

# --- processes ---------------------------------------------------------------------------------------

LOOP_LATE = _histogram(
    "loop_late_seconds",
    "How late the event loop was, the worst of each second in which it was over 10 ms.",
    LATE_BUCKETS_S,
    process=SOUND,
)
LOOP_LATE_TICKS = _counter(
    "loop_late_ticks", "Of ten looks a second, those over 10 ms late.", process=SOUND
)
WORKER_READY = _gauge("worker_ready", "1 while the process answers calls.", process=PROCESSES)
WORKER_RESTARTS = _counter(
    "worker_restarts", "Ends of a process that nobody asked for.", process=PROCESSES
)
CALLS_LOST = _counter("calls_lost", "Calls that were in a worker when it died.")
RESIDENT = _gauge(
    "process_resident_bytes",
    "Memory of a process and all below it; what they share counts in each.",
    process=PROCESSES,
)
CPU = _counter(
    "process_cpu_seconds", "Processor time of a process and all below it.", process=PROCESSES
)
CRASHES = _counter("crashes", "Exceptions that nobody caught.", process=PROCESSES)
FAULTS = _counter(
    "faults_contained", "Faults in a part of one call; the others went on.", process=PROCESSES
)

# --- engines -----------------------------------------------------------------------------------------

CIRCUIT_OPEN = _gauge(
    "engine_circuit_open",
    "1 while an engine's server is left alone after failures.",
    worker=WORKERS,
    engine=ENGINES,
    server=SERVERS,
)
STOOD_IN = _counter("engine_stood_in", "Times a spare engine took over.", engine=ENGINES)
MODEL_UP = _gauge(
    "model_server_up", "1 while a language model's server tells its load.", server=SERVERS
)
MODEL_RUNNING = _gauge("model_requests_running", "Replies it makes now.", server=SERVERS)
MODEL_WAITING = _gauge("model_requests_waiting", "Replies that wait for it.", server=SERVERS)
MODEL_CACHE = _gauge(
    "model_cache_used_ratio", "Of its memory for conversations, 0 to 1.", server=SERVERS
)
MODEL_PROMPT = _counter("model_prompt_tokens", "Tokens it read, by its own count.", server=SERVERS)
MODEL_GENERATED = _counter(
    "model_generated_tokens", "Tokens it made, by its own count.", server=SERVERS
)

# --- what must hold ------------------------------------------------------------------------------------

CHECK_OK = _gauge(
    "check_ok", "1 when the last run of this check passed, 0 when it failed.", check=CHECKS
)
CHECK_AGE = _gauge("check_age_seconds", "Time since this check was made.", check=CHECKS)
SIGNATURES_FAILED = _counter(
    "signatures_failed", "Requests in a carrier's name that it did not sign.", door=SIGNED
)
EGRESS_REFUSED = _counter(
    "egress_refused", "Attempts to speak to a place that is not listed.", process=PROCESSES
)
CERTIFICATE_DAYS = _gauge(
    "certificate_days_left", "Days until a certificate ends.", certificate=CERTIFICATES
)
DISK_FREE = _gauge("disk_free_bytes", "Free where this folder is.", place=PLACES)
DISK_RATIO = _gauge("disk_free_ratio", "The same as a share of the disk.", place=PLACES)
CLOCK_SYNCHRONISED = _gauge("clock_synchronised", "1 while the kernel says so.")
PAUSED = _gauge("paused", "1 while the emergency switch is thrown.")
REDACTOR_FAILURES = _counter(
    "redactor_failures",
    "Words that were allowed and not written because the redactor did not deliver.",
    process=PROCESSES,
)
FIELDS_DROPPED = _counter(
    "event_fields_dropped",
    "Fields kept out of events because they were not as declared.",
    process=PROCESSES,
)
EVENTS_LOST = _counter("events_lost", "Events that found the log full.", process=PROCESSES)
FOREIGN_BYTES = _counter(
    "foreign_output_bytes", "Bytes that were no events of ours, thrown away.", process=PROCESSES
)
AUDIT_LATE = _gauge("audit_waiting", "1 while audit records cannot be written and wait.")
AUDIT_LOST = _counter("audit_lost", "Audit records that were never written.")
WEBHOOK = _counter(
    "webhook_attempts",
    "Attempts to hand over an end-of-call report.",
    outcome=("delivered", "failed", "given_up"),
)
WEBHOOK_WAITING = _gauge("webhook_waiting", "Reports that wait to be handed over.")
REPORTS_LOST = _counter("reports_not_kept", "End-of-call reports that reached no disk.")
INFO = _gauge("info", "Always 1; the release.")

FAMILIES: tuple[Family, ...] = tuple(
    value for value in list(globals().values()) if isinstance(value, Family)
)
"""In the order of this file."""
