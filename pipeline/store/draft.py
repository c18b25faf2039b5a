"""One call's request while it grows: when it is written, what is written, and what is never taken back.

A pure state machine: times are arguments, `due_ms` says when it wants to be asked again, `take` gives what
has to be committed. Values are checked against the closed schema; what the schema does not store never
enters a snapshot.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from pipeline.store.fields import RequestSchema

PHONE: Final = "phone"
DEBOUNCE_MS: Final = 1_500.0
"""After the last words or change: "cancel, wait, no, reschedule" is one change (row D2)."""

SLOW_SPEAKER_MS: Final = 14_000.0
"""After so long the partial request is kept and marked, whether the caller is silent or still speaking (row D4)."""


class State(StrEnum):
    """How far a request got."""

    OPEN = "open"
    """The call goes on."""
    INCOMPLETE = "incomplete"
    """Kept, but the caller stopped or left before confirming it."""
    COMPLETE = "complete"
    """The caller confirmed it."""


_RANK: Final = {State.OPEN: 0, State.INCOMPLETE: 1, State.COMPLETE: 2}
"""A state is only raised, but for a confirmation that its caller takes back."""


@dataclass(frozen=True, slots=True, repr=False)
class Snapshot:
    """Everything worth keeping of one call, as it was at one moment."""

    request_id: str
    call_id: str
    state: State
    fields: Mapping[str, str]
    """Only fields the schema stores."""
    tokens: Mapping[str, str]
    """Values of which only a keyed token is kept."""
    created_at_ms: int
    revision: int
    urgent: str = ""
    ended: str = ""
    """Why the call ended; "" while it lasts."""
    schema_digest: str = ""

    def __repr__(self) -> str:
        """Counts only."""
        return f"Snapshot({self.call_id}, {self.state}, {len(self.fields)} fields)"


@dataclass(slots=True, repr=False)
class Draft:
    """One call's request."""

    request_id: str
    call_id: str
    schema: RequestSchema
    created_at_ms: int
    """Wall clock, milliseconds since 1970; every other time here is of the call's own clock."""
    debounce_ms: float = DEBOUNCE_MS
    slow_speaker_ms: float = SLOW_SPEAKER_MS
    state: State = State.OPEN
    refused: int = 0
    """Values the schema did not accept."""
    _kept: dict[str, str] = field(default_factory=dict)
    _pending: dict[str, str] = field(default_factory=dict)
    _given: set[str] = field(default_factory=set)
    """Names of fields that were answered, whether they are kept or not."""
    _needed: tuple[str, ...] | None = None
    """All that a request needs, where that is less than the schema requires."""
    _urgent: str = ""
    _ended: str = ""
    _revision: int = 0
    _waiting_since_ms: float | None = None
    """Of the first change that was not taken yet."""
    _active_at_ms: float = 0.0
    _at_once: bool = False

    def __repr__(self) -> str:
        """Counts only."""
        return f"Draft({self.call_id}, {self.state}, {len(self._kept)} + {len(self._pending)})"

    # --- what happens ---------------------------------------------------------------------------

    def heard(self, now_ms: float) -> None:
        """The caller speaks: a change that waits, waits longer."""
        self._active_at_ms = now_ms

    def field(self, name: str, value: str | None, now_ms: float) -> bool:
        """Take a value; None takes back one that is not kept yet (row D7). False: the schema refuses it."""
        self._active_at_ms = now_ms
        rule = self.schema.by_name.get(name)
        if rule is None:
            self.refused += 1
            return False
        if value is None:
            self._pending.pop(name, None)
            if name not in self._kept:
                self._given.discard(name)
            return True
        accepted = rule.accepted(value)
        if accepted is None:
            self.refused += 1
            return False
        self._given.add(name)
        if rule.store or rule.lookup:
            self._pending[name] = accepted
            self._wait(now_ms)
        return True

    def urgent(self, kind: str, now_ms: float) -> None:
        """Urgent words were heard: kept at once."""
        self._urgent = self._urgent or kind
        self._at_once = True
        self._wait(now_ms)

    def call_back(self) -> None:
        """A number is all that is wanted."""
        self._needed = (PHONE,)

    def complete(self, now_ms: float) -> tuple[str, ...]:
        """The caller confirmed: kept at once. Names required fields that are missing; then it stays incomplete."""
        missing = self.schema.missing(tuple(self._given))
        if self._needed is not None:
            missing = tuple(name for name in self._needed if name not in self._given)
        self._raise_state(State.INCOMPLETE if missing else State.COMPLETE)
        self._at_once = True
        self._wait(now_ms)
        return missing

    def taken_back(self, now_ms: float) -> None:
        """The caller takes the confirmation back: kept as not confirmed at once, for a caller who hangs up now."""
        if self.state is State.COMPLETE:
            self.state = State.INCOMPLETE
            self._at_once = True
            self._wait(now_ms)

    def end(self, reason: str, now_ms: float) -> None:
        """The call is over: what is known is kept, complete or not (X30)."""
        self._ended = reason
        if self._kept or self._pending or self._urgent:
            self._raise_state(State.INCOMPLETE)
            self._at_once = True
            self._wait(now_ms)

    # --- what comes of it ------------------------------------------------------------------------

    @property
    def due_ms(self) -> float | None:
        """When `take` would give something; None: never, as things are."""
        if self._at_once:
            return self._active_at_ms
        if self._waiting_since_ms is not None:
            return min(
                self._active_at_ms + self.debounce_ms,
                self._waiting_since_ms + self.slow_speaker_ms,
            )
        if self._kept and self.state is State.OPEN:
            return self._active_at_ms + self.slow_speaker_ms
        return None

    def take(self, now_ms: float) -> Snapshot | None:
        """What has to be committed now, if it is due."""
        due_ms = self.due_ms
        if due_ms is None or now_ms < due_ms:
            return None
        slow_since_ms = (
            self._active_at_ms if self._waiting_since_ms is None else self._waiting_since_ms
        )
        if (
            now_ms >= slow_since_ms + self.slow_speaker_ms
        ):  # the very sum of `due_ms`, rounded alike
            self._raise_state(State.INCOMPLETE)
        self._kept.update(self._pending)
        self._pending.clear()
        self._waiting_since_ms = None
        self._at_once = False
        self._revision += 1
        rules = self.schema.by_name
        return Snapshot(
            self.request_id,
            self.call_id,
            self.state,
            {name: value for name, value in self._kept.items() if rules[name].store},
            {name: value for name, value in self._kept.items() if rules[name].lookup},
            self.created_at_ms,
            self._revision,
            self._urgent,
            self._ended,
            self.schema.digest,
        )

    def _wait(self, now_ms: float) -> None:
        self._active_at_ms = now_ms
        if self._waiting_since_ms is None:
            self._waiting_since_ms = now_ms

    def _raise_state(self, state: State) -> None:
        if _RANK[state] > _RANK[self.state]:
            self.state = state
