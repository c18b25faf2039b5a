"""`wardline evidence`: one signed folder for an auditor, made from tests of this moment; `evidence verify` checks one.

Making needs the server's configuration and the audit's signing key; checking needs the public key only.
"""

from __future__ import annotations

import argparse
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from phi.chain_key import KeyUnreadable, PublicChainKey
from pipeline import config
from pipeline.audit.by_command import append, local_user
from pipeline.audit.folder import audit_folder, keys_folder
from pipeline.audit.keys import SIGNING_FILE, open_keys
from pipeline.audit.records import Administration
from pipeline.audit.trail import trail_files
from pipeline.cli import Command
from pipeline.clock import MonotonicClock, wall_now
from pipeline.commands.check_config import say_faults
from pipeline.commands.evidence_facts import PARTS, Asked, as_json, gather
from pipeline.errors import ConfigError, StartUpError
from pipeline.evidence import folder as folders
from pipeline.evidence import installed

SAY_AGAIN_S = 10.0
"""A million audit records take some ten seconds; nobody should wonder whether it hangs."""

README = """Evidence of one installation of Wardline, made by `wardline evidence`. It holds no data of callers.

evidence.json        when it was made, and each result in a sentence
audit.json           verification of the signed audit chain, and the head it stood at
egress.json          every way out of the machine that was tried, and what stopped it
canary.json          a planted word, tried through every output of a process
server.json          what the running server had tested in its own processes, and how long ago
controls.json, .md   45 CFR 164: control, code, test, and what remains the organisation's
software.json        version, digests of code and lock file; sbom.cdx.json: CycloneDX parts list
packages.json        installed files against the sums they came with
configuration.json   the settings in force; secrets only as "set" or "not set"
data-flow.txt, .mmd  where callers' words go; sub-processors.json: who else takes part
redactor.json        what the redactor misses, as measured
store.json           counts, versions, retention; host.json: this machine

To check it, with this program and the public key that you were given by another way:
    wardline evidence verify FOLDER --public-key KEPT.pub
Without this program:
    sha256sum --strict -c SHA256SUMS
    openssl pkeyutl -verify -pubin -inkey KEPT.pub -rawin -in SHA256SUMS -sigfile SHA256SUMS.sig
The second shows who signed; neither shows a file that was added (`evidence verify` does). key.pub is a copy for
convenience: whoever could replace the folder could replace it too, so compare its fingerprint.

The facts are those of the moment. It supports an assessment; it is no statement that an organisation complies.
"""


def _configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", metavar="FILE", help="the server's configuration file")
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="new or empty")
    parser.add_argument(
        "--last-egress",
        action="store_true",
        help="take the last egress test on record, with its age, instead of trying now",
    )
    parser.set_defaults(act=_make)
    actions = parser.add_subparsers(title="actions", metavar="ACTION")
    verify = actions.add_parser("verify", help="find changed, missing and added files")
    verify.add_argument("folder", type=Path, metavar="FOLDER")
    verify.add_argument(
        "--public-key", type=Path, metavar="FILE", help="the key you kept (default: the folder's)"
    )
    verify.set_defaults(act=_verify)


