"""From settings to the shelf of recordings: which keys open it, what was destroyed, what a hold keeps.

Joins the store's keys, tombstones and holds with the room that knows sound; neither knows the other.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable

from phi.envelope import KeyRing
from pipeline import config
from pipeline.audit.post import Auditor
from pipeline.audit.records import CALL_ID, Recording
from pipeline.errors import StartUpError
from pipeline.recording.copies import PutBack, broke_off
from pipeline.recording.faults import RecordingFault
from pipeline.recording.shelf import Shelf
from pipeline.settings import Settings
from pipeline.store.database import Database
from pipeline.store.opening import key_source, location, now_ms, tombstones_of
from pipeline.store.proofs import keys_of
from pipeline.store.records import Records
from pipeline.store.retention import held_recordings
from pipeline.telemetry.events import Event, Token, emit

UNKNOWN_CALL = "c000000000000"
AUDIT_LIMIT_MS = 5_000.0
"""Longer than this the audit's disk is broken; the recordings wait for the next hour."""


class RecordingsDestroyed(Event):
    """Recordings were destroyed: their days were over, or a crash had left what the caller withdrew."""

    count: int


class RecordingsNotExpired(Event):
    """Recordings whose days are over could not be destroyed; tried again within the hour."""

    reason: Token


def open_shelf(settings: Settings, ring: KeyRing | None = None) -> Shelf:
    """The practice's recordings; reads the key unless it is given. Raises `StartUpError` with what to do."""
    source = key_source(settings)
    return Shelf(
        config.recording_directory(settings),
        settings.practice.id,
        source.load() if ring is None else ring,
        now_ms,
        tombstones_of(settings).read,
        reload=source.load,
    )


def sentences(settings: Settings) -> list[str]:
    """For the terminal of whoever starts the server: that calls are recorded is never a surprise."""
    recording = settings.recording
    if recording.mode == "off":
        return []
    days = config.recording_days(settings)[recording.kept_as]
    return [
        "CALLS ARE RECORDED when the caller agrees: sealed, for"
        f" {days} days, in {config.recording_directory(settings)}"
    ]


def finish_restore(settings: Settings) -> None:
    """Before a store is made: one whose restore was killed is refused, and what a whole one left is removed.

    A store that is made beside the recordings of half a restore could not be restored into any more.
    """
    directory = config.recording_directory(settings)
    if not broke_off(directory):
        return
    database = Database(location(settings))
    try:
        has_rows = bool(database.version() and keys_of(database, settings.practice.id))
    finally:
        database.close()
    if not has_rows:  # they come last, all at once
        raise StartUpError(
            f"a `wardline restore` broke off: its recordings are in {directory} and its requests are not in the store."
            " Run it again as it was; to begin without it, move that folder away"
        )
    PutBack(directory, {}).finished()


def finish_destroyed(settings: Settings) -> None:
    """At the start: of a recording that was withdrawn before a crash nothing stays."""
    directory = config.recording_directory(settings)
    if next(directory.glob("rec_*"), None) is None or not tombstones_of(settings).read():
        return  # and no key is needed
    if count := open_shelf(settings).shred_destroyed():
        emit(RecordingsDestroyed(count))


def check_classes(settings: Settings) -> None:
    """At the start: refuse while a recording is there whose class nobody says the days of."""
    directory = config.recording_directory(settings)
    if next(directory.glob("rec_*"), None) is None:
        return
    days = config.recording_days(settings)
    unknown = sorted({kept.kept_as for kept in open_shelf(settings).kept()} - days.keys())
    if unknown:
        raise StartUpError(
            f'recording.days: there are recordings of the class "{unknown[0]}" and no days for it; write them,'
            " or destroy the recordings with `wardline recordings delete`"
        )


def expirer(
    settings: Settings, auditor: Auditor, loop: asyncio.AbstractEventLoop
) -> Callable[[Records], None]:
    """What a worker does each hour in the store's thread: destroy recordings whose days are over."""
    graves, days = tombstones_of(settings), config.recording_days(settings)
    directory = config.recording_directory(settings)

    async def on_record(call_id: str) -> bool:
        if not re.fullmatch(CALL_ID, call_id):  # a header that nobody of ours wrote
            call_id = UNKNOWN_CALL
        auditor.put(Recording(call_id=call_id, action="expire", reason="days_over"))
        return await auditor.flushed(AUDIT_LIMIT_MS)

    def note(action: str, recording_id: str, call_id: str) -> None:
        del action, recording_id
        noted = asyncio.run_coroutine_threadsafe(on_record(call_id), loop)
        try:
            durable = noted.result(2 * AUDIT_LIMIT_MS / 1000)
        except TimeoutError:  # the worker ends
            durable = False
        if not durable:
            raise RecordingFault("the audit takes no records, so no recording is destroyed")

    def bury(ids: list[str], why: str) -> None:
        graves.add(ids, why, now_ms())

    def expire(records: Records) -> None:
        if next(directory.glob("rec_*"), None) is None:
            return
        try:
            held = held_recordings(records)
            count = open_shelf(settings, records.ring).expire(days, note, bury, held)
        except StartUpError as error:
            emit(RecordingsNotExpired(Token(error.code)))
        else:
            if count:
                emit(RecordingsDestroyed(count))

    return expire
