"""Hands one stored request to a named token: what an end-of-call report announces, the clinic fetches here (row D20).

The access is on record before anything leaves; what cannot be recorded is not handed out. Opens the store for each
request and lets go of it: calls have it to themselves otherwise.
"""

from __future__ import annotations

import asyncio
import re
from typing import Any

from pipeline.audit.records import CALL_ID
from pipeline.errors import CallRefused
from pipeline.settings import Settings
from pipeline.store.faults import RequestGone, StoreFault
from pipeline.store.opening import open_records
from pipeline.store.records import Opened
from pipeline.supervisor.witness import Witness

BUSY_MS = 1_000
"""Somebody waits for an answer: shorter than a command's patience."""


class NothingThere(CallRefused):
    """There is no such request, or its content was destroyed."""

    status = 404
    code = "no_request"


class StoreUnavailable(CallRefused):
    """The store cannot be read now."""

    status = 503
    code = "store_unavailable"


class Fetching:
    """The store as the front asks it."""

    def __init__(self, settings: Settings, witness: Witness) -> None:
        """Nothing is opened yet."""
        self._settings = settings
        self._witness = witness

    async def fetch(self, call_id: str, name: str) -> dict[str, Any]:
        """The request of this call for the holder of the token `name`; raises `CallRefused`."""
        try:
            opened = await asyncio.to_thread(self._open, call_id)
        except RequestGone:
            await self._witness.fetched(call_id, name, None, ())
            raise NothingThere("No request of this call is kept.") from None
        except StoreFault:
            await self._witness.fetched(call_id, name, None, ())
            raise StoreUnavailable("The store cannot be read now.", retry_after_s=30) from None
        entry, document = opened.entry, opened.document
        await self._witness.fetched(call_id, name, entry.id, tuple(document.fields))
        return {
            "request_id": entry.id,
            "call_id": entry.call_id,
            "state": entry.state.value,
            "ended": entry.ended,
            "urgent": document.urgent,
            "fields": dict(document.fields),
        }

    def _open(self, call_id: str) -> Opened:
        if not re.fullmatch(CALL_ID, call_id):  # not every text can be asked of every database
            raise RequestGone("gone", "no call has such an id")
        records = open_records(self._settings, busy_ms=BUSY_MS)
        try:
            return records.open(records.of_call(call_id))
        finally:
            records.database.close()
