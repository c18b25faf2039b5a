"""`wardline evidence`: the folder is made from facts, holds nothing a caller said, and a check finds any change."""

from __future__ import annotations

import itertools
import json
import threading
from importlib.metadata import distribution
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from sqlalchemy import select

from pipeline import config
from pipeline.audit.digest import entries
from pipeline.audit.keys import open_keys
from pipeline.audit.records import Administration, CallStart, EgressTest
from pipeline.audit.trail import trail_files
from pipeline.audit.writer import AuditWriter
from pipeline.cli import main
from pipeline.clock import MonotonicClock
from pipeline.commands import evidence, evidence_facts
from pipeline.commands.canary_trial import CanaryResult
from pipeline.commands.evidence_facts import PARTS, Asked, egress
from pipeline.recording.sealed_file import Header, SealedWriter
from pipeline.store import keys
from pipeline.store.faults import ScrubOwed
from pipeline.store.opening import tombstones_of
from pipeline.store.retention import redact
from pipeline.store.schema import RequestRow
from tests.audit.rig import end
from tests.canary.search import Search
from tests.ports import free_port
from tests.store.conftest import House
from tests.store.snapshots import snapshot

Out = pytest.CaptureFixture[str]
pytestmark = pytest.mark.wire

ADDRESS = "198.51.100.77"
FIELDS = {
    "first_name": "Zorvelline",
    "phone": "2125550187",
    "birth_date": "1953-07-19",
    "reason": "vaccination",
}
API_KEY = "correct-horse-battery-staple-correct-horse"


