"""TLS at the front: which versions, which headers, and a certificate that changes while calls are open."""

from __future__ import annotations

import contextlib
import http.client
import signal
import socket
import ssl
import warnings
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from pipeline import config
from pipeline.certificate import Certificate
from pipeline.clock import wall_now
from pipeline.commands.tls import CA_CERT, CERT, KEY, make
from pipeline.errors import StartUpError
from tests.supervisor.served import Served, served

pytestmark = pytest.mark.wire


@pytest.fixture
def secure(tmp_path: Path) -> Iterator[Served]:
    folder = tmp_path / "tls"
    make(folder, ["127.0.0.1", "Voice.clinic.example", "*.wild.example"], wall_now())
    context = ssl.create_default_context(cafile=str(folder / CA_CERT))
    toml = f'[tls]\ncert = "{folder / CERT}"\nkey = "{folder / KEY}"\n'
    with served(tmp_path, toml, context=context) as running:
        yield running


@pytest.mark.parametrize(
    ("host", "status"),
    [("voice.clinic.example", 201), ("any.wild.example", 403), ("other.example", 403)],
)
def test_a_name_of_the_certificate_is_ours_and_no_other(
    secure: Served, host: str, status: int
) -> None:
    origin = f"https://{host}"
    assert secure.ask("POST", "/api/calls", Host=host, Origin=origin)[0] == status


def renew(server: Served) -> None:
    make(server.directory / "tls", ["127.0.0.1"], wall_now())


def serial(server: Served) -> str:
    """The number of the certificate that a new connection is shown."""
    assert server.context is not None
    with (
        socket.create_connection(("127.0.0.1", server.port), 10) as plain,
        server.context.wrap_socket(plain, server_hostname="127.0.0.1") as connection,
    ):
        certificate = connection.getpeercert()
    assert certificate is not None
    return str(certificate["serialNumber"])


def old_client(highest: ssl.TLSVersion) -> ssl.SSLContext:
    """A client that offers every version up to this one."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_ciphers("ALL:@SECLEVEL=0")  # otherwise OpenSSL itself would not offer TLS 1.1
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = highest
    return context


def test_tls_1_1_is_refused_and_1_2_and_1_3_are_served(secure: Served) -> None:
    address = ("127.0.0.1", secure.port)
    # asyncio closes before its alert is sent: the client may see no more than the end
    refusal = pytest.raises((ssl.SSLError, ConnectionError))
    with socket.create_connection(address, 10) as plain, refusal:
        old_client(ssl.TLSVersion.TLSv1_1).wrap_socket(plain)
    for version, name in ((ssl.TLSVersion.TLSv1_2, "TLSv1.2"), (ssl.TLSVersion.TLSv1_3, "TLSv1.3")):
        with (
            socket.create_connection(address, 10) as plain,
            old_client(version).wrap_socket(plain) as accepted,
        ):
            assert accepted.version() == name


def test_the_reason_for_refusing_tls_1_1_is_its_version(tmp_path: Path) -> None:
    make(tmp_path, ["127.0.0.1"], wall_now())
    context = Certificate(str(tmp_path / CERT), str(tmp_path / KEY)).context
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = old_client(ssl.TLSVersion.TLSv1_1).wrap_bio(to_client, to_server)
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()  # its hello is written
    server = context.wrap_bio(to_server, to_client, server_side=True)
    with pytest.raises(ssl.SSLError, match="UNSUPPORTED_PROTOCOL"):
        server.do_handshake()


def test_every_answer_over_tls_carries_hsts(secure: Served) -> None:
    for path in ("/", "/healthz", "/none"):
        with contextlib.closing(secure.connect()) as connection:
            connection.request("GET", path)
            answer = connection.getresponse()
            answer.read()
        assert "max-age=31536000" in answer.headers["Strict-Transport-Security"]
    assert secure.call()["call_key"]


def test_plain_http_to_the_tls_port_gets_nothing(secure: Served) -> None:
    with socket.create_connection(("127.0.0.1", secure.port), 10) as plain:
        plain.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        with contextlib.suppress(ConnectionResetError):
            assert b"HTTP" not in plain.recv(100)


def test_a_renewed_certificate_is_used_while_an_open_connection_goes_on(secure: Served) -> None:
    first = serial(secure)
    with contextlib.closing(secure.connect()) as connection:
        status = _health(connection)
        open_since = connection.sock
        renew(secure)
        assert secure.until("certificate_loaded")[-1]["accepted"]
        assert serial(secure) != first
        # the fence stood all the while, and the files' new content needed nothing that it refuses
        assert {fact["process"] for fact in secure.until("egress_tested", 2)} == {
            "supervisor",
            "w1",
        }
        assert secure.events("egress_refused") == []
        assert _health(connection) == status == 200
        assert connection.sock is open_since


def test_sighup_reads_the_certificate_again_and_ends_nothing(secure: Served) -> None:
    call = secure.call()
    with contextlib.closing(secure.connect()) as connection:
        headers = {"Authorization": f"Bearer {call['call_key']}"}
        connection.request("GET", "/api/calls/events", headers=headers)
        stream = connection.getresponse()
        assert stream.readline() == b'{"type":"alive"}\n'
        secure.process.send_signal(
            signal.SIGHUP
        )  # the files are as they were: only the signal says so
        secure.until("certificate_loaded")
        assert stream.readline() == b'{"type":"alive"}\n'
    assert secure.ask("GET", "/healthz")[0] == 200


def test_sighup_does_not_end_a_server_without_tls(tmp_path: Path) -> None:
    with served(tmp_path) as running:
        running.process.send_signal(signal.SIGHUP)
        for _ in range(3):
            assert running.ask("GET", "/healthz")[0] == 200


def test_a_broken_certificate_keeps_the_old_one_in_use(secure: Served) -> None:
    first = serial(secure)
    (secure.directory / "tls" / CERT).write_text("not a certificate")
    assert not secure.until("certificate_loaded")[-1]["accepted"]
    assert serial(secure) == first
    renew(secure)
    secure.process.send_signal(signal.SIGHUP)
    secure.until("certificate_loaded", 2)
    assert serial(secure) != first


def test_a_pair_that_does_not_fit_is_a_sentence(tmp_path: Path) -> None:
    make(tmp_path / "a", ["127.0.0.1"], wall_now())
    make(tmp_path / "b", ["127.0.0.1"], wall_now() - timedelta(days=1))
    with pytest.raises(StartUpError, match="wardline tls init"):
        Certificate(str(tmp_path / "a" / CERT), str(tmp_path / "b" / KEY))


def test_a_home_folder_in_the_certificate_path_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    make(tmp_path / "tls", ["127.0.0.1"], wall_now())
    settings = config.from_mapping({"tls": {"cert": f"~/tls/{CERT}", "key": f"~/tls/{KEY}"}})
    Certificate(settings.tls.cert, settings.tls.key)
    assert settings.tls.cert == str(tmp_path / "tls" / CERT)


def _health(connection: http.client.HTTPConnection) -> int:
    connection.request("GET", "/healthz")
    answer = connection.getresponse()
    answer.read()
    return answer.status
