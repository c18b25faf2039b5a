"""Threads that do first what is due first."""

from __future__ import annotations

import threading
from concurrent.futures import CancelledError

import pytest

from models.due_queue import DueQueue, QueueClosed

pytestmark = pytest.mark.wire


def test_what_is_due_first_is_done_first_and_what_was_cancelled_never() -> None:
    queue: DueQueue[None] = DueQueue(1, "test")
    gate, order = threading.Event(), list[str]()

    def busy() -> None:
        gate.wait(5.0)

    first = queue.submit(0.0, busy)
    waiting = {
        name: queue.submit(due_ms, lambda name=name: order.append(name))  # type: ignore[misc]  # a bound name
        for name, due_ms in (("late", 30.0), ("soon", 10.0), ("middle", 20.0), ("soon too", 10.0))
    }
    waiting["middle"].cancel()
    gate.set()
    first.result(5.0)
    waiting["late"].result(5.0)
    assert order == ["soon", "soon too", "late"]
    queue.close()


def test_a_fault_belongs_to_whoever_asked() -> None:
    queue: DueQueue[float] = DueQueue(1, "test")
    with pytest.raises(ZeroDivisionError):
        queue.submit(0.0, lambda: 1 / 0).result(5.0)
    assert queue.submit(0.0, lambda: 1.0).result(5.0) == 1.0
    queue.close()


def test_closing_drops_what_waits_and_refuses_more() -> None:
    queue: DueQueue[bool] = DueQueue(1, "test")
    gate, running = threading.Event(), threading.Event()

    def busy() -> bool:
        running.set()
        return gate.wait(5.0)

    first = queue.submit(0.0, busy)
    waits, cancelled = queue.submit(1.0, lambda: True), queue.submit(2.0, lambda: True)
    cancelled.cancel()
    assert running.wait(5.0)
    closing = threading.Thread(target=queue.close)
    closing.start()
    with pytest.raises(QueueClosed):
        waits.result(5.0)
    with pytest.raises(CancelledError):
        cancelled.result(5.0)
    gate.set()
    closing.join(5.0)
    assert first.result(5.0)
    with pytest.raises(QueueClosed):
        queue.submit(0.0, lambda: True)
