"""The audit's record types, each closed: exactly these fields, checked when built and when read back.

On disk a record also has `seq`, `type`, `ts` (UTC with offset), `mono_ms` and `boot` (the wall clock may be set, the
monotonic one only starts again with the machine) and `hash`. Refuses to know values: a request's fields appear
by name, callers as a keyed hash, staff by the name of their token. A patient's id has no place in any record.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any, ClassVar, dataclass_transform

from pipeline.audit.schema import (
    Shape,
    address,
    always,
    choice,
    fits,
    names,
    number,
    pattern,
    truth,
    whole,
)
from pipeline.errors import WardlineError

CALL_ID = r"c[0-9a-f]{12}"
"""As `supervisor.tokens.OpenCalls` mints them."""

USER_ID = r"(?:staff|local|system):[A-Za-z0-9][A-Za-z0-9_.\-]{0,39}"
"""Who acts: the name of a staff token, a user of this machine, or a part of the server. The prefix keeps
an id of a patient from being passed here by mistake."""

CALLER_ID = r"h[0-9a-f]{32}"
RECORD_ID = r"(?:[a-z]{1,2}|rec_)[0-9a-f]{12,32}"
NAME = r"[a-z][a-z0-9_.\-]{0,59}"

DISPOSITIONS = (
    "booked",
    "goodbye",
    "person",
    "left",
    "urgent",
    "caller",
    "lost",
    "limit",
    "error",
    "shutdown",
    "abandoned",
    "worker_lost",
    "paused",
    "other",
)
"""How a call ended. `left`: the exchange agreed to lead the caller to a person and ended our part itself, as far as is
known because the person is there. `other`: a reason this table does not know, counted as such instead of written down."""


class RecordInvalid(WardlineError):
    """A record does not have its shape; names type and field, never the value."""

    code = "audit_record_invalid"

    def __init__(self, kind: str, field_name: str) -> None:
        """Name what is wrong."""
        super().__init__(f"audit record {kind}: {field_name} does not have its shape")
        self.field = field_name


TYPES: dict[str, type[Record]] = {}
"""Every type by its name on disk."""


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(field,))
class Record:
    """The root of the record types. Building one checks it; subclasses need no decorator."""

    type: ClassVar[str]
    shapes: ClassVar[Mapping[str, Shape]]

    def __init_subclass__(cls, **kwargs: object) -> None:
        """Freeze the subclass, collect its shapes and enter it under its name."""
        super().__init_subclass__(**kwargs)
        cls.type = re.sub(r"(?<!^)(?=[A-Z])", "_", cls.__name__).lower()
        dataclass(frozen=True, kw_only=True)(cls)
        own = fields(cls)  # type: ignore[arg-type]  # every subclass is a dataclass, see above
        cls.shapes = {item.name: item.metadata["shape"] for item in own}
        TYPES[cls.type] = cls

    def __post_init__(self) -> None:
        """Refuse what does not fit."""
        for name, shape in self.shapes.items():
            if not fits(shape, getattr(self, name)):
                raise RecordInvalid(self.type, name)

    def fields(self) -> dict[str, Any]:
        """The fields as they are written."""
        return {name: getattr(self, name) for name in self.shapes}


# --- what row A1 names ---------------------------------------------------------------------------


class CallStart(Record):
    """A caller is connected."""

    call_id: str = field(metadata=pattern(CALL_ID))
    caller_id: str = field(metadata=pattern(CALLER_ID))
    """A keyed hash: the same caller has the same one in this installation and another elsewhere."""
    agent_name: str = field(metadata=pattern(NAME))


class PhiAccess(Record):
    """Somebody asked to see or change what identifies a patient."""

    action: str = field(
        metadata=choice(
            "list",
            "show",
            "reveal",
            "export",
            "fetch",
            "claim",
            "resolve",
            "redact",
            "delete",
            "keep",
        )
    )
    resource_type: str = field(metadata=choice("request", "recording", "call", "store"))
    user_id: str = field(metadata=pattern(USER_ID))
    success: bool = field(metadata=truth())
    phi_accessed: bool = field(default=True, metadata=always())
    call_id: str | None = field(default=None, metadata=pattern(CALL_ID, optional=True))
    resource_id: str | None = field(default=None, metadata=pattern(RECORD_ID, optional=True))
    field_names: tuple[str, ...] = field(default=(), metadata=names())


class FunctionCall(Record):
    """A tool or a store was used on a caller's behalf."""

    call_id: str = field(metadata=pattern(CALL_ID))
    function_name: str = field(metadata=pattern(NAME))
    sanitized_args: tuple[str, ...] = field(default=(), metadata=names())
    """Names of the arguments."""
    result_status: str = field(metadata=choice("ok", "refused", "failed", "timeout"))


