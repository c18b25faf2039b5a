"""What goes into the folder of `wardline evidence`, each part tested or read at this moment.

Every part answers with files, a result and a sentence; what cannot be found out is said, and never left out. No part
holds a value that a caller gave: counts, names of fields, sums, settings without secrets.
"""

from __future__ import annotations

import json
import secrets
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal
from uuid import uuid4

from phi.chain import heads_in
from pipeline import config
from pipeline.audit.digest import entries
from pipeline.audit.folder import audit_folder, heads_file
from pipeline.audit.keys import AuditKeys
from pipeline.audit.records import EgressTest
from pipeline.audit.verify import SAID, verify_trail
from pipeline.bundle.faults import BundleFault
from pipeline.bundle.manifest import Model as BundleModel
from pipeline.bundle.opened import bundle_directory
from pipeline.bundle.verify import manifest_of
from pipeline.bundle.versions import Bundles
from pipeline.clock import MonotonicClock, wall_now
from pipeline.commands.canary_trial import try_in_child
from pipeline.commands.doctor import examine
from pipeline.commands.egress_test import exposed, record_of, try_both
from pipeline.egress import flow
from pipeline.egress.trial import count, kernel_holds
from pipeline.errors import StartUpError
from pipeline.evidence import installed, sbom, untouched
from pipeline.evidence.configuration import shown
from pipeline.evidence.controls import controls, markdown
from pipeline.evidence.lock import plain_name
from pipeline.evidence.running import ask
from pipeline.machine.judge import judge
from pipeline.machine.read import look
from pipeline.recording.faults import RecordingBroken
from pipeline.recording.sealed_file import read_header
from pipeline.settings import Settings
from pipeline.store.database import Database
from pipeline.store.facts import facts_of
from pipeline.store.faults import StoreFault
from pipeline.store.opening import LOCKED_MS, location
from pipeline.telemetry import measured

Result = Literal["pass", "fail", "unknown", "stated"]
"""`stated`: a fact that nobody can pass or fail."""

ABOUT_A_START = frozenset({"port", "media ports"})
"""What the doctor looks at for a server that is about to start; beside a running one they are taken by itself."""


@dataclass(frozen=True, slots=True)
class Part:
    """One subject of the folder."""

    files: Mapping[str, bytes]
    result: Result
    said: str


@dataclass(frozen=True, slots=True)
class Asked:
    """What the parts are made from."""

    settings: Settings
    keys: AuditKeys
    evidence_id: str
    last_egress: bool = False
    """Take the last egress test on record instead of making one."""
    config_file: Path | None = None
    """Who may read it is looked at too."""


def as_json(value: object) -> bytes:
    """A file of the folder."""
    return json.dumps(value, indent=1).encode() + b"\n"


def audit(asked: Asked) -> Part:
    """Read the whole chain and say where it stands."""
    folder = audit_folder(asked.settings)
    known = heads_file(asked.settings)
    heads = heads_in(known.read_text(errors="replace")) if known and known.exists() else []
    verdict = verify_trail(folder, asked.keys.trusted, heads, shapes=True)
    chain = verdict.chain
    found = {
        "whole": verdict.whole,
        "files": len(verdict.files),
        "records": chain.records,
        "checkpoints": chain.checkpoints,
        "head": chain.head.line(),
        "signed_to": chain.signed_to,
        "heads_compared": len(heads),
        "unproven": [{"first": u.first, "last": u.last} for u in verdict.unproven],
        "faults": [{"kind": f.kind.value, "record": f.seq, "said": SAID[f.kind]} for f in chain.faults],
        "missing_files": list(verdict.gaps),
        "misshapen": verdict.misshapen,
        "keys": [key.fingerprint for key in asked.keys.trusted.keys],
    }  # fmt: skip
    said = f"{chain.records} records, head {chain.head.seq}, {len(heads)} kept heads compared"
    passed = verdict.whole and not verdict.unproven
    if not passed:
        said = "signed only after a restart in part: run `wardline audit verify`"
    if not verdict.whole:
        said = "NOT WHOLE: run `wardline audit verify`"
    return Part({"audit.json": as_json(found)}, "pass" if passed else "fail", said)


def egress(asked: Asked) -> Part:
    """Try every way out of this machine, or take the last trial that is on record, with its age."""
    if asked.last_egress:
        return _last_egress(asked.settings)
    clock = MonotonicClock()
    began_ms = clock.now_ms()
    guarded, bare = try_both(asked.settings, named_bare=False)
    holds, why = kernel_holds(bare)
    out = count(guarded).out
    level = 0 if out else 2 if holds else 1
    found = record_of(guarded, bare, level, why, clock.now_ms() - began_ms)
    failed = bool(out) or (not holds and exposed(asked.settings))
    said = f"level {level}: {len(guarded)} ways tried, {len(out)} went out; {why}"
    return Part({"egress.json": as_json(found)}, "fail" if failed else "pass", said)


