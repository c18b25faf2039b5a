"""A reason that an operator adds to the call flow, from the file to what the recogniser hears; and what that costs at start."""

from __future__ import annotations

import asyncio
import resource
from importlib import resources
from pathlib import Path

import pytest

from models.pocketsphinx import PocketSphinx
from models.pocketsphinx_loader import prepare
from pipeline import app
from pipeline.call.flow import Flow
from pipeline.call.flow_file import load_flow
from pipeline.call.reason import hear_reason
from pipeline.call.words import words
from pipeline.settings import Practice, Settings, State
from tests.models.speech import spoken

pytestmark = [pytest.mark.wire, pytest.mark.long]

SHIPPED = resources.files("pipeline.call").joinpath("flows/clinic.toml").read_text("utf-8")
MRI = '\n[[reasons]]\nkey = "mri"\nlabel = "MRI"\nspoken = ["MRI", "MRI scan"]\n'
VOICES = ("slt", "rms", "awb")
SENTENCES = ("i need an M R I", "i would like to book an M R I scan", "it is for an M R I please")
START_CPU_S_MAX = 10.0


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A practice that added one reason to the flow that the package ships, and nothing else."""
    file = tmp_path / "flow.toml"
    file.write_text(SHIPPED + MRI)
    own = load_flow()
    practice = Practice(
        name=own.practice_name,
        phone=own.practice_phone,
        emergency_number=own.practice.emergency_number,
        flow_file=str(file),
    )
    return Settings(practice=practice, state=State(directory=str(tmp_path / "state")))


def engine_of(settings: Settings, flow: Flow) -> PocketSphinx:
    """The recogniser as the server makes it of its settings."""
    return app._pocketsphinx(settings, flow)


async def heard(engine: PocketSphinx, said: str, voice: str, folder: Path) -> str:
    """What one caller's recogniser makes of a sentence."""
    pcm = await asyncio.to_thread(spoken, said, folder, voice)
    ear = await engine.open()
    try:
        ear.begin()
        for start in range(0, len(pcm), 640):
            ear.feed(pcm[start : start + 640])
        transcript = await ear.settle()
    finally:
        await ear.close()
    return transcript.text.text


async def test_a_reason_added_to_the_flow_file_is_understood_when_it_is_spoken(
    settings: Settings, tmp_path: Path
) -> None:
    flow = await asyncio.to_thread(load_flow, settings.practice)
    engine = engine_of(settings, flow)
    understood: list[str] = []
    await engine.start()
    try:
        for voice in VOICES:
            for said in SENTENCES:
                text = await heard(engine, said, voice, tmp_path)
                reason = hear_reason(words(text), flow.reasons, known=None, asked=True)
                understood.append(f"{voice} {reason}")
    finally:
        await engine.stop()
    print(understood)
    missed = [each for each in understood if not each.endswith(" mri")]
    assert missed == []


def test_the_clinics_half_of_the_language_model_is_made_at_start_within_ten_seconds_of_a_core(
    settings: Settings,
) -> None:
    engine = engine_of(settings, load_flow(settings.practice))
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    prepare(engine._settings)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(f"language model made in {cpu_s:.1f} s of a core")
    assert 0.1 < cpu_s <= START_CPU_S_MAX
    again = resource.getrusage(resource.RUSAGE_CHILDREN)
    prepare(engine._settings)
    kept = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert kept.ru_utime - again.ru_utime < 0.1 * cpu_s, "it is kept, not made at every start"
