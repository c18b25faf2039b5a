"""The parts of a gateway's load, each a process of its own: gateway, worker's door, telephones. See `main` for arguments.

`gateway DIR CALLS` and `door DIR CALLS` print a line once they are ready and end with their input; `phones PORT CALLS
SECONDS` calls, speaks and listens, prints "talking" once every call stands and how many packets were sent and heard;
`bare PORT SECONDS` is the control: small datagrams on absolute deadlines, and nothing else.
"""

from __future__ import annotations

import asyncio
import re
import selectors
import socket
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

from pylibsrtp import Policy, Session

from pipeline.heap import Heap
from pipeline.line import CallerLeg
from pipeline.sip.desk import Place, TrunkRoom
from pipeline.sip.gateway import Gateway
from pipeline.sip.ports import Invite
from pipeline.sip.rtp_leg import RtpLeg
from pipeline.sip.rtp_ports import RtpPorts
from pipeline.sip.rtp_settings import RtpSettings
from pipeline.sip.settings import Listen, SignallingSettings, TrunkSettings
from pipeline.sip.trunk import Trunks
from pipeline.stream.messages import Bringer
from pipeline.supervisor.time_slice import run_promptly
from pipeline.transports.media_stream import MediaStreamDoor
from tests.fakes.bare_sender import BareSender
from tests.fakes.echo_call import RecordingCall
from tests.sip.far_end import FRAME, KEY, key_of, sdp, session, tone
from tests.sip.shapes import Peer, said
from tests.sip.telephones import drain, voice

FIRST_PORT, LAST_PORT = 30_000, 30_999
TURN_MS = 4_000.0
"""The voice behind the door speaks so long, falls silent so long, and so on."""
LIMIT_S = 30.0


def until_input_ends(over: Callable[[], object]) -> None:
    """The parent holds our input open for as long as it wants us."""

    def watch() -> None:
        sys.stdin.read()
        over()

    threading.Thread(target=watch, daemon=True).start()


class _Desk:
    """Every call is let in at the one door."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / "calls-w1.sock"
        self._placed = 0

    def may_ring(self) -> int | None:
        return None

    async def place(self, invite: Invite) -> Place:
        del invite
        self._placed += 1
        return Place(f"c{self._placed}", self._path, f"token{self._placed}")

    def leave(self, invite: Invite) -> None:
        pass

    async def line(self, name: str, sample_rate_hz: int) -> bytes:
        return b""


async def gateway(directory: Path, calls: int) -> None:
    """The gateway's process: signalling, media and the streams to the door."""
    over = asyncio.Event()
    until_input_ends(lambda: loop.call_soon_threadsafe(over.set))
    loop = asyncio.get_running_loop()
    ports = RtpPorts("127.0.0.1", FIRST_PORT, LAST_PORT)
    media = RtpSettings(srtp_required=False, allowed_sources=("127.0.0.0/8",))
    trunk = TrunkSettings("carrier", ("127.0.0.0/8",), transports=("udp",))
    settings = SignallingSettings(
        (Listen("udp", "127.0.0.1", 0),), (trunk,), max_calls=calls, calls_per_s=0.0
    )
    taker = Gateway(_Desk(directory), {"carrier": TrunkRoom(lambda: RtpLeg(media, ports), {})})
    heap = Heap()
    async with Trunks(settings, taker) as trunks, heap.watch(lambda: taker.calls > 0):
        heap.settle()
        print(trunks.ports["udp"], flush=True)
        await over.wait()


class _Turns(RecordingCall):
    """Speaks and is silent by turns."""

    def __init__(self, call_id: str, rate_hz: int) -> None:
        super().__init__(call_id, rate_hz)
        self._words = tone(TURN_MS, rate=rate_hz).tobytes()
        self._loop = asyncio.get_running_loop()

    def attach(self, leg: CallerLeg) -> None:
        super().attach(leg)
        self._speak()

    def _speak(self) -> None:
        if self.leg is not None:
            self.playout.push(self.playout.epoch, self._words)
            self.playout.end(self.playout.epoch)
            self._loop.call_later(2.0 * TURN_MS / 1_000.0, self._speak)


