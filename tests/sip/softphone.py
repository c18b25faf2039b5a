"""A real softphone (baresip) that a test dials, speaks and listens with: a process of its own, ended by its pid.

What it says are files: each line is played from its beginning, and silence follows it. What it hears is written to a
file as it comes. `docs/telephony.md` names the package.
"""

from __future__ import annotations

import json
import re
import shutil
import signal
import socket
import subprocess
import time
import wave
from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tests.ports import free_port, free_ports

RATE_HZ = 8_000
SILENCE_S = 120
"""Behind each line: the phone hangs up where a file ends."""
UNTIL_S = 60.0
RTP_PORTS = 22
MODULES = Path("/usr/lib/baresip/modules")
LOUD = 250.0
"""Mean of the absolute samples of 100 ms of speech; comfort noise has 15."""
_HEADER_BYTES = 44


def loud(samples: NDArray[np.int16]) -> NDArray[np.bool_]:
    """Which tenths of a second at 8 kHz hold speech."""
    count = len(samples) // (RATE_HZ // 10)
    parts = np.abs(samples[: count * (RATE_HZ // 10)].astype(float)).reshape(count, RATE_HZ // 10)
    spoken: NDArray[np.bool_] = parts.mean(1) > LOUD
    return spoken


class Softphone:
    """One phone with one line."""

    def __init__(self, directory: Path, control_port: int, rate_hz: int = RATE_HZ) -> None:
        self.directory = directory
        self.rate_hz = rate_hz
        self.uri = ""
        self._control_port = control_port
        self._line: socket.socket | None = None
        self._buffer = b""
        self.events: list[dict[str, object]] = []
        self._files = 0
        self.process: subprocess.Popen[bytes] | None = None

    # --- the program -----------------------------------------------------------------------------

    def start(self) -> None:
        program = shutil.which("baresip")
        assert program, "baresip is missing: apt-get install -y baresip-core"
        with (self.directory / "out").open("wb") as out:
            self.process = subprocess.Popen(
                [program, "-f", str(self.directory), "-v", "-s"],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                cwd=self.directory,
            )
        limit = time.monotonic() + UNTIL_S
        while self._line is None:
            with suppress(OSError):
                self._line = socket.create_connection(("127.0.0.1", self._control_port), 1)
            assert time.monotonic() < limit, self.said()
            time.sleep(0.05)
        self._line.settimeout(0.05)

    def end(self) -> None:
        if self._line is not None:
            self._line.close()
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(5)
            if self.process.poll() is None:
                self.process.kill()
                self.process.wait()

    def said(self) -> str:
        """What the program wrote, for a failure."""
        return self._written()[-4_000:]

    # --- what a caller does ----------------------------------------------------------------------

    def dial(self, uri: str) -> None:
        self.say(np.zeros(0, np.int16))
        self.command("dial", uri)

    def hang_up(self) -> None:
        self.command("hangup")

    def key(self, key: str) -> None:
        """Press one key (RFC 4733)."""
        self.command("sndcode", key)

    def say(self, samples: NDArray[np.int16]) -> None:
        """Speak these samples at the phone's rate, now."""
        self._files += 1
        file = self.directory / f"line-{self._files}.wav"
        _write(file, samples, self.rate_hz)
        self.command("ausrc", f"aufile,{file}")

    def command(self, name: str, parameters: str = "") -> None:
        assert self._line is not None
        text = json.dumps({"command": name, "params": parameters, "token": name})
        self._line.sendall(f"{len(text)}:{text},".encode())

    # --- what it hears ---------------------------------------------------------------------------

    def look(self) -> None:
        """Read the events that have come."""
        assert self._line is not None
        while True:
            try:
                data = self._line.recv(65_536)
            except TimeoutError:
                break
            if not data:
                break
            self._buffer += data
        while True:
            length, colon, rest = self._buffer.partition(b":")
            if not colon or len(rest) < int(length) + 1:
                return
            message = json.loads(rest[: int(length)])
            self._buffer = rest[int(length) + 1 :]
            self.events.append(message)

    def happened(self, kind: str) -> list[dict[str, object]]:
        self.look()
        return [each for each in self.events if each.get("type") == kind]

    def until(self, kind: str, count: int = 1, limit_s: float = UNTIL_S) -> dict[str, object]:
        """Wait for such an event."""
        limit = time.monotonic() + limit_s
        while len(found := self.happened(kind)) < count:
            assert time.monotonic() < limit, f"no {kind} in {self.events}\n{self.said()}"
        return found[count - 1]

    @property
    def rtp_port(self) -> int:
        """Where it listens, by its own first description."""
        found = re.search(r"^m=audio ([0-9]+) ", self._written(), re.MULTILINE)
        assert found, self.said()
        return int(found[1])

    def keys_answered(self) -> list[bytes]:
        """The SRTP keys of the other side in every answer to it."""
        messages = re.split(r"^(?:UDP|TCP|TLS) \S+ -> \S+\s*$", self._written(), flags=re.MULTILINE)
        answers = [each for each in messages if each.lstrip().startswith("SIP/2.0 200")]
        found = re.findall(r"^a=crypto:\S+ \S+ inline:(\S{40})", "\n".join(answers), re.MULTILINE)
        return [b64decode(key) for key in dict.fromkeys(found)]

    def _written(self) -> str:
        return (self.directory / "out").read_text(errors="replace")

    def answers_to(self, method: str) -> list[int]:
        """Statuses of all answers to its requests of this kind, as they came over the wire."""
        answers = re.findall(
            r"^SIP/2\.0 ([0-9]{3}) [^\n]*\n(.*?)\n\r?\n", self._written(), re.MULTILINE | re.DOTALL
        )
        return [
            int(status)
            for status, told in answers
            if re.search(rf"^CSeq: *[0-9]+ {method}\r?$", told, re.MULTILINE | re.IGNORECASE)
        ]

    def heard(self) -> NDArray[np.int16]:
        """Everything heard in this call, so far, at the phone's rate."""
        data = b""
        for file in sorted(self.directory.glob("dump-*-dec.wav")):  # it begins another after a hold
            piece = file.read_bytes()[_HEADER_BYTES:]
            data += piece[: len(piece) & ~1]
        return np.frombuffer(data, "<i2")


def _write(file: Path, samples: NDArray[np.int16], rate_hz: int) -> None:
    """These samples, and silence behind them."""
    with wave.open(str(file), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(rate_hz)
        out.writeframes(samples.astype("<i2").tobytes())
        out.writeframes(bytes(2 * rate_hz * SILENCE_S))


CONFIG = """\
poll_method epoll
call_local_timeout {rings_s}
call_max_calls 4
audio_source aufile,{quiet}
audio_player aufile,{directory}/out.wav
audio_alert aufile,{directory}/alert.wav
ausrc_srate {rate_hz}
auplay_srate {rate_hz}
audio_buffer 20-160
rtcp_mux no
jitter_buffer_delay 5-10
rtp_ports {rtp_port}-{rtp_last}
sip_listen 127.0.0.1:{sip_port}
net_interface 127.0.0.1
{tls}
module_path {modules}
module stdio.so
module g711.so
module g722.so
module aufile.so
module sndfile.so
module srtp.so
module ctrl_tcp.so
module_tmp uuid.so
module_tmp account.so
module_app debug_cmd.so
module_app menu.so
ctrl_tcp_listen 127.0.0.1:{control_port}
snd_path {directory}
"""


@contextmanager
def softphone(
    directory: Path,
    *,
    transport: str = "udp",
    srtp: bool = False,
    codecs: str = "PCMU,PCMA",
    ca_file: str = "",
    certificate: str = "",
    user: str = "caller",
    answers: bool = False,
    rings_s: int = 120,
    rate_hz: int = RATE_HZ,
) -> Iterator[Softphone]:
    """A phone that is ready to dial, until the block is left; one that nobody answers gives up after `rings_s`.

    `ca_file` is whom it trusts over TLS; `certificate` (the key, too) is what it shows to who calls it over TLS.
    """
    directory.mkdir(parents=True, exist_ok=True)
    control_port = free_port()
    sip_port = free_ports(2)  # the next is for TLS
    quiet = directory / "quiet.wav"
    _write(quiet, np.zeros(0, np.int16), rate_hz)
    rtp_port = free_ports(RTP_PORTS)
    (directory / "config").write_text(
        CONFIG.format(
            quiet=quiet,
            rings_s=rings_s,
            rate_hz=rate_hz,
            directory=directory,
            rtp_port=rtp_port,
            rtp_last=rtp_port + RTP_PORTS - 1,
            sip_port=sip_port,
            tls="\n".join(
                f"{name} {file}"
                for name, file in (("sip_cafile", ca_file), ("sip_certificate", certificate))
                if file
            ),
            modules=MODULES,
            control_port=control_port,
        )
    )
    secure = ";mediaenc=srtp-mand" if srtp else ""
    secure += ";answermode=auto" if answers else ""
    (directory / "accounts").write_text(
        f"<sip:{user}@127.0.0.1:{sip_port};transport={transport}>;regint=0;audio_codecs={codecs}{secure}\n"
    )
    (directory / "contacts").write_text("")
    phone = Softphone(directory, control_port, rate_hz)
    phone.uri = f"sip:{user}@127.0.0.1:{sip_port}"
    if transport == "tls":
        phone.uri = f"sip:{user}@127.0.0.1:{sip_port + 1};transport=tls"
    try:
        phone.start()
        yield phone
    finally:
        phone.end()
