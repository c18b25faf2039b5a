"""The browser stage for this folder; an async test here runs on the stage's own loop."""

from __future__ import annotations

import inspect
from collections.abc import Iterator

import pytest

from tests.transports.static.stage import Stage


@pytest.fixture(scope="session")
def stage() -> Iterator[Stage]:
    made = Stage()
    made.open()
    yield made
    made.close()


@pytest.fixture(autouse=True)
def _no_blocking_calls_in_the_loop() -> None:
    """Off here: closing an aiortc connection joins its decoder thread, in the fake server's loop."""


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    test = pyfuncitem.obj
    if not inspect.iscoroutinefunction(test):
        return None
    here = pyfuncitem.funcargs["stage"]
    assert isinstance(here, Stage)
    names = inspect.signature(test).parameters
    here.run(test(**{name: pyfuncitem.funcargs[name] for name in names}))
    return True
