"""`wardline audit` and `wardline incident` on a chain made here."""

from __future__ import annotations

import json
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import pytest

from phi.chain import heads_in
from phi.chain_key import PublicChainKey
from pipeline.audit.by_command import local_user
from pipeline.audit.keys import open_keys
from pipeline.audit.records import Authentication, ChainAcknowledged, ChainRecovered, PhiAccess
from pipeline.audit.trail import trail_files
from pipeline.audit.writer import AuditWriter
from pipeline.cli import main
from pipeline.clock import wall_now
from tests.audit.rig import end, forge, start

Out = pytest.CaptureFixture[str]
pytestmark = pytest.mark.wire


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("WARDLINE_STATE_DIRECTORY", str(tmp_path))
    folder = tmp_path / "audit"
    with AuditWriter(folder, open_keys(folder / "keys")) as audit:
        for number in (1, 2):
            audit.put(start(number))
            audit.put(end(number))
        audit.put(
            PhiAccess(
                action="reveal",
                resource_type="request",
                user_id="staff:front-desk",
                success=True,
                call_id="c000000000002",
                field_names=("phone",),
            )
        )
        audit.put(Authentication(auth_type="staff_token", success=False, source_ip="192.0.2.7"))
    return folder


def test_a_whole_chain_is_said_to_be_whole(folder: Path, capsys: Out) -> None:
    assert main(["audit", "verify", "--records"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("WHOLE\n")
    assert "records  8 in 1 files, 1 checkpoints" in said
    assert "signed   up to 8; 0 after it" in said
    assert "--public-key" in said


def test_an_edit_is_named_with_its_place(folder: Path, capsys: Out) -> None:
    path = trail_files(folder)[0][1]
    path.write_bytes(path.read_bytes().replace(b"front-desk", b"front-dask"))
    assert main(["audit", "verify"]) == 1
    said = capsys.readouterr().out
    assert said.startswith("NOT WHOLE\n")
    assert "edited   audit-000001.jsonl:6, record 6" in said


def test_records_forged_while_the_server_was_down_are_unproven_until_acknowledged(
    folder: Path, capsys: Out
) -> None:
    # The second says that somebody has acknowledged everything there is.
    forged = ChainAcknowledged(user_id="local:root", up_to=2**40)
    assert forge(folder, end(3), forged) == [9, 10]
    with AuditWriter(folder, open_keys(folder / "keys")) as audit:
        audit.put(start(4))
    assert main(["audit", "verify", "--records"]) == 1
    said = capsys.readouterr().out
    assert "unproven records 9 to 10 (2) were signed only after a restart" in said
    assert "; 0 after it not yet" in said
    assert main(["audit", "acknowledge"]) == 0
    assert f"records 9 to 10: acknowledged by {local_user()}" in capsys.readouterr().out
    assert main(["audit", "verify", "--records"]) == 0
    assert "unproven" not in capsys.readouterr().out
    assert main(["audit", "acknowledge"]) == 0
    assert capsys.readouterr().out == "nothing to acknowledge\n"
    forge(folder, end(5), forged)  # and what comes later is not acknowledged by that
    with AuditWriter(folder, open_keys(folder / "keys")):
        pass
    assert main(["audit", "verify"]) == 1
    assert capsys.readouterr().out.count("unproven") == 1


def test_what_a_killed_server_left_unsigned_is_one_range_however_often_it_is_killed(
    folder: Path, capsys: Out
) -> None:
    forge(folder, end(3))
    forge(folder, ChainRecovered(torn_bytes=0, torn_hash="0" * 64, unsigned=1, intact=True))
    with AuditWriter(folder, open_keys(folder / "keys")):
        pass
    assert main(["audit", "verify"]) == 1
    assert "unproven records 9 to 10 (2)" in capsys.readouterr().out


def test_a_cut_is_found_by_a_head_that_was_kept(folder: Path, tmp_path: Path, capsys: Out) -> None:
    assert main(["audit", "head"]) == 0
    kept = capsys.readouterr().out
    (tmp_path / "kept").write_text(kept)
    path = trail_files(folder)[0][1]
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:3]))
    assert main(["audit", "verify"]) == 0
    assert "a chain cut back looks whole" in capsys.readouterr().out
    assert main(["audit", "verify", "--heads", str(tmp_path / "kept")]) == 1
    assert "the chain ends before this exported head" in capsys.readouterr().out
    head = heads_in(kept)[0]
    assert main(["audit", "verify", "--head", f"{head.seq}:{head.hash}"]) == 1