class Authentication(Record):
    """A member of staff, or somebody who is none, showed a token."""

    auth_type: str = field(metadata=choice("staff_token", "fetch_token", "command"))
    success: bool = field(metadata=truth())
    source_ip: str | None = field(metadata=address())
    user_id: str | None = field(default=None, metadata=pattern(USER_ID, optional=True))


class CallEnd(Record):
    """A call is over."""

    call_id: str = field(metadata=pattern(CALL_ID))
    duration: float = field(metadata=number())
    """Seconds."""
    disposition: str = field(metadata=choice(*DISPOSITIONS))
    field_names: tuple[str, ...] = field(default=(), metadata=names())
    """What was collected, by name."""


# --- and what else must be provable --------------------------------------------------------------


class BargeIn(Record):
    """The caller cut an answer short."""

    call_id: str = field(metadata=pattern(CALL_ID))
    turn: int = field(metadata=whole())


class Recording(Record):
    """A recording began, paused or was dealt with."""

    call_id: str = field(metadata=pattern(CALL_ID))
    action: str = field(metadata=choice("start", "pause", "resume", "stop", "expire", "delete"))
    reason: str = field(metadata=pattern(NAME))


class Consent(Record):
    """What the caller was told and what came back."""

    call_id: str = field(metadata=pattern(CALL_ID))
    notice: str = field(metadata=pattern(NAME))
    """Which text, by name."""
    answer: str = field(metadata=choice("given", "refused", "withdrawn", "none"))


class Configuration(Record):
    """The settings in force: at the start, and when a protection was relaxed by name."""

    action: str = field(metadata=choice("start", "change", "override"))
    fingerprint: str = field(metadata=pattern("[0-9a-f]{64}"))
    """SHA-256 of all settings, secrets masked: two boxes can be compared."""
    version: str = field(metadata=pattern(r"[0-9A-Za-z.+\-]{1,40}"))
    overrides: tuple[str, ...] = field(default=(), metadata=names(r"[a-z][a-z0-9_.]{0,59}"))


class Escalation(Record):
    """A person was wanted. Not why: the phrase is the caller's."""

    call_id: str = field(metadata=pattern(CALL_ID))
    kind: str = field(metadata=choice("urgent", "person"))


class EgressTest(Record):
    """The server tried to get out."""

    level: int = field(metadata=whole(2))
    ways_tried: int = field(metadata=whole())
    ways_open: int = field(metadata=whole())


class Administration(Record):
    """Somebody handled keys, copies, tokens, holds or the emergency switch, or destroyed everything."""

    action: str = field(
        metadata=choice(
            "key_init",
            "key_export",
            "key_import",
            "key_adopt",
            "key_rotate",
            "backup",
            "restore",
            "restore_adopt",
            "restore_no_tombstones",
            "purge",
            "token_create",
            "token_revoke",
            "pause",
            "resume",
            "hold",
            "release",
            "evidence",
        )
    )
    user_id: str = field(metadata=pattern(USER_ID))
    success: bool = field(metadata=truth())
    """Whether they were allowed to; the record is made before the act."""
    resource_id: str | None = field(default=None, metadata=pattern(RECORD_ID, optional=True))


# --- what the chain says about itself ------------------------------------------------------------


class ChainOpened(Record):
    """First record of a chain and of each of its files."""

    chain: str = field(metadata=pattern("[0-9a-f]{32}"))
    file: int = field(metadata=whole())
    previous: str = field(metadata=pattern("[0-9a-f]{64}"))
    """The hash before it: a file can be checked by itself."""
    key: str = field(metadata=pattern("[0-9a-f]{32}"))
    """Fingerprint of the public key."""


