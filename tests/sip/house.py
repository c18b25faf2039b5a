"""A whole server that a softphone on this machine can call, and what its staff see."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from tests.first_call.served import Served, served, until
from tests.ports import free_port, free_ports

READY_LIMIT_S = 60.0
RTP_PORTS = 60
TOLD_LIMIT_S = 30.0
PROGRAM = ("pipeline.cli", "serve", "--sip-loopback", "--config")


class House:
    """The server, its telephone ports, and the live view as it comes."""

    def __init__(self, server: Served, ports: dict[str, int], staff: str) -> None:
        self.server = server
        self.ports = ports
        self._staff = staff
        self.live: list[dict[str, Any]] = []
        self._over = False

    def uri(self, transport: str) -> str:
        return f"sip:clinic@127.0.0.1:{self.ports[transport]};transport={transport}"

    @property
    def ca_file(self) -> str:
        return str(self.server.directory / "state" / "softphone" / "wardline-ca.pem")

    def watch(self) -> None:
        """Read the live view until the server ends."""
        with closing(HTTPConnection("127.0.0.1", self.server.port, timeout=30)) as line:
            line.request("GET", "/api/live", headers={"Authorization": f"Bearer {self._staff}"})
            answer = line.getresponse()
            while not self._over and (text := answer.readline()):
                self.live.append(json.loads(text))

    def of(self, call_id: str, kind: str) -> list[dict[str, Any]]:
        return [m for m in list(self.live) if m.get("call_id") == call_id and m["type"] == kind]

    def reveal(self, call_id: str, field: str) -> str:
        status, body, _ = self.server.ask(
            "POST",
            "/api/live/reveal",
            {"call_id": call_id, "field": field},
            Authorization=f"Bearer {self._staff}",
        )
        return str(body.get("value") or "") if status == 200 else ""

    def event(self, name: str, **fields: object) -> list[dict[str, Any]]:
        found = self.server.events(name)
        return [each for each in found if all(each.get(k) == v for k, v in fields.items())]

    def told(self, name: str, limit_s: float = TOLD_LIMIT_S, **fields: object) -> dict[str, Any]:
        """The first event of this kind, waited for.

        Gateway, worker and supervisor each have a pipe to the log of their own: what one of them wrote says
        nothing about whether another's line, though it was sent before, is there by now.
        """
        until(lambda: bool(self.event(name, **fields)), limit_s, f"{name} in the log")
        return self.event(name, **fields)[0]

    def follow(self) -> threading.Thread:
        """Watch in a thread of its own, which ends with the server."""

        def watch() -> None:
            with suppress(OSError, ValueError):  # the server ends first
                self.watch()

        watching = threading.Thread(target=watch, daemon=True)
        watching.start()
        return watching

    def close(self) -> None:
        self._over = True


def staff_of(server: Served) -> str:
    """Wait for the gateway, too; returns the token that was shown at the first start.

    Workers alone make a server ready, and a gateway that failed once is not waited for: calls would go nowhere.
    """
    until(lambda: server.health()["gateway"] == "ready", READY_LIMIT_S, "the gateway")
    [token] = re.findall(r"/staff#(\S+)\n", (server.directory / "stdout").read_text())
    return str(token)


@contextmanager
def opened(
    directory: Path,
    cache: Path | None,
    toml: str = "",
    *,
    sip: str = "",
    rtp_ports: int = RTP_PORTS,
    options: tuple[str, ...] = (),
) -> Iterator[House]:
    """A server with real engines, ready for calls; `sip` are more lines of that table, `options` of the command."""
    ports = {"udp": free_port(), "tls": free_port()}
    ports["tcp"] = ports["udp"]
    first = free_ports(rtp_ports)
    telephone = (
        f"[sip]\nudp_port = {ports['udp']}\ntcp_port = {ports['tcp']}\ntls_port = {ports['tls']}\n"
        f"rtp_port_min = {first}\nrtp_port_max = {first + rtp_ports - 1}\n{sip}"
    )
    program = (*PROGRAM[:-1], *options, PROGRAM[-1])
    with served(directory, telephone + toml, cache, program=program) as server:
        house = House(server, ports, staff_of(server))
        watching = house.follow()
        try:
            yield house
        finally:
            house.close()
    watching.join(5)
