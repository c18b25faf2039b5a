"""`wardline backup FILE`: a copy of everything stored, sealed as it is, while calls run."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from pipeline import config
from pipeline.cli import Command
from pipeline.commands.check_config import say_faults
from pipeline.commands.outcome import say_done
from pipeline.commands.signing_in import note_administration
from pipeline.errors import ConfigError, StartUpError
from pipeline.recording.copies import pieces
from pipeline.store.backup import back_up, examine
from pipeline.store.faults import do_not_open
from pipeline.store.opening import open_records, tombstones_of


def _configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", metavar="FILE", help="the server's configuration file")
    parser.add_argument("file", type=Path, help="a file that is not there yet")


def _run(arguments: argparse.Namespace) -> int:
    try:
        settings = config.load(arguments.config)
        records = open_records(settings)
        try:
            note_administration(settings, "backup")
            directory = config.recording_directory(settings)
            recordings = pieces(directory, tombstones_of(settings).read())
            head = back_up(records, arguments.file, recordings)
            examine(arguments.file, records.ring)
        finally:
            records.database.close()
    except ConfigError as error:
        return say_faults(error)
    except StartUpError as error:
        print(f"wardline backup: {error}", file=sys.stderr)
        return 1
    return say_done(
        "backup",
        f"{head.rows} rows, with the pieces of recordings, are in {arguments.file}, sealed. It opens only with the key, which is not in it:"
        " keep a copy of the key elsewhere (`wardline key export`).",
        [do_not_open(head.unopened)] if head.unopened else [],
    )


command = Command("backup", "Copy the store while calls run", _configure, _run)
