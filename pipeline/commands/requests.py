"""`wardline requests`: what callers asked for, for named staff. Every act is recorded before it happens."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from pipeline.cli import Command
from pipeline.commands.check_config import say_faults
from pipeline.commands.outcome import say_done
from pipeline.commands.signing_in import Session, add_arguments, sign_in
from pipeline.errors import ConfigError, StartUpError
from pipeline.shelves import open_shelf
from pipeline.store import retention
from pipeline.store.faults import do_not_open
from pipeline.store.keys import write_new
from pipeline.store.records import Entry, Opened


def _configure(parser: argparse.ArgumentParser) -> None:
    add_arguments(parser)
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)

    def action(
        name: str, role: str, act: Callable[[argparse.Namespace, Session], int], text: str
    ) -> argparse.ArgumentParser:
        sub = actions.add_parser(name, help=f"{text} ({role})", description=text)
        sub.set_defaults(act=act, action=name, role=role)
        return sub

    listing = action("list", "readonly", _list, "ids, times and states of requests; no content")
    listing.add_argument("--open", action="store_true", help="only those nobody has resolved")
    listing.add_argument(
        "--phone", metavar="-", help="- : those of a number typed on standard input (operator)"
    )
    show = action("show", "operator", _show, "one request with its content")
    show.add_argument("id", help="as `list` shows it; its beginning is enough")
    export = action(
        "export", "operator", _export, "content of requests as JSON lines, NOT encrypted"
    )
    export.add_argument("--to", required=True, metavar="FILE", help="a file that is not there yet")
    export.add_argument("id", nargs="*", help="none: every request")
    for name, act, text in (
        ("claim", _claim, "say that you take care of a request"),
        ("resolve", _resolve, "say that a request is done"),
    ):
        action(name, "operator", act, text).add_argument("id")
    redact = action(
        "redact", "admin", _redact, "destroy a request's content, or some fields, for good"
    )
    redact.add_argument("id")
    redact.add_argument(
        "--field", action="append", default=[], help="only this field; may be repeated"
    )
    delete = action("delete", "admin", _delete, "destroy a request with its row, for good")
    delete.add_argument("id")
    for name, act, text in (
        ("hold", _hold, "place a legal hold: nothing it names expires or is destroyed"),
        ("release", _release, "lift a legal hold"),
    ):
        sub = action(name, "admin", act, text)
        sub.add_argument("id", nargs="?", help="one request; none with --all")
        sub.add_argument("--all", action="store_true", help="everything of the practice")


def _run(arguments: argparse.Namespace) -> int:
    try:
        session = sign_in(arguments, arguments.role, arguments.action)
        try:
            status: int = arguments.act(arguments, session)
        finally:
            session.records.database.close()
    except ConfigError as error:
        return say_faults(error)
    except StartUpError as error:
        print(f"wardline requests: {error}", file=sys.stderr)
        return 1
    return status


# --- looking ------------------------------------------------------------------------------------------


def _list(arguments: argparse.Namespace, session: Session) -> int:
    wanted: tuple[str, str] | None = None
    if arguments.phone is not None:
        if arguments.phone != "-":
            raise StartUpError("write --phone - and type the number: arguments are seen by `ps`")
        if not session.token.may("operator"):
            session.note("list", fields=("phone",), success=False)
            raise StartUpError("to look for a number needs the role operator")
        digits = "".join(c for c in sys.stdin.readline(80) if c.isascii() and c.isdigit())
        wanted = ("phone", digits[-10:])
    session.note("list", fields=("phone",) if wanted is not None else ())
    shown = session.records.entries(unresolved=arguments.open, holding=wanted)
    if not shown:
        print("no requests")
        return 0
    print(f"{'id':<34}{'called':<21}{'state':<12}{'claimed by':<16}{'resolved by':<16}")
    for entry in shown:
        print(
            f"{entry.id:<34}{_time(entry.created_at_ms):<21}{_state(entry):<12}"
            f"{entry.claimed_by or '-':<16}{entry.resolved_by or '-':<16}".rstrip()
        )
    return 0


def _show(arguments: argparse.Namespace, session: Session) -> int:
    opened = _opened(arguments.id, session, "show")
    session.note("show", opened.entry.id, tuple(opened.document.fields))
    for key, value in _facts(opened).items():
        print(f"{key}: {value}")
    return 0


def _export(arguments: argparse.Namespace, session: Session) -> int:
    unopened: list[str] = []
    if arguments.id:
        chosen = [_opened(each, session, "export") for each in arguments.id]
    else:
        chosen = _all_opened(session, unopened)
    session.record(
        [
            *(session.access("export", e.entry.id, tuple(e.document.fields)) for e in chosen),
            *(session.access("export", request_id, success=False) for request_id in unopened),
        ]
    )
    lines = (json.dumps(_facts(opened), ensure_ascii=False) + "\n" for opened in chosen)
    write_new(Path(arguments.to), "".join(lines))
    return say_done(
        "requests",
        f"{len(chosen)} requests, readable by whoever reads {arguments.to}: it is NOT encrypted. Delete it when done.",
        [do_not_open(unopened)] if unopened else [],
    )


# --- changing -----------------------------------------------------------------------------------------


def _claim(arguments: argparse.Namespace, session: Session) -> int:
    request_id = _one(arguments, session)
    session.note("claim", request_id)
    session.records.claim(request_id, session.token.name)
    print(f"{request_id} is yours")
    return 0


def _resolve(arguments: argparse.Namespace, session: Session) -> int:
    request_id = _one(arguments, session)
    session.note("resolve", request_id)
    session.records.settle(request_id, session.token.name)
    print(f"{request_id} is resolved")
    return 0


def _redact(arguments: argparse.Namespace, session: Session) -> int:
    request_id = _one(arguments, session)
    session.note("redact", request_id, tuple(arguments.field))
    recorded = 0 if arguments.field else _destroy_recordings(session, request_id, "redacted")
    retention.redact(session.records, session.tombstones, request_id, arguments.field)
    what = f"{len(arguments.field)} field(s) of it" if arguments.field else "its content"
    and_recording = " and its recording" if recorded else ""
    print(
        f"{request_id}: {what}{and_recording} can never be read again (copies made earlier: see `backup`)"
    )
    if arguments.field:
        print("A recording of the call, if there is one, still holds it: see `wardline recordings`")
    return 0


def _delete(arguments: argparse.Namespace, session: Session) -> int:
    request_id = _one(arguments, session)
    session.note("delete", request_id)
    _destroy_recordings(session, request_id, "deleted")
    retention.remove(session.records, session.tombstones, request_id)
    print(f"{request_id} is destroyed")
    return 0


def _hold(arguments: argparse.Namespace, session: Session) -> int:
    request_id = _one_or_all(arguments, session)
    session.note("hold", request_id or "")
    retention.hold(session.records, request_id, session.token.name)
    print(f"{request_id or 'everything of the practice'} is held")
    return 0


def _release(arguments: argparse.Namespace, session: Session) -> int:
    request_id = _one_or_all(arguments, session)
    session.note("release", request_id or "")
    if not retention.release(session.records, request_id, session.token.name):
        raise StartUpError("there is no such hold")
    print(f"{request_id or 'the practice'} is held no longer")
    return 0


def _destroy_recordings(session: Session, request_id: str, why: str) -> int:
    """What was recorded of the request's call goes with it; nothing does when the request has to stay."""
    retention.refuse_unless_removable(session.records, request_id)
    shelf = open_shelf(session.settings)
    found = shelf.of_call(session.records.call_of(request_id))
    held = retention.held_recordings(session.records)

    def note(action: str, recording_id: str, call_id: str) -> None:
        del action
        session.note_recording("delete", recording_id, call_id)

    for kept in found:
        shelf.destroy(kept, why, note, session.bury_recordings, held)
    return len(found)


