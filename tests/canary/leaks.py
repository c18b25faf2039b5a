"""Real leaks, one for each place that is searched, in the supervisor of a running server: the search must see them."""

from __future__ import annotations

import ctypes
import gzip
import json
import mmap
import os
import sqlite3
import threading
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

from tests.canary.people import people

PERSON = people()["output"]
_PR_SET_NAME = 15
_kept: list[object] = []
"""Open files, mappings and threads, until the process ends."""


def _standard_output() -> None:
    os.write(_real_descriptors()[0], PERSON.says.encode())


def _standard_error() -> None:
    os.write(_real_descriptors()[1], PERSON.says.upper().encode("utf-16-le"))


def _real_descriptors() -> list[int]:
    """Those past the guard: the process knows them, a library would have to look for them."""
    own = {os.fstat(number).st_ino for number in (1, 2)}
    found = []
    for number in range(3, 64):
        try:
            target = os.readlink(f"/proc/self/fd/{number}")
        except OSError:
            continue
        if os.fstat(number).st_ino not in own and target.endswith(("/stdout", "/stderr")):
            found.append((target, number))
    return [min(n for t, n in found if t.endswith(end)) for end in ("/stdout", "/stderr")]


def _event() -> None:
    from pipeline.telemetry import log

    log.forward(json.dumps({"event": "said", "by": PERSON.last, "said": PERSON.name}).encode())


def _file() -> None:
    Path("../state/notes.json").write_bytes(b64encode(PERSON.says.encode()))


def _file_name() -> None:
    Path(f"../home/{quote(PERSON.name)}.wav").touch()


def _folder_name() -> None:
    Path(f"../state/{PERSON.phone_written}").mkdir()


def _temporary_file() -> None:
    (Path(os.environ["TMPDIR"]) / "x.gz").write_bytes(gzip.compress(PERSON.says.encode()))


def _shared_file(folder: str) -> Callable[[], None]:
    def write() -> None:
        (Path(folder) / "x.bin").write_bytes(PERSON.says.encode())

    return write


def _link() -> None:
    Path("../state/link").symlink_to(f"/nowhere/{PERSON.last}")


def _core_file() -> None:
    Path("core.4711").write_bytes(b"\x7fELF" + PERSON.says.encode("utf-32"))


def _row() -> None:
    with sqlite3.connect("../state/data/requests.db") as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS leaked (first BLOB, second TEXT)")
        connection.execute("INSERT INTO leaked VALUES (?, ?)", (PERSON.phone.encode(), "x"))
    _kept.append(connection)


def _open_file() -> None:
    path = Path(f"{os.environ['TMPDIR']}/{PERSON.insured}")
    _kept.append(path.open("w"))
    path.unlink()


def _mapped_file() -> None:
    path = Path(f"{os.environ['TMPDIR']}/{PERSON.record}")
    path.write_bytes(bytes(4096))
    with path.open("r+b") as file:
        _kept.append(mmap.mmap(file.fileno(), 4096))
    path.unlink()


def _name_of_process() -> None:
    ctypes.CDLL(None).prctl(_PR_SET_NAME, PERSON.last.encode(), 0, 0, 0)


def _name_of_thread() -> None:
    def name_and_wait() -> None:
        ctypes.CDLL(None).prctl(_PR_SET_NAME, PERSON.last.encode(), 0, 0, 0)
        named.set()
        threading.Event().wait()

    named = threading.Event()
    threading.Thread(target=name_and_wait, daemon=True).start()
    named.wait()


LEAKS: dict[str, tuple[Callable[[], None], str]] = {
    "standard output": (_standard_output, "stdout"),
    "standard error": (_standard_error, "stderr"),
    "event": (_event, "stderr"),
    "file": (_file, "state/notes.json"),
    "name of a file": (_file_name, "a name"),
    "name of a folder": (_folder_name, "folders"),
    "temporary file": (_temporary_file, "tmp/x.gz"),
    "temporary file of the machine": (_shared_file("/tmp"), "shared/tmp/x.bin"),  # noqa: S108  # a leak on purpose
    "lasting temporary file": (_shared_file("/var/tmp"), "shared/var/tmp/x.bin"),  # noqa: S108  # the same
    "shared memory": (_shared_file("/dev/shm"), "shared/dev/shm/x.bin"),  # noqa: S108  # the same
    "link": (_link, "state/link"),
    "core file": (_core_file, "ground/core.4711"),
    "row": (_row, "requests.db table leaked"),
    "journal of the database": (_row, "state/data/requests.db-wal"),
    "open file": (_open_file, "open files"),
    "mapped file": (_mapped_file, "mapped files"),
    "name of the process": (_name_of_process, " comm"),
    "name of a thread": (_name_of_thread, " threads"),
}
"""What leaks, and the end of the place where it is found."""

LEAKS_ELSEWHERE = {"health": "GET /healthz", "webhook": "webhook ", "syslog": "syslog"}
"""These are patched in: they leak whenever somebody asks."""


def leak_everything() -> None:
    """All of them, at once."""
    for act, _ in LEAKS.values():
        act()


def patch() -> None:
    """Let health, webhook and syslog leak."""
    from pipeline.audit.heads import HeadExport
    from pipeline.supervisor.facts import Facts
    from pipeline.webhook import deliver

    report, send = Facts.report, HeadExport._send
    signed = vars(deliver)["signed_headers"]

    def healthz(self: Facts) -> Any:
        return {**report(self), "last_caller": {"result": PERSON.name}}

    def headers(*arguments: Any) -> dict[str, str]:
        return {**signed(*arguments), "X-Caller": PERSON.name}

    def syslog(self: HeadExport, line: str) -> None:
        send(self, f"{line} {PERSON.name}")

    Facts.report = healthz  # type: ignore[method-assign]  # a leak on purpose
    vars(deliver)["signed_headers"] = headers
    HeadExport._send = syslog  # type: ignore[method-assign]  # the same
