"""Fetches one file into a half file, goes on where it was cut, and lets it through only when its sums are right.

Attempts that bring nothing are counted and told; a change at the other side, or a server that ignores where we stood,
starts the file anew. Refuses to know what the file is for.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from pipeline.bundle.disk import READ_BYTES, writing
from pipeline.bundle.faults import BundleFault
from pipeline.bundle.incoming import Incoming, Part
from pipeline.bundle.telling import Tell
from pipeline.clock import Clock
from pipeline.hub.listing import Offered, blob_sha1, refusal
from pipeline.hub.wire import Answer, Interrupted, Wire

ATTEMPTS_MAX = 6
"""In a row that bring no byte; one that brings some begins the count again."""
ATTEMPTS_WHOLE_MAX = 200
"""Of one file, whatever they bring: a server that sends a few bytes each time ends, too."""
WINDOW_MS = 60_000.0
WINDOW_BYTES_MIN = 256 << 10
"""Less in a minute is a connection that stands still: 40 GB would take months."""
_FIRST_WAIT_S, _LONGEST_WAIT_S = 1.0, 60.0
_RANGE = re.compile(r"bytes (\d{1,15})-(\d{1,15})/(\d{1,15})\Z")


@dataclass(frozen=True, slots=True)
class Patience:
    """How long we try, and how we wait."""

    clock: Clock
    sleep: Callable[[float], None] = time.sleep
    first_wait_s: float = _FIRST_WAIT_S
    window_ms: float = WINDOW_MS
    window_bytes_min: int = WINDOW_BYTES_MIN


def fetch(wire: Wire, offered: Offered, incoming: Incoming, tell: Tell, patience: Patience) -> str:
    """Bring one file into `incoming`; returns its SHA-256. Raises `BundleFault`."""
    what = f"{offered.model_id}/{offered.name}"
    with writing(incoming.folder):
        part = incoming.part(offered.key)
        began_with = part.bytes
        _fill(wire, offered, part, tell, patience, what)
        digest, right = _sums(offered, part, tell, what)
        if not right and began_with:
            tell.say(f"{what}: what was kept of an earlier run does not fit; fetching it anew")
            part.discard()
            _fill(wire, offered, part, tell, patience, what)
            digest, right = _sums(offered, part, tell, what)
        if not right:
            part.discard()
            who = "the catalogue" if offered.known_by == "catalogue" else "the hub's own list"
            raise BundleFault(
                "wrong_sum",
                f"{what}: what arrived is not what {who} says it must be, and was thrown away. Try again; if it happens"
                " again, do not use this hub or mirror, and tell who runs it",
            )
        part.finish(digest)
    return digest


# --- parts --------------------------------------------------------------------------------------------


def _fill(
    wire: Wire, offered: Offered, part: Part, tell: Tell, patience: Patience, what: str
) -> None:
    """Until the half file is as long as it must be."""
    in_vain = 0
    for _ in range(ATTEMPTS_WHOLE_MAX):
        if part.bytes > offered.bytes:
            part.discard()
        if part.bytes == offered.bytes and part.path.exists():
            return
        before = part.bytes
        try:
            _attempt(wire, offered, part, tell, patience, what)
            if part.bytes == offered.bytes:
                return
            why, wait_s = "the answer ended early", 0.0
        except Interrupted as interrupted:
            why, wait_s = str(interrupted), interrupted.wait_s
        in_vain = 0 if part.bytes > before else in_vain + 1
        if in_vain >= ATTEMPTS_MAX:
            break
        wait_s = max(wait_s, min(_LONGEST_WAIT_S, patience.first_wait_s * 2**in_vain))
        tell.say(
            f"{what}: {why} at {part.bytes} of {offered.bytes} bytes; trying again in {wait_s:.0f} s"
            f" ({in_vain} of {ATTEMPTS_MAX} tries in vain)"
        )
        patience.sleep(wait_s)
    raise BundleFault(
        "unreachable",
        f"{what} could not be fetched; {part.bytes} of {offered.bytes} bytes are kept. Check the connection (and"
        " bundle.proxy), and run the same command again: it goes on there",
    )


def _attempt(
    wire: Wire, offered: Offered, part: Part, tell: Tell, patience: Patience, what: str
) -> None:
    """One request; what it brings is in the half file afterwards, whatever else happens."""
    headers = {}
    had, tag = part.bytes, part.tag
    if had and tag:
        headers = {"Range": f"bytes={had}-", "If-Range": tag}
    elif had:
        part.discard()  # the other side gave no name for the content: nothing shows that the rest is of the same
        had = 0
    with wire.get(offered.url, headers) as answer:
        _take_up(answer, offered, part, had, tell, what)
        _receive(answer, offered, part, tell, patience, what)


def _take_up(answer: Answer, offered: Offered, part: Part, had: int, tell: Tell, what: str) -> None:
    """Decide where the answer's bytes belong; raises when nowhere."""
    announced = answer.linked.strip('"').removeprefix("W/").strip('"')
    if offered.sha256 and re.fullmatch("[0-9a-f]{64}", announced) and announced != offered.sha256:
        raise BundleFault(
            "wrong_sum",
            f"{what}: the hub announces another sum than the one it must have; nothing was fetched. Do not use this hub"
            " or mirror, and tell who runs it",
        )
    if answer.status == 206:
        found = _RANGE.match(answer.header("Content-Range"))
        if found and (int(found[1]), int(found[3])) == (had, offered.bytes):
            return
        part.discard()
        raise Interrupted("the answer was not the piece that was asked for")
    if answer.status == 416:
        part.discard()
        raise Interrupted("the other side has no such piece any more")
    if answer.status != 200:
        raise BundleFault("hub", f"{what}: {refusal(answer.status, offered.model_id)}")
    length = answer.header("Content-Length")
    if length.isdecimal() and int(length) != offered.bytes:
        raise BundleFault(
            "wrong_length",
            f"{what} has {length[:15]} bytes at the other side and must have {offered.bytes}; nothing was fetched",
        )
    if had:
        tell.say(
            f"{what}: changed at the other side, or it does not go on in the middle; from the start"
        )
    tag = answer.header("ETag")
    part.begin("" if tag.startswith("W/") else tag)  # a weak tag may name other bytes


