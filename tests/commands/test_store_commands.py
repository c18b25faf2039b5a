"""The commands about requests, keys and copies, as staff and operators type them."""

from __future__ import annotations

import io
import json
import os
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from pipeline.cli import main
from pipeline.commands import signing_in
from pipeline.settings import Settings
from pipeline.store import keys
from pipeline.store.access import Access
from pipeline.store.draft import State
from pipeline.store.opening import prepare
from pipeline.supervisor.staff import StaffTokens
from tests.audit.rig import records as audit_records
from tests.store.conftest import House
from tests.store.snapshots import damage, snapshot

ID = snapshot(1).request_id
VALUES = list(snapshot(1).fields.values())


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> House:
    monkeypatch.setenv("WARDLINE_STATE_DIRECTORY", str(tmp_path / "state"))
    monkeypatch.setenv("WARDLINE_PRACTICE_ID", "north")
    made = House(tmp_path / "state")
    with made.records() as records:
        for number in (1, 2, 3):
            records.write(snapshot(number))
    return made


@pytest.fixture
def accesses(monkeypatch: pytest.MonkeyPatch) -> list[Access]:
    kept: list[Access] = []
    monkeypatch.setattr(signing_in, "access_record", lambda settings: kept.extend)
    return kept


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setattr(keys, "GONE_AT_RESTART", set())  # memory stands for a USB stick
    with TemporaryDirectory(dir="/dev/shm") as name:  # another file system is the point
        yield Path(name)


def token_file(house: House, role: str, name: str = "") -> str:
    path = house.directory.parent / f"token-{role}"
    path.write_text(StaffTokens(house.directory).create(name or f"{role}-ada", role=role) + "\n")
    return str(path)


def requests(house: House, role: str, *arguments: str) -> int:
    return main(["requests", "--token-file", token_file(house, role), *arguments])


def test_a_list_holds_no_content(
    house: House, capsys: pytest.CaptureFixture[str], accesses: list[Access]
) -> None:
    assert requests(house, "readonly", "list") == 0
    said = capsys.readouterr().out
    assert ID in said
    assert said.count("complete") == 3
    assert not [value for value in VALUES if value in said]
    assert [(access.action, access.user, access.success) for access in accesses] == [
        ("list", "readonly-ada", True)
    ]


