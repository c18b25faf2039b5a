"""What a served call and a member of staff leave in the audit, over real processes."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from pipeline.audit.keys import trusted_keys
from pipeline.audit.records import read
from pipeline.audit.trail import lines_of, trail_files
from pipeline.audit.verify import verify_trail
from pipeline.supervisor.staff import StaffTokens
from pipeline.webhook.report import signed_part
from tests.supervisor.served import UNTIL_S, Served, served, staff_token

pytestmark = pytest.mark.wire


def folder(server: Served) -> Path:
    return server.directory / "state" / "audit"


def of_type(server: Served, kind: str) -> list[dict[str, Any]]:
    lines = [line for _, path in trail_files(folder(server)) for line in lines_of(path)]
    records = [json.loads(line) for line in lines if line.endswith(b"\n")]
    return [record for record in records if record["type"] == kind]


def until(server: Served, kind: str, count: int = 1) -> list[dict[str, Any]]:
    limit = time.monotonic() + UNTIL_S
    while len(found := of_type(server, kind)) < count:
        assert time.monotonic() < limit, (kind, found)
        time.sleep(0.02)
    return found


def test_a_call_and_a_look_at_it_are_on_record_without_any_value(tmp_path: Path) -> None:
    with served(tmp_path) as server:
        secret = staff_token(server)
        first, second = server.call(), server.call()
        started = until(server, "call_start", 2)
        assert [r["call_id"] for r in started] == [first["call_id"], second["call_id"]]
        assert started[0]["caller_id"] == started[1]["caller_id"]
        assert started[0]["agent_name"] == "scripted_receptionist"
        staff = {"Authorization": f"Bearer {secret}"}
        for field in ("first_name", "maria_gomez"):
            asked = {"call_id": first["call_id"], "field": field}
            assert server.ask("POST", "/api/live/reveal", asked, **staff)[0] == 200
        looked = of_type(server, "phi_access")  # durable before the answer came
        assert [r["success"] for r in looked] == [True, False]
        assert looked[0]["user_id"] == "staff:first"
        assert [r["field_names"] for r in looked] == [["first_name"], []]
        asked = {"call_id": first["call_id"], "field": "first_name"}
        wrong = {"Authorization": "Bearer ws_00000000_" + "a" * 32}
        assert server.ask("POST", "/api/live/reveal", asked, **wrong)[0] == 401
        signed_in = until(server, "authentication", 3)
        assert [r["success"] for r in signed_in] == [True, True, False]
        assert {r["source_ip"] for r in signed_in} == {"127.0.0.1"}
        assert [r["user_id"] for r in signed_in] == ["staff:first", "staff:first", None]
        assert server.ask("POST", "/api/hangup", {"call_key": first["call_key"]})[0] == 204
        assert until(server, "call_end")[0]["call_id"] == first["call_id"]
        assert server.ask("POST", "/api/live/active", {}, **staff)[0] == 204
    assert len(of_type(server, "authentication")) == 3
    assert len(of_type(server, "configuration")) == 1
    verdict = verify_trail(folder(server), trusted_keys(folder(server) / "keys"), shapes=True)
    assert verdict.whole
    assert verdict.chain.unsigned == 0
    everything = b"".join(p.read_bytes() for p in folder(server).glob("audit-*"))
    started_lines = [line for line in everything.splitlines(keepends=True) if b"call_start" in line]
    assert b"Sam" not in everything
    assert b"maria" not in everything
    assert b"127.0.0.1" not in b"".join(started_lines)
    for line in everything.splitlines(keepends=True):
        read(line)


def test_whoever_gets_nothing_is_on_record_too(tmp_path: Path) -> None:
    with served(tmp_path) as server:
        tokens = StaffTokens(server.directory / "state")
        low = {"Authorization": f"Bearer {tokens.create('trainee', role='readonly')}"}
        high = {"Authorization": f"Bearer {tokens.create('nurse', role='operator')}"}
        fetch = {"Authorization": f"Bearer {tokens.create('ehr', role='fetch')}"}
        asked = {"call_id": server.call()["call_id"], "field": "first_name"}
        unknown = {"call_id": "maria-gomez", "field": "first_name"}
        assert server.ask("POST", "/api/live/reveal", asked, **low)[0] == 403
        assert server.ask("POST", "/api/requests/fetch", asked, **low)[0] == 403
        assert server.ask("POST", "/api/live/reveal", unknown, **high)[0] == 400
        os.kill(server.events("worker_started")[0]["pid"], signal.SIGKILL)
        server.until("call_over")
        assert server.ask("POST", "/api/live/reveal", asked, **high)[0] in {400, 503}
        looked = of_type(server, "phi_access")  # durable before the answers came
        assert [(r["action"], r["user_id"], r["success"]) for r in looked] == [
            ("reveal", "staff:trainee", False),
            ("fetch", "staff:trainee", False),
            ("reveal", "staff:nurse", False),
            ("reveal", "staff:nurse", False),
        ]
        assert [r["call_id"] for r in looked] == [None, None, None, asked["call_id"]]
        assert server.ask("POST", "/api/live/active", {}, **fetch)[0] == 403
        shown = until(server, "authentication", 5)
    told = [(r["user_id"], r["success"]) for r in shown]
    assert told.count(("staff:trainee", False)) == 2
    assert told.count(("staff:nurse", True)) == 2
    assert told[-1] == ("staff:ehr", False)


def reports(server: Served) -> list[bytes]:
    files = sorted((server.directory / "state" / "reports").glob("reports-*.jsonl"))
    return [line for path in files for line in path.read_bytes().splitlines()]


def test_row_d20_each_call_leaves_a_signed_report_on_this_machine(tmp_path: Path) -> None:
    with served(tmp_path) as server:
        call = server.call()
        until(server, "call_start")
        assert server.ask("POST", "/api/hangup", {"call_key": call["call_key"]})[0] == 204
        until(server, "call_end")
        server.call()
        until(server, "call_start", 2)
    kept = reports(server)
    assert [json.loads(body)["type"] for body in kept] == ["end_of_call"] * 2
    assert json.loads(kept[0])["call_id"] == call["call_id"]
    key = trusted_keys(folder(server) / "keys").keys[0]
    plain, signature = signed_part(kept[0])
    assert key.verify(signature, plain)


def test_an_offer_that_never_connects_leaves_no_record_and_no_report(tmp_path: Path) -> None:
    with served(tmp_path) as server:
        status, absent, _ = server.offer(server.token(), "absent")
        assert status == 200
        assert server.ask("POST", "/api/hangup", {"call_key": absent["call_key"]})[0] == 204
        server.until("call_over")
        call = server.call()
        assert server.ask("POST", "/api/hangup", {"call_key": call["call_key"]})[0] == 204
        until(server, "call_end")
    about = [r["call_id"] for kind in ("call_start", "call_end") for r in of_type(server, kind)]
    assert about == [call["call_id"]] * 2
    assert [json.loads(body)["call_id"] for body in reports(server)] == [call["call_id"]]


def test_a_call_whose_worker_died_has_an_end_on_record(tmp_path: Path) -> None:
    with served(tmp_path) as server:
        call = server.call()
        until(server, "call_start")
        os.kill(server.events("worker_started")[0]["pid"], signal.SIGKILL)
        over = until(server, "call_end")
    assert over[0]["call_id"] == call["call_id"]
    assert over[0]["disposition"] == "worker_lost"


def test_a_server_that_was_killed_goes_on_with_the_same_chain(tmp_path: Path) -> None:
    with served(tmp_path) as server:
        server.call()
        until(server, "call_start")
        server.process.kill()
        server.process.wait()
    with served(tmp_path) as server:
        server.call()
        until(server, "call_start", 2)
    verdict = verify_trail(folder(server), trusted_keys(folder(server) / "keys"), shapes=True)
    assert verdict.whole
    assert len(of_type(server, "chain_opened")) == 1
