"""py-spy beside a load: what it saw, and a clear sentence where it cannot look."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bench.errors import ProfilerUnusable
from bench.load.house import House
from bench.profile.spy import NOT_ALLOWED, PACKAGE_MISSING, Spy, found
from pipeline.clock import LoopClock

pytestmark = pytest.mark.wire

BUSY = "print('up', flush=True)\ndef burn():\n    while True: sum(range(1000))\nburn()"


@contextmanager
def working() -> Iterator[House]:
    """A server of one process, which has the name of a worker and is never idle."""
    command = [sys.executable, "-c", BUSY, "pipeline.worker"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as child:
        try:
            assert child.stdout is not None
            child.stdout.readline()
            yield House("ours", "", child.pid)
        finally:
            child.kill()


def pretending(folder: Path, script: str) -> str:
    """A program that stands in for py-spy."""
    program = folder / "py-spy"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o700)
    return str(program)


async def looked(eye: Spy, at: House) -> None:
    now_ms = LoopClock().now_ms()
    await eye.beside(at, "ours-stream-5", "5 calls")(now_ms, now_ms)


async def refused(eye: Spy, at: House) -> str:
    """Why it may not be looked at; "" where it may."""
    try:
        await eye.allowed(at)
    except ProfilerUnusable as error:
        return str(error)
    return ""


def test_a_worker_is_seen_at_its_work(tmp_path: Path) -> None:
    eye = Spy(tmp_path / "new" / "profile")
    with working() as at:
        if reason := asyncio.run(refused(eye, at)):  # an ordinary user's machine, or a container
            assert reason == NOT_ALLOWED
            return
        asyncio.run(looked(eye, at))
    told = eye.told()
    assert "5 calls" in told
    assert int(told.splitlines()[-3].split()[-1]) > 50, "it was busy for the whole time"
    assert "burn" in (tmp_path / "new/profile/ours-stream-5.svg").read_text()


def test_without_py_spy_it_is_said_before_anything_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    with pytest.raises(ProfilerUnusable, match="not installed") as error:
        Spy(tmp_path / "profile")
    assert str(error.value) == PACKAGE_MISSING
    assert not (tmp_path / "profile").exists()
    program = pretending(tmp_path, "exit 0")
    assert found() == program


@pytest.mark.parametrize(
    ("says", "sentence"),
    [
        ("Permission Denied: Try running again with elevated permissions by going 'sudo'", NOT_ALLOWED),
        ("Error: Operation not permitted (os error 1)", NOT_ALLOWED),
        ("Error: Failed to find python version from target process", "py-spy failed: Error: Failed to find"),
        ("", "py-spy failed: it said nothing"),
    ],
)  # fmt: skip
def test_a_worker_that_may_not_be_looked_at_is_a_sentence(
    says: str, sentence: str, tmp_path: Path
) -> None:
    eye = Spy(tmp_path, program=pretending(tmp_path, f'echo "{says}" >&2; exit 1'))
    with working() as at:
        assert asyncio.run(refused(eye, at)).startswith(sentence)
        with pytest.raises(ProfilerUnusable) as error:
            asyncio.run(looked(eye, at))
    assert str(error.value).startswith(sentence)


def test_a_look_that_is_cancelled_leaves_no_program_behind(tmp_path: Path) -> None:
    started = tmp_path / "pid"
    eye = Spy(tmp_path, program=pretending(tmp_path, f"echo $$ > {started}; exec sleep 60"))

    def has_begun() -> bool:
        return started.is_file() and started.stat().st_size > 0

    async def cancelled(at: House) -> None:
        async with asyncio.timeout(20), asyncio.TaskGroup() as tasks:
            look = tasks.create_task(looked(eye, at))
            while not await asyncio.to_thread(has_begun):  # noqa: ASYNC110  # a program has no event
                await asyncio.sleep(0.02)
            look.cancel()

    with working() as at:
        asyncio.run(cancelled(at))
    with pytest.raises(ProcessLookupError):
        os.kill(int(started.read_text()), 0)


def test_a_house_without_a_worker_has_nothing_to_look_at(tmp_path: Path) -> None:
    eye = Spy(tmp_path, program="true")
    with pytest.raises(ProfilerUnusable, match="no worker"):
        asyncio.run(eye.allowed(House("ours", "", 2**22 - 1)))


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ProfilerUnusable, match="cannot be made"):
        Spy(tmp_path / "file" / "profile", program="true")
