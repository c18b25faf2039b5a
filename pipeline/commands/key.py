"""`wardline key`: make, copy away, bring back and change the install key. Shows ids, never a key."""

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
from pipeline.settings import Settings
from pipeline.shelves import finish_restore, open_shelf
from pipeline.store import keys
from pipeline.store.database import Database
from pipeline.store.faults import KeyFault, do_not_open
from pipeline.store.opening import key_source, location, now_ms, open_records, prepare
from pipeline.store.records import Records
from pipeline.store.rotation import Rotated, rotate


def _configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", metavar="FILE", help="the server's configuration file")
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    init = actions.add_parser("init", help="make the key and the store, as the first start does")
    init.set_defaults(act=_init)
    export = actions.add_parser("export", help="copy the key to another medium")
    export.add_argument(
        "file", type=Path, help="a file that is not there yet, on another file system"
    )
    export.set_defaults(act=_export)
    bring = actions.add_parser("import", help="bring an exported key back")
    bring.add_argument("file", type=Path, help="the file that `export` wrote")
    bring.add_argument(
        "--from-deployment",
        metavar="NAME",
        default="",
        help="take over a key of this other deployment; on record",
    )
    bring.set_defaults(act=_import)
    change = actions.add_parser("rotate", help="replace the key; calls may go on meanwhile")
    change.set_defaults(act=_rotate)


def _run(arguments: argparse.Namespace) -> int:
    try:
        status: int = arguments.act(arguments, config.load(arguments.config))
    except ConfigError as error:
        return say_faults(error)
    except StartUpError as error:
        print(f"wardline key: {error}", file=sys.stderr)
        return 1
    return status


def _init(_: argparse.Namespace, settings: Settings) -> int:
    note_administration(settings, "key_init")
    finish_restore(settings)
    prepared = prepare(settings)
    print("\n".join(prepared.sentences()))
    if not prepared.key_is_new:
        print(f"The key was there already: {prepared.key}")
    return 0


def _export(arguments: argparse.Namespace, settings: Settings) -> int:
    source = key_source(settings)
    ring = source.load()
    away_from = [config.data_directory(settings), config.recording_directory(settings)]
    if source.kind == "file":
        away_from.append(source.file)
    note_administration(settings, "key_export")
    keys.export(ring, arguments.file, tuple(away_from))
    print(
        f"Key {ring.current} is in {arguments.file}. Whoever has it and the data can read every request."
    )
    return 0


def _import(arguments: argparse.Namespace, settings: Settings) -> int:
    source = key_source(settings)
    adopted = arguments.from_deployment
    ring = keys.read_exported(arguments.file, settings.deployment.name, adopted)
    if source.kind != "file":
        raise KeyFault(
            "key_elsewhere",
            f"the key comes from {source.shown()}: put the file's text there, with the tools of that place",
        )
    if source.exists():
        if source.load() == ring:
            print(f"Key {ring.current} is there already.")
            return 0
        raise KeyFault(
            "exists",
            f"there is another key at {source.file}; move it away first, and keep it: it may open something",
        )
    database = Database(location(settings))
    try:
        if database.version():
            Records(database, settings.practice.id, ring, lambda: ring, now_ms).proofs.check()
    finally:
        database.close()
    note_administration(settings, "key_adopt" if adopted else "key_import")
    keys.make_private_parent(source.file)
    keys.write_new(source.file, ring.to_text())
    print(f"Key {ring.current} is back at {source.file}.")
    if adopted:
        print(
            f'TAKEN OVER from the deployment "{adopted}" into "{settings.deployment.name}": whoever has this key'
            " can now read the data of both."
        )
    return 0


def _rotate(_: argparse.Namespace, settings: Settings) -> int:
    source = key_source(settings)
    records = open_records(settings)
    try:
        note_administration(settings, "key_rotate")
        rotated = rotate(records, source, lambda: open_shelf(settings).wrap_anew())
        current = records.ring.current
    finally:
        records.database.close()
    return say_done(
        "key",
        f"Key {current} is in use; {rotated.count} data keys were wrapped anew. Now make a new copy of the key"
        " (`wardline key export`) and a new backup (`wardline backup`): earlier backups need the earlier key.",
        _wrong(rotated),
    )


def _wrong(rotated: Rotated) -> list[str]:
    """What keeps an older key in the key file, and what of it is still to be read."""
    wrong = []
    if rotated.unopened:
        wrong.append(do_not_open(rotated.unopened))
    if rotated.others_unopened:
        wrong.append(
            f"the keys of these recordings do not open: {', '.join(rotated.others_unopened)}; what is here of one can be"
            " destroyed with `wardline recordings delete ID`"
        )
    if wrong:
        wrong.append(
            "for these alone the older key stays in the key file, until a `key rotate` after they are gone"
        )
    return [*wrong, *([rotated.owed] if rotated.owed else [])]


command = Command("key", "Make, copy and change the key of the store", _configure, _run)
