"""A caller whose only path is the practice's own relay, by a real coturn."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiortc import RTCIceServer

from pipeline.errors import NoMediaPath
from pipeline.supervisor.relay import credentials
from pipeline.transports.sdp import read_offer
from pipeline.transports.settings import MediaSettings
from tests.fakes.echo_call import EchoCall
from tests.transports.browser import Browser, until, visit_of
from tests.transports.ready_door import ReadyDoor

pytestmark = [pytest.mark.wire, pytest.mark.long]

SECRET = "0f1e2d3c4b5a69788796a5b4c3d2e1f0"  # noqa: S105  # a test's
RELAY = "127.0.0.3"
"""An address that no caller has, and that only the setting lets in."""
STARTS_S = 20.0
ELSEWHERE = ("192.0.2.0/24",)


@pytest.fixture
def relay(tmp_path: Path) -> Iterator[str]:
    """A relay that knows the secret; its address as the setting has it."""
    program = shutil.which("turnserver")
    assert program, "coturn is missing: sudo apt-get install coturn"
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind((RELAY, 0))
        port = probe.getsockname()[1]
    settings = {
        "listening-ip": RELAY,
        "relay-ip": RELAY,
        "listening-port": port,
        "realm": "clinic.example",
        "static-auth-secret": SECRET,
        "log-file": tmp_path / "log",
        "pidfile": tmp_path / "pid",
        "userdb": tmp_path / "users",
    }
    flags = ("use-auth-secret", "allow-loopback-peers", "no-cli", "no-tls", "no-dtls", "simple-log")
    lines = [*(f"{key}={value}" for key, value in settings.items()), *flags]
    (tmp_path / "turnserver.conf").write_text("\n".join(lines) + "\n")
    process = subprocess.Popen(
        [program, "-c", str(tmp_path / "turnserver.conf")],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=tmp_path,
    )
    try:
        limit_s = time.monotonic() + STARTS_S
        while True:
            with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
                if probe.connect_ex((RELAY, port)) == 0:
                    break
            assert process.poll() is None, "turnserver ended"
            assert time.monotonic() < limit_s, "turnserver does not listen"
            time.sleep(0.05)
        yield f"turn:{RELAY}:{port}"
    finally:
        process.terminate()
        process.wait(10)


def behind(url: str, user: str, password: str) -> Browser:
    """A caller who may use the relay with these."""
    server = RTCIceServer(urls=f"{url}?transport=udp", username=user, credential=password)
    return Browser(ice_servers=[server])


def relayed_only(sdp: str) -> str:
    """The offer of a caller whose network lets nothing else through."""
    lines = sdp.splitlines(keepends=True)
    return "".join(
        line for line in lines if not line.startswith("a=candidate") or " typ relay" in line
    )


def now_s() -> int:
    return int(time.time())


async def test_a_caller_who_has_no_other_path_is_heard_by_the_relay(relay: str) -> None:
    call = EchoCall()
    settings = MediaSettings(
        media_addresses=("127.0.0.1",), allowed_networks=ELSEWHERE, relay_address=RELAY
    )
    browser = behind(relay, *credentials(SECRET, now_s() + 60))
    async with ReadyDoor(settings) as door:
        try:
            sdp = relayed_only(await browser.offer())
            assert {each.ip for each in read_offer(sdp).candidates} == {RELAY}
            await browser.accept(await door.offer(sdp, call))
            await until(lambda: call.frames > 20 and len(browser.packets) > 20)
            pair = visit_of(door, call).peer.agent._nominated[1]
            assert pair.remote_addr[0] == RELAY
            browser.say({"type": "ping", "t": 7})
            assert (await browser.wait_for("pong"))["t"] == 7.0
        finally:
            door.drop(call.call_id, "caller")
            await browser.close()


async def test_without_the_setting_nobody_comes_by_that_relay(relay: str) -> None:
    settings = MediaSettings(media_addresses=("127.0.0.1",), allowed_networks=ELSEWHERE)
    browser = behind(relay, *credentials(SECRET, now_s() + 60))
    async with ReadyDoor(settings) as door:
        try:
            sdp = relayed_only(await browser.offer())
            with pytest.raises(NoMediaPath, match=r"media\.allowed_networks"):
                await door.offer(sdp, EchoCall())
        finally:
            await browser.close()


@pytest.mark.parametrize(
    ("secret", "lasts_s"), [(SECRET, -60), ("another secret of another relay", 60)]
)
async def test_the_relay_takes_no_credentials_that_have_ended_or_that_we_did_not_make(
    relay: str, secret: str, lasts_s: int
) -> None:
    browser = behind(relay, *credentials(secret, now_s() + lasts_s))
    try:
        assert "typ relay" not in await browser.offer()
    finally:
        await browser.close()
