"""What the commands about requests share: who asks, whether they may, and the record that they did."""

from __future__ import annotations

import argparse
import getpass
import re
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pipeline import config
from pipeline.audit.by_command import append, local_user
from pipeline.audit.records import CALL_ID, Administration, Authentication, PhiAccess, Record
from pipeline.call.request import FIELD_NAMES
from pipeline.errors import NotAuthorised, StartUpError
from pipeline.settings import Settings
from pipeline.store.access import Access, AccessRecord
from pipeline.store.opening import open_records, tombstones_of
from pipeline.store.records import Records
from pipeline.store.tombstones import Tombstones
from pipeline.supervisor.staff import StaffToken, StaffTokens

_TOKEN_CHARACTERS_MAX = 200
_RECORDING_ID = re.compile(r"rec_[0-9a-f]{24}")
_CALL_ID = re.compile(CALL_ID)
_REQUEST_ID = re.compile(r"[0-9a-f]{12,32}")
_ADMINISTRATION = frozenset({"hold", "release", "purge"})


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
        self.record([self.access(action, request_id, fields, success=success)])

    def note_recording(self, action: str, recording_id: str, call_id: str) -> None:
        """Record an access to a recording, before it happens."""
        self._note_recording(action, recording_id, call_id, success=True)

    def refused_recording(self, action: str) -> None:
        """Record that somebody asked for a recording that is not there."""
        self._note_recording(action, NO_RECORDING, "", success=False)

    def _note_recording(
        self, action: str, recording_id: str, call_id: str, *, success: bool
    ) -> None:
        self.record(
            [
                replace(
                    self.access(action, success=success),
                    recording_id=recording_id,
                    call_id=call_id,
                )
            ]
        )

    def bury_recordings(self, ids: Iterable[str], why: str) -> None:
        """Remember that these may never be opened again."""
        self.tombstones.add(ids, why, self.records.now_ms())

    def access(
        self,
        action: str,
        request_id: str = "",
        fields: tuple[str, ...] = (),
        *,
        success: bool = True,
    ) -> Access:
        """An access of this member of staff."""
        practice_id = self.records.practice_id
        return Access(
            self.token.name, self.token.role, action, practice_id, request_id, fields, success
        )


NO_RECORDING = "none"
"""Of the kind, without one that is meant."""


def sign_in(arguments: argparse.Namespace, role: str, action: str) -> Session:
    """Check the token and its role, and open the store."""
    settings = config.load(arguments.config)
    state = Path(settings.state.directory)
    try:
        token = StaffTokens(state).use(_presented(arguments.token_file))
    except NotAuthorised as error:
        append(settings, [Authentication(auth_type="command", success=False, source_ip=None)])
        raise StartUpError(f"{error} Make one with `wardline token create`.") from None
    record = access_record(settings)
    if not token.may(role):
        refused = Access(
            token.name, token.role, action, settings.practice.id, "", (), success=False
        )
        record([refused])
        raise StartUpError(f"{token.name} is {token.role}; `{action}` needs the role {role}")
    records = open_records(settings)
    return Session(settings, token, records, tombstones_of(settings), record)


def access_record(settings: Settings) -> AccessRecord:
    """Where accesses are kept: the audit's chain, on the disk before this returns."""

    def keep(accesses: Sequence[Access], /) -> None:
        append(settings, [_as_record(access) for access in accesses])

    return keep


def note_administration(settings: Settings, action: str) -> None:
    """Record what the user of this machine is about to do with keys, copies or tokens."""
    append(settings, [Administration(action=action, user_id=local_user(), success=True)])


def _as_record(access: Access) -> Record:
    user_id = f"staff:{access.user}"
    resource_id = f"r{access.request_id}" if _REQUEST_ID.fullmatch(access.request_id) else None
    if _RECORDING_ID.fullmatch(access.recording_id):
        resource_id = access.recording_id
    if access.action in _ADMINISTRATION:
        return Administration(
            action=access.action, user_id=user_id, success=access.success, resource_id=resource_id
        )
    return PhiAccess(
        action=access.action,
        resource_type="recording" if access.recording_id else "request",
        user_id=user_id,
        success=access.success,
        call_id=access.call_id if _CALL_ID.fullmatch(access.call_id) else None,
        resource_id=resource_id,
        # What was typed as the name of a field could be anything.
        field_names=tuple(name for name in access.fields if name in FIELD_NAMES),
    )


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
