"""`wardline recordings`: what was recorded, for named staff. Every act is on record before it happens."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from pipeline import config
from pipeline.cli import Command
from pipeline.commands.check_config import say_faults
from pipeline.commands.signing_in import NO_RECORDING, Session, add_arguments, sign_in
from pipeline.errors import ConfigError, StartUpError
from pipeline.recording.shelf import DAY_MS, Kept, Shelf
from pipeline.shelves import open_shelf
from pipeline.store import retention


def _configure(parser: argparse.ArgumentParser) -> None:
    add_arguments(parser)
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)

    def action(
        name: str, role: str, act: Callable[[argparse.Namespace, Session, Shelf], int], text: str
    ) -> argparse.ArgumentParser:
        sub = actions.add_parser(name, help=f"{text} ({role})", description=text)
        sub.set_defaults(act=act, action=name, role=role)
        return sub

    def one(sub: argparse.ArgumentParser) -> argparse.ArgumentParser:
        sub.add_argument(
            "id", help="of a recording or of its call, as `list` shows it; its beginning is enough"
        )
        return sub

    action("list", "readonly", _list, "ids, calls, times and classes of recordings; no sound")
    export = one(action("export", "operator", _export, "one recording as a WAV, NOT encrypted"))
    export.add_argument("--to", required=True, metavar="FILE", help="a file that is not there yet")
    one(action("delete", "admin", _delete, "destroy a recording for good"))
    keep = one(action("keep", "admin", _keep, "move a recording to another class of retention"))
    keep.add_argument(
        "--as",
        dest="kept_as",
        required=True,
        metavar="CLASS",
        help="one of recording.days: its days count from the call on",
    )
    one(action("hold", "admin", _hold, "place a legal hold: it neither expires nor is destroyed"))
    one(action("release", "admin", _release, "lift a legal hold"))


def _run(arguments: argparse.Namespace) -> int:
    try:
        session = sign_in(arguments, arguments.role, arguments.action)
        try:
            shelf = open_shelf(session.settings, session.records.ring)
            status: int = arguments.act(arguments, session, shelf)
        finally:
            session.records.database.close()
    except ConfigError as error:
        return say_faults(error)
    except StartUpError as error:
        print(f"wardline recordings: {error}", file=sys.stderr)
        return 1
    return status


# --- looking ------------------------------------------------------------------------------------------


def _list(_: argparse.Namespace, session: Session, shelf: Shelf) -> int:
    session.note_recording("list", NO_RECORDING, "")
    found = shelf.kept()
    held = retention.held_recordings(session.records)
    days = config.recording_days(session.settings)
    if not found:
        print("no recordings")
        return 0
    print(f"{'id':<30}{'call':<16}{'began':<22}{'MB':>6}  {'class':<16}{'destroyed on':<14}")
    for kept in found:
        print(
            f"{kept.id:<30}{kept.header.call_id:<16}{_time(kept.header.began_at_ms):<22}"
            f"{kept.bytes / 1e6:>6.1f}  {kept.kept_as:<16}{_end(kept, days, held):<14}".rstrip()
        )
    return 0


def _export(arguments: argparse.Namespace, session: Session, shelf: Shelf) -> int:
    kept = _one(arguments, session, shelf)
    to = Path(arguments.to)
    exported = shelf.export(kept, to, session.note_recording)
    seconds = exported.samples / exported.sample_rate_hz
    print(
        f"{seconds:.1f} s, caller left, agent right, readable by whoever reads {to}: it is NOT encrypted."
        " Delete it when done."
    )
    for mark in exported.marks:
        at_s = mark.at_sample / exported.sample_rate_hz
        span = (
            "the rest"
            if mark.absent_samples is None
            else f"{mark.absent_samples / exported.sample_rate_hz:.1f} s"
        )
        print(f"  at {at_s:.1f} s: {mark.kind}, {span} absent")
    if exported.broken:
        print(
            f"wardline recordings: the rest of it is {exported.broken}; what was written came before",
            file=sys.stderr,
        )
        return 1
    return 0


# --- changing -----------------------------------------------------------------------------------------


def _delete(arguments: argparse.Namespace, session: Session, shelf: Shelf) -> int:
    kept = _one(arguments, session, shelf)
    held = retention.held_recordings(session.records)
    shelf.destroy(kept, "delete", session.note_recording, session.bury_recordings, held)
    print(f"{kept.id} is destroyed (copies made earlier do not open again: see `backup`)")
    return 0


def _keep(arguments: argparse.Namespace, session: Session, shelf: Shelf) -> int:
    kept = _one(arguments, session, shelf)
    if arguments.kept_as not in config.recording_days(session.settings):
        raise StartUpError("there is no such class in recording.days; add it there first")
    session.note_recording("keep", kept.id, kept.header.call_id)
    shelf.keep_as(kept, arguments.kept_as)
    print(f"{kept.id} is kept as {arguments.kept_as}")
    return 0


def _hold(arguments: argparse.Namespace, session: Session, shelf: Shelf) -> int:
    kept = _one(arguments, session, shelf)
    session.note_recording("hold", kept.id, kept.header.call_id)
    retention.hold_recording(session.records, kept.id, session.token.name)
    print(f"{kept.id} is held")
    return 0


def _release(arguments: argparse.Namespace, session: Session, shelf: Shelf) -> int:
    kept = _one(arguments, session, shelf)
    session.note_recording("release", kept.id, kept.header.call_id)
    if not retention.release(session.records, kept.id, session.token.name):
        raise StartUpError("there is no such hold on the recording itself")
    print(f"{kept.id} is held no longer")
    return 0


# --- parts --------------------------------------------------------------------------------------------


def _one(arguments: argparse.Namespace, session: Session, shelf: Shelf) -> Kept:
    try:
        return shelf.find(arguments.id)
    except StartUpError:
        session.refused_recording(arguments.action)
        raise


def _end(kept: Kept, days: dict[str, int], held: frozenset[str | None]) -> str:
    if not held.isdisjoint((None, kept.id, kept.header.call_id)):
        return "held"
    if kept.kept_as not in days:
        return "no days set"
    end_ms = kept.header.began_at_ms + days[kept.kept_as] * DAY_MS
    return datetime.fromtimestamp(end_ms / 1000, UTC).strftime("%Y-%m-%d")


def _time(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%SZ")


command = Command("recordings", "List, export and destroy recordings of calls", _configure, _run)
