"""Recording through the public doors: with consent two channels without the sensitive span, without it no file."""

from __future__ import annotations

import asyncio
import json
import re
import wave
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from bench.audio import Samples
from bench.caller import Caller
from tests.first_call.served import Served, served, wardline

pytestmark = [pytest.mark.wire, pytest.mark.long]

PLAIN_HZ, SECRET_HZ = 700.0, 1300.0
"""What the caller's microphone brings before, and while, an identifier is asked for."""
TOML = """
[practice]
name = "Maple Street Clinic"
phone = "212-555-0100"
consent = "You will be asked whether this call may be recorded."
flow_file = "{flow}"
[recording]
mode = "ask"
days = ["call 30"]
"""


SHORT = {
    "emergency": "Emergency? Hang up and dial {emergency_number}.",
    "automated": "Automated line.",
    "person": "Say person, or press zero.",
    "recording_notice": "May we record this call?",
    "reason_noted": "{reason}.",
}
"""A greeting is heard in real time."""


def tone(hz: float, span_ms: int, rate_hz: int = 48_000) -> Samples:
    at_s = np.arange(rate_hz * span_ms // 1000) / rate_hz
    return (0.3 * 32_767 * np.sin(2 * np.pi * hz * at_s)).astype(np.int16)


def level(sound: NDArray[np.int16], hz: float) -> float:
    """How loud this tone is in its loudest half second, 1.0 for full scale."""
    half = 8_000
    at_s = np.arange(half) / 16_000
    probe = np.exp(-2j * np.pi * hz * at_s) * np.hanning(half)
    pieces = [sound[i : i + half] / 32_768 for i in range(0, len(sound) - half, half // 2)]
    return max((float(abs(piece @ probe)) / half * 4 for piece in pieces), default=0.0)


@dataclass(frozen=True)
class Recorded:
    server: Served
    captions: list[str]
    shown: list[str]
    files: list[Path]
    token: Path

    def command(self, *arguments: str) -> str:
        config = ("--config", str(self.server.directory / "wardline.toml"))
        done = wardline(arguments[0], *config, "--token-file", str(self.token), *arguments[1:])
        assert done.returncode == 0, done.stderr
        return done.stdout


async def consenting(server: Served) -> tuple[list[str], list[str]]:
    async with Caller(server.url) as call:
        await call.reply_over(60_000)
        await call.heard_reply(await call.press("1"), 20_000)
        await call.reply_over(60_000)
        await call.say(tone(PLAIN_HZ, 1_500), "a tone")
        for text in ("a flu shot", "Daniel"):
            await call.heard_reply(call.type_text(text), 20_000)
            await call.reply_over(60_000)
        await call.heard_reply(await call.press("2125550143"), 20_000)
        await call.reply_over(60_000)
        await call.say(tone(SECRET_HZ, 1_500), "another")  # the birth date is asked for
        await call.heard_reply(await call.press("07191953"), 20_000)
        await call.reply_over(60_000)
        await call.pause(500)
        captions = [line for turn in call.record.turns for line in turn.reply_lines.values()]
        return captions, call.record.recording


async def refusing(server: Served) -> None:
    async with Caller(server.url) as call:
        await call.reply_over(60_000)
        await call.heard_reply(call.type_text("no"), 20_000)
        await call.reply_over(60_000)
        await call.say(tone(PLAIN_HZ, 1_000), "a tone")


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory, model_cache: Path) -> Recorded:
    directory = tmp_path_factory.mktemp("recorded")
    flow = directory / "flow.toml"
    shipped = resources.files("pipeline.call").joinpath("flows/clinic.toml").read_text("utf-8")
    for key, line in SHORT.items():
        shipped = re.sub(
            rf"^{key} = .*$", f'{key} = "{line}"', shipped, count=1, flags=re.MULTILINE
        )
    flow.write_text(f'identify = ["birth_date"]\n{shipped}')

    async def both(server: Served) -> tuple[list[str], list[str]]:
        async with asyncio.timeout(150), asyncio.TaskGroup() as callers:
            one = callers.create_task(consenting(server))
            callers.create_task(refusing(server))
        return one.result()

    with served(directory / "server", TOML.format(flow=flow), model_cache) as server:
        captions, shown = asyncio.run(both(server))
        config = ("--config", str(server.directory / "wardline.toml"))
        token = directory / "staff-token"
        token.write_text(wardline("token", *config, "create", "--role", "admin", "desk").stdout)
    files = sorted(path for path in server.directory.rglob("rec_*"))
    return Recorded(server, captions, shown, files, token)


def test_row_r2_only_the_caller_who_agreed_is_recorded(recorded: Recorded) -> None:
    assert [path.suffix for path in recorded.files] == [".key", ".wardrec"]
    assert recorded.shown == ["on", "paused", "on"]
    assert "May we record this call?" in recorded.captions[0]
    events = recorded.server.events("consent_answered")
    assert sorted(event["answer"] for event in events) == ["given", "refused"]
    assert len(recorded.server.events("recording_started")) == 1
    assert len(recorded.server.events("recording_ended")) == 1


def test_rows_r3_r4_the_export_has_caller_left_agent_right_and_no_sensitive_span(
    recorded: Recorded, tmp_path: Path
) -> None:
    to = tmp_path / "call.wav"
    recording_id = recorded.files[0].stem
    assert recording_id in recorded.command("recordings", "list")
    said = recorded.command("recordings", "export", recording_id, "--to", str(to))
    assert "absent" in said
    assert to.stat().st_mode & 0o777 == 0o600
    with wave.open(str(to)) as file:
        assert (file.getnchannels(), file.getframerate()) == (2, 16_000)
        sound = np.frombuffer(file.readframes(file.getnframes()), dtype="<i2").reshape(-1, 2)
    caller, agent = sound[:, 0], sound[:, 1]
    assert level(caller, PLAIN_HZ) > 0.1
    assert level(caller, SECRET_HZ) < 0.01
    assert np.abs(agent).max() > 3_000
    assert level(agent, PLAIN_HZ) < level(caller, PLAIN_HZ) / 2
    loud = np.abs(caller) > 6_000
    assert np.abs(agent[loud]).mean() < 1_500  # it listened to the tone


def test_row_r5_no_sound_lies_readable_on_the_disk(recorded: Recorded, tmp_path: Path) -> None:
    to = tmp_path / "call.wav"
    recorded.command("recordings", "export", recorded.files[0].stem, "--to", str(to))
    with wave.open(str(to)) as file:
        sound = np.frombuffer(file.readframes(file.getnframes()), dtype="<i2").reshape(-1, 2)
    at = int(np.abs(sound[:, 0]).argmax())
    needles = [sound[at : at + 8].tobytes(), sound[at : at + 16, 0].tobytes(), b"RIFF"]
    for name, data in recorded.server.written().items():
        if "/cache/" not in name:
            assert not [needle for needle in needles if needle in data], name


def test_rows_a1_a6_consent_each_change_and_each_access_are_on_record(recorded: Recorded) -> None:
    config = str(recorded.server.directory / "wardline.toml")
    done = wardline("audit", "--config", config, "export")
    records = [json.loads(line) for line in done.stdout.splitlines()]
    consents = [r["answer"] for r in records if r["type"] == "consent"]
    assert sorted(consents) == ["given", "refused"]
    actions = [r["action"] for r in records if r["type"] == "recording"]
    assert actions == ["start", "pause", "resume", "stop"]
    accesses = [r for r in records if r["type"] == "phi_access" and r["action"] == "export"]
    assert {(r["resource_type"], r["resource_id"], r["user_id"]) for r in accesses} == {
        ("recording", recorded.files[0].stem, "staff:desk")
    }
