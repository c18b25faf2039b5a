"""Makes one server worse on purpose, to see the gate fail: Python imports this file at its start where the folder is on its path.

Only a voice worker is touched, and only with `PYTHON_GATE_FAULT` in its environment; the stock bot and the callers never.
"""

from __future__ import annotations

import asyncio
import importlib.abc
import importlib.machinery
import os
import sys
import time
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

DOOR = "pipeline.transports.media_stream"
DELAY_S = 0.030


class Later:
    """A wire on which everything leaves later, in its order."""

    def __init__(self, wire: Any) -> None:
        self._wire = wire

    def send(self, text: str) -> bool:
        asyncio.get_running_loop().call_later(DELAY_S, self._wire.send, text)
        return True

    def __getattr__(self, name: str) -> Any:
        return getattr(self._wire, name)


class Twice:
    """A wire that sends the last packet of a voided reply once more, after the word that voids it."""

    def __init__(self, wire: Any) -> None:
        self._wire = wire
        self._last = ""

    def send(self, text: str) -> bool:
        sent: bool = self._wire.send(text)
        if '"clear"' in text and self._last:
            self._wire.send(self._last)
        elif '"media"' in text:
            self._last = text
        return sent

    def __getattr__(self, name: str) -> Any:
        return getattr(self._wire, name)


def another_wire(line: Any, kind: Any) -> None:
    """Every call of this door gets such a wire."""
    usual = line.on_open

    def on_open(self: Any, wire: Any) -> None:
        usual(self, kind(wire))

    line.on_open = on_open


def twice_the_work(line: Any) -> None:
    """With every packet that comes, this process computes as long as it has since the last one."""
    usual, before = line.on_text, [time.process_time()]

    def on_text(self: Any, text: str | bytes) -> None:
        now_s = time.process_time()
        until_s = now_s + (now_s - before[0])
        while time.process_time() < until_s:
            pass
        before[0] = time.process_time()
        usual(self, text)

    line.on_text = on_text


def apply(module: ModuleType, fault: str) -> None:
    line = module._Line
    if fault == "delay":
        another_wire(line, Later)
    elif fault == "stale":
        another_wire(line, Twice)
    elif fault == "cpu":
        twice_the_work(line)
    else:
        raise SystemExit(f"there is no fault {fault!r}")


class Finder(importlib.abc.MetaPathFinder):
    """Changes the door when it is imported."""

    def __init__(self, fault: str) -> None:
        self._fault = fault

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name != DOOR:
            return None
        sys.meta_path.remove(self)
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        assert spec is not None
        assert spec.loader is not None
        loader, fault = spec.loader, self._fault
        usual = loader.exec_module

        def exec_module(module: ModuleType) -> None:
            usual(module)
            apply(module, fault)

        loader.exec_module = exec_module  # type: ignore[method-assign]  # the one module that is changed
        return spec


if "pipeline.worker" in sys.orig_argv and os.environ.get("PYTHON_GATE_FAULT"):
    sys.meta_path.insert(0, Finder(os.environ["PYTHON_GATE_FAULT"]))
