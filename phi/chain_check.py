"""Finds what was done to a chain: edits, missing or moved records, forged checkpoints, a cut end.

Needs the lines and the public key, never the signing key. The core reads about half a million records a
second because it slices lines instead of parsing them. Refuses to know where the lines came from.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import sha256

from phi.chain import (
    HASH_DIGITS,
    HASH_KEY,
    LINE_BYTES_MAX,
    LINE_END,
    SIGNATURE_DIGITS,
    SIGNATURE_KEY,
    START_HASH,
    Head,
    signed_bytes,
)

FAULTS_KEPT = 100
"""The report names so many; the rest is counted."""

CHECKED_AT_ONCE = 2_000
"""Signatures checked as they come. A good one later covers everything before it, so that beyond these only
the last few need to be looked at: a chain of a million checkpoints is still read in seconds."""

LAST_KEPT = 64

_SUFFIX_BYTES = len(HASH_KEY) + HASH_DIGITS + len(LINE_END)
_SIGNATURE_BYTES = len(SIGNATURE_KEY) + SIGNATURE_DIGITS + 1
_SEQ = b'{"seq":'
_TYPE = b',"type":"'
_CHECKPOINT = b',"type":"checkpoint"'
_RECOVERED = b',"type":"chain_recovered"'

Verify = Callable[[bytes, bytes], bool]
"""Signature and signed bytes in; whether one of the trusted public keys made it out."""


class FaultKind(StrEnum):
    """What was found."""

    EDITED = "edited"
    """The record, or the one before it, is not what was written."""
    MISSING = "missing"
    MOVED = "moved"
    """A number comes again or too late."""
    MALFORMED = "malformed"
    """The line is no record of ours."""
    UNFINISHED = "unfinished"
    """The last line has no end: the writer was killed, or the file was cut."""
    FORGED = "forged"
    """A checkpoint's signature is not of a trusted key."""
    UNSIGNED = "unsigned"
    """More records follow the last good checkpoint than the writer ever leaves."""
    CUT = "cut"
    """The chain ends before an exported head."""
    NOT_THE_HEAD = "not_the_head"
    """The record of an exported head's number is another one."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One finding and where it is."""

    kind: FaultKind
    source: str
    line: int
    """Counted from 1 in its source; 0: the chain as a whole."""
    seq: int
    """The record's number, or the one that was expected."""