# --- parts --------------------------------------------------------------------------------------------


def _one(arguments: argparse.Namespace, session: Session) -> str:
    try:
        return session.records.resolve_id(arguments.id)
    except StartUpError:
        session.note(arguments.action, success=False)
        raise


def _opened(given: str, session: Session, action: str) -> Opened:
    """One request with its content; that it cannot be had is on record first."""
    request_id = ""
    try:
        request_id = session.records.resolve_id(given)
        return session.records.open(request_id)
    except StartUpError:
        session.note(action, request_id, success=False)
        raise


def _all_opened(session: Session, unopened: list[str]) -> list[Opened]:
    try:
        return list(session.records.all_opened(unopened))
    except StartUpError:
        session.note("export", success=False)
        raise


def _one_or_all(arguments: argparse.Namespace, session: Session) -> str | None:
    if bool(arguments.id) == arguments.all:
        raise StartUpError("name one request, or write --all")
    return None if arguments.all else _one(arguments, session)


def _facts(opened: Opened) -> dict[str, str]:
    entry, document = opened.entry, opened.document
    facts = {
        "id": entry.id,
        "call": entry.call_id,
        "called": _time(entry.created_at_ms),
        "state": _state(entry),
        "ended": document.ended or "-",
        "claimed_by": entry.claimed_by or "-",
        "resolved_by": entry.resolved_by or "-",
    }
    if document.urgent:
        facts["urgent"] = document.urgent
    return {**facts, **{f"field.{name}": value for name, value in document.fields.items()}}


def _state(entry: Entry) -> str:
    return entry.gone or f"{entry.state.value}{' held' if entry.held else ''}"


def _time(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%SZ")


command = Command("requests", "Read and settle what callers asked for", _configure, _run)
