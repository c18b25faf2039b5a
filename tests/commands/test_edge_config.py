"""`wardline edge-config` writes what the TOML describes, and says what is missing."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.cli import main

TRUNK = """
[[trunk]]
name = "carrier"
signalling = ["192.0.2.0/30"]
media = ["192.0.2.128/25"]
[sip]
tls_port = 0
tcp_port = 5060
when_busy = "refuse"
"""
WHOLE = (
    TRUNK.replace("media =", 'transports = ["tcp"]\nmedia =')
    + """
[edge]
bind = "198.51.100.7"
inner_address = "10.20.0.2"
gateways = ["10.20.0.11:5061", "10.20.0.12:5061"]
gateway_ca_file = "/etc/edge/gateways.pem"
cert = "/etc/edge/voice.pem"
key = "/etc/edge/voice.key"
"""
)


def written(folder: Path, text: str, *more: str) -> int:
    """The exit status for this configuration."""
    file = folder / "wardline.toml"
    file.write_text(text)
    return main(["edge-config", "--config", str(file), "--out", str(folder / "edge"), *more])


def test_all_six_files_are_written_and_private(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert written(tmp_path, WHOLE) == 0
    files = {path.name: path for path in (tmp_path / "edge").iterdir()}
    assert sorted(files) == [
        "address.list",
        "dispatcher.list",
        "edge.nft",
        "kamailio.cfg",
        "rtpengine.conf",
        "tls.cfg",
    ]
    assert all(path.stat().st_mode & 0o077 == 0 for path in files.values())
    assert "sip:10.20.0.12:5061;transport=tls" in files["dispatcher.list"].read_text()
    told = capsys.readouterr().out
    assert 'signalling = ["10.20.0.2/32"]' in told
    assert 'when_busy = "refuse"' in told, "each gateway's own file needs it"


def test_without_an_edge_every_missing_setting_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert written(tmp_path, "") == 78
    told = capsys.readouterr().err
    for name in ("[[trunk]]", "edge.bind", "edge.gateways", "edge.cert"):
        assert name in told
    assert not (tmp_path / "edge").exists()


def test_gateways_that_answer_when_they_are_full_are_no_edge(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert written(tmp_path, WHOLE.replace('when_busy = "refuse"\n', "")) == 78
    assert "sip.when_busy" in capsys.readouterr().err
    assert not (tmp_path / "edge").exists()


def test_gateways_elsewhere_without_an_authority_are_no_edge(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bare = WHOLE.replace('gateway_ca_file = "/etc/edge/gateways.pem"', "")
    assert written(tmp_path, bare) == 78
    assert "edge.gateway_ca_file" in capsys.readouterr().err
    assert not (tmp_path / "edge").exists()


def test_files_somebody_changed_are_not_written_over_unasked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert written(tmp_path, WHOLE) == 0
    own = tmp_path / "edge" / "kamailio.cfg"
    own.write_text(own.read_text() + "# mine\n")
    assert written(tmp_path, WHOLE) == 1
    assert "kamailio.cfg would change" in capsys.readouterr().err
    assert own.read_text().endswith("# mine\n")
    assert written(tmp_path, WHOLE, "--force") == 0
    assert not own.read_text().endswith("# mine\n")


def test_a_directory_that_cannot_be_made_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "edge").write_text("a file")
    assert written(tmp_path, WHOLE) == 1
    assert "cannot be written" in capsys.readouterr().err
