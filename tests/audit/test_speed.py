"""Target P4 in figures: 20,000 records a second through fsync, a million checked in ten seconds."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from phi.chain import Chain
from phi.chain_check import ChainCheck
from phi.chain_key import AnyKey, ChainKey
from pipeline.audit.records import stamp
from pipeline.audit.writer import CHECKPOINT_EVERY, AuditWriter
from pipeline.clock import wall_now
from tests.audit.rig import end, keys_in, start, verdict

pytestmark = pytest.mark.wire
FIELDS = {
    **stamp(wall_now(), 1234567.891, "0" * 8 + "-0000" * 3 + "-" + "0" * 12),
    **end().fields(),
}


def checked_in_ms(records: int) -> float:
    key, chain = ChainKey.new(), Chain()
    lines = []
    for number in range(records):
        lines.append(chain.append("call_end", FIELDS))
        if number % CHECKPOINT_EVERY == CHECKPOINT_EVERY - 1:
            lines.append(chain.checkpoint(key.sign, {}))
    check = ChainCheck(AnyKey((key.public,)))
    began_ns = time.thread_time_ns()
    check.feed("file", lines)
    assert check.finish().whole
    return (time.thread_time_ns() - began_ns) / 1e6


def test_checking_costs_less_than_10_us_of_processor_time_a_record() -> None:
    assert checked_in_ms(20_000) * 1000 / 20_000 < 10


@pytest.mark.long
def test_target_p4_a_million_records_are_checked_in_ten_seconds() -> None:
    took_ms = checked_in_ms(1_000_000)
    print(f"1,000,000 records checked in {took_ms:.0f} ms")
    assert took_ms < 10_000


def test_target_p4_twenty_thousand_records_a_second_become_durable(tmp_path: Path) -> None:
    count, best = 20_000, 0.0
    made = [start(n) for n in range(count)]
    with AuditWriter(tmp_path, keys_in(tmp_path)) as audit:
        for _ in range(3):  # a busy machine may spoil one attempt
            began_ns = time.perf_counter_ns()
            for record in made:
                audit.put(record)
            assert audit.write_now(end(), limit_ms=20_000)
            best = max(best, count / ((time.perf_counter_ns() - began_ns) / 1e9))
            if best >= 20_000:
                break
    print(f"{best:.0f} records a second")
    assert verdict(tmp_path).whole
    assert best >= 20_000


def test_target_p4_a_record_is_durable_within_50_ms(tmp_path: Path) -> None:
    took_ms = []
    with AuditWriter(tmp_path, keys_in(tmp_path)) as audit:
        for number in range(30):
            began_ns = time.perf_counter_ns()
            assert audit.write_now(end(number))
            took_ms.append((time.perf_counter_ns() - began_ns) / 1e6)
    median, high = sorted(took_ms)[15], sorted(took_ms)[28]
    print(f"median {median:.2f} ms, 95th percentile {high:.2f} ms, slowest {max(took_ms):.2f} ms")
    assert high < 50
