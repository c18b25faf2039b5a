"""A command's records on their way to the disk: through the running server, which holds the chain, else directly.

The server listens on a socket in the state directory. One JSON line holds one record, one line answers it once it
is durable. Only the types named here pass that way. Refuses to know what a record is about.
"""

from __future__ import annotations

import json
import os
import pwd
import re
import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from pipeline.audit.folder import open_audit
from pipeline.audit.records import Record
from pipeline.audit.trail_file import AuditBusy
from pipeline.clock import MonotonicClock
from pipeline.errors import StartUpError
from pipeline.settings import Settings

SOCKET_FILE = "audit.sock"
COMMAND_TYPES = frozenset(
    {"administration", "authentication", "chain_acknowledged", "egress_test", "phi_access"}
)
LINE_BYTES_MAX = 16_384
"""A record with 64 field names of 40 characters takes 3 KB."""
ANSWER_LIMIT_S = 5.0
BUSY_LIMIT_MS = 5_000.0
"""A server that starts holds the chain a moment before it listens; another command lets go of it within one."""
_RETRY_S = 0.05
_USER = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.\-]{0,39}")


class NotRecorded(StartUpError):
    """The record is not on the disk, so what it is about may not happen."""

    code = "audit_not_recorded"

    def __init__(self, why: str) -> None:
        """Say why."""
        super().__init__(f"the access cannot be recorded, so nothing was done: {why}")


def local_user() -> str:
    """The user of this machine who runs the command, as records name them."""
    uid = os.getuid()
    try:
        name = pwd.getpwuid(uid).pw_name
    except KeyError:  # a container's user has no entry
        name = ""
    return f"local:{name if _USER.fullmatch(name) else f'uid{uid}'}"


def append(settings: Settings, records: Sequence[Record]) -> None:
    """Return once all are on the disk; raises `StartUpError` when they are not known to be."""
    if not records:
        return
    clock = MonotonicClock()
    give_up_at_ms = clock.now_ms() + BUSY_LIMIT_MS
    while True:
        if _through_the_server(Path(settings.state.directory), records):
            return
        try:
            _directly(settings, records)
        except AuditBusy:
            if clock.now_ms() > give_up_at_ms:
                raise
            time.sleep(_RETRY_S)
        else:
            return


@contextmanager
def reachable(directory: Path) -> Iterator[str]:
    """The socket's address by way of the folder's descriptor: a path of its own may hold 107 characters only."""
    descriptor = os.open(directory, os.O_PATH | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{descriptor}/{SOCKET_FILE}"
    finally:
        os.close(descriptor)


def _through_the_server(directory: Path, records: Sequence[Record]) -> bool:
    """False: no server listens there."""
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)) as line:
        line.settimeout(ANSWER_LIMIT_S)
        try:
            with reachable(directory) as address:
                line.connect(address)
        except (FileNotFoundError, ConnectionRefusedError):
            return False
        except OSError as error:
            raise NotRecorded(f"{SOCKET_FILE}: {error.strerror}") from None
        try:
            with line.makefile("rb") as answers:
                for record in records:
                    sent = {"type": record.type, "fields": record.fields()}
                    line.sendall(json.dumps(sent).encode() + b"\n")
                    if answers.readline(LINE_BYTES_MAX) != b'{"durable": true}\n':
                        raise NotRecorded(
                            "the running server refused it; its log says why. Is it this user's?"
                        )
        except OSError:
            raise NotRecorded("the running server does not answer; `wardline doctor`") from None
    return True


def _directly(settings: Settings, records: Sequence[Record]) -> None:
    writer, _ = open_audit(settings)
    with writer as audit:
        for record in records[:-1]:
            audit.put(record)
        durable = audit.write_now(records[-1])
    if not durable:
        raise NotRecorded("the audit's disk is full or does not answer")