def _last_egress(settings: Settings) -> Part:
    last = None
    for entry in entries(audit_folder(settings)):
        if isinstance(entry.record, EgressTest):
            last = entry
    if last is None or not isinstance(last.record, EgressTest):
        said = "no test is on record; run `wardline egress-test`, or leave out --last-egress"
        return Part({"egress.json": as_json({"said": said})}, "unknown", said)
    age_h = (wall_now() - last.ts).total_seconds() / 3600
    found = {
        "at": last.ts.isoformat(timespec="seconds"),
        "age_hours": round(age_h, 1),
        "audit_record": last.seq,
        **last.record.fields(),
    }
    said = f"level {last.record.level}, tested {age_h:.1f} hours ago"
    held = last.record.ways_open == 0 and (last.record.level == 2 or not exposed(settings))
    return Part({"egress.json": as_json(found)}, "pass" if held else "fail", said)


def canary(_: Asked) -> Part:
    """Try every output of a process that has loaded what the server loads."""
    found = try_in_child(secrets.token_hex(16))
    said = found.said or (
        f"a planted word was tried through {found.paths} ways out of a process and did not come out"
        if found.passed
        else "a planted word came out: the server would refuse to start"
    )
    result: Result = "pass" if found.passed else "unknown" if found.said else "fail"
    return Part({"canary.json": as_json({**asdict(found), "passed": found.passed})}, result, said)


def server(asked: Asked) -> Part:
    """What the running server has tested in its own processes, with the age of each result."""
    found = ask(asked.settings)
    results = {name: str(fact.get("result", "")) for name, fact in found["tested"].items()}
    failed = sorted(name for name, result in results.items() if result == "fail")
    relaxed = found.get("relaxed", [])
    said = ", ".join(f"{name} {result}" for name, result in sorted(results.items()))
    said += f"; relaxed settings: {', '.join(map(str, relaxed)) or 'none'}"
    return Part({"server.json": as_json(found)}, "fail" if failed else "pass", said)


def software(asked: Asked) -> Part:
    """The parts list, the version, the digests of lock and code."""
    own, parts, lock = installed.own(), installed.installed(), installed.lock()
    engines = asked.settings.engines
    paths = [engines.whisper_directory, engines.piper_voice, engines.piper_voice_es]
    models = described(asked.settings, installed.model_files(Path(path) for path in paths if path))
    bom = sbom.bom(
        own,
        parts,
        lock,
        platform=installed.interpreter(),
        models=models,
        serial=str(uuid4()),
        made=wall_now().isoformat(timespec="seconds"),
    )
    strange = sbom.unlocked(parts, lock, installed.OWN) if lock else []
    other = [name for name in strange if lock and plain_name(name.split()[0]) in lock.packages]
    found = {
        "version": own.version,
        "code_sha256": installed.code_digest(),
        "lock_sha256": lock.digest if lock else None,
        "distributions": len(parts),
        "other_version_than_locked": other,
        "not_in_the_lock": [name for name in strange if name not in other],
    }
    said = f"version {own.version}, {len(parts)} distributions"
    if lock is None:
        said += "; the lock file is not here, so archives' sums are missing"
    elif strange:
        said += f", {len(other)} in another version than locked, {len(strange) - len(other)} not in the lock"
    return Part({"sbom.cdx.json": as_json(bom), "software.json": as_json(found)}, "stated", said)


def described(settings: Settings, models: Iterable[sbom.Model]) -> Iterator[sbom.Model]:
    """With licence, repository and commit where a bundle here lists the same file."""
    bundles = Bundles(bundle_directory(settings))
    known: dict[str, BundleModel] = {}
    for name in bundles.names():
        with suppress(BundleFault):
            for model in manifest_of(bundles.version(name)).models:
                known |= {file.sha256: model for file in model.files}
    for each in models:
        found = known.get(each.sha256)
        yield (
            each
            if found is None
            else replace(
                each, licence=found.licence, version=found.revision, repository=found.repository
            )
        )


def packages(_: Asked) -> Part:
    """Every installed file against the sum it came with."""
    found = untouched.compare()
    said = f"{found.files} installed files are as they came"
    if not found.whole:
        said = (
            f"{len(found.changed)} of {found.files} installed files are changed and {len(found.missing)} missing:"
            " install the locked packages anew"
        )
    if found.unowned:
        said += f"; {len(found.unowned)} entries beside them belong to no package"
    return Part({"packages.json": as_json(found.record())}, "pass" if found.whole else "fail", said)


def configuration(asked: Asked) -> Part:
    """The settings in force, secrets as "set" or "not set"."""
    found = shown(asked.settings)
    flow_file = asked.settings.practice.flow_file
    data = (
        Path(flow_file).read_bytes()
        if flow_file
        else files("pipeline.call").joinpath("flows/clinic.toml").read_bytes()
    )
    record = {
        "settings": found,
        "call_flow": {"file": flow_file or "as shipped", "sha256": sha256(data).hexdigest()},
    }
    return Part({"configuration.json": as_json(record)}, "stated", f"{len(found)} settings")


def control_map(_: Asked) -> Part:
    """Control, code, test, and what remains the organisation's."""
    found = controls()
    parts = {
        "controls.json": as_json([each.record() for each in found]),
        "controls.md": markdown(found).encode(),
    }
    states = Counter(each.state for each in found)
    said = (
        f"{states['supported']} of {len(found)} controls are supported, {states['partly']} partly,"
        f" {states['organisation']} are the organisation's alone"
    )
    return Part(parts, "stated", said)