class ChainRecovered(Record):
    """The writer before this one did not end by itself."""

    torn_bytes: int = field(metadata=whole())
    """Of a record that was not written to its end; cut off."""
    torn_hash: str = field(metadata=pattern("[0-9a-f]{64}"))
    unsigned: int = field(metadata=whole())
    """Records that no checkpoint covered when they were found."""
    intact: bool = field(metadata=truth())
    """Whether every link of the last file held."""


class ChainAcknowledged(Record):
    """Somebody looked at the records that were signed only after a restart, and takes them for the server's."""

    user_id: str = field(metadata=pattern(USER_ID))
    up_to: int = field(metadata=whole())
    """The newest `chain_recovered` they had seen."""


class ChainDelayed(Record):
    """Records could not be written for a while: a full or broken disk."""

    reason: str = field(metadata=pattern(NAME))
    waited: float = field(metadata=number())
    """Seconds."""
    lost: int = field(metadata=whole())
    """Records that found no room in memory either."""


class Checkpoint(Record):
    """A signature over everything before it; `signature` follows on disk."""

    key: str = field(metadata=pattern("[0-9a-f]{32}"))


# --- reading back --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Entry:
    """A record as it was read back, whole."""

    seq: int
    ts: datetime
    mono_ms: float
    boot: str
    record: Record
    line: Mapping[str, Any]


_STAMP: Mapping[str, Shape] = {
    "seq": whole()["shape"],
    "ts": pattern(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}\+00:00")[
        "shape"
    ],
    "mono_ms": number()["shape"],
    "boot": pattern(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")["shape"],
    "hash": pattern("[0-9a-f]{64}")["shape"],
}
_SIGNATURE = pattern("[0-9a-f]{128}")["shape"]


def stamp(ts: datetime, mono_ms: float, boot: str) -> dict[str, Any]:
    """What every record has beside its own fields."""
    return {
        "ts": ts.isoformat(timespec="microseconds"),
        "mono_ms": round(mono_ms, 3),
        "boot": boot,
    }


def read(line: bytes) -> Entry:
    """The record of a line, every required field present and in its shape; raises `RecordInvalid`."""
    try:
        tree = json.loads(line, object_pairs_hook=_no_key_twice)
    except (ValueError, RecursionError):
        raise RecordInvalid("unknown", "line") from None
    made = TYPES.get(tree.get("type", "")) if isinstance(tree, dict) else None
    if made is None:
        raise RecordInvalid("unknown", "type")
    shapes = {**_STAMP, **made.shapes}
    if made is Checkpoint:
        shapes["signature"] = _SIGNATURE
    for name in shapes.keys() ^ (tree.keys() - {"type"}):
        raise RecordInvalid(made.type, name if name in shapes else "an unknown field")
    for name, shape in shapes.items():
        if not fits(shape, tree[name]):
            raise RecordInvalid(made.type, name)
    try:
        ts = datetime.fromisoformat(tree["ts"])
    except ValueError:  # the 30th of February
        raise RecordInvalid(made.type, "ts") from None
    record = from_fields(made.type, {name: tree[name] for name in made.shapes})
    return Entry(tree["seq"], ts, tree["mono_ms"], tree["boot"], record, tree)


def from_fields(kind: str, given: Mapping[str, Any]) -> Record:
    """A record of this type from plain values, as another process sent them; raises `RecordInvalid`."""
    made = TYPES.get(kind)
    if made is None:
        raise RecordInvalid("unknown", "type")
    if not given.keys() <= made.shapes.keys():
        raise RecordInvalid(made.type, "an unknown field")
    try:
        return made(**{k: tuple(v) if isinstance(v, list) else v for k, v in given.items()})
    except TypeError:  # a required field is missing
        raise RecordInvalid(made.type, "a missing field") from None


def json_schema() -> dict[str, Any]:
    """The JSON Schema of every line of the audit."""
    kinds = []
    for kind, made in sorted(TYPES.items()):
        shapes = {"type": {"const": kind}, **_STAMP, **made.shapes}
        if made is Checkpoint:
            shapes["signature"] = _SIGNATURE
        kinds.append(
            {
                "type": "object",
                "properties": shapes,
                "required": list(shapes),
                "additionalProperties": False,
            }
        )
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "oneOf": kinds}


def _no_key_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    tree = dict(pairs)
    if len(tree) != len(pairs):
        raise ValueError
    return tree