SURE = ("audit", "egress", "canary", "packages", "store")
"""What passes on every machine where the tests run."""


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A server's state after some calls, with identifiers where a server has them."""
    monkeypatch.setenv("WARDLINE_STATE_DIRECTORY", str(tmp_path / "state"))
    monkeypatch.setenv("WARDLINE_PRACTICE_ID", "north")
    monkeypatch.setenv("WARDLINE_HTTP_PORT", str(free_port()))
    monkeypatch.setenv("WARDLINE_ENGINES_LLM_API_KEY", API_KEY)
    house = House(tmp_path / "state")
    with house.records() as records:
        records.write(snapshot(1, fields=FIELDS))
    folder = tmp_path / "state/audit"
    keys = open_keys(folder / "keys")
    with AuditWriter(folder, keys) as audit:
        caller = keys.caller_id("address", ADDRESS)
        audit.put(CallStart(call_id="c000000000001", caller_id=caller, agent_name="receptionist"))
        audit.put(end(1))
        audit.put(EgressTest(level=1, ways_tried=27, ways_open=0))
    return tmp_path / "state"


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out what starts processes or judges this very machine; those parts have tests of their own."""
    quick = [
        part for part in PARTS if part[0] not in {"egress", "canary", "server", "packages", "host"}
    ]
    monkeypatch.setattr(evidence_facts, "PARTS", tuple(quick))


def read(folder: Path, name: str) -> Any:
    return json.loads((folder / name).read_text())


def results(folder: Path) -> dict[str, str]:
    return {each["part"]: each["result"] for each in read(folder, "evidence.json")["results"]}


def test_the_whole_folder_is_made_tested_signed_and_on_record(
    state: Path, tmp_path: Path, capsys: Out, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = [distribution("aiohttp")]  # all of them are read in the test that kills servers
    monkeypatch.setattr("pipeline.evidence.untouched.distributions", lambda: few)
    out = tmp_path / "out"
    status = main(["evidence", "--out", str(out)])
    said = capsys.readouterr()
    assert f"[{len(PARTS)}/{len(PARTS)}]" in said.err
    assert results(out).keys() == {name for name, _, _ in PARTS}
    failed = [name for name, result in results(out).items() if result == "fail"]
    assert set(failed) <= {"host"}  # this machine may be no safe place
    assert status == len(failed)
    assert {name: results(out)[name] for name in SURE} == dict.fromkeys(SURE, "pass")  # fmt: skip
    looked = {each["name"]: each["verdict"] for each in read(out, "host.json")}
    assert {"python", "firewall", "swap", "clock"} <= looked.keys()
    assert not looked.keys() & evidence_facts.ABOUT_A_START
    worst = [verdict for verdict in ("fail", "unknown") if verdict in looked.values()]
    assert results(out)["host"] == (worst[0] if worst else "pass")
    assert read(out, "canary.json")["paths"] == 17
    assert read(out, "egress.json")["tried"] >= 12
    assert read(out, "store.json")["by_state"] == {"complete": 1}
    assert read(out, "configuration.json")["settings"]["engines.llm_api_key"] == "set"
    made = [e for e in entries(state / "audit") if isinstance(e.record, Administration)][-1]
    assert isinstance(made.record, Administration)
    assert made.record.action == "evidence"
    assert made.record.resource_id == read(out, "evidence.json")["id"]
    assert read(out, "audit.json")["records"] >= made.seq
    (public,) = (state / "audit/keys").glob("*.pub")
    assert main(["evidence", "verify", str(out), "--public-key", str(public)]) == 0
    assert capsys.readouterr().out.startswith("WHOLE\n")


@pytest.mark.usefixtures("quick")
def test_no_identifier_of_store_calls_or_keys_is_in_the_folder(
    state: Path, tmp_path: Path, capsys: Out
) -> None:
    out = tmp_path / "out"
    assert main(["evidence", "--out", str(out)]) == 0
    said = "".join(capsys.readouterr()).encode()
    files = {path.name: path.read_bytes() for path in out.iterdir()} | {"terminal": said}
    keys = [*state.rglob("*.key"), state / "audit/keys/signing.pem"]
    assert len(keys) == 3
    raw = {line for path in keys for line in path.read_bytes().split(b"\n") if len(line) > 12}
    search = Search(
        {key: value for key, value in FIELDS.items() if key != "reason"}
        | {"address": ADDRESS, "api key": API_KEY}
    )
    assert search.look(files) == []
    assert search.look({"file": b"x" + FIELDS["phone"].encode()})
    lines = [each for each in raw if not each.startswith(b"-----")]
    assert not [name for name, data in files.items() for each in lines if each in data]
    (caller,) = [e.record for e in entries(state / "audit") if isinstance(e.record, CallStart)]
    assert not [name for name, data in files.items() if caller.caller_id.encode() in data]


@pytest.mark.usefixtures("quick")
def test_a_check_names_what_was_changed_and_needs_no_configuration(
    state: Path, tmp_path: Path, capsys: Out, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    assert main(["evidence", "--out", str(out)]) == 0
    monkeypatch.setenv("WARDLINE_CONFIG", "/no/such/file")
    capsys.readouterr()
    assert main(["evidence", "verify", str(out)]) == 0
    assert "compare it with the fingerprint" in capsys.readouterr().out
    (out / "store.json").write_text("{}")
    (out / "audit.json").unlink()
    (out / "letter\x1b[2J").write_text("hello")
    assert main(["evidence", "verify", str(out)]) == 1
    said = capsys.readouterr().out
    assert said.startswith("NOT WHOLE\n")
    assert "changed   store.json" in said
    assert "missing   audit.json" in said
    assert "added     letter?[2J" in said
    other = open_keys(tmp_path / "other")
    (public,) = (tmp_path / "other").glob("*.pub")
    assert main(["evidence", "verify", str(out), "--public-key", str(public)]) == 1
    assert "not of this key" in capsys.readouterr().out
    assert other.signing.public.fingerprint in public.name
    assert main(["evidence", "verify", str(out), "--public-key", str(out / "store.json")]) == 1
    assert "give the audit's public key" in capsys.readouterr().err
    assert main(["evidence", "verify", str(tmp_path / "nowhere")]) == 1
    assert "is no folder" in capsys.readouterr().err


def test_what_is_missing_is_a_sentence_and_nothing_is_made(
    state: Path, tmp_path: Path, capsys: Out, monkeypatch: pytest.MonkeyPatch
) -> None:
    def said(*arguments: str) -> str:
        assert main(["evidence", *arguments]) != 0
        return capsys.readouterr().err

    full = tmp_path / "full"
    full.mkdir()
    (full / "letter").write_text("mine")
    before = len(list(entries(state / "audit")))
    assert "--out FOLDER" in said()
    assert "is not an empty folder" in said("--out", str(full))
    assert "make it first" in said("--out", str(tmp_path / "no/such"))
    (state / "audit/keys/signing.pem").rename(tmp_path / "signing.pem")
    assert "signing key is not in" in said("--out", str(tmp_path / "out"))
    monkeypatch.setenv("WARDLINE_STATE_DIRECTORY", str(tmp_path / "empty"))
    assert "there is no audit" in said("--out", str(tmp_path / "out"))
    assert not (tmp_path / "out").exists()
    assert not (tmp_path / "empty").exists()
    assert [path.name for path in full.iterdir()] == ["letter"]
    assert len(list(entries(state / "audit"))) == before


@pytest.mark.usefixtures("quick")
def test_a_broken_chain_is_in_the_folder_and_in_the_exit_status(
    state: Path, tmp_path: Path, capsys: Out
) -> None:
    trail = trail_files(state / "audit")[0][1]
    trail.write_bytes(trail.read_bytes().replace(b'"ways_tried":27', b'"ways_tried":26'))
    out = tmp_path / "out"
    assert main(["evidence", "--out", str(out)]) == 1
    assert "audit failed" in capsys.readouterr().out
    assert read(out, "audit.json")["whole"] is False
    assert results(out)["audit"] == "fail"
    assert main(["evidence", "verify", str(out)]) == 0


@pytest.mark.usefixtures("quick")
def test_a_part_that_cannot_be_made_says_why_in_its_place(
    state: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Out
) -> None:
    flow = tmp_path / "flow.toml"
    monkeypatch.setenv("WARDLINE_PRACTICE_FLOW_FILE", str(flow))
    flow.write_text("")
    (state / "data/requests.db").write_bytes(b"no database" * 500)

    def gone(asked: Asked) -> evidence_facts.Part:
        flow.unlink()
        return evidence_facts.configuration(asked)

    parts = (("configuration", "reading", gone), ("store", "counting", evidence_facts.store))
    monkeypatch.setattr(evidence_facts, "PARTS", parts)
    assert main(["evidence", "--out", str(tmp_path / "out")]) == 0
    assert results(tmp_path / "out") == {"configuration": "unknown", "store": "unknown"}
    said = capsys.readouterr().out
    assert "No such file or directory" in said
    assert "is damaged" in said


@pytest.mark.usefixtures("quick")
def test_a_backup_under_load_is_restored_and_evidence_of_it_verifies(
    state: Path, tmp_path: Path, capsys: Out, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keys, "GONE_AT_RESTART", set())  # memory stands for a USB stick
    house = House(state)
    stop = threading.Event()
    written: list[int] = []

    def calls() -> None:
        with house.records() as records:
            for number in itertools.count(100):
                if stop.is_set():
                    return
                records.write(snapshot(number))
                written.append(number)

    writer = threading.Thread(target=calls)
    writer.start()
    with TemporaryDirectory(dir="/dev/shm") as other_disk:
        copy, key = Path(other_disk) / "copy", Path(other_disk) / "key"
        try:
            assert main(["key", "export", str(key)]) == 0
            while len(written) < 20:
                assert writer.is_alive()
            least = len(written)
            assert main(["backup", str(copy)]) == 0
        finally:
            stop.set()
            writer.join()
        assert len(written) > least, "nothing was written meanwhile"
        monkeypatch.setenv("WARDLINE_STATE_DIRECTORY", str(tmp_path / "new"))
        assert main(["key", "import", str(key)]) == 0
        assert main(["restore", "--no-tombstones", str(copy)]) == 0
    capsys.readouterr()
    out = tmp_path / "out"
    assert main(["evidence", "--out", str(out)]) == 0
    assert results(out)["audit"] == results(out)["store"] == "pass"
    assert least < sum(read(out, "store.json")["by_state"].values()) <= len(written) + 1
    with House(tmp_path / "new").records() as records:
        opened = {each.entry.id: dict(each.document.fields) for each in records.all_opened()}
    assert opened.pop(snapshot(1).request_id) == FIELDS
    assert opened == {
        f"{number:032x}": snapshot(number).fields for number in written[: len(opened)]
    }
    (public,) = (tmp_path / "new/audit/keys").glob("*.pub")
    assert main(["evidence", "verify", str(out), "--public-key", str(public)]) == 0


def test_bytes_of_destroyed_requests_that_a_reader_keeps_are_no_pass(state: Path) -> None:
    house, asked = House(state), Asked(config.load(), open_keys(state / "audit/keys"), "")
    with house.records() as records, house.records(busy_ms=50) as other:
        with records.database.reading() as session:
            session.scalars(select(RequestRow)).all()
            with pytest.raises(ScrubOwed):
                redact(other, tombstones_of(asked.settings), snapshot(1).request_id, [])
            part = evidence_facts.store(asked)
            assert (part.result, part.said) == (
                "unknown",
                json.loads(part.files["store.json"])["old_bytes"],
            )
            assert "old bytes are still in" in part.said
        part = evidence_facts.store(asked)
        assert part.result == "pass"
        assert json.loads(part.files["store.json"])["old_bytes"] == "overwritten"


def test_recordings_are_counted_by_class_without_being_opened(
    state: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def seal(practice_id: str, recording_id: str, kept_as: str) -> None:
        header = Header(recording_id, practice_id, "c000000000001", 8_000, kept_as, 1)
        with (recordings / f"{recording_id}.wardrec").open("wb", buffering=0) as file:
            SealedWriter(file, header, bytes(32))

    recordings = tmp_path / "sound/north"
    recordings.mkdir(parents=True)
    monkeypatch.setenv("WARDLINE_RECORDING_DIRECTORY", str(tmp_path / "sound"))
    seal("north", "rec_" + "0" * 24, "call")
    seal("north", "rec_" + "1" * 24, "minor")
    seal("south", "rec_" + "2" * 24, "call")
    (recordings / f"rec_{'3' * 24}.wardrec").write_bytes(b"junk")
    asked = Asked(config.load(), open_keys(state / "audit/keys"), "")
    found = json.loads(evidence_facts.store(asked).files["store.json"])["recordings"]
    assert found["files_by_class"] == {"call": 1, "minor": 1}
    assert (found["mode"], found["unreadable_files"]) == ("off", 1)


def test_the_last_egress_test_on_record_is_taken_with_its_age(state: Path) -> None:
    settings = config.load()
    asked = Asked(settings, open_keys(state / "audit/keys"), "e" * 33, last_egress=True)
    part = egress(asked)
    record = json.loads(part.files["egress.json"])
    assert (part.result, record["level"], record["ways_tried"]) == ("pass", 1, 27)
    assert 0 <= record["age_hours"] < 1
    with AuditWriter(state / "audit", asked.keys) as audit:
        audit.put(EgressTest(level=0, ways_tried=27, ways_open=2))
    assert egress(asked).result == "fail"


def test_a_planted_word_that_came_out_fails_the_part(monkeypatch: pytest.MonkeyPatch) -> None:
    for result, outcome in (
        (CanaryResult(17, ("stderr",), (), (), False), "fail"),
        (CanaryResult(17, (), ("logging",), (), False), "fail"),
        (CanaryResult(17, (), (), ("thread",), True), "fail"),
        (CanaryResult(17, (), (), ("thread",), False), "pass"),
        (CanaryResult(0, (), (), (), False, "the test ended without a result"), "unknown"),
    ):
        monkeypatch.setattr(evidence_facts, "try_in_child", lambda _, found=result: found)
        part = evidence_facts.canary(_anything())
        assert part.result == outcome


def test_long_work_is_said_to_go_on(monkeypatch: pytest.MonkeyPatch, capsys: Out) -> None:
    monkeypatch.setattr(evidence, "SAY_AGAIN_S", 0.01)
    with evidence._progress() as progress:
        progress("reading the audit's chain")
        while "still reading" not in (said := capsys.readouterr().err):
            pass
    assert "still reading the audit's chain, 0 s" in said


def test_a_part_that_just_began_is_not_said_to_go_on() -> None:
    progress = evidence.Progress()
    progress("reading the audit's chain")
    now_ms = MonotonicClock().now_ms()
    assert not progress.is_long(now_ms + evidence.SAY_AGAIN_S * 900)
    assert progress.is_long(now_ms + evidence.SAY_AGAIN_S * 1_000)


def _anything() -> Asked:
    return Asked(config.load(environment={}), None, "", last_egress=False)  # type: ignore[arg-type]  # not looked at
