"""The telephone gateway as a process of the supervisor: proven, kept alive, told what is free, ended with the server."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.ports import free_port, free_ports
from tests.supervisor.served import Served, served

pytestmark = pytest.mark.wire

OPTIONS = (
    "OPTIONS sip:clinic@127.0.0.1:{port} SIP/2.0\r\n"
    "Via: SIP/2.0/UDP 127.0.0.1:{own};branch=z9hG4bK{number}\r\n"
    "Max-Forwards: 70\r\nFrom: <sip:probe@127.0.0.1>;tag=1\r\nTo: <sip:clinic@127.0.0.1>\r\n"
    "Call-ID: {number}@127.0.0.1\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
)
SDP = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n"


def configuration(port: int) -> str:
    first = free_ports(10)
    return (
        f"[sip]\nudp_port = {port}\ntls_port = 0\n"
        f"rtp_port_min = {first}\nrtp_port_max = {first + 9}\n"
        '[[trunk]]\nname = "pbx"\nsignalling = ["127.0.0.0/8"]\nmedia = ["127.0.0.0/8"]\n'
        'transports = ["udp"]\nsrtp = "optional"\n'
    )


class Probe:
    """Asks a gateway over UDP."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.end = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.end.bind(("127.0.0.1", 0))
        self.end.settimeout(0.5)
        self.number = 0

    def ask(self, text: str) -> str:
        """The status line of the first final answer."""
        self.number += 1
        limit = time.monotonic() + 30
        own = self.end.getsockname()[1]
        data = text.format(port=self.port, own=own, number=f"{os.getpid()}x{self.number}").encode()
        while time.monotonic() < limit:
            with contextlib.suppress(OSError):
                self.end.sendto(data, ("127.0.0.1", self.port))
                while True:
                    status = self.end.recv(4_096).partition(b"\r\n")[0].decode()
                    if not status.startswith("SIP/2.0 1"):
                        return status
        raise AssertionError("no answer")


@pytest.fixture
def probe() -> Iterator[Probe]:
    found = Probe(free_port())
    yield found
    found.end.close()


def gateway(server: Served, count: int = 1) -> int:
    """The gateway's process, once it has been started so often and is ready."""
    limit = time.monotonic() + 60
    while True:
        ready = [e for e in server.events("worker_ready") if e["worker"] == "gateway"]
        if len(ready) >= count:
            started = [e for e in server.events("worker_started") if e["worker"] == "gateway"]
            return int(started[-1]["pid"])
        assert time.monotonic() < limit, server.log()
        time.sleep(0.05)


def test_a_gateway_is_proven_answers_and_is_started_again_when_it_dies(
    tmp_path: Path, probe: Probe
) -> None:
    with served(tmp_path, configuration(probe.port)) as server:
        pid = gateway(server)
        tested = [e for e in server.until("egress_tested", 3) if e["process"] == "gateway"]
        assert [(e["guard"], e["out"]) for e in tested] == [(tested[0]["tried"], 0)]
        outputs = [e for e in server.until("outputs_tested", 3) if e["process"] == "gateway"]
        assert [e["passed"] for e in outputs] == [True]
        assert probe.ask(OPTIONS) == "SIP/2.0 200 OK"
        _, health, _ = server.ask("GET", "/healthz")
        assert health["gateway"] == "ready"
        os.kill(pid, signal.SIGKILL)
        again = gateway(server, 2)
        assert again != pid
        assert probe.ask(OPTIONS) == "SIP/2.0 200 OK"
        assert "The telephone gateway was killed by SIGKILL" in server.out()
    assert not Path(f"/proc/{again}").exists()


def test_without_a_free_line_a_call_is_sent_elsewhere(tmp_path: Path, probe: Probe) -> None:
    with served(tmp_path, configuration(probe.port)) as server:
        gateway(server)
        invite = (
            OPTIONS.replace("OPTIONS", "INVITE")
            .replace("Content-Length: 0\r\n\r\n", "Contact: <sip:probe@127.0.0.1:{own}>\r\n")
            .rstrip()
        ) + f"\r\nContent-Type: application/sdp\r\nContent-Length: {len(SDP)}\r\n\r\n{SDP}"
        # the fake worker takes no telephone calls: the supervisor asks it, and it refuses
        assert probe.ask(invite).startswith("SIP/2.0 503")
        assert server.until("phone_call_refused")[0]["reason"] == "lines_busy"


def test_a_port_that_is_taken_is_said_in_a_sentence_and_pages_are_served_all_the_same(
    tmp_path: Path, probe: Probe
) -> None:
    with contextlib.ExitStack() as house:
        other = house.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        other.bind(("127.0.0.1", probe.port))
        server = house.enter_context(served(tmp_path, configuration(probe.port)))
        limit = time.monotonic() + 60
        while "The telephone gateway cannot start: " not in server.out():
            assert time.monotonic() < limit, server.out()
            time.sleep(0.05)
        assert str(probe.port) in server.out()
        assert server.call()["call_id"]
