"""Turns what the front and the workers report into audit records; the one place that gives them to the writer.

Knows a caller's address for the moment it takes to hash it. A worker speaks of its own calls and in the types
named here; whatever else it sends is refused whole.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Callable, Iterable
from importlib.metadata import version
from ipaddress import ip_address
from typing import Any

from pipeline import config
from pipeline.audit.by_command import COMMAND_TYPES
from pipeline.audit.keys import AuditKeys
from pipeline.audit.records import (
    CALL_ID,
    Administration,
    Authentication,
    CallEnd,
    CallStart,
    Configuration,
    EgressTest,
    PhiAccess,
    Record,
    RecordInvalid,
    from_fields,
)
from pipeline.audit.writer import AuditWriter
from pipeline.call.request import FIELD_NAMES
from pipeline.clock import Clock
from pipeline.errors import CallRefused, OfferInvalid
from pipeline.settings import Settings
from pipeline.supervisor.emergency import Standing
from pipeline.supervisor.staff import FETCH, StaffToken
from pipeline.telemetry.events import Event, Token, emit

WORKER_TYPES = frozenset(
    {"barge_in", "call_end", "consent", "escalation", "function_call", "recording"}
)
RECORDS_MAX = 1_000
ACCESS_LIMIT_MS = 2_000.0


class AuditRefused(Event):
    """ALARM: a worker sent something that is no record of its calls."""

    worker: Token


class NotRecorded(CallRefused):
    """Nothing is shown that cannot be put on record."""

    code = "audit_unavailable"


class Witness:
    """Who saw what, and what became of each call."""

    def __init__(
        self, writer: AuditWriter, keys: AuditKeys, settings: Settings, clock: Clock
    ) -> None:
        """Write with this writer."""
        self._writer = writer
        self._keys = keys
        self._settings = settings
        self._clock = clock
        scripted = settings.engines.llm == "scripted"
        self._agent = "scripted_receptionist" if scripted else "modelled_receptionist"
        self.on_call_end: Callable[[CallEnd], None] = lambda end: None
        """Told of each end once it is queued for the audit."""
        self.on_egress_test: Callable[[EgressTest], None] = lambda result: None
        """Told of each test that a command made, once it is on the disk."""
        self._resumed_by = ""
        """Who has just put on record, by a command, that callers are to be served again."""
        self._resuming: tuple[Standing, asyncio.Future[bool]] | None = None
        """A return to service that is queued for the audit, and whether it is on the disk."""
        self._offered: dict[str, str] = {}
        self._began_ms: dict[str, float] = {}

    def configuration(self, overrides: Iterable[str] = ()) -> None:
        """The settings in force at the start."""
        text = "\n".join(f"{key} = {value}" for key, value in config.masked(self._settings))
        fingerprint = hashlib.sha256(text.encode()).hexdigest()
        relaxed = tuple(overrides)
        # a relaxed start is a record of its own, so that nobody has to look for it among the starts
        for action in ("start", "override") if relaxed else ("start",):
            self._writer.put(
                Configuration(
                    action=action,
                    fingerprint=fingerprint,
                    version=version("wardline"),
                    overrides=relaxed,
                )
            )

    # --- calls -----------------------------------------------------------------------------------

    def offered(self, call_id: str, address: str, kind: str = "address") -> None:
        """Somebody at this address, or of this number, wants to call; only the hash is kept."""
        self._offered[call_id] = self._keys.caller_id(kind, address)

    def refused(self, call_id: str) -> None:
        """It came to no call."""
        self._offered.pop(call_id, None)

    def started(self, call_id: str) -> None:
        """The worker has the call."""
        caller_id = self._offered.pop(call_id, None)
        if caller_id is None or call_id in self._began_ms:
            return
        self._began_ms[call_id] = self._clock.now_ms()
        self._writer.put(CallStart(call_id=call_id, caller_id=caller_id, agent_name=self._agent))

    def over(self, call_id: str, *, worker_lost: bool) -> None:
        """The call is over; a worker that died could not say so itself."""
        self._offered.pop(call_id, None)
        began_ms = self._began_ms.pop(call_id, None)
        if began_ms is not None:  # `reported` has not seen its end
            end = CallEnd(
                call_id=call_id,
                duration=round((self._clock.now_ms() - began_ms) / 1000, 1),
                disposition="worker_lost" if worker_lost else "other",
            )
            self._writer.put(end)
            self.on_call_end(end)

    async def reported(self, worker: str, calls: set[str], sent: object) -> None:
        """Write a worker's records; returns when all are durable or the limit has passed. Raises `CallRefused`."""
        try:
            records = [self._from_worker(calls, item) for item in _items(sent)]
        except RecordInvalid:
            emit(AuditRefused(worker=Token(worker)))
            raise OfferInvalid("not audit records") from None
        ends = [each for each in records if isinstance(each, CallEnd)]
        # an end is known from here on: `over` may come while the disk is slow, and would write another
        ended = [end for end in ends if self._began_ms.pop(end.call_id, None) is not None]
        for record in records[:-1]:
            self._writer.put(record)
        if records:  # should the disk refuse, the writer raises the alarm and keeps them: nothing to send again
            await self._writer.write(records[-1], limit_ms=ACCESS_LIMIT_MS)
        for end in ended:
            self.on_call_end(end)

    def sign(self, message: bytes) -> bytes:
        """Sign with the audit's key."""
        return self._keys.signing.sign(message)

    @property
    def key(self) -> str:
        """The fingerprint of that key."""
        return self._keys.signing.public.fingerprint

    def _from_worker(self, calls: set[str], item: Any) -> Record:
        kind, given = (item.get("type"), item.get("fields")) if isinstance(item, dict) else ("", 0)
        if kind not in WORKER_TYPES or not isinstance(given, dict):
            raise RecordInvalid("unknown", "type")
        expires = kind == "recording" and given.get("action") == "expire"
        if given.get("call_id") not in calls and not expires:  # its call was over long ago
            raise RecordInvalid(kind, "call_id")
        return from_fields(kind, given)

    async def by_command(self, sent: object) -> bool:
        """Write a command's record; true once it is on the disk. What is no such record is refused."""
        try:
            record = _from_command(sent)
        except RecordInvalid:
            emit(AuditRefused(worker=Token("command")))
            return False
        durable = await self._writer.write(record, limit_ms=ACCESS_LIMIT_MS)
        if durable and isinstance(record, EgressTest):
            self.on_egress_test(record)
        if durable and isinstance(record, Administration) and record.action == "resume":
            self._resumed_by = record.user_id
        return durable

    # --- staff -----------------------------------------------------------------------------------

    def authenticated(
        self, token: StaffToken | None, address: str, *, allowed: bool = True
    ) -> None:
        """A token was shown; None: it was not a valid one. `allowed`: its role was high enough."""
        self._writer.put(
            Authentication(
                auth_type="fetch_token" if token and token.role == FETCH else "staff_token",
                success=token is not None and allowed,
                source_ip=_address(address),
                user_id=f"staff:{token.name}" if token else None,
            )
        )

    def egress_tested(self, result: EgressTest) -> None:
        """Put on record what the server found when it tried the ways out again."""
        self._writer.put(result)

    async def revealed(self, call_id: str, field: str, name: str, *, there: bool) -> None:
        """Put on record who saw which field; raises `NotRecorded` when that cannot be made durable."""
        record = PhiAccess(
            action="reveal",
            resource_type="request",
            user_id=f"staff:{name}",
            success=there,
            call_id=_call_id(call_id),
            # The name came from outside: one that is none of ours could be anything.
            field_names=(field,) if field in FIELD_NAMES else (),
        )
        await self._before_it_is_shown(record)

    async def fetched(
        self, call_id: str, name: str, request_id: str | None, field_names: tuple[str, ...]
    ) -> None:
        """Put on record who fetched which request, or asked for one that is not there; raises `NotRecorded`."""
        record = PhiAccess(
            action="fetch",
            resource_type="request",
            user_id=f"staff:{name}",
            success=request_id is not None,
            call_id=_call_id(call_id),
            resource_id=f"r{request_id}" if request_id else None,
            field_names=tuple(field for field in field_names if field in FIELD_NAMES),
        )
        await self._before_it_is_shown(record)

    async def switched(self, paused: bool, name: str) -> None:
        """Put on record who threw the emergency switch; raises `NotRecorded`.

        A pause is in force by then: a full disk must not keep callers talking to what somebody wants silent.
        """
        record = Administration(
            action="pause" if paused else "resume", user_id=f"staff:{name}", success=True
        )
        if not await self._writer.write(record, limit_ms=ACCESS_LIMIT_MS):
            raise NotRecorded(
                "Calls are paused, but that cannot be recorded. Tell the administrator."
                if paused
                else "This cannot be recorded, so calls stay paused. Tell the administrator.",
                retry_after_s=30,
            )

    async def serves_again(self, standing: Standing) -> bool:
        """Put on record that the switch's file has callers served again, unless its command did; false: it is not."""
        known, self._resumed_by = self._resumed_by, ""
        if known == standing.by:
            return True
        if self._resuming is None or self._resuming[0] != standing:
            record = Administration(action="resume", user_id=standing.by, success=True)
            self._resuming = standing, self._writer.begin(record)
        writing = self._resuming[1]
        await asyncio.wait({writing}, timeout=ACCESS_LIMIT_MS / 1000)
        if not writing.done():
            return False  # it waits for the disk: whoever looks again waits for the same record
        self._resuming = None
        return writing.result()

    async def turned_away(self, action: str, name: str) -> None:
        """Put on record that somebody's role was too low for this; raises `NotRecorded`."""
        await self._before_it_is_shown(
            PhiAccess(
                action=action, resource_type="request", user_id=f"staff:{name}", success=False
            )
        )

    async def _before_it_is_shown(self, record: PhiAccess) -> None:
        if not await self._writer.write(record, limit_ms=ACCESS_LIMIT_MS):
            raise NotRecorded(
                "The access cannot be recorded, so nothing is shown. Tell the administrator.",
                retry_after_s=30,
            )


def _from_command(sent: object) -> Record:
    kind, given = (sent.get("type"), sent.get("fields")) if isinstance(sent, dict) else ("", 0)
    if not isinstance(kind, str) or kind not in COMMAND_TYPES or not isinstance(given, dict):
        raise RecordInvalid("unknown", "type")
    return from_fields(kind, given)


def _items(sent: object) -> list[Any]:
    if not isinstance(sent, list) or len(sent) > RECORDS_MAX:
        raise RecordInvalid("unknown", "records")
    return sent


def _call_id(text: str) -> str | None:
    """What came from outside and is no id of ours could be anything."""
    return text if re.fullmatch(CALL_ID, text) else None


def _address(text: str) -> str | None:
    try:
        return ip_address(text).compressed
    except ValueError:
        return None
