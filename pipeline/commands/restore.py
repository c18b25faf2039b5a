"""`wardline restore FILE`: brings a copy back into an empty store and opens every request in it."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from sqlalchemy.orm import Session

from pipeline import config
from pipeline.cli import Command
from pipeline.commands.check_config import say_faults
from pipeline.commands.outcome import say_done
from pipeline.commands.signing_in import note_administration
from pipeline.errors import ConfigError, StartUpError
from pipeline.recording.copies import PutBack
from pipeline.settings import Settings
from pipeline.shelves import open_shelf
from pipeline.store.backup import bury_within, restore
from pipeline.store.database import Database
from pipeline.store.faults import ScrubOwed, do_not_open
from pipeline.store.opening import key_source, location, now_ms, tombstones_of
from pipeline.store.records import Records
from pipeline.store.tombstones import TOMBSTONES_NAME, Tombstones


def _configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", metavar="FILE", help="the server's configuration file")
    destroyed = parser.add_mutually_exclusive_group()
    destroyed.add_argument(
        "--tombstones",
        type=Path,
        metavar="FOLDER",
        help="where the old machine's tombstones.jsonl is, so that what was destroyed stays so",
    )
    destroyed.add_argument(
        "--no-tombstones",
        action="store_true",
        help="bring back what was destroyed since the copy as well; on record",
    )
    parser.add_argument(
        "--from-deployment",
        metavar="NAME",
        default="",
        help="take over a copy of this other deployment; on record",
    )
    parser.add_argument("file", type=Path, help="what `wardline backup` wrote")


def _run(arguments: argparse.Namespace) -> int:
    try:
        said, wrong = _bring_back(arguments, config.load(arguments.config))
    except ConfigError as error:
        return say_faults(error)
    except StartUpError as error:
        print(f"wardline restore: {error}", file=sys.stderr)
        return 1
    return say_done("restore", said, wrong)


def _bring_back(arguments: argparse.Namespace, settings: Settings) -> tuple[str, list[str]]:
    """What is back, and what is wrong with it."""
    source = key_source(settings)
    ring = source.load()
    database = Database(location(settings))
    records = Records(database, settings.practice.id, ring, source.load, now_ms)
    adopted = arguments.from_deployment
    buried = 0
    unopened: list[str] = []

    def settle(rows: Session) -> None:
        nonlocal buried
        if adopted:
            records.proofs.bind_within(rows, adopted)
        records.proofs.check_within(rows)
        buried = sum(bury_within(rows, records, known) for known in graves)

    try:
        graves = _graves(arguments, settings)
        note_administration(settings, "restore_adopt" if adopted else "restore")
        if not graves:
            note_administration(settings, "restore_no_tombstones")
        destroyed = {name: why for known in graves for name, why in known.read().items()}
        for known in graves:
            tombstones_of(settings).take_over(known)
        head = restore(
            database,
            arguments.file,
            ring,
            settings.practice.id,
            adopted,
            beside=PutBack(config.recording_directory(settings), destroyed),
            settle=settle,
        )
        owed = _scrub(database) if buried else []
        opened = sum(1 for _ in records.all_opened(unopened))
        recordings = len(open_shelf(settings, ring).kept())
    finally:
        database.close()
    taken_over = (
        f'TAKEN OVER from the deployment "{adopted}" into "{settings.deployment.name}": '
        if adopted
        else ""
    )
    if not graves:
        taken_over += "WITHOUT TOMBSTONES, so what was destroyed since the copy is back as well: "
    said = (
        f"{taken_over}{head.rows} rows of {head.taken_at} are back; {opened} requests open with this key,"
        f" {buried} that were destroyed later were destroyed again; {recordings} recordings are there."
    )
    return said, [*owed, *([do_not_open(unopened)] if unopened else [])]


def _scrub(database: Database) -> list[str]:
    """Empty, or why the bytes of what was destroyed again are still there."""
    try:
        database.scrub()
    except ScrubOwed as error:
        return [str(error)]
    return []


def _graves(arguments: argparse.Namespace, settings: Settings) -> list[Tombstones]:
    """Every file that names what was destroyed; none only when that was asked for by name."""
    here, named = tombstones_of(settings), arguments.tombstones
    if named is not None and not Tombstones(named).path.is_file():
        raise StartUpError(f"there is no {TOMBSTONES_NAME} in {named}; name the folder that has it")
    there = [] if named is None else [Tombstones(named)]
    found = [graves for graves in (here, *there) if graves.path.is_file()]
    if not found and not arguments.no_tombstones:
        raise StartUpError(
            f"this machine has no {TOMBSTONES_NAME}, so requests destroyed since the copy would be back:"
            f" give the old machine's with --tombstones FOLDER ({TOMBSTONES_NAME} lies beside its key)."
            " If there is none, --no-tombstones says so, and is on record"
        )
    return found


command = Command("restore", "Bring a backup back into an empty store", _configure, _run)
