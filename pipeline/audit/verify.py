"""Checks the chain in a folder, from the outside: no lock, no signing key, while the server runs or not."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from phi.chain import Head
from phi.chain_check import ChainCheck, FaultKind, Unproven, Verdict, Verify
from pipeline.audit.records import ChainAcknowledged, Entry, RecordInvalid, read
from pipeline.audit.trail import lines_of, trail_files
from pipeline.audit.writer import CHECKPOINT_EVERY

_ACKNOWLEDGED = b',"type":"chain_acknowledged"'


@dataclass(frozen=True, slots=True)
class TrailVerdict:
    """What is wrong with the chain, its files and (when asked for) its records."""

    chain: Verdict
    files: tuple[Path, ...]
    gaps: tuple[int, ...]
    """Numbers of files that are missing between others."""
    misshapen: int
    """Records that do not have the shape of their type."""
    first_misshapen: str
    unfinished_end: bool
    """The last line has no end yet: a writer is at it, or was killed. Nothing that was durable is in it."""

    acknowledged: tuple[tuple[int, int], ...] = ()
    """Number of each record that acknowledges, and up to which one."""

    @property
    def unproven(self) -> tuple[Unproven, ...]:
        """What was signed only after a restart, and nobody acknowledged in a record that is proven itself."""
        ranges = self.chain.unproven
        proven = [
            (seq, up_to)
            for seq, up_to in self.acknowledged
            if seq <= self.chain.signed_to and not any(r.first <= seq <= r.last for r in ranges)
        ]
        return tuple(
            one for one in ranges if not any(one.recovered <= up_to < seq for seq, up_to in proven)
        )

    @property
    def whole(self) -> bool:
        """Nothing was found."""
        return self.chain.whole and not self.gaps and not self.misshapen


def verify_trail(
    directory: Path,
    verify: Verify,
    heads: Iterable[Head] = (),
    *,
    after: Head | None = None,
    shapes: bool = False,
) -> TrailVerdict:
    """Read everything once; `shapes` also parses each record, which takes some ten times as long."""
    files = trail_files(directory)
    check = ChainCheck(verify, heads, after, unsigned_max=CHECKPOINT_EVERY)
    misshapen, first, unfinished = 0, "", False
    acknowledged: list[tuple[int, int]] = []
    for number, path in files:
        lines = list(lines_of(path))
        if number == files[-1][0] and lines and not lines[-1].endswith(b"\n"):
            unfinished = True
            lines.pop()
        check.feed(path.name, lines)
        acknowledged += [
            (entry.seq, entry.record.up_to)
            for line in lines
            if _ACKNOWLEDGED in line[:60] and (entry := _read(line)) is not None
            if isinstance(entry.record, ChainAcknowledged)
        ]
        if shapes:
            for position, line in enumerate(lines, 1):
                try:
                    read(line)
                except RecordInvalid as error:
                    misshapen += 1
                    first = first or f"{path.name}:{position}: {error}"
    return TrailVerdict(
        chain=check.finish(),
        files=tuple(path for _, path in files),
        gaps=tuple(n for (a, _), (b, _) in pairwise(files) for n in range(a + 1, b)),
        misshapen=misshapen,
        first_misshapen=first,
        unfinished_end=unfinished,
        acknowledged=tuple(acknowledged),
    )


def _read(line: bytes) -> Entry | None:
    try:
        return read(line)
    except RecordInvalid:  # the chain's own check, or the one of shapes, names it
        return None


SAID = {
    FaultKind.EDITED: "this record, or the one before it, is not what was written",
    FaultKind.MISSING: "records before this one are missing",
    FaultKind.MOVED: "this record was moved or repeated",
    FaultKind.MALFORMED: "this line is no audit record",
    FaultKind.UNFINISHED: "this line has no end, and more follows",
    FaultKind.FORGED: "the signature is not of a trusted key",
    FaultKind.UNSIGNED: "from here on no checkpoint covers the records",
    FaultKind.CUT: "the chain ends before this exported head",
    FaultKind.NOT_THE_HEAD: "this record is not the one whose head was exported",
}
"""Each finding in words."""
