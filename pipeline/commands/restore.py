"""`wardline restore FILE`: brings a copy back into an empty store and opens every request in it."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from pipeline import config
from pipeline.cli import Command
from pipeline.commands.check_config import say_faults
from pipeline.commands.signing_in import note_administration
from pipeline.errors import ConfigError, StartUpError
from pipeline.recording.copies import put_back, refuse_full
from pipeline.settings import Settings
from pipeline.shelves import open_shelf
from pipeline.store.backup import bury_again, restore
from pipeline.store.database import Database
from pipeline.store.opening import key_source, location, now_ms, tombstones_of
from pipeline.store.records import Records
from pipeline.store.tombstones import Tombstones


def _configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", metavar="FILE", help="the server's configuration file")
    parser.add_argument(
        "--tombstones",
        type=Path,
        metavar="FOLDER",
        help="where the old machine's tombstones.jsonl is, so that what was destroyed stays so",
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
        print(_bring_back(arguments, config.load(arguments.config)))
    except ConfigError as error:
        return say_faults(error)
    except StartUpError as error:
        print(f"wardline restore: {error}", file=sys.stderr)
        return 1
    return 0


def _bring_back(arguments: argparse.Namespace, settings: Settings) -> str:
    source = key_source(settings)
    ring = source.load()
    database = Database(location(settings))
    try:
        adopted = arguments.from_deployment
        directory = config.recording_directory(settings)
        refuse_full(directory)
        note_administration(settings, "restore_adopt" if adopted else "restore")
        destroyed = tombstones_of(settings).read()
        if arguments.tombstones is not None:
            destroyed |= Tombstones(arguments.tombstones).read()
        head = restore(
            database,
            arguments.file,
            ring,
            settings.practice.id,
            adopted,
            put_back=put_back(directory, destroyed),
        )
        records = Records(database, settings.practice.id, ring, source.load, now_ms)
        if adopted:
            records.bind(adopted)
        records.check_key()
        buried = bury_again(records, tombstones_of(settings))
        if arguments.tombstones is not None:
            buried += bury_again(records, Tombstones(arguments.tombstones))
        opened = sum(1 for _ in records.all_opened())
        recordings = len(open_shelf(settings, ring).kept())
    finally:
        database.close()
    taken_over = (
        f'TAKEN OVER from the deployment "{adopted}" into "{settings.deployment.name}": '
        if adopted
        else ""
    )
    return (
        f"{taken_over}{head.rows} rows of {head.taken_at} are back; {opened} requests open with this key,"
        f" {buried} that were destroyed later were destroyed again; {recordings} recordings are there."
    )


command = Command("restore", "Bring a backup back into an empty store", _configure, _run)
