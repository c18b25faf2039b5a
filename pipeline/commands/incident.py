"""`wardline incident`: a folder for a breach investigation: which calls, which fields by name, when, who saw them."""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

from phi.chain import heads_in
from pipeline import config
from pipeline.audit.digest import Span, entries, incident_of
from pipeline.audit.folder import audit_folder, heads_file, keys_folder
from pipeline.audit.keys import open_keys
from pipeline.audit.records import CALL_ID
from pipeline.audit.trail import trail_files
from pipeline.audit.verify import verify_trail
from pipeline.cli import Command
from pipeline.clock import wall_now
from pipeline.commands.check_config import say_faults
from pipeline.errors import ConfigError, StartUpError
from pipeline.private_folder import MODE, make_private

_EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
_LATEST = datetime(9999, 1, 1, tzinfo=UTC)

README = """This folder supports the investigation of an incident; it holds ids, times and names of fields, no values.

incident.json   calls affected, by id and keyed caller hash; names of the fields collected or shown; who saw them
records.jsonl   every audit record of the span or of the calls, as it stands in the chain
verification.json   whether the audit chain was found whole when this folder was made
SHA256SUMS      and SHA256SUMS.sig: an Ed25519 signature over it with the audit's key (key.pub)

What remains yours: the root cause, the risk assessment, the notices (45 CFR 164.400-414: individuals without
unreasonable delay and within 60 days; 500 or more people also HHS within 60 days, fewer in the annual report).
"""


def _configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", metavar="FILE", help="the server's configuration file")
    parser.add_argument("--since", type=_moment, metavar="TIME", help="e.g. 2026-11-02T08:00 (UTC)")
    parser.add_argument("--until", type=_moment, metavar="TIME", help="before this moment")
    parser.add_argument("--call", action="append", default=[], type=_call, help="may be repeated")
    parser.add_argument("--out", type=Path, required=True, help="a folder that does not exist yet")


def _run(arguments: argparse.Namespace) -> int:
    try:
        settings = config.load(arguments.config)
        folder = audit_folder(settings)
        if not trail_files(folder):
            raise StartUpError(f"there is no audit in {folder}; name the server's configuration")
        keys = open_keys(keys_folder(settings))
        known = heads_file(settings)
        heads = heads_in(known.read_text(errors="replace")) if known and known.exists() else []
        verdict = verify_trail(folder, keys.trusted, heads)
        span = Span(arguments.since or _EARLIEST, arguments.until or _LATEST)
        incident = incident_of(entries(folder), span=span, calls=frozenset(arguments.call))
        checked = {
            "whole": verdict.whole,
            "records": verdict.chain.records,
            "head": verdict.chain.head.line(),
            "signed_to": verdict.chain.signed_to,
            "unproven": [{"first": one.first, "last": one.last} for one in verdict.unproven],
            "heads_compared": len(heads),
            "made": wall_now().isoformat(),
        }
        parts = {
            "README.txt": README.encode(),
            "incident.json": json.dumps(incident.summary(), indent=1).encode() + b"\n",
            "records.jsonl": b"".join(
                json.dumps(line, separators=(",", ":")).encode() + b"\n" for line in incident.lines
            ),
            "verification.json": json.dumps(checked, indent=1).encode() + b"\n",
            "key.pub": keys.signing.public.pem(),
        }
        sums = "".join(f"{sha256(data).hexdigest()}  {name}\n" for name, data in parts.items())
        parts |= {"SHA256SUMS": sums.encode(), "SHA256SUMS.sig": keys.signing.sign(sums.encode())}
        _write(arguments.out, parts)
    except ConfigError as error:
        return say_faults(error)
    except StartUpError as error:
        print(f"wardline incident: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"wardline incident: {error.filename}: {error.strerror}", file=sys.stderr)
        return 1
    state = "whole"
    if verdict.unproven:
        state += " but signed only after a restart in part: run `wardline audit verify`"
    state = state if verdict.whole else "NOT WHOLE: run `wardline audit verify`"
    print(f"{len(incident.calls)} calls, {len(incident.lines)} records, the audit is {state}")
    print(arguments.out)
    return 0


def _write(folder: Path, parts: dict[str, bytes]) -> None:
    make_private(folder.parent)
    folder.mkdir(mode=MODE)
    for name, data in parts.items():
        descriptor = os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError("write a time as 2026-11-02T08:00") from None
    return moment.replace(tzinfo=moment.tzinfo or UTC)


def _call(text: str) -> str:
    if not re.fullmatch(CALL_ID, text):
        raise argparse.ArgumentTypeError("write a call's id as the audit shows it")
    return text


command = Command("incident", "Collect what an incident touched", _configure, _run)
