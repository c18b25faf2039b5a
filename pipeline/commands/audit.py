"""`wardline audit`: check the chain, acknowledge what a crash left, export it, sum up a month, print where it stands."""

from __future__ import annotations

import argparse
import json
import re
import sys
from datetime import UTC, datetime
from pathlib import Path

from phi.chain import Head, heads_in
from pipeline import config
from pipeline.audit.by_command import append, local_user
from pipeline.audit.digest import Month, Span, entries, month_of
from pipeline.audit.folder import audit_folder, heads_file, kept_heads, keys_folder
from pipeline.audit.keys import trusted_keys
from pipeline.audit.records import ChainAcknowledged, json_schema
from pipeline.audit.trail import trail_files
from pipeline.audit.verify import SAID, TrailVerdict, verify_trail
from pipeline.cli import Command
from pipeline.commands.check_config import say_faults
from pipeline.errors import ConfigError, StartUpError
from pipeline.settings import Settings

_HEAD = re.compile(r"([0-9]{1,18}):([0-9a-f]{64})")


def _configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", metavar="FILE", help="the server's configuration file")
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    verify = actions.add_parser("verify", help="find edits, missing or moved records, a cut end")
    _where(verify)
    verify.add_argument(
        "--public-key", type=Path, metavar="FILE", help="the key you kept (default: the one here)"
    )
    verify.add_argument(
        "--head", action="append", default=[], type=_head, metavar="SEQ:HASH", help="one you kept"
    )
    verify.add_argument(
        "--heads", action="append", default=[], type=Path, metavar="FILE", help="a file of heads"
    )
    verify.add_argument(
        "--after", type=_head, metavar="SEQ:HASH", help="earlier files are archived up to here"
    )
    verify.add_argument("--records", action="store_true", help="also check each record's shape")
    verify.set_defaults(act=_verify)
    acknowledge = actions.add_parser(
        "acknowledge", help="take records that were signed only after a restart for the server's"
    )
    acknowledge.set_defaults(act=_acknowledge, directory=None)
    head = actions.add_parser("head", help="print where the chain stands, to keep elsewhere")
    _where(head)
    head.set_defaults(act=_print_head)
    export = actions.add_parser("export", help="JSON lines for a SIEM, on standard output")
    _where(export)
    export.add_argument("--after-seq", type=int, default=0, metavar="N", help="only later records")
    export.add_argument(
        "--schema", action="store_true", help="the JSON Schema of the lines instead"
    )
    export.set_defaults(act=_export)
    report = actions.add_parser("report", help="a month in counts, for the review")
    _where(report)
    report.add_argument("--month", type=_month, required=True, metavar="YYYY-MM")
    report.set_defaults(act=_report)


