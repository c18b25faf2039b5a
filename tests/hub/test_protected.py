"""TLS, a mirror's own authority, and the way through a proxy."""

from __future__ import annotations

import selectors
import socket
import ssl
import threading
from pathlib import Path

import pytest

from pipeline.bundle.faults import BundleFault
from pipeline.clock import wall_now
from pipeline.commands.tls import CA_CERT, CERT, KEY, make
from pipeline.settings import Bundle
from tests.fakes.hub_server import Hub, HubServer, serving
from tests.hub.rig import MODEL, Puller, hub_of

pytestmark = pytest.mark.wire


def certificate(folder: Path, address: str = "127.0.0.1") -> tuple[Path, ssl.SSLContext]:
    """An authority's file, and a server's context with what it signed."""
    make(folder, [address], wall_now())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / CERT, folder / KEY)
    return folder / CA_CERT, context


def test_a_mirror_with_its_own_authority_is_believed_when_that_is_configured(
    tmp_path: Path,
) -> None:
    ca_file, context = certificate(tmp_path / "ours")
    with HubServer(hub_of(), context) as server:
        puller = Puller(tmp_path / "models", server.address, Bundle(ca_file=str(ca_file)))
        puller.pull()
        assert puller.content("tiny/model.bin") == MODEL


@pytest.mark.parametrize("wrong", ["no authority", "another authority", "another name"])
def test_a_certificate_we_do_not_trust_is_refused_and_not_tried_again(
    wrong: str, tmp_path: Path
) -> None:
    ca_file, context = certificate(
        tmp_path / "ours", "127.0.0.9" if wrong == "another name" else "127.0.0.1"
    )
    if wrong == "another authority":
        ca_file, _ = certificate(tmp_path / "other")
    settings = Bundle() if wrong == "no authority" else Bundle(ca_file=str(ca_file))
    with HubServer(hub_of(), context) as server:
        puller = Puller(tmp_path / "models", server.address, settings)
        with pytest.raises(BundleFault, match=r"bundle\.ca_file"):
            puller.pull()
        assert server.hub.requests == []
        assert puller.waits == []


class Tunnel:
    """A proxy that opens tunnels and keeps whither."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._threads = [threading.Thread(target=self._run)]

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self._listening.getsockname()[1]}"

    def __enter__(self) -> Tunnel:
        self._threads[0].start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        for thread in self._threads:
            thread.join()

    def _run(self) -> None:
        while True:
            try:
                caller, _ = self._listening.accept()
            except OSError:
                return
            head = b""
            while not head.endswith(b"\r\n\r\n"):
                head += caller.recv(4096)
            target = head.split()[1].decode()
            self.asked.append(target)
            host, _, port = target.partition(":")
            thread = threading.Thread(target=_pass_on, args=(caller, host, int(port)))
            self._threads.append(thread)
            thread.start()


def _pass_on(caller: socket.socket, host: str, port: int) -> None:
    """Both ways, until either end has no more."""
    with (
        caller,
        socket.create_connection((host, port)) as hub,
        selectors.DefaultSelector() as ready,
    ):
        caller.sendall(b"HTTP/1.1 200 Go on\r\nVia: test\r\n\r\n")
        other = {caller: hub, hub: caller}
        for each in other:
            ready.register(each, selectors.EVENT_READ)
        while True:
            for key, _ in ready.select():
                source = caller if key.fileobj is caller else hub
                try:
                    data = source.recv(65_536)
                    other[source].sendall(data)
                except OSError:
                    return
                if not data:
                    return


def test_a_protected_hub_is_reached_through_a_tunnel_that_sees_only_names(tmp_path: Path) -> None:
    ca_file, context = certificate(tmp_path / "ours")
    with HubServer(hub_of(), context) as server, Tunnel() as proxy:
        settings = Bundle(ca_file=str(ca_file), proxy=proxy.address)
        puller = Puller(tmp_path / "models", server.address, settings)
        puller.pull()
        assert puller.content("tiny/model.bin") == MODEL
        assert set(proxy.asked) == {server.address.removeprefix("https://")}
        assert len(proxy.asked) == len(server.hub.requests)


def test_everything_goes_through_the_proxy(tmp_path: Path) -> None:
    hub = hub_of()
    with serving(hub) as address, ProxyServer(address) as relay:
        puller = Puller(tmp_path / "models", address, Bundle(proxy=relay.address))
        puller.pull()
        assert puller.content("tiny/model.bin") == MODEL
        assert relay.lines
        assert all(line.startswith(f"GET {address}/") for line in relay.lines)
        assert len(relay.lines) == len(hub.requests), "nothing went beside the proxy"


class ProxyServer:
    """Passes plain requests on to one place and keeps their first lines."""

    def __init__(self, target: str) -> None:
        self._target = target.removeprefix("http://").split(":")
        self.lines: list[str] = []
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._run)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self._listening.getsockname()[1]}"

    def __enter__(self) -> ProxyServer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._thread.join()

    def _run(self) -> None:
        while True:
            try:
                caller, _ = self._listening.accept()
            except OSError:
                return
            with caller, socket.create_connection((self._target[0], int(self._target[1]))) as hub:
                head = b""
                while not head.endswith(b"\r\n\r\n"):
                    head += caller.recv(4096)
                line, _, rest = head.partition(b"\r\n")
                self.lines.append(line.decode())
                words = line.split()
                words[1] = words[1].removeprefix(b"http://" + ":".join(self._target).encode())
                hub.sendall(b" ".join(words) + b"\r\n" + rest)
                while data := hub.recv(65_536):
                    caller.sendall(data)


def test_a_proxy_that_does_not_let_through_is_a_sentence(tmp_path: Path) -> None:
    with serving(Hub()) as proxy:
        puller = Puller(tmp_path, "https://hub.example", Bundle(proxy=proxy))
        with pytest.raises(BundleFault, match=r"bundle\.proxy"):
            puller.pull()
