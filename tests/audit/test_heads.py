"""Heads outside the chain: in a file and in a syslog, whole, in time, and enough to find an end that was cut off."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from phi.chain import Head, heads_in
from pipeline.audit.heads import EXPORT_EVERY_MS, HeadExport
from pipeline.audit.trail import trail_files
from pipeline.audit.verify import verify_trail
from pipeline.audit.writer import CHECKPOINT_EVERY, AuditWriter
from pipeline.telemetry.events import Event, set_sink
from tests.audit.rig import keys_in, lines, start, verdict

pytestmark = pytest.mark.wire


def head(seq: int) -> Head:
    return Head(seq, f"{seq:064x}")


def heads_of(file: Path) -> list[Head]:
    return heads_in(file.read_text()) if file.exists() else []


@contextmanager
def syslog(at: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as log:
        log.bind(str(at))
        log.settimeout(10)
        try:
            yield log
        finally:
            at.unlink()


@pytest.fixture
def events() -> Iterator[list[Event]]:
    said: list[Event] = []
    set_sink(said.append)
    yield said
    set_sink(None)


def test_row_a1_a_syslog_gets_each_head_as_a_security_notice(tmp_path: Path) -> None:
    with syslog(tmp_path / "log") as log:
        HeadExport(None, str(tmp_path / "log")).take(head(7), 0.0)
        assert log.recv(1_000) == b"<85>wardline: " + head(7).line().encode()


def test_heads_in_a_syslog_show_that_the_end_of_a_chain_was_cut_off(tmp_path: Path) -> None:
    directory = tmp_path / "audit"
    with syslog(tmp_path / "log") as log:
        export = HeadExport(None, str(tmp_path / "log"))
        with AuditWriter(directory, keys_in(directory), export) as audit:
            assert audit.write_now(start(1))
        kept = b"2026-11-21T09:00:00 clinic " + log.recv(1_000)  # as a collector stores it
    assert verdict(directory).whole
    (_, path), *_ = trail_files(directory)
    path.write_bytes(lines(directory)[0])
    found = verify_trail(directory, keys_in(directory).trusted, heads_in(kept.decode()))
    assert not found.whole


def test_a_syslog_that_is_away_is_told_once_and_gets_the_next_head_when_it_is_back(
    tmp_path: Path, events: list[Event]
) -> None:
    export = HeadExport(tmp_path / "heads", str(tmp_path / "log"))
    for seq in (1, 2):
        export.take(head(seq), seq * EXPORT_EVERY_MS)
    assert [event.name for event in events].count("audit_head_not_exported") == 1
    assert heads_of(tmp_path / "heads") == [head(1), head(2)]
    with syslog(tmp_path / "log") as log:
        export.take(head(3), 3 * EXPORT_EVERY_MS)
        assert heads_in(log.recv(1_000).decode()) == [head(3)]
    export.take(head(4), 4 * EXPORT_EVERY_MS)
    assert [event.name for event in events].count("audit_head_not_exported") == 2


def test_a_syslog_that_nobody_reads_holds_nothing_up(tmp_path: Path, events: list[Event]) -> None:
    with syslog(tmp_path / "log"):
        export = HeadExport(None, str(tmp_path / "log"))
        for seq in range(1_000):
            export.take(head(seq), seq * EXPORT_EVERY_MS)
    assert "audit_head_not_exported" in {event.name for event in events}


def test_a_head_within_the_second_is_held_back_and_goes_when_it_is_over(tmp_path: Path) -> None:
    file = tmp_path / "heads"
    export = HeadExport(file)
    assert export.wait_ms(0.0) is None
    export.take(head(1), 0.0)
    export.take(head(2), 300.0)
    export.take(head(3), 400.0)
    assert export.wait_ms(600.0) == 400.0
    export.pass_on(999.0)
    assert heads_of(file) == [head(1)]
    export.pass_on(1_000.0)
    assert heads_of(file) == [head(1), head(3)]
    assert export.wait_ms(1_000.0) is None
    export.take(head(4), 1_100.0)
    export.pass_on(1_200.0, last=True)
    assert heads_of(file)[-1] == head(4)


def test_the_last_head_of_a_burst_is_kept_outside_although_nothing_follows(tmp_path: Path) -> None:
    """The burst ends exactly with a signature: no later one is due that would carry its head out."""
    file = tmp_path / "heads"
    with AuditWriter(tmp_path / "audit", keys_in(tmp_path), HeadExport(file)) as audit:
        records = CHECKPOINT_EVERY - 1
        for number in range(records - 2):  # the chain's own first record is one of them
            audit.put(start(number))
        assert audit.write_now(start(records))
        for number in range(records - 1):
            audit.put(start(number))
        assert audit.write_now(start(records))
        assert audit.head.seq == 2 * CHECKPOINT_EVERY
        limit = time.monotonic() + 60
        while heads_of(file)[-1:] != [audit.head]:
            assert time.monotonic() < limit, heads_of(file)
            time.sleep(0.02)
    assert [each.seq for each in heads_of(file)] == [CHECKPOINT_EVERY, 2 * CHECKPOINT_EVERY]


def test_a_head_held_back_goes_out_at_the_close(tmp_path: Path) -> None:
    file = tmp_path / "heads"
    export = HeadExport(file)
    with AuditWriter(tmp_path / "audit", keys_in(tmp_path), export) as audit:
        assert audit.write_now(start(1))
    assert heads_of(file)[-1] == audit.head
