"""What the commands about requests share: who asks, whether they may, and the record that they did."""

from __future__ import annotations

import argparse
import getpass
import sys
from dataclasses import dataclass
from pathlib import Path

from pipeline import config
from pipeline.errors import NotAuthorised, StartUpError
from pipeline.settings import Settings
from pipeline.store.access import Access, AccessRecord, as_event
from pipeline.store.opening import open_records, tombstones_of
from pipeline.store.records import Records
from pipeline.store.retention import Tombstones
from pipeline.supervisor.staff import StaffToken, StaffTokens

_TOKEN_CHARACTERS_MAX = 200


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The configuration file and the token, which is never an argument: those are seen by `ps`."""
    parser.add_argument("--config", metavar="FILE", help="the server's configuration file")
    parser.add_argument(
        "--token-file",
        metavar="FILE",
        help="holds your staff token (`wardline token create`); - reads standard input; none: it is asked for",
    )


@dataclass(frozen=True, slots=True)
class Session:
    """One member of staff at one store, for one command."""

    settings: Settings
    token: StaffToken
    records: Records
    tombstones: Tombstones
    record: AccessRecord

    def note(
        self,
        action: str,
        request_id: str = "",
        fields: tuple[str, ...] = (),
        *,
        success: bool = True,
    ) -> None:
        """Record the access; comes before anything is shown or destroyed."""
        self.record(
            Access(
                self.token.name,
                self.token.role,
                action,
                self.records.practice_id,
                request_id,
                fields,
                success,
            )
        )


def sign_in(arguments: argparse.Namespace, role: str, action: str) -> Session:
    """Check the token and its role, and open the store."""
    settings = config.load(arguments.config)
    state = Path(settings.state.directory)
    try:
        token = StaffTokens(state).use(_presented(arguments.token_file))
    except NotAuthorised as error:
        raise StartUpError(f"{error} Make one with `wardline token create`.") from None
    record = access_record(settings)
    if not token.may(role):
        record(Access(token.name, token.role, action, settings.practice.id, "", (), success=False))
        raise StartUpError(f"{token.name} is {token.role}; `{action}` needs the role {role}")
    records = open_records(settings)
    return Session(settings, token, records, tombstones_of(settings), record)


def access_record(settings: Settings) -> AccessRecord:
    """Where accesses are kept."""
    return as_event


def _presented(path: str | None) -> str:
    if path == "-":
        return sys.stdin.readline(_TOKEN_CHARACTERS_MAX).strip()
    if path is not None:
        try:
            with Path(path).open() as file:
                return file.readline(_TOKEN_CHARACTERS_MAX).strip()
        except (OSError, UnicodeDecodeError):
            raise StartUpError("the token file cannot be read; give its path") from None
    if not sys.stdin.isatty():
        raise StartUpError("give your staff token with --token-file FILE, or - for standard input")
    return getpass.getpass("Staff token: ").strip()