def _receive(
    answer: Answer, offered: Offered, part: Part, tell: Tell, patience: Patience, what: str
) -> None:
    done = part.bytes
    mark_ms, mark_bytes = patience.clock.now_ms(), done
    with part.path.open("ab") as file:
        while done <= offered.bytes and (data := answer.read(READ_BYTES)):
            file.write(data)
            done += len(data)
            if done > offered.bytes:
                break
            tell.progress(what, done, offered.bytes)
            now_ms = patience.clock.now_ms()
            if now_ms - mark_ms >= patience.window_ms:
                if done - mark_bytes < patience.window_bytes_min:
                    raise Interrupted("the connection is too slow to ever end")
                mark_ms, mark_bytes = now_ms, done
    if done > offered.bytes:
        part.discard()
        raise BundleFault("wrong_length", f"{what}: more bytes came than the file has; thrown away")


def _sums(offered: Offered, part: Part, tell: Tell, what: str) -> tuple[str, bool]:
    """The SHA-256 of what is there, and whether length and every announced sum fit."""
    running, blob, size = sha256(), _blob(offered), 0
    with part.path.open("rb") as file:
        while data := os.read(file.fileno(), READ_BYTES):
            running.update(data)
            if blob is not None:
                blob.update(data)
            size += len(data)
            tell.progress(f"{what}, checking", size, max(size, offered.bytes))
    digest = running.hexdigest()
    right = size == offered.bytes and (not offered.sha256 or digest == offered.sha256)
    return digest, right and (blob is None or blob.hexdigest() == offered.blob_sha1)


def _blob(offered: Offered) -> Any:
    return blob_sha1(offered.bytes)() if offered.blob_sha1 else None
