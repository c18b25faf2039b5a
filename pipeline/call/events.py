"""What a call may say about itself in the log: numbers, ids we minted and constant tokens."""

from __future__ import annotations

from pipeline.telemetry.events import Event, Token


class CallStarted(Event):
    """A caller is connected and the greeting begins."""

    call_id: Token


class CallEnded(Event):
    """The one rich line of a call."""

    call_id: Token
    reason: Token
    duration_ms: float
    turns: int
    interruptions: int
    false_interruptions: int
    starved: int
    """Times a reply had no audio when it was due."""
    skipped_frames: int
    """Left out after a stall of the event loop."""


class TurnEnded(Event):
    """The one rich line of a turn: stages in ms after the caller's last sample."""

    call_id: Token
    turn: int
    pause_seen_ms: float | None
    eager_text_ms: float | None
    decision_ms: float | None
    final_text_ms: float | None
    first_token_ms: float | None
    first_clause_ms: float | None
    first_audio_ms: float | None
    first_sample_ms: float | None
    detect_ms: float | None
    """When the pause was noticed, what the network added included (row T16)."""
    interrupted: bool
    told_ms: float | None
    """When this line was written: its own time of day less this is the caller's last sample."""


class ReplyInterrupted(Event):
    """The caller cut in and we fell silent."""

    call_id: Token
    detect_ms: float | None
    """From the onset of the voice to the decision; None: a key did it."""
    flush_ms: float
    """From there until nothing of the reply could leave any more."""


class ReplyFailed(Event):
    """An engine gave no reply in time; the caller heard a sentence of ours instead."""

    call_id: Token
    stage: Token
    code: Token


class NetworkDegraded(Event):
    """A caller's network is bad (row T15); staff are shown it."""

    call_id: Token
    reason: Token
    """detection, loss, jitter, round_trip, joined by "+"."""
    detect_p95_ms: float | None
    loss_percent: float | None
    jitter_ms: float | None
    round_trip_ms: float | None


class NetworkRecovered(Event):
    """It is good again."""

    call_id: Token


class EngineCircuit(Event):
    """One of an engine's servers is left alone from now on (open), or used again (closed)."""

    engine: Token
    server: int
    """Its place in the settings, from 0."""
    state: Token
    code: Token


class EngineStoodIn(Event):
    """An engine failed in the middle of an utterance or a clause; its spare did it again from there."""

    engine: Token
    code: Token


class UrgentRaised(Event):
    """An urgent phrase was recognised. Not which: it says what the caller suffers from."""

    call_id: Token


class ValuesWithheld(Event):
    """Something that identifies a caller was kept from a model, the voice or a tool's reader."""

    call_id: Token
    where: Token
    count: int


class ToolFailed(Event):
    """A tool gave no result; the model was told so and nothing else."""

    call_id: Token
    tool: Token
    code: Token


class GraphFault(Event):
    """Something inside the conversation graph raised; the call goes on."""

    call_id: Token
    where: Token


class LineNotKept(Event):
    """A line that callers hear when no worker can speak could not be made; the one made before stays, if any."""

    line: Token
    error: Token