def test_a_list_leaves_nobody_out_however_many_called_since(
    house: House,
    capsys: pytest.CaptureFixture[str],
    accesses: list[Access],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The request that waits longest is the last of the list, and the one that must not be missed."""
    oldest = snapshot(4, created_at_ms=1_780_000_000_000)
    with house.records() as records:
        records.write(oldest)
        for number in range(5, 215):
            records.write(snapshot(number))
    assert requests(house, "readonly", "list", "--open") == 0
    lines = capsys.readouterr().out.splitlines()[1:]
    assert len(lines) == 214
    assert lines[-1].startswith(oldest.request_id)
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{oldest.fields['phone']}\n"))
    assert requests(house, "operator", "list", "--phone", "-") == 0
    (line,) = capsys.readouterr().out.splitlines()[1:]
    assert line.startswith(oldest.request_id)


def test_row_x20_a_shown_request_is_recorded_by_the_name_of_staff_first(
    house: House, capsys: pytest.CaptureFixture[str], accesses: list[Access]
) -> None:
    assert requests(house, "operator", "show", ID) == 0
    said = capsys.readouterr().out
    assert all(value in said for value in VALUES)
    (access,) = accesses
    assert (access.user, access.role, access.request_id) == ("operator-ada", "operator", ID)
    assert set(access.fields) == set(snapshot(1).fields)
    assert not [value for value in VALUES if value in repr(access)]


def test_what_cannot_be_recorded_is_not_shown(
    house: House, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from pipeline.store.faults import StoreFault

    def broken(accesses: Sequence[Access]) -> None:
        raise StoreFault("audit", "the audit record cannot be written; nothing was shown")

    monkeypatch.setattr(signing_in, "access_record", lambda settings: broken)
    export = house.directory.parent / "export"
    for arguments in (["show", ID], ["export", "--to", str(export)], ["redact", ID]):
        assert requests(house, "admin", *arguments) == 1
    said = capsys.readouterr()
    assert not [value for value in VALUES if value in said.out + said.err]
    assert not export.exists()
    with house.records() as records:
        assert records.count() == 3


@pytest.mark.parametrize(
    ("role", "action", "arguments"),
    [
        ("readonly", "show", [ID]),
        ("readonly", "export", ["--to", "/nowhere/x"]),
        ("readonly", "claim", [ID]),
        ("operator", "redact", [ID]),
        ("operator", "delete", [ID]),
        ("operator", "hold", [ID]),
        ("operator", "release", ["--all"]),
    ],
)
def test_a_role_that_is_too_low_is_refused_and_recorded(
    house: House,
    capsys: pytest.CaptureFixture[str],
    accesses: list[Access],
    role: str,
    action: str,
    arguments: list[str],
) -> None:
    assert requests(house, role, action, *arguments) == 1
    said = capsys.readouterr()
    assert "needs the role" in said.err
    assert said.out == ""
    assert [(access.action, access.success) for access in accesses] == [(action, False)]
    with house.records() as records:
        assert records.count() == 3


def test_without_a_good_token_nothing_is_said(
    house: House, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "bad").write_text("ws_00000000_" + "x" * 32)
    revoked = token_file(house, "admin")
    StaffTokens(house.directory).revoke("admin-ada")
    for file in (str(tmp_path / "bad"), str(tmp_path / "none"), revoked):
        assert main(["requests", "--token-file", file, "show", ID]) == 1
    assert main(["requests", "show", ID]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert "token" in said.err


def test_a_token_may_come_on_standard_input(
    house: House, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    token = Path(token_file(house, "operator")).read_text()
    monkeypatch.setattr("sys.stdin", io.StringIO(token + "(212) 555-0001\n"))
    assert main(["requests", "--token-file", "-", "list", "--phone", "-"]) == 0
    said = capsys.readouterr().out
    assert ID in said
    assert snapshot(2).request_id not in said
    monkeypatch.setattr("sys.stdin", io.StringIO(token))
    assert main(["requests", "--token-file", "-", "list", "--phone", "2125550001"]) == 1
    assert "seen by `ps`" in capsys.readouterr().err


def test_an_export_is_its_owners_alone_and_overwrites_nothing(
    house: House, capsys: pytest.CaptureFixture[str], accesses: list[Access]
) -> None:
    to = house.directory.parent / "export.jsonl"
    assert requests(house, "operator", "export", "--to", str(to)) == 0
    rows = [json.loads(line) for line in to.read_text().splitlines()]
    assert [row["field.phone"] for row in rows] == [snapshot(n).fields["phone"] for n in (1, 2, 3)]
    assert rows[0]["called"].endswith("Z")
    assert to.stat().st_mode & 0o777 == 0o600
    assert len(accesses) == 3
    assert "NOT encrypted" in capsys.readouterr().out
    assert requests(house, "operator", "export", "--to", str(to)) == 1
    assert "exists already" in capsys.readouterr().err


def test_claim_resolve_redact_delete_hold(
    house: House, capsys: pytest.CaptureFixture[str], accesses: list[Access]
) -> None:
    second, third = snapshot(2).request_id, snapshot(3).request_id
    assert requests(house, "operator", "claim", ID) == 0
    assert requests(house, "operator", "resolve", ID) == 0
    assert requests(house, "admin", "redact", ID, "--field", "phone") == 0
    assert requests(house, "admin", "hold", second) == 0
    assert requests(house, "admin", "redact", second) == 1
    assert requests(house, "admin", "hold") == 1
    assert requests(house, "admin", "release", second) == 0
    assert requests(house, "admin", "redact", second) == 0
    assert requests(house, "admin", "delete", third) == 0
    capsys.readouterr()
    assert requests(house, "admin", "show", ID) == 0
    said = capsys.readouterr().out
    assert "claimed_by: operator-ada" in said
    assert "field.phone" not in said
    assert requests(house, "admin", "show", second) == 1
    assert "was redacted" in capsys.readouterr().err
    assert requests(house, "admin", "list", "--open") == 0
    assert capsys.readouterr().out == "no requests\n"
    actions = [access.action for access in accesses]
    assert actions.count("redact") == 3
    assert {"claim", "resolve", "hold", "release", "delete", "show"} <= set(actions)


def test_what_is_not_there_is_a_sentence_and_a_failed_access(
    house: House, capsys: pytest.CaptureFixture[str], accesses: list[Access]
) -> None:
    assert requests(house, "operator", "show", "ffffffffffff") == 1
    assert "no request has this id" in capsys.readouterr().err
    assert [(access.action, access.success) for access in accesses] == [("show", False)]


@pytest.mark.parametrize(("action", "arguments"), [("show", []), ("export", ["--to", "never", ID])])
@pytest.mark.parametrize("gone", ["ffffffffffff", snapshot(2).request_id, "Maria Gomez"])
def test_what_cannot_be_had_is_a_failed_access_in_the_chain_on_the_disk(
    house: House, action: str, arguments: list[str], gone: str
) -> None:
    assert requests(house, "admin", "redact", snapshot(2).request_id) == 0
    audit = house.directory / "audit"
    before = len(audit_records(audit))
    assert requests(house, "operator", action, *arguments, gone) == 1
    since = audit_records(audit)[before:]
    (access,) = [record for record in since if record["type"] == "phi_access"]
    assert access["action"] == action
    assert (access["user_id"], access["success"]) == ("staff:operator-ada", False)
    assert "Maria" not in str(access)
    assert not Path("never").exists()


def test_the_lost_machine_drill_key_and_copy_bring_everything_back(
    house: House,
    elsewhere: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    copy = elsewhere / "copy"
    assert main(["key", "export", str(tmp_path / "key")]) == 1
    assert "same file system" in capsys.readouterr().err
    assert main(["key", "export", str(elsewhere / "key")]) == 0
    assert main(["backup", str(copy)]) == 0
    assert requests(house, "admin", "delete", snapshot(3).request_id) == 0
    shutil.copy(house.directory / "keys/tombstones.jsonl", elsewhere)
    shutil.rmtree(house.directory)
    capsys.readouterr()
    monkeypatch.setenv("WARDLINE_STATE_DIRECTORY", str(tmp_path / "new"))
    assert main(["restore", str(copy)]) == 1
    assert "wardline key import" in capsys.readouterr().err
    assert main(["key", "import", str(elsewhere / "key")]) == 0
    assert main(["restore", "--tombstones", str(elsewhere), str(copy)]) == 0
    assert "2 requests open with this key, 1 that" in capsys.readouterr().out
    new = House(tmp_path / "new")
    taken = (new.directory / "keys/tombstones.jsonl").read_text()
    assert taken == (elsewhere / "tombstones.jsonl").read_text()
    assert requests(new, "operator", "show", ID) == 0
    assert snapshot(1).fields["phone"] in capsys.readouterr().out


def test_the_drill_with_a_damaged_row_brings_all_others_back_and_names_it(
    house: House,
    elsewhere: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    copy = elsewhere / "copy"
    with house.records() as records:
        damaged = damage(records, 2)
    assert main(["key", "export", str(elsewhere / "key")]) == 0
    capsys.readouterr()
    assert main(["backup", str(copy)]) == 1
    said = capsys.readouterr()
    assert "sealed" in said.out
    assert damaged in said.err
    assert ID not in said.err
    assert requests(house, "admin", "delete", snapshot(3).request_id) == 0
    shutil.copy(house.directory / "keys/tombstones.jsonl", elsewhere)
    monkeypatch.setenv("WARDLINE_STATE_DIRECTORY", str(tmp_path / "new"))
    assert main(["key", "import", str(elsewhere / "key")]) == 0
    capsys.readouterr()
    assert main(["restore", "--tombstones", str(elsewhere), str(copy)]) == 1
    said = capsys.readouterr()
    assert "1 requests open with this key, 1 that were destroyed later" in said.out
    assert damaged in said.err
    new = House(tmp_path / "new")
    assert requests(new, "operator", "show", ID) == 0
    assert requests(new, "operator", "list") == 0
    assert requests(new, "admin", "delete", damaged) == 0
    assert main(["backup", str(elsewhere / "again")]) == 0


def test_an_export_has_what_opens_and_names_what_does_not(
    house: House, capsys: pytest.CaptureFixture[str], accesses: list[Access]
) -> None:
    to = house.directory.parent / "export.jsonl"
    with house.records() as records:
        damaged = damage(records, 2)
    assert requests(house, "operator", "export", "--to", str(to)) == 1
    assert damaged in capsys.readouterr().err
    rows = [json.loads(line) for line in to.read_text().splitlines()]
    assert [row["id"] for row in rows] == [ID, snapshot(3).request_id]
    assert [(each.request_id, each.success) for each in accesses] == [
        (ID, True),
        (snapshot(3).request_id, True),
        (damaged, False),
    ]


def test_a_restore_without_tombstones_must_be_asked_for_and_is_on_record(
    house: House,
    elsewhere: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    copy = elsewhere / "copy"
    assert main(["key", "export", str(elsewhere / "key")]) == 0
    assert main(["backup", str(copy)]) == 0
    assert requests(house, "admin", "delete", snapshot(3).request_id) == 0
    monkeypatch.setenv("WARDLINE_STATE_DIRECTORY", str(tmp_path / "new"))
    assert main(["key", "import", str(elsewhere / "key")]) == 0
    capsys.readouterr()
    assert main(["restore", str(copy)]) == 1
    assert "--no-tombstones" in capsys.readouterr().err
    assert main(["restore", "--tombstones", str(elsewhere), str(copy)]) == 1
    assert "there is no tombstones.jsonl" in capsys.readouterr().err
    assert main(["restore", "--no-tombstones", str(copy)]) == 0
    assert "WITHOUT TOMBSTONES" in capsys.readouterr().out
    assert main(["audit", "export"]) == 0
    assert '"action":"restore_no_tombstones"' in capsys.readouterr().out


def test_a_wrong_key_is_not_imported(
    house: House, elsewhere: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stranger = House(tmp_path / "stranger")
    prepare(stranger.settings())
    key = house.directory / "keys/install.key"
    other = str(stranger.directory / "keys/install.key")
    assert main(["key", "import", other]) == 1
    assert "another key" in capsys.readouterr().err
    kept = key.read_text()
    key.unlink()
    assert main(["key", "import", other]) == 1
    assert "not the store's key" in capsys.readouterr().err
    assert not key.exists()
    (elsewhere / "right").write_text(kept)
    assert main(["key", "import", str(elsewhere / "right")]) == 0
    assert main(["key", "import", str(elsewhere / "right")]) == 0
    assert key.read_text() == kept


def test_a_rotation_says_what_to_do_next(house: House, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["key", "rotate"]) == 0
    said = capsys.readouterr().out
    assert "3 data keys were wrapped anew" in said
    assert "wardline key export" in said
    assert requests(house, "operator", "show", ID) == 0


def test_a_rotation_names_what_the_old_key_stays_for_and_the_way_out(
    house: House, capsys: pytest.CaptureFixture[str]
) -> None:
    with house.records() as records:
        damaged = damage(records, 2, "wrapped")
    assert main(["key", "rotate"]) == 1
    said = capsys.readouterr()
    assert "2 data keys were wrapped anew" in said.out
    assert damaged in said.err
    assert "wardline requests delete" in said.err
    assert requests(house, "admin", "delete", damaged) == 0
    assert main(["key", "rotate"]) == 0


def test_key_init_makes_store_and_key_and_shows_no_key(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WARDLINE_STATE_DIRECTORY", str(tmp_path))
    assert main(["key", "init"]) == 0
    said = capsys.readouterr().out
    assert "A NEW KEY was made" in said
    assert "wardline key export" in said
    body = json.loads((tmp_path / "keys/install.key").read_text())
    assert not [key for key in (*body["keys"].values(), body["lookup"]) if key in said]
    assert main(["key", "init"]) == 0
    assert "was there already" in capsys.readouterr().out


def test_row_o15_purge_all(
    house: House, tmp_path: Path, capsys: pytest.CaptureFixture[str], accesses: list[Access]
) -> None:
    certificate = tmp_path / "certificate.json"
    admin = ["purge", "--token-file", token_file(house, "admin"), "--all"]
    written = ["--certificate", str(certificate)]
    assert main([*admin, *written, "--practice", "south"]) == 1
    assert main([*admin, "--certificate", str(tmp_path / "a/b"), "--practice", "north"]) == 1
    operator = ["purge", "--token-file", token_file(house, "operator"), "--all"]
    assert main([*operator, *written, "--practice", "north"]) == 1
    assert not certificate.exists()
    with house.records() as records:
        records.write(snapshot(4, state=State.OPEN, ended=""))
        assert records.count() == 4
    capsys.readouterr()
    assert main([*admin, *written, "--practice", "north"]) == 0
    body = json.loads(certificate.read_text())
    assert (body["requests_destroyed"], body["purged_by"]) == (4, "admin-ada")
    assert len(body["keys_destroyed"]) == 1
    assert not (house.directory / "keys/install.key").exists()
    assert [access.action for access in accesses if access.success] == ["purge"]
    assert requests(house, "admin", "list") == 1


def test_the_configuration_names_what_is_wrong_with_the_store(tmp_path: Path) -> None:
    from pipeline import config
    from pipeline.errors import ConfigError

    assert config.key_file_of(Settings()) == Path(os.path.abspath("var/keys/install.key"))
    for text, said in (
        ('[store]\nurl = "postgresql://ada:secret@127.0.0.1/x"', "store.url: never with a user"),
        ('[store]\nurl = "postgresql://127.0.0.1/x?password=y"', "store.url: never with a user"),
        ('[store]\nurl = "mysql://127.0.0.1/x"', "store.url: write a database address"),
        ('[store]\nkey = "command"', "store.key_command: needed"),
        ('[store]\nkey = "credential"', "store.credentials_directory: needed"),
        ('[store]\nkey_text = "x"', "store.key_text: never in a file"),
        ('[store]\nuser = "ada"', "store.user: is for store.url"),
        ('[store]\ndirectory = "d"\nkey_file = "d/k/key"', "store.key_file: never beside the data"),
        ("[store]\nrequests_days = 0", "store.requests_days: write a whole number"),
        ('[practice]\nid = "north wing"', "practice.id: write 1 to 40"),
        ('[practice]\nid = ""', "practice.id: write a short name"),
    ):
        file = tmp_path / "c.toml"
        file.write_text(text)
        with pytest.raises(ConfigError) as raised:
            config.load(file, {})
        assert said in str(raised.value)
        assert "secret" not in str(raised.value)