@dataclass(frozen=True, slots=True)
class Unproven:
    """Records that a writer found without a signature when it started; a later one says nothing of who wrote them."""

    first: int
    last: int
    recovered: int
    """The record in which the writer says so."""

    @property
    def count(self) -> int:
        """How many."""
        return self.last - self.first + 1


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a check of the whole chain says."""

    records: int
    checkpoints: int
    head: Head
    signed_to: int
    """The last record that a good signature covers; 0: none does."""
    faults: tuple[Fault, ...]
    faults_in_all: int
    unproven: tuple[Unproven, ...] = ()

    @property
    def whole(self) -> bool:
        """Nothing was found."""
        return self.faults_in_all == 0

    @property
    def unsigned(self) -> int:
        """Records after the last good checkpoint: linked, but not yet proven against a rewriting."""
        return self.head.seq - self.signed_to


@dataclass(frozen=True, slots=True)
class _Checkpoint:
    seq: int
    signature: bytes
    signed: bytes
    source: str
    line: int


@dataclass(slots=True)
class ChainCheck:
    """Feed every source in order, then `finish`."""

    verify: Verify
    heads: Iterable[Head] = ()
    """Heads exported earlier: each must be a record of this chain."""
    after: Head | None = None
    """Where earlier records, archived elsewhere, ended."""
    unsigned_max: int = 1_000
    _seq: int = 0
    _previous: bytes = START_HASH
    _records: int = 0
    _checkpoints: int = 0
    _signed_to: int = 0
    _source: str = ""
    _wanted: dict[int, list[str]] = field(default_factory=lambda: defaultdict(list))
    _last: deque[_Checkpoint] = field(default_factory=lambda: deque(maxlen=LAST_KEPT))
    _unproven: list[Unproven] = field(default_factory=list)
    _faults: list[Fault] = field(default_factory=list)
    _faults_in_all: int = 0

    def __post_init__(self) -> None:
        """Sort the heads by number."""
        for head in self.heads:
            self._wanted[head.seq].append(head.hash)
        if self.after is not None:
            self._seq, self._previous = self.after.seq, bytes.fromhex(self.after.hash)
            self._signed_to = self._seq
            self._compare_head(self._seq, self._previous, 0)

    def feed(self, source: str, lines: Iterable[bytes]) -> None:
        """Check the next file's lines, each with its newline."""
        self._source = source
        seq, previous = self._seq, self._previous
        wanted, count = self._wanted, 0
        for count, line in enumerate(lines, 1):  # the count is used after the loop
            body = line[:-_SUFFIX_BYTES]
            digest = sha256(previous + body)
            tail = HASH_KEY + digest.hexdigest().encode() + LINE_END
            start = b"%b%d%b" % (_SEQ, seq + 1, _TYPE)
            if line[-_SUFFIX_BYTES:] == tail and body.startswith(start):
                before, previous, seq = previous, digest.digest(), seq + 1
            else:
                found = self._explain(line, count, seq)
                if found is None:
                    continue
                before, seq, previous = previous, *found
            if body.startswith(_CHECKPOINT, len(start) - len(_TYPE)):
                self._checkpoint(seq, before, body, count)
            elif body.startswith(_RECOVERED, len(start) - len(_TYPE)):
                self._recovered(seq)
            if seq in wanted:
                self._compare_head(seq, previous, count)
        self._records += count
        self._seq, self._previous = seq, previous

    def finish(self) -> Verdict:
        """Look at what only the end can tell."""
        self._settle_signatures()
        for seq in sorted(self._wanted):
            self._fault(FaultKind.CUT, 0, seq)
        if self._seq - self._signed_to > self.unsigned_max:
            self._fault(FaultKind.UNSIGNED, 0, self._signed_to + 1)
        return Verdict(
            records=self._records,
            checkpoints=self._checkpoints,
            head=Head(self._seq, self._previous.hex()),
            signed_to=self._signed_to,
            faults=tuple(self._faults),
            faults_in_all=self._faults_in_all,
            unproven=tuple(self._unproven),
        )

    def _settle_signatures(self) -> None:
        """Check those that were put off, the last first: a good one covers what is before it."""
        while self._last:
            point = self._last.pop()
            if self.verify(point.signature, point.signed):
                self._signed_to = max(self._signed_to, point.seq)
                self._last.clear()
            else:
                self._fault(FaultKind.FORGED, point.line, point.seq, point.source)

    def _recovered(self, seq: int) -> None:
        """A good signature after this one must not cover what lay there unsigned."""
        self._settle_signatures()
        found = Unproven(self._signed_to + 1, seq - 1, seq)
        if self._unproven and self._unproven[-1].first == found.first:
            self._unproven.pop()  # that writer was killed before it signed, too
        if found.count > 0:
            self._unproven.append(found)

    def _explain(self, line: bytes, number: int, seq: int) -> tuple[int, bytes] | None:
        """Say what is wrong with this line; its own number and hash, to go on from, when it has them."""
        if not line.endswith(b"\n"):
            self._fault(FaultKind.UNFINISHED, number, seq + 1)
            return None
        own = _own(line)
        if own is None:
            self._fault(FaultKind.MALFORMED, number, seq + 1)
            return None
        kind = FaultKind.EDITED
        if own[0] > seq + 1:
            kind = FaultKind.MISSING
        elif own[0] <= seq:
            kind = FaultKind.MOVED
        self._fault(kind, number, min(own[0], seq + 1))
        return own

    def _checkpoint(self, seq: int, before: bytes, body: bytes, line: int) -> None:
        self._checkpoints += 1
        fields, signature = body[:-_SIGNATURE_BYTES], body[-_SIGNATURE_BYTES:]
        digits = signature[len(SIGNATURE_KEY) : -1]
        try:
            raw = bytes.fromhex(digits.decode("ascii"))
        except ValueError:
            raw = b""
        if not signature.startswith(SIGNATURE_KEY) or not raw:
            self._fault(FaultKind.FORGED, line, seq)
            return
        signed = signed_bytes(before, fields)
        if self._checkpoints > CHECKED_AT_ONCE:
            self._last.append(_Checkpoint(seq, raw, signed, self._source, line))
        elif self.verify(raw, signed):
            self._signed_to = seq
        else:
            self._fault(FaultKind.FORGED, line, seq)

    def _compare_head(self, seq: int, digest: bytes, line: int) -> None:
        if any(known != digest.hex() for known in self._wanted.pop(seq, [])):
            self._fault(FaultKind.NOT_THE_HEAD, line, seq)

    def _fault(self, kind: FaultKind, line: int, seq: int, source: str | None = None) -> None:
        self._faults_in_all += 1
        if len(self._faults) < FAULTS_KEPT:
            self._faults.append(Fault(kind, self._source if source is None else source, line, seq))


def _own(line: bytes) -> tuple[int, bytes] | None:
    """The number and the hash that a line claims for itself."""
    digits = line[len(_SEQ) : line.find(_TYPE)]
    shaped = (
        len(line) <= LINE_BYTES_MAX
        and line.startswith(_SEQ)
        and digits.isdigit()
        and len(digits) <= 18
        and line[-_SUFFIX_BYTES:].startswith(HASH_KEY)
        and line.endswith(LINE_END)
    )
    if not shaped:
        return None
    try:
        return int(digits), bytes.fromhex(
            line[-len(LINE_END) - HASH_DIGITS : -len(LINE_END)].decode()
        )
    except ValueError:
        return None
