"""`wardline purge --all`: destroys everything of the practice at the end of a contract, with a certificate."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from pipeline.cli import Command
from pipeline.commands.check_config import say_faults
from pipeline.commands.signing_in import Session, add_arguments, sign_in
from pipeline.errors import ConfigError, StartUpError
from pipeline.shelves import open_shelf
from pipeline.store.keys import write_new
from pipeline.store.opening import key_source
from pipeline.store.retention import Certificate, forget_key_file, purge
from pipeline.traces import TraceFolder, traces_folder


def _configure(parser: argparse.ArgumentParser) -> None:
    add_arguments(parser)
    parser.add_argument(
        "--all", action="store_true", required=True, help="everything of the practice"
    )
    parser.add_argument(
        "--certificate",
        type=Path,
        required=True,
        metavar="FILE",
        help="a file that is not there yet",
    )
    parser.add_argument(
        "--practice", required=True, metavar="ID", help="its practice.id, to say that you mean it"
    )


def _run(arguments: argparse.Namespace) -> int:
    try:
        session = sign_in(arguments, "admin", "purge")
        certificate = _purge(arguments, session)
    except ConfigError as error:
        return say_faults(error)
    except StartUpError as error:
        print(f"wardline purge: {error}", file=sys.stderr)
        return 1
    print(
        f"{certificate.requests_destroyed} requests and {certificate.recordings_destroyed} recordings are destroyed; the certificate is {arguments.certificate}."
        " It names what it does not cover: backups and exported keys are yours to destroy."
    )
    return 0


def _purge(arguments: argparse.Namespace, session: Session) -> Certificate:
    settings = session.settings
    if arguments.practice != settings.practice.id:
        raise StartUpError("--practice is not the configured practice.id; nothing was destroyed")
    if arguments.certificate.exists() or not arguments.certificate.parent.is_dir():
        raise StartUpError("--certificate must be a new file in a folder that exists")
    source = key_source(settings)
    key_ids = tuple(session.records.ring.keys)
    session.note("purge")

    def forget() -> tuple[str, ...]:
        return forget_key_file(source.file, key_ids) if source.kind == "file" else ()

    shelf = open_shelf(settings)

    def purge_recordings() -> int:
        found = shelf.kept()
        session.bury_recordings([kept.id for kept in found], "purged")
        shelf.shred_all()
        return len(found)

    certificate = purge(
        session.records, session.tombstones, session.token.name, forget, purge_recordings
    )
    TraceFolder(traces_folder(settings), 0).expire()
    write_new(arguments.certificate, certificate.text())
    return certificate


command = Command("purge", "Destroy everything of a practice, with a certificate", _configure, _run)
