"""One thread writes the chain: durable, in order, continued after any end, never in anybody's way."""

from __future__ import annotations

import asyncio
import errno
import os
import stat
import threading
import time
from pathlib import Path

import pytest

from phi.chain import heads_in
from pipeline.audit.heads import HeadExport
from pipeline.audit.records import Record
from pipeline.audit.trail import RECORD_BYTES_MAX, trail_files
from pipeline.audit.trail_file import AuditBusy
from pipeline.audit.verify import verify_trail
from pipeline.audit.writer import AuditWriter, Limits
from pipeline.telemetry.events import Event, set_sink
from tests.audit.rig import end, keys_in, lines, records, start, types, verdict

pytestmark = pytest.mark.wire


def writer(directory: Path, export: HeadExport | None = None, **limits: float) -> AuditWriter:
    return AuditWriter(directory, keys_in(directory), export, limits=Limits(**limits))  # type: ignore[arg-type]  # mixed numbers


class Heard:
    def __init__(self) -> None:
        self.events: list[Event] = []
        set_sink(self.events.append)

    def names(self) -> list[str]:
        return [event.name for event in self.events]

    def until(self, name: str) -> Event:
        limit = time.monotonic() + 60
        while name not in self.names():
            assert time.monotonic() < limit, self.names()
            time.sleep(0.005)
        return next(event for event in self.events if event.name == name)


@pytest.fixture
def heard() -> object:
    yield Heard()
    set_sink(None)


def test_what_was_put_is_read_back_in_order_and_the_end_is_signed(tmp_path: Path) -> None:
    with writer(tmp_path) as audit:
        for number in range(3):
            audit.put(start(number))
        assert audit.write_now(end())
    assert types(tmp_path) == ["chain_opened", *["call_start"] * 3, "call_end", "checkpoint"]
    found = verdict(tmp_path)
    assert found.whole
    assert found.chain.unsigned == 0
    first = records(tmp_path)[1]
    assert first["call_id"] == "c000000000000"
    assert first["ts"].endswith("+00:00")
    assert first["mono_ms"] > 0


def test_files_and_keys_are_for_this_user_alone(tmp_path: Path) -> None:
    with writer(tmp_path) as audit:
        audit.put(start())
    private = [
        *tmp_path.glob("audit-*"),
        *tmp_path.glob("keys/*.pem"),
        *tmp_path.glob("keys/*.key"),
    ]
    assert len(private) == 3
    for path in private:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_second_writer_of_the_same_chain_is_refused(tmp_path: Path) -> None:
    with writer(tmp_path), pytest.raises(AuditBusy, match="another process"):
        writer(tmp_path).__enter__()
    with writer(tmp_path):
        pass


def test_the_chain_goes_on_over_restarts_and_files(tmp_path: Path) -> None:
    for number in range(4):
        with writer(tmp_path, file_bytes=900) as audit:
            assert audit.write_now(start(number))
            assert audit.write_now(end(number))
    assert len(trail_files(tmp_path)) > 2
    assert verdict(tmp_path).whole
    assert len({r["chain"] for r in records(tmp_path) if r["type"] == "chain_opened"}) == 1
    assert [r["seq"] for r in records(tmp_path)] == list(range(1, len(records(tmp_path)) + 1))
    assert types(tmp_path).count("call_end") == 4


def test_a_missing_file_between_others_is_found(tmp_path: Path) -> None:
    with writer(tmp_path, file_bytes=900) as audit:
        for number in range(12):
            assert audit.write_now(start(number))
    files = trail_files(tmp_path)
    assert len(files) > 3
    files[1][1].unlink()
    found = verdict(tmp_path)
    assert found.gaps == (2,)
    assert not found.whole


def test_a_quiet_chain_is_signed_without_waiting_for_its_end(tmp_path: Path) -> None:
    with writer(tmp_path, checkpoint_after_ms=20) as audit:
        assert audit.write_now(start())
        limit = time.monotonic() + 60
        while types(tmp_path)[-1] != "checkpoint":
            assert time.monotonic() < limit
            time.sleep(0.005)
    assert types(tmp_path) == ["chain_opened", "call_start", "checkpoint"]


