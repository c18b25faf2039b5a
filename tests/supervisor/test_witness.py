"""Who tells the audit of a call's end while its disk is slow: one end, and the true one."""

from __future__ import annotations

import asyncio
import os
import threading
from pathlib import Path

import pytest

from pipeline.audit.records import CallEnd
from pipeline.audit.writer import AuditWriter
from pipeline.clock import MonotonicClock
from pipeline.settings import Settings
from pipeline.supervisor.witness import Witness
from tests.audit.rig import end, keys_in, records

pytestmark = pytest.mark.wire


async def test_a_call_that_ends_while_its_end_waits_for_the_disk_has_one_end_on_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, open_disk = os.fsync, threading.Event()

    def fsync(descriptor: int) -> None:
        open_disk.wait()
        real(descriptor)

    told = list[CallEnd]()
    keys, sent = await asyncio.to_thread(keys_in, tmp_path), end()
    call_id = sent.call_id
    open_disk.set()
    writer = await asyncio.to_thread(AuditWriter, tmp_path / "audit", keys)
    await asyncio.to_thread(writer.__enter__)
    monkeypatch.setattr(os, "fsync", fsync)
    try:
        witness = Witness(writer, keys, Settings(), MonotonicClock())
        witness.on_call_end = told.append
        witness.offered(call_id, "192.0.2.1")
        witness.started(call_id)
        open_disk.clear()
        item = {
            "type": "call_end",
            "fields": {
                "call_id": call_id,
                "duration": sent.duration,
                "disposition": sent.disposition,
            },
        }
        async with asyncio.TaskGroup() as tasks:
            report = tasks.create_task(witness.reported("w0", {call_id}, [item]))
            await asyncio.sleep(0)
            assert not report.done()
            witness.over(call_id, worker_lost=False)  # the worker waits for no slow disk
            open_disk.set()
    finally:
        open_disk.set()
        await asyncio.to_thread(writer.__exit__)
    kept = await asyncio.to_thread(records, tmp_path / "audit")
    ends = [each["disposition"] for each in kept if each["type"] == "call_end"]
    assert ends == [sent.disposition]
    assert [each.disposition for each in told] == ends


async def test_the_end_of_a_call_whose_worker_died_is_told_by_the_supervisor(
    tmp_path: Path,
) -> None:
    keys, told = await asyncio.to_thread(keys_in, tmp_path), list[CallEnd]()
    writer = await asyncio.to_thread(AuditWriter, tmp_path / "audit", keys)
    await asyncio.to_thread(writer.__enter__)
    try:
        witness = Witness(writer, keys, Settings(), MonotonicClock())
        witness.on_call_end = told.append
        witness.offered("c000000000001", "192.0.2.1")
        witness.started("c000000000001")
        for _ in range(2):
            witness.over("c000000000001", worker_lost=True)
    finally:
        await asyncio.to_thread(writer.__exit__)
    kept = await asyncio.to_thread(records, tmp_path / "audit")
    assert [each["disposition"] for each in kept if each["type"] == "call_end"] == ["worker_lost"]
    assert [each.disposition for each in told] == ["worker_lost"]
