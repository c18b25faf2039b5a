"""Async tests run on a virtual clock, may not block the loop and may not leave a task behind."""

from __future__ import annotations

import asyncio
import gc
import inspect
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from blockbuster import BlockBuster
from hypothesis import settings

from pipeline import config
from tests.virtual_loop import CheckedLoop, VirtualLoop

settings.register_profile("wardline", deadline=None)  # a busy machine is no counterexample
settings.load_profile("wardline")

config.quieten()  # before a test imports an engine: no library of the test run calls home

ALONE = (
    "tests/audit/test_speed.py",
    "tests/bench/test_bench_command.py",
    "tests/bench/test_caller.py",
    "tests/bench/test_conversation.py",
    "tests/call/test_model_cost.py",
    "tests/call/test_model_lost.py",
    "tests/first_call/test_booking.py",
    "tests/first_call/test_whisper.py",
    "tests/models/test_espeak.py",
    "tests/models/test_piper_alone.py",
    "tests/models/whisper/test_against_stock.py",
    "tests/phi/test_speed.py",
    "tests/sip/test_rtp_load.py",
    "tests/sip/test_rtp_pacing.py",
    "tests/sip/test_gateway_barge_in.py",
    "tests/transports/test_barge_in",
    "tests/transports/test_heard_far_away.py",
    "tests/transports/test_leftovers.py",
    "tests/transports/test_loss.py",
    "tests/transports/test_pacing.py",
    "tests/transports/test_reconnect.py",
    "tests/transports/test_webrtc.py",
    "tests/transports/static/test_access.py",
    "tests/transports/static/test_flush.py",
)
"""Files that judge milliseconds, hold a spoken conversation in real time, have many connections made within their ten seconds, or keep a page so busy that
its call ends: never beside another test."""


SLOWEST_FIRST = (
    "tests/first_call/",
    "tests/models/",
    "tests/canary/",
    "tests/commands/test_serve",
    "tests/sip/test_call_",
)
"""Files go whole to one of the workers: a long one that begins last is waited for by all."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--alone-only",
        action="store_true",
        help="read no other file than those whose tests have the machine to themselves",
    )


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """To import all the others, only to leave their tests out, takes longer than most of these tests."""
    if not config.getoption("--alone-only"):
        return None
    at = collection_path.relative_to(config.rootpath).as_posix()
    is_wanted = at.startswith(ALONE) or any(name.startswith(f"{at}/") for name in ALONE)
    return None if is_wanted else True


def pytest_collectstart() -> None:
    gc.disable()  # there is next to no garbage in what is collected, and more and more to look at


def _set_the_heap_aside() -> None:
    """What thousands of collected tests made lives to the end: no collection during a test looks at it.

    Looking at it took a second or two on a busy machine, after each test that collects by hand to find what is left.
    """
    gc.collect()
    gc.freeze()


def pytest_collection_finish() -> None:
    _set_the_heap_aside()
    gc.enable()


_thawed = threading.Event()


def _note_every_thaw() -> None:
    """To ask how much is frozen counts all of it: at every test that had come to a third of a run's processor time."""
    unfreeze = gc.unfreeze

    def noted() -> None:
        _thawed.set()
        unfreeze()

    gc.unfreeze = noted


_note_every_thaw()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup() -> None:
    if _thawed.is_set():  # by a test of what freezes
        _thawed.clear()
        _set_the_heap_aside()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.nodeid.startswith(ALONE):
            item.add_marker(pytest.mark.alone)
    items.sort(key=lambda item: not item.nodeid.startswith(SLOWEST_FIRST))


@pytest.fixture(scope="session")
def model_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Shared by every process of a test run: building the language model takes seconds."""
    own = tmp_path_factory.getbasetemp()
    shared = (own.parent if own.name.startswith("popen-") else own) / "models"
    shared.mkdir(exist_ok=True)
    return shared


_GUARD = BlockBuster()
"""Made once: to look up what blocks takes as long as to guard it."""


@pytest.fixture(autouse=True)
def _no_blocking_calls_in_the_loop() -> Iterator[None]:
    _GUARD.activate()
    try:
        yield
    finally:
        _GUARD.deactivate()


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    test = pyfuncitem.obj
    if not inspect.iscoroutinefunction(test):
        return None
    names = inspect.signature(test).parameters
    arguments: dict[str, Any] = {name: pyfuncitem.funcargs[name] for name in names}
    real_time = pyfuncitem.get_closest_marker("wire") is not None

    async def body() -> None:
        await test(**arguments)
        left = asyncio.all_tasks() - {asyncio.current_task()}
        assert not left, f"tasks left running: {sorted(task.get_name() for task in left)}"

    with asyncio.Runner(
        debug=True, loop_factory=CheckedLoop if real_time else VirtualLoop
    ) as runner:
        runner.run(body())
    return True
