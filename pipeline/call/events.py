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
    interrupted: bool


class ReplyFailed(Event):
    """An engine gave no reply in time; the caller heard a sentence of ours instead."""

    call_id: Token
    stage: Token
    code: Token


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


class LoopLag(Event):
    """The event loop was late: every call of this process waited."""

    lag_ms: float
    gc_ms: float


class LineNotKept(Event):
    """A line that callers hear when no worker can speak could not be made; the one made before stays, if any."""

    line: Token
    error: Token
