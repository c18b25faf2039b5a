"""Commands beside a running server: each is on record before it shows or does anything."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
from pathlib import Path
from typing import Any

import pytest

from pipeline import config
from pipeline.audit.by_command import LINE_BYTES_MAX, append, reachable
from pipeline.audit.keys import trusted_keys
from pipeline.audit.records import Administration
from pipeline.audit.trail import lines_of, trail_files
from pipeline.audit.verify import verify_trail
from pipeline.cli import main
from pipeline.settings import Settings
from pipeline.store.opening import open_records
from pipeline.supervisor.counter import _is_ours
from tests.store.snapshots import snapshot
from tests.supervisor.served import UNTIL_S, Served, served, staff_token

pytestmark = pytest.mark.wire

ID = snapshot(1).request_id
FIELDS = {"action": "backup", "user_id": "local:ada", "success": True}
BACKUP = {"type": "administration", "fields": FIELDS}


def of_type(state: Path, kind: str) -> list[dict[str, Any]]:
    lines = [line for _, path in trail_files(state / "audit") for line in lines_of(path)]
    records = [json.loads(line) for line in lines if line.endswith(b"\n")]
    return [record for record in records if record["type"] == kind]


def settings_of(server: Served) -> Settings:
    return config.load(server.directory / "wardline.toml", {})


def handed_in(server: Served, sent: bytes) -> bytes:
    """What the socket answers; "" when it hangs up."""
    with socket.socket(socket.AF_UNIX) as line:
        line.settimeout(5)
        with reachable(server.directory / "state") as address:
            line.connect(address)
        try:
            line.sendall(sent)
            return line.recv(1000)
        except (ConnectionResetError, BrokenPipeError):
            return b""


def test_row_x20_a_command_beside_a_running_server_is_on_record(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with served(tmp_path) as server:
        state, settings = tmp_path / "state", settings_of(server)
        file = str(tmp_path / "wardline.toml")
        records = open_records(settings)
        records.write(snapshot(1))
        records.database.close()
        (tmp_path / "token").write_text(staff_token(server))
        asked = ["requests", "--config", file, "--token-file", str(tmp_path / "token")]
        assert main([*asked, "show", ID]) == 0
        assert snapshot(1).fields["phone"] in capsys.readouterr().out
        (shown,) = of_type(state, "phi_access")
        assert (shown["action"], shown["user_id"], shown["success"]) == (
            "show",
            "staff:first",
            True,
        )
        assert shown["resource_id"] == f"r{ID}"
        assert set(shown["field_names"]) == set(snapshot(1).fields)
        assert main(["backup", "--config", file, str(tmp_path / "copy")]) == 0
        assert main(["token", "--config", file, "create", "desk"]) == 0
        assert main(["token", "--config", file, "revoke", "desk"]) == 0
        acts = [record["action"] for record in of_type(state, "administration")]
        assert acts == ["backup", "token_create", "token_revoke"]
        (tmp_path / "token").write_text("ws_00000000_" + "x" * 32)
        assert main([*asked, "list"]) == 1
        assert [r["success"] for r in of_type(state, "authentication")] == [False]
        whole = b"".join(
            line for _, path in trail_files(state / "audit") for line in lines_of(path)
        )
        assert not [v for v in (snapshot(1).fields["phone"], "NUNEZ") if v.encode() in whole]
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(UNTIL_S) == 0
        assert not (state / "audit.sock").exists()
        verdict = verify_trail(state / "audit", trusted_keys(state / "audit/keys"), shapes=True)
        assert verdict.whole
        assert verdict.chain.unsigned == 0


def test_only_this_user_and_only_records_of_commands(tmp_path: Path) -> None:
    with served(tmp_path) as server:
        mode = (tmp_path / "state/audit.sock").stat().st_mode
        assert stat.S_ISSOCK(mode)
        assert stat.S_IMODE(mode) == 0o600
        assert handed_in(server, json.dumps(BACKUP).encode() + b"\n") == b'{"durable": true}\n'
        call_end = {"call_id": "c" + "0" * 12, "duration": 1, "disposition": "booked"}
        refused: list[object] = [
            {"type": "call_end", "fields": call_end},
            {"type": "checkpoint", "fields": {"key": "0" * 32}},
            {"type": ["administration"], "fields": {}},
            {"type": "administration", "fields": {**FIELDS, "note": "x"}},
            [],
        ]
        for sent in refused:
            assert handed_in(server, json.dumps(sent).encode() + b"\n") == b'{"durable": false}\n'
        assert handed_in(server, b"[" * 10_000 + b"\n") == b'{"durable": false}\n'
        assert handed_in(server, b"x" * (2 * LINE_BYTES_MAX)) == b""
        server.until("command_refused")
        assert handed_in(server, json.dumps(BACKUP).encode() + b"\n") == b'{"durable": true}\n'
        assert len(of_type(tmp_path / "state", "administration")) == 2


class _Peer(socket.socket):
    """The end of a pair whose other end says it belongs to this user."""

    uid = 0

    def getsockopt(self, *asked: Any) -> Any:
        del asked
        return b"".join(n.to_bytes(4, "little") for n in (1, self.uid, 1))


def test_another_user_is_refused() -> None:
    with _Peer(socket.AF_UNIX) as peer:
        peer.uid = os.geteuid() + 1_000
        assert not _is_ours(peer)
        peer.uid = os.geteuid()
        assert _is_ours(peer)


def test_a_killed_servers_socket_stops_no_command_and_no_start(tmp_path: Path) -> None:
    with served(tmp_path) as server:
        os.kill(server.process.pid, signal.SIGKILL)
        server.process.wait(UNTIL_S)
        assert (tmp_path / "state/audit.sock").exists()
        record = Administration(action="backup", user_id="local:ada", success=True)
        append(settings_of(server), [record])
    with served(tmp_path) as server:
        append(settings_of(server), [record])
        assert len(of_type(tmp_path / "state", "administration")) == 2


def test_an_egress_test_beside_a_running_server_is_shown_with_its_age(tmp_path: Path) -> None:
    with served(tmp_path) as server:
        main(["egress-test", "--json", "--config", str(tmp_path / "wardline.toml")])
        (record,) = of_type(tmp_path / "state", "egress_test")
        assert record["ways_open"] == 0
        fact = server.ask("GET", "/healthz")[1]["tested"]["egress_command"]
        assert (fact["result"], fact["tried"]) == ("pass", record["ways_tried"])
        assert fact["age_s"] >= 0