def _where(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--directory", type=Path, help="the audit's folder (default: configured)")


def _run(arguments: argparse.Namespace) -> int:
    try:
        settings = config.load(arguments.config)
        folder = arguments.directory or audit_folder(settings)
        if not trail_files(folder):
            raise StartUpError(f"there is no audit in {folder}; start the server once, or name it")
        status: int = arguments.act(arguments, settings, folder)
    except ConfigError as error:
        return say_faults(error)
    except BrokenPipeError:  # `| head`
        return 0
    except StartUpError as error:
        print(f"wardline audit: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"wardline audit: {error.filename}: {error.strerror}", file=sys.stderr)
        return 1
    return status


def _verify(arguments: argparse.Namespace, settings: Settings, folder: Path) -> int:
    own = folder / "keys" if arguments.directory else keys_folder(settings)
    keys = trusted_keys(arguments.public_key or own)
    heads = list(arguments.head)
    files = list(arguments.heads)
    known = heads_file(settings)
    if known is not None and known.exists() and not arguments.directory:
        files.append(known)
    for file in files:
        heads += heads_in(file.read_text(errors="replace"))
    verdict = verify_trail(folder, keys, heads, after=arguments.after, shapes=arguments.records)
    _say(verdict, len(heads))
    for key in keys.keys:
        print(f"key      {key.fingerprint}")
    if arguments.public_key is None:
        print(
            "         beside the chain: compare it with the fingerprint you kept, or use --public-key"
        )
    return 0 if verdict.whole and not verdict.unproven else 1


def _acknowledge(_: argparse.Namespace, settings: Settings, folder: Path) -> int:
    heads = kept_heads(settings)
    unproven = verify_trail(folder, trusted_keys(keys_folder(settings)), heads).unproven
    if not unproven:
        print("nothing to acknowledge")
        return 0
    user = local_user()
    append(settings, [ChainAcknowledged(user_id=user, up_to=unproven[-1].recovered)])
    for one in unproven:
        print(f"records {one.first} to {one.last}: acknowledged by {user}, on record")
    return 0


def _say(verdict: TrailVerdict, heads: int) -> None:
    chain = verdict.chain
    print("WHOLE" if verdict.whole else "NOT WHOLE")
    print(
        f"records  {chain.records} in {len(verdict.files)} files, {chain.checkpoints} checkpoints"
    )
    print(f"head     {chain.head.line()}")
    print(f"signed   up to {chain.signed_to}; {chain.unsigned} after it not yet")
    print(
        f"heads    {heads} compared"
        if heads
        else "heads    none given: a chain cut back looks whole"
    )
    if verdict.unfinished_end:
        print("end      the last line is unfinished: being written, or its writer was killed")
    for fault in chain.faults:
        place = f"{fault.source}:{fault.line}" if fault.line else "chain"
        print(f"{fault.kind.value:<9}{place}, record {fault.seq}: {SAID[fault.kind]}")
    if chain.faults_in_all > len(chain.faults):
        print(f"         and {chain.faults_in_all - len(chain.faults)} more")
    for one in verdict.unproven:
        print(
            f"unproven records {one.first} to {one.last} ({one.count}) were signed only after a restart: the server"
            " was killed there, or they were written by somebody else. Compare them with what is known of that"
            " time, then: `wardline audit acknowledge`"
        )
    for number in verdict.gaps:
        print(f"missing  the whole file {number}")
    if verdict.misshapen:
        print(f"shape    {verdict.misshapen} records, the first {verdict.first_misshapen}")


def _print_head(_: argparse.Namespace, settings: Settings, folder: Path) -> int:
    del settings
    last: Head | None = None
    for entry in entries(folder):
        last = Head(entry.seq, str(entry.line["hash"]))
    if last is None:
        raise StartUpError(f"there is no record in {folder} yet")
    print(last.line())
    return 0


def _export(arguments: argparse.Namespace, settings: Settings, folder: Path) -> int:
    del settings
    if arguments.schema:
        print(json.dumps(json_schema(), indent=1))
        return 0
    for entry in entries(folder):
        if entry.seq > arguments.after_seq:
            print(json.dumps(dict(entry.line), separators=(",", ":")))
    return 0


def _report(arguments: argparse.Namespace, settings: Settings, folder: Path) -> int:
    del settings
    span: Span = arguments.month
    month = month_of(entries(folder), span)
    print(f"Audit report {span.begin:%Y-%m} (UTC)")
    for title, rows in _tables(month):
        print(f"\n{title}")
        for name, count in rows or [("none", 0)]:
            print(f"  {name:<56}{count:>8}")
    return 0


def _tables(month: Month) -> list[tuple[str, list[tuple[str, int]]]]:
    accesses = {
        f"{user} {action}{'' if success else ' (refused or not there)'}": count
        for (user, action, success), count in month.accesses.items()
    }
    return [
        ("Records", sorted(month.records.items())),
        (
            "Calls",
            [
                *sorted(month.dispositions.items()),
                ("different callers", len(month.callers)),
                ("minutes", round(month.call_seconds / 60)),
            ],
        ),
        ("Who saw or changed what", sorted(accesses.items())),
        ("Refused sign-ins, by address", sorted(month.refused_sign_ins.items())),
    ]


def _head(text: str) -> Head:
    found = _HEAD.fullmatch(text)
    if not found:
        raise argparse.ArgumentTypeError("write the number, a colon and the 64 digits of the hash")
    return Head(int(found[1]), found[2])


def _month(text: str) -> Span:
    try:
        begin = datetime.strptime(text, "%Y-%m").replace(tzinfo=UTC)
    except ValueError:
        raise argparse.ArgumentTypeError("write a month as 2026-11") from None
    later = begin.replace(year=begin.year + begin.month // 12, month=begin.month % 12 + 1)
    return Span(begin, later)


command = Command("audit", "Check, export and sum up the audit", _configure, _run)