def test_a_chain_signed_anew_with_another_key_fails_with_the_key_that_was_kept(
    folder: Path, tmp_path: Path, capsys: Out
) -> None:
    kept = tmp_path / "kept.pub"
    kept.write_bytes(next(folder.glob("keys/*.pub")).read_bytes())
    for path in [*folder.glob("keys/*"), *folder.glob("audit-*")]:
        path.unlink()
    with AuditWriter(folder, open_keys(folder / "keys")) as audit:
        audit.put(start())
    assert main(["audit", "verify"]) == 0
    capsys.readouterr()
    assert main(["audit", "verify", "--public-key", str(kept)]) == 1
    assert "not of a trusted key" in capsys.readouterr().out


def test_the_export_is_json_lines_that_go_on_where_one_stopped(folder: Path, capsys: Out) -> None:
    assert main(["audit", "export", "--after-seq", "5"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["seq"] for line in lines] == [6, 7, 8]
    assert main(["audit", "export", "--schema"]) == 0
    schema = json.loads(capsys.readouterr().out)
    assert {kind["properties"]["type"]["const"] for kind in schema["oneOf"]} >= {"call_end"}


def test_the_month_is_summed_up(folder: Path, capsys: Out) -> None:
    assert main(["audit", "report", "--month", f"{wall_now():%Y-%m}"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "booked 2 different callers 1 minutes 2" in said
    assert "staff:front-desk reveal 1" in said
    assert "192.0.2.7 1" in said
    assert main(["audit", "report", "--month", "2001-12"]) == 0
    assert "none" in capsys.readouterr().out


def test_an_incident_names_calls_fields_times_and_who_saw_them(
    folder: Path, tmp_path: Path, capsys: Out
) -> None:
    out = tmp_path / "incident"
    assert main(["incident", "--call", "c000000000002", "--out", str(out)]) == 0
    assert "1 calls, 3 records, the audit is whole" in capsys.readouterr().out
    incident = json.loads((out / "incident.json").read_text())
    call = incident["calls"]["c000000000002"]
    assert call["seen_by"] == ["staff:front-desk"]
    assert call["field_names"] == ["day", "phone"]
    assert call["began"] <= call["ended"]
    assert incident["users"] == ["staff:front-desk"]
    assert incident["callers_affected"] == 1
    sums = (out / "SHA256SUMS").read_bytes()
    key = PublicChainKey.from_pem((out / "key.pub").read_bytes())
    assert key.verify((out / "SHA256SUMS.sig").read_bytes(), sums)
    for line in sums.decode().splitlines():
        digest, name = line.split("  ")
        assert sha256((out / name).read_bytes()).hexdigest() == digest
    assert main(["incident", "--out", str(out)]) == 1
    assert "File exists" in capsys.readouterr().err
    later = ["incident", "--since", "2999-01-01", "--out", str(tmp_path / "none")]
    assert main(later) == 0
    assert "0 calls, 0 records" in capsys.readouterr().out


def test_a_wrong_call_id_is_refused_without_being_echoed(folder: Path, capsys: Out) -> None:
    del folder
    for wrong in (["audit", "verify", "--head", "7"], ["audit", "report", "--month", "May"]):
        with pytest.raises(SystemExit):
            main(wrong)
    with pytest.raises(SystemExit):
        main(["incident", "--out", "x", "--call", "555-0123"])
    assert "555-0123" not in capsys.readouterr().err


def test_no_audit_is_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Out
) -> None:
    monkeypatch.setenv("WARDLINE_STATE_DIRECTORY", str(tmp_path))
    assert main(["audit", "verify"]) == 1
    assert "there is no audit" in capsys.readouterr().err


def test_a_reader_that_leaves_does_not_make_the_export_fail(folder: Path, tmp_path: Path) -> None:
    del folder
    command = f'"{sys.executable}" -m pipeline.cli audit export | head -1'
    done = subprocess.run(["bash", "-c", command], capture_output=True, check=True, text=True)
    assert json.loads(done.stdout)["seq"] == 1
    assert "Traceback" not in done.stderr