async def door(directory: Path, calls: int) -> None:
    """A worker's door, without any engine behind it."""
    over = asyncio.Event()
    until_input_ends(lambda: loop.call_soon_threadsafe(over.set))
    loop = asyncio.get_running_loop()
    async with MediaStreamDoor(directory / "calls-w1.sock") as there:
        for n in range(1, calls + 1):
            there.expect(
                f"c{n}", f"token{n}", Bringer.GATEWAY, lambda rate_hz, n=n: _Turns(f"c{n}", rate_hz), lambda reason: None  # type: ignore[misc]  # bound as it is now
            )  # fmt: skip
        print("ready", flush=True)
        await over.wait()


class _Phone:
    """One call, plain blocking sockets."""

    def __init__(self, server_port: int, number: int) -> None:
        self.rtp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.rtp.bind(("127.0.0.1", 0))
        self.rtp.setblocking(False)
        self._sip = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._sip.connect(("127.0.0.1", server_port))
        self._sip.settimeout(LIMIT_S)
        own = f"127.0.0.1:{self._sip.getsockname()[1]}"
        self._peer = Peer(
            call_id=f"cost{number}", from_tag=f"tag{number}", sent_by=own,
            contact=f"<sip:caller@{own}>", uri=f"sip:clinic@127.0.0.1:{server_port}",
        )  # fmt: skip
        offer = sdp(address="127.0.0.1", port=self.rtp.getsockname()[1], formats="0 101")
        self._sip.send(self._peer.invite(offer.decode()))
        while (answer := said(self._sip.recv(4_096))).status < 200:
            pass
        assert answer.status == 200, answer.line
        found = re.search(rb"m=audio ([0-9]+) ", answer.body)
        assert found
        self.to = ("127.0.0.1", int(found[1]))
        self._peer.to_tag = answer.to_tag
        self._sip.send(self._peer.ack())
        self.frames = voice(number)
        self.guard: Session = session(KEY)
        self.theirs: Session = session(key_of(answer.body), Policy.SSRC_ANY_INBOUND)

    def end(self) -> None:
        self._sip.send(self._peer.request("BYE"))
        self._sip.close()
        self.rtp.close()


def phones(server_port: int, calls: int, seconds: float) -> None:
    """Speak on absolute deadlines, and count what is heard."""
    watch = selectors.DefaultSelector()
    lines = [_Phone(server_port, number) for number in range(1, calls + 1)]
    for each in lines:
        watch.register(each.rtp, selectors.EVENT_READ)
    begun = time.monotonic()
    print("talking", flush=True)
    sent = got = 0
    for number in range(int(seconds * 50)):
        due = begun + 0.020 * number
        while (wait := due - time.monotonic()) > 0:
            for ready, _ in watch.select(wait):
                got += drain(ready.fileobj)  # type: ignore[arg-type]  # sockets are all that is registered
        for ssrc, each in enumerate(lines, 1):
            header = b"\x80\x00" + number.to_bytes(2, "big") + (number * FRAME).to_bytes(4, "big")
            packet = header + ssrc.to_bytes(4, "big") + each.frames[number % len(each.frames)]
            each.rtp.sendto(each.guard.protect(packet), each.to)
            sent += 1
    print(sent, got, flush=True)
    for each in lines:
        each.end()


async def bare(port: int, seconds: float) -> None:
    """What this machine lets an event loop do."""
    sender = BareSender(("127.0.0.1", port))
    await asyncio.sleep(seconds)
    sender.close()


def main(role: str, where: str, calls: str, *more: str) -> None:
    """Play one part; each has the time slice that the gateway's own process asks for."""
    run_promptly()
    if role == "phones":
        phones(int(where), int(calls), float(*more))
    elif role == "bare":
        asyncio.run(bare(int(where), float(calls)))
    else:
        asyncio.run({"gateway": gateway, "door": door}[role](Path(where), int(calls)))


if __name__ == "__main__":
    main(*sys.argv[1:])
