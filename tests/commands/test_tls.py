"""Certificates of `wardline tls init`: a browser that trusts the authority trusts the server."""

from __future__ import annotations

import os
import pwd
import ssl
import tomllib
from datetime import timedelta
from pathlib import Path

import pytest

from pipeline import config
from pipeline.cli import main
from pipeline.clock import wall_now
from pipeline.commands.tls import CA_CERT, CA_KEY, CERT, KEY, make

NAMES = ["clinic-box.example", "127.0.0.1"]


def handshake(directory: Path, host: str) -> None:
    """Complete a TLS handshake in memory; raises ssl.SSLError where the client does not trust."""
    server_context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_context.load_cert_chain(directory / CERT, directory / KEY)
    client_context = ssl.create_default_context(cafile=str(directory / CA_CERT))
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    server = server_context.wrap_bio(to_server, to_client, server_side=True)
    client = client_context.wrap_bio(to_client, to_server, server_hostname=host)
    done = set[int]()
    for _ in range(10):
        for index, end in enumerate((client, server)):
            try:
                end.do_handshake()
                done.add(index)
            except ssl.SSLWantReadError:
                continue
    assert done == {0, 1}


@pytest.mark.parametrize("host", NAMES)
def test_a_client_that_trusts_the_authority_trusts_every_name(tmp_path: Path, host: str) -> None:
    assert make(tmp_path, NAMES, wall_now()) is True
    handshake(tmp_path, host)


def test_another_name_is_refused(tmp_path: Path) -> None:
    make(tmp_path, NAMES, wall_now())
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(tmp_path, "other.example")


def test_an_expired_certificate_is_refused_and_renewed_without_a_new_authority(
    tmp_path: Path,
) -> None:
    make(tmp_path, NAMES, wall_now() - timedelta(days=500))
    authority = (tmp_path / CA_CERT).read_bytes()
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(tmp_path, NAMES[0])
    assert make(tmp_path, NAMES, wall_now()) is False
    assert (tmp_path / CA_CERT).read_bytes() == authority
    handshake(tmp_path, NAMES[0])


def test_keys_are_readable_by_their_owner_alone(tmp_path: Path) -> None:
    make(tmp_path, NAMES, wall_now())
    assert {(tmp_path / name).stat().st_mode & 0o777 for name in (CA_KEY, KEY)} == {0o600}


def test_what_is_printed_to_configure_is_a_configuration_for_callers_on_the_network(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["tls", "init", "--directory", str(tmp_path), "--name", "voice.clinic.lan"]) == 0
    printed = capsys.readouterr().out.split("file:\n")[1].split("   and load")[0]
    settings = config.from_mapping(tomllib.loads(printed))
    assert settings.http.public_url == "https://voice.clinic.lan:8080"
    assert "127.0.0.0/8" in settings.media.allowed_networks


@pytest.mark.parametrize(
    "name",
    ["bad name", "", "a-.example", "a..example", "https://a.example", "a" * 64, "*.a.example"],
)
def test_what_is_no_host_is_refused_before_anything_is_made(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    with pytest.raises(SystemExit) as left:
        main(["tls", "init", "--directory", str(tmp_path / "tls"), "--name", name])
    assert left.value.code == 2
    assert "letters, digits, hyphens" in capsys.readouterr().err
    assert not (tmp_path / "tls").exists()


@pytest.mark.parametrize(
    "name", ["box", "clinic_box", "voice.clinic.example", "10.0.0.7", "fd00::7"]
)
def test_hosts_are_taken(tmp_path: Path, name: str) -> None:
    assert main(["tls", "init", "--directory", str(tmp_path), "--name", name]) == 0


def test_the_printed_rules_bind_the_servers_user_and_never_the_whole_machine(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["tls", "init", "--directory", str(tmp_path), "--name", "box"]) == 0
    said = capsys.readouterr().out
    (line,) = (line for line in said.splitlines() if "egress-rules" in line)
    user = pwd.getpwuid(os.getuid()).pw_name if os.getuid() else "NAME"
    assert f" --user {user} " in line
    assert "DNS" in said