def test_a_torn_record_is_cut_and_the_cut_is_on_record(tmp_path: Path, heard: Heard) -> None:
    with writer(tmp_path) as audit:
        audit.put(start())
    path = trail_files(tmp_path)[-1][1]
    with path.open("ab") as file:
        file.write(b'{"seq":4,"type":"call_e')
    assert verdict(tmp_path).unfinished_end
    assert verdict(tmp_path).whole
    with writer(tmp_path) as audit:
        audit.put(end())
    recovered = next(r for r in records(tmp_path) if r["type"] == "chain_recovered")
    assert recovered["torn_bytes"] == 23
    assert recovered["intact"] is True
    assert verdict(tmp_path).whole
    assert heard.names().count("audit_opened") == 2


def test_what_is_too_long_for_a_torn_record_is_kept_aside(tmp_path: Path) -> None:
    with writer(tmp_path) as audit:
        audit.put(start())
    path = tmp_path / "audit-000001.jsonl"
    lost = tmp_path / "audit-000002.jsonl"
    damage = b"\0" * (RECORD_BYTES_MAX + 1)
    for _ in range(2):
        with path.open("ab") as file:
            file.write(damage)
        lost.write_bytes(damage * 2)
        with writer(tmp_path) as audit:
            audit.put(end())
        assert verdict(tmp_path).whole
    kept = {aside.name: aside.read_bytes() for aside in tmp_path.glob("*.torn*")}
    assert kept == {
        f"{name}.torn{again}": data
        for name, data in ((path.name, damage), (lost.name, damage * 2))
        for again in ("", "-2")
    }
    assert trail_files(tmp_path) == [(1, path)]


def test_a_writer_killed_at_the_first_record_of_a_file_leaves_nothing_in_the_way(
    tmp_path: Path,
) -> None:
    with writer(tmp_path) as audit:
        audit.put(start())
    (tmp_path / "audit-000002.jsonl").write_bytes(b'{"seq":4,"ty')
    with writer(tmp_path) as audit:
        audit.put(end())
    assert verdict(tmp_path).whole
    assert "chain_recovered" in types(tmp_path)


def test_a_last_file_that_was_edited_stays_as_it_is_and_stays_found(tmp_path: Path) -> None:
    with writer(tmp_path) as audit:
        audit.put(start())
    path = trail_files(tmp_path)[-1][1]
    edited = path.read_bytes().replace(b"receptionist", b"receptionism")
    path.write_bytes(edited)
    with writer(tmp_path) as audit:
        assert audit.write_now(end())
    assert path.read_bytes() == edited
    recovered = next(r for r in records(tmp_path) if r["type"] == "chain_recovered")
    assert recovered["intact"] is False
    assert not verdict(tmp_path).whole


def test_a_chain_cut_back_at_rest_is_noticed_at_the_next_start(tmp_path: Path) -> None:
    export = HeadExport(tmp_path / "heads")
    with writer(tmp_path, export) as audit:
        audit.put(start())
    path = trail_files(tmp_path)[-1][1]
    path.write_bytes(b"".join(lines(tmp_path)[:1]))
    with writer(tmp_path, export) as audit:
        audit.put(end())
    recovered = next(r for r in records(tmp_path) if r["type"] == "chain_recovered")
    assert recovered["intact"] is False
    heads = heads_in((tmp_path / "heads").read_text())
    assert not verify_trail(tmp_path, keys_in(tmp_path).trusted, heads).whole


@pytest.mark.parametrize("left", [None, b"", b'{"seq":1,"type":"chain_op'])
def test_a_chain_that_was_deleted_at_rest_is_noticed_at_the_next_start(
    tmp_path: Path, left: bytes | None
) -> None:
    export = HeadExport(tmp_path / "heads")
    with writer(tmp_path, export) as audit:
        audit.put(start())
    for _, path in trail_files(tmp_path):
        path.unlink()
        if left is not None:
            path.write_bytes(left)
    with writer(tmp_path, export) as audit:
        audit.put(end())
    (recovered,) = [r for r in records(tmp_path) if r["type"] == "chain_recovered"]
    assert recovered["intact"] is False
    heads = heads_in((tmp_path / "heads").read_text())
    assert not verify_trail(tmp_path, keys_in(tmp_path).trusted, heads).whole


