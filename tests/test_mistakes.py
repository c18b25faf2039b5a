"""Mistakes of comparable systems that belong to no one room: each is looked for in all of them."""

from __future__ import annotations

import ast
import re
from datetime import timedelta
from functools import cache
from pathlib import Path

import pytest

from phi.vault import UnknownHandle
from pipeline.audit.keys import open_keys
from pipeline.audit.verify import verify_trail
from pipeline.audit.writer import AuditWriter
from pipeline.clock import wall_now
from pipeline.commands.event_files import EventFiles
from pipeline.recording.consent import Consent, OptOut
from pipeline.settings import Settings
from pipeline.telemetry.events import Event, set_sink
from tests.audit.rig import end, start
from tests.call.identity_flow import PHONE, asking, calling_practice

ROOT = Path(__file__).parent.parent
PACKAGES = ("pipeline", "models", "phi", "bench")
_CHECKS = re.compile(r"(?:^|_)(verif|check|authenti|authoris|allow|permit|trust|may|valid|genuine)")


@cache
def trees() -> list[tuple[Path, ast.Module]]:
    return [
        (path.relative_to(ROOT), ast.parse(path.read_text("utf-8")))
        for package in PACKAGES
        for path in sorted((ROOT / package).rglob("*.py"))
    ]


def test_x7_no_header_of_ours_claims_what_it_does_not_do() -> None:
    """Rows W12, X7: `X-Encryption: AES-256-GCM` encrypts nothing. Headers are names in our sources."""
    headers = {
        node.value
        for _, tree in trees()
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and re.fullmatch(r"(?i)(?:x|wardline)-[a-z-]{2,40}", node.value)
    }
    assert {"X-Content-Type-Options", "Wardline-Signature"} <= headers
    claims = re.compile(r"(?i)encrypt|secur|hipaa|complian|privacy|protected")
    assert not [header for header in headers if claims.search(header)]


async def test_x8_x34_a_call_with_every_field_and_an_urgent_word_leaves_events_without_them() -> (
    None
):
    said: list[Event] = []
    set_sink(said.append)
    try:
        async with calling_practice(asking(), asked="day") as rig:
            await rig.turn("next tuesday")
            await rig.turn("at three thirty in the afternoon")
            assert {"day", "time"} <= rig.watch.fields.keys()
            values = [rig.call.request_value(name) for name in rig.watch.fields]
            await rig.turn("i have crushing chest pain and i can not breathe")
            assert rig.watch.kinds
    finally:
        set_sink(None)
    log = " ".join(str(event.record()) for event in said).lower()
    assert {"urgent_raised", "turn_ended", "call_ended"} <= {event.name for event in said}
    words = [str(value).lower() for value in values if value]
    words += ["vaccination", "daniel", PHONE, "tuesday", "three", "thirty", "afternoon"]
    words += ["chest", "breath", "pain"]
    words += [kind.lower() for kind in rig.watch.kinds]
    assert not [word for word in words if word in log]


async def test_x9_what_one_call_knows_no_call_beside_it_knows() -> None:
    async with (
        calling_practice(asking("birth_date")) as known,
        calling_practice(asking("birth_date")) as stranger,
    ):
        await known.key("07191953")
        await known.until_quiet()
        await stranger.silent(500)
        assert known.call.compartment.resolve("birth_date", "store") == "1953-07-19"
        with pytest.raises(UnknownHandle):
            stranger.call.compartment.resolve("birth_date", "store")
        assert "birth_date" not in stranger.call.handles()
        assert "birth_date" not in stranger.watch.fields
        assert stranger.call.request_value("birth_date") is None


def test_x9_no_state_of_a_call_is_kept_on_a_class() -> None:
    """`self.verified = True` on a shared object was the mistake: a mutable value on a class is shared by all calls."""
    shared = [
        f"{path}: {owner.name}"
        for path, tree in trees()
        if path.parts[:2] in {("pipeline", "call"), ("pipeline", "turn"), ("pipeline", "recording")}
        for owner in ast.walk(tree)
        if isinstance(owner, ast.ClassDef)
        for node in owner.body
        if isinstance(node, ast.Assign | ast.AnnAssign)
        and isinstance(node.value, ast.List | ast.Dict | ast.Set)
    ]
    assert shared == []


def test_x10_no_check_is_a_constant() -> None:
    """`_verify_against_database` returned True: nothing that decides does so without looking."""
    constant = []
    looked_at = 0
    for path, tree in trees():
        for node in ast.walk(tree):
            if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            if not _CHECKS.search(node.name):
                continue
            looked_at += 1
            returned = [n.value for n in ast.walk(node) if isinstance(n, ast.Return)]
            agrees = [isinstance(v, ast.Constant) and v.value is True for v in returned]
            if returned and all(agrees):
                constant.append(f"{path}: {node.name}")
    assert looked_at > 30
    assert constant == []


def test_x14_the_audit_has_no_end_and_recordings_have_no_default_life(tmp_path: Path) -> None:
    """Six years belong to documentation and audit, not to recordings: nothing of ours shortens the one or keeps the other."""
    with AuditWriter(tmp_path / "audit", open_keys(tmp_path / "audit/keys")) as audit:
        audit.put(start())
        audit.put(end())
    logs = tmp_path / "audit" / "events.jsonl"
    old = logs.with_name("events-2001-01-01.jsonl")
    old.write_text("{}\n")
    EventFiles(logs, 1, lambda: False).look(wall_now().date() + timedelta(days=3_650))
    assert not old.exists()
    keys = open_keys(tmp_path / "audit/keys").trusted
    assert verify_trail(tmp_path / "audit", keys).whole
    settings = Settings()
    assert not hasattr(settings.audit, "days")
    assert Consent(ask=False, opt_out=OptOut.shipped([])).begin() == []