def data_flow(asked: Asked) -> Part:
    """Where callers' words go, and who takes part."""
    parties = flow.sub_processors(asked.settings)
    parts = {
        "data-flow.txt": flow.text(asked.settings).encode(),
        "data-flow.mmd": flow.mermaid(asked.settings).encode(),
        "sub-processors.json": as_json([asdict(each) for each in parties]),
    }
    said = f"{len(parties)} sub-processors are configured" if parties else "no sub-processor"
    return Part(parts, "stated", said)


def redactor(_: Asked) -> Part:
    """What the redactor misses, as measured on its labelled set."""
    found: dict[str, Any] = {"said": measured.sentence(), "measured": None}
    try:
        text = files(measured.PACKAGE).joinpath(measured.FILE).read_text("utf-8")
        found["measured"] = json.loads(text)
    except (OSError, ValueError):
        pass
    known: Result = "stated" if measured.load() else "unknown"
    return Part({"redactor.json": as_json(found)}, known, found["said"])


def store(asked: Asked) -> Part:
    """Versions, counts and retention of the store; it is not opened with the key."""
    settings = asked.settings
    try:
        database = Database(location(settings), busy_ms=LOCKED_MS)
    except StartUpError as error:
        return Part({"store.json": as_json({"said": str(error)})}, "unknown", str(error))
    try:
        found = facts_of(database, settings.practice.id)
        wrong = found.said or _old_bytes(database)
    finally:
        database.close()
    gone = "overwritten" if database.is_sqlite else "left to the database server"
    record = {
        **found.record(),
        "old_bytes": wrong or gone,
        "retention_days": {"requests": settings.store.requests_days, "logs": settings.store.logs_days},
        "key_from": settings.store.key,
        "recordings": _recordings(settings),
    }  # fmt: skip
    result: Result = "unknown" if wrong else "pass"
    if found.readable_keys_of_destroyed:
        result = "fail"
    said = wrong or (
        f"{sum(found.by_state.values())} requests, {sum(found.destroyed.values())} destroyed, {found.holds} holds"
    )
    return Part({"store.json": as_json(record)}, result, said)


def _old_bytes(database: Database) -> str:
    """Why bytes of destroyed requests may still be in the store's file; "" when they have left it just now."""
    try:
        database.scrub_again()
    except StoreFault as fault:
        return str(fault)
    return ""


def _recordings(settings: Settings) -> dict[str, Any]:
    """Sealed files by class, as their readable headers say; none is opened."""
    classes, unreadable = Counter[str](), 0
    for path in sorted(config.recording_directory(settings).glob("rec_*.wardrec")):
        try:
            with path.open("rb") as file:
                header = read_header(file)
        except (RecordingBroken, OSError):
            unreadable += 1
            continue
        if header.practice_id == settings.practice.id:
            classes[header.kept_as] += 1
    return {
        "mode": settings.recording.mode,
        "days": list(settings.recording.days),
        "files_by_class": dict(sorted(classes.items())),
        "unreadable_files": unreadable,
    }


def host(asked: Asked) -> Part:
    """What the doctor finds on this machine."""
    found = [f for f in examine(asked.settings) if f.name not in ABOUT_A_START]
    found += judge(look(asked.settings, asked.config_file))
    failed = [f.name for f in found if f.verdict == "fail"]
    unknown = [f.name for f in found if f.verdict == "unknown"]
    said = f"{len(found)} looks; failed: {', '.join(failed) or 'none'}; unknown: {', '.join(unknown) or 'none'}"
    result: Result = "fail" if failed else "unknown" if unknown else "pass"
    return Part({"host.json": as_json([asdict(each) for each in found])}, result, said)


PARTS: tuple[tuple[str, str, Callable[[Asked], Part]], ...] = (
    ("audit", "reading the audit's chain", audit),
    ("egress", "trying every way out of this machine", egress),
    ("canary", "trying a planted word through every output", canary),
    ("server", "asking the running server what it has tested", server),
    ("software", "listing the software's parts", software),
    ("packages", "comparing installed files with the sums they came with", packages),
    ("configuration", "reading the configuration", configuration),
    ("controls", "mapping controls to tests", control_map),
    ("data_flow", "drawing the data flow", data_flow),
    ("redactor", "looking up the redactor's figures", redactor),
    ("store", "counting what the store holds", store),
    ("host", "looking at this machine", host),
)
"""Name, what is said while it is made, how it is made."""


def gather(asked: Asked, begun: Callable[[str], None]) -> Iterator[tuple[str, Part]]:
    """Every part in turn; one that cannot be made says so in its place."""
    for name, doing, make in PARTS:
        begun(doing)
        try:
            yield name, make(asked)
        except StartUpError as error:
            yield name, Part({f"{name}.json": as_json({"said": str(error)})}, "unknown", str(error))
        except OSError as error:
            said = f"{error.filename}: {error.strerror}"
            yield name, Part({f"{name}.json": as_json({"said": said})}, "unknown", said)