def test_a_disk_that_refuses_delays_records_and_loses_none(
    tmp_path: Path, heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, full = os.pwrite, threading.Event()

    def pwrite(descriptor: int, data: bytes, offset: int) -> int:
        if full.is_set():
            real(descriptor, data[:10], offset)  # what a full disk leaves behind
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(descriptor, data, offset)

    monkeypatch.setattr(os, "pwrite", pwrite)
    with writer(tmp_path, retry_ms=5) as audit:
        assert audit.write_now(start())
        full.set()
        audit.put(end(1))
        heard.until("audit_delayed")
        assert audit.delayed is True
        audit.put(end(2))
        full.clear()
        heard.until("audit_written")
        assert audit.write_now(end(3))
    assert heard.names().count("audit_delayed") == 1
    assert types(tmp_path).count("call_end") == 3
    delayed = next(r for r in records(tmp_path) if r["type"] == "chain_delayed")
    assert delayed["reason"] == "disk"
    assert delayed["lost"] == 0
    assert verdict(tmp_path).whole


def test_a_disk_that_refuses_to_the_end_does_not_hold_the_stop_and_is_alarmed(
    tmp_path: Path, heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[bool] = []
    with writer(tmp_path, retry_ms=60_000) as audit:
        assert audit.write_now(start())

        def refuse(descriptor: int) -> None:
            raise OSError(errno.EIO, "Input/output error")

        monkeypatch.setattr(os, "fsync", refuse)
        audit.put(end(), told.append)
        heard.until("audit_delayed")
        audit.put(end(2), told.append)
    assert told == [False, False]
    assert heard.names().count("audit_lost") == 1
    monkeypatch.undo()
    assert verdict(tmp_path).whole


def test_records_beyond_what_memory_may_hold_are_counted_in_the_chain(
    tmp_path: Path, heard: Heard
) -> None:
    told: list[bool] = []
    audit = writer(tmp_path, waiting=2)
    for number in range(5):
        audit.put(start(number), told.append)  # the thread does not run yet
    assert told == [False] * 3
    with audit:
        pass
    assert types(tmp_path).count("call_start") == 2
    delayed = next(r for r in records(tmp_path) if r["type"] == "chain_delayed")
    assert delayed["lost"] == 3
    assert delayed["reason"] == "queue"
    assert "audit_lost" not in heard.names()


def test_many_threads_put_into_one_chain(tmp_path: Path) -> None:
    def put(first: int) -> None:
        for number in range(200):
            audit.put(start(first + number))

    with writer(tmp_path) as audit:
        threads = [threading.Thread(target=put, args=(n * 1000,)) for n in range(5)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert types(tmp_path).count("call_start") == 1000
    assert types(tmp_path).count("checkpoint") >= 2
    assert verdict(tmp_path).whole


def test_row_o6_putting_a_record_costs_less_than_50_us_of_the_caller_s_time(tmp_path: Path) -> None:
    with writer(tmp_path) as audit:
        made: list[Record] = [start(n) for n in range(2_000)]
        before_ns = time.thread_time_ns()
        for record in made:
            audit.put(record)
        each_us = (time.thread_time_ns() - before_ns) / 1000 / len(made)
    assert each_us < 50


async def test_a_record_can_be_awaited_until_it_is_durable(tmp_path: Path) -> None:
    audit = await asyncio.to_thread(writer, tmp_path)
    await asyncio.to_thread(audit.__enter__)
    try:
        assert await audit.write(end())
    finally:
        await asyncio.to_thread(audit.__exit__)
    assert "call_end" in await asyncio.to_thread(types, tmp_path)
