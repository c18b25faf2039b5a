"""What privacy costs, each thing beside the same path with it off: the redactor, encrypted packets, sealed documents.

Processor time of one thread, after the calls: an order of magnitude steadier than the wall's clock. Knows no call. What a
turn takes is told to it, so that a cost can be said as a part of that.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from bench.figures import percentile
from bench.load.row import Limit, Measure, Row
from bench.phi.labelled import DEVELOPMENT, read
from phi.carry import CallContext
from phi.envelope import Place, new_data_key, seal
from phi.redact import Redactor
from pipeline.sip.rtp_packet import written
from pipeline.sip.rtp_srtp import Guard
from pipeline.sip.sdp_crypto import new_key

PACKETS: Final = 2_000
DOCUMENTS: Final = 500
PACKETS_A_MINUTE: Final = 2 * 50 * 60
"""Of one call, both ways."""
PAYLOAD_BYTES: Final = {"webrtc": 80}
"""Of Opus at 32 kbit/s; everybody else has 20 ms of G.711."""
G711_BYTES: Final = 160
DOCUMENT: Final = (
    b'{"name": "a patient", "phone": "2125550147", "day": "Tuesday", "reason": "a follow-up"}'
)
OFF: Final = "the same path with it off"


@dataclass(frozen=True, slots=True)
class Cost:
    """Microseconds of a thread's processor time for each time that something was done."""

    on_us: tuple[float, ...]
    off_us: tuple[float, ...]
    """The same loop and the same call, with what costs left out."""

    @property
    def net_us(self) -> float:
        """What it adds to the median."""
        return max(0.0, percentile(self.on_us, 50) - percentile(self.off_us, 50))


@dataclass(frozen=True, slots=True)
class Costs:
    """All of them."""

    redactor: Cost
    protect: Cost
    """A packet that leaves."""
    check: Cost
    """A packet that comes."""
    seal: Cost
    """A document that is stored."""


def measured(door: str) -> Costs:
    """Measure them here and now; takes a second or two of one core. Blocks."""
    payload = bytes(PAYLOAD_BYTES.get(door, G711_BYTES))
    gc.collect()
    gc.disable()
    try:
        return Costs(_redactor(), *_packets(payload), _seal())
    finally:
        gc.enable()


def rows(costs: Costs, wait_ms: float | None, cpu_s: float | None) -> list[Row]:
    """Each cost beside its control, and as a part of what a turn waits and a call's minute takes."""
    redactor, seal_ = costs.redactor, costs.seal
    record = "one record through the redactor, processor time"
    found = [
        _row("cost.redactor.p50", "P2", record, redactor, Limit("value", "p50", most=100.0)),
        _row("cost.redactor.p99", "P2", "the same", redactor, Limit("value", "p99", most=1_000.0)),
        _row("cost.protect", "", "a packet of ours encrypted (SRTP)", costs.protect),
        _row("cost.check", "", "a packet of theirs checked and decrypted (SRTP)", costs.check),
        _row("cost.seal", "", "a request sealed for the store (AES-GCM)", seal_),
    ]
    if wait_ms:
        share = redactor.net_us / 10.0 / wait_ms  # µs of ms, in percent
        what = "of a turn's median wait, were a record of words written in it (by default none is)"
        found.append(Row("cost.redactor.share", "", what, "%", Measure("ours", (share,))))
    if cpu_s:
        packets_s = (costs.protect.net_us + costs.check.net_us) / 2 * PACKETS_A_MINUTE / 1e6
        what = "encryption of packets, of a call-minute's processor time"
        found.append(Row("cost.srtp.share", "", what, "%", Measure("ours", (100.0 * packets_s / cpu_s,))))  # fmt: skip
    return found


def _row(name: str, target: str, what: str, cost: Cost, limit: Limit | None = None) -> Row:
    off = Measure(OFF, cost.off_us)
    return Row(name, target, what, "µs", Measure("ours", cost.on_us), off, limit)


def _timed(work: Callable[[int], object], count: int) -> tuple[float, ...]:
    """Twice, and the second time counts: the first finds cold caches and compiles patterns."""
    spent = list[float]()
    for _ in range(2):
        spent.clear()
        for index in range(count):
            began_ns = time.thread_time_ns()
            work(index)
            spent.append((time.thread_time_ns() - began_ns) / 1_000.0)
    return tuple(spent)


def _redactor() -> Cost:
    """As the server's log asks it: each record with what its call has said so far."""
    records = _records()
    redactor, contexts = Redactor(), [CallContext()]

    def redact(index: int) -> None:
        text, begins = records[index]
        if begins:
            contexts[0] = CallContext()
        redactor.redact(text, contexts[0])

    return Cost(
        _timed(redact, len(records)), _timed(lambda n: _as_it_is(records[n][0]), len(records))
    )


def _records() -> list[tuple[str, bool]]:
    """Lines of the labelled set (calls, notes, log lines, tracebacks, all made up), and whether a call begins with one."""
    return [
        (record.text, number == 0)
        for item in read(DEVELOPMENT)
        for number, record in enumerate(item.records)
    ]


def _as_it_is(text: str) -> tuple[str, dict[str, int]]:
    return text, {}


def _packets(payload: bytes) -> tuple[Cost, Cost]:
    """The guard of a telephone call with keys, and the same guard without any."""
    packets = [written(0, False, n & 0xFFFF, n * 160, 7, payload) for n in range(2 * PACKETS)]
    ours, theirs = new_key(), new_key()
    here, there, bare = Guard(), Guard(), Guard()
    here.agree(ours, theirs, 0.0)
    there.agree(theirs, ours, 0.0)
    sealed = list[bytes]()

    def protect(_: int) -> None:
        sealed.append(here.protect(packets[len(sealed)], rtcp=False) or b"")

    taken = iter(range(2 * PACKETS))

    def check(_: int) -> None:
        there.check(sealed[next(taken)], 0.0, rtcp=False)

    protect_on, check_on = _timed(protect, PACKETS), _timed(check, PACKETS)
    kept = list[bytes | None]()

    def protect_off(_: int) -> None:
        kept.append(bare.protect(packets[len(kept)], rtcp=False))

    left = iter(range(2 * PACKETS))

    def check_off(_: int) -> None:
        bare.check(packets[next(left)], 0.0, rtcp=False)

    return (
        Cost(protect_on, _timed(protect_off, PACKETS)),
        Cost(check_on, _timed(check_off, PACKETS)),
    )


def _seal() -> Cost:
    key, place = new_data_key(), Place("practice", "row", "field")
    return Cost(
        _timed(lambda _: seal(key, DOCUMENT, place), DOCUMENTS),
        _timed(lambda _: bytes(bytearray(DOCUMENT)), DOCUMENTS),
    )