def _run(arguments: argparse.Namespace) -> int:
    try:
        status: int = arguments.act(arguments)
    except ConfigError as error:
        return say_faults(error)
    except StartUpError as error:
        print(f"wardline evidence: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"wardline evidence: {error.filename}: {error.strerror}", file=sys.stderr)
        return 1
    return status


def _make(arguments: argparse.Namespace) -> int:
    if arguments.out is None:
        print("wardline evidence: name a new folder with --out FOLDER", file=sys.stderr)
        return 2
    settings = config.load(arguments.config)
    folders.refuse_full(arguments.out)
    audit, keys_at = audit_folder(settings), keys_folder(settings)
    if not trail_files(audit):
        raise StartUpError(
            f"there is no audit in {audit}; name the server's configuration, or start it once"
        )
    if not (keys_at / SIGNING_FILE).exists():
        raise StartUpError(
            f"the audit's signing key is not in {keys_at}; run this as the server's user, on its machine"
        )
    keys = open_keys(keys_at)
    evidence_id = f"e{uuid4().hex}"
    append(
        settings,
        [
            Administration(
                action="evidence", user_id=local_user(), success=True, resource_id=evidence_id
            )
        ],
    )
    file = config.named_file(arguments.config)
    asked = Asked(settings, keys, evidence_id, arguments.last_egress, file)
    with _progress() as begun:
        found = dict(gather(asked, begun))
    summary = {
        "id": evidence_id,
        "made": wall_now().isoformat(timespec="seconds"),
        "practice_id": settings.practice.id,
        "version": installed.own().version,
        "signed_with": keys.signing.public.fingerprint,
        "results": [
            {"part": name, "result": part.result, "said": part.said} for name, part in found.items()
        ],
    }
    parts = {"README.txt": README.encode(), "evidence.json": as_json(summary)}
    for part in found.values():
        parts |= part.files
    folders.write(arguments.out, evidence_id, parts, keys.signing.sign, keys.signing.public)
    for name, part in found.items():
        print(f"{part.result:<8} {name:<14} {part.said}")
    print(f"{len(parts) + 3} files in {arguments.out}, id {evidence_id}")
    print(f"signed with {keys.signing.public.fingerprint}: tell it to the auditor by another way")
    failed = [name for name, part in found.items() if part.result == "fail"]
    if failed:
        print(f"The folder is whole and says so: {', '.join(failed)} failed.")
    return 1 if failed else 0


def _verify(arguments: argparse.Namespace) -> int:
    key = None
    if arguments.public_key is not None:
        try:
            key = PublicChainKey.from_pem(arguments.public_key.read_bytes())
        except KeyUnreadable as error:
            raise StartUpError(
                f"{arguments.public_key} is {error}; give the audit's public key (*.pub)"
            ) from None
    checked = folders.check(arguments.folder, key)
    print("WHOLE" if checked.whole else "NOT WHOLE")
    if checked.refused:
        print(f"refused   {checked.refused}")
    for name, fault in checked.faults:
        print(f"{fault.value:<9} {_plain(name)}")
    print(f"files     {checked.files}, evidence {checked.evidence_id or 'unknown'}")
    print(f"key       {checked.fingerprint or 'none'}")
    if key is None:
        print(
            "          from the folder itself: compare it with the fingerprint you were told, or use --public-key"
        )
    return 0 if checked.whole else 1


def _plain(name: str) -> str:
    """A name somebody else may have given, for a terminal."""
    return "".join(c if c.isprintable() else "?" for c in name)[:120]


@contextmanager
def _progress() -> Iterator[Progress]:
    """Say on standard error what is being done, and every ten seconds that it still is."""
    progress = Progress()
    thread = threading.Thread(target=progress.watch, name="progress", daemon=True)
    thread.start()
    try:
        yield progress
    finally:
        progress.over.set()
        thread.join()


class Progress:
    """Which part is being made, and since when."""

    def __init__(self) -> None:
        """Nothing is being made yet."""
        self.over = threading.Event()
        self._clock = MonotonicClock()
        self._number, self._doing, self._began_ms, self._said_ms = 0, "", 0.0, 0.0

    def __call__(self, doing: str) -> None:
        """Another part begins."""
        self._number += 1
        self._began_ms = self._said_ms = self._clock.now_ms()
        self._doing = doing
        print(f"[{self._number}/{len(PARTS)}] {doing}", file=sys.stderr, flush=True)

    def is_long(self, now_ms: float) -> bool:
        """Whether nothing was said for a while."""
        return bool(self._doing) and now_ms - self._said_ms >= SAY_AGAIN_S * 1000

    def watch(self) -> None:
        """Until it is over."""
        while not self.over.wait(min(1.0, SAY_AGAIN_S)):
            now_ms = self._clock.now_ms()
            if self.is_long(now_ms):
                self._said_ms = now_ms
                seconds = (now_ms - self._began_ms) / 1000
                print(f"        still {self._doing}, {seconds:.0f} s", file=sys.stderr, flush=True)


command = Command("evidence", "Make or verify a signed folder for an auditor", _configure, _run)
