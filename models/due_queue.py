"""Threads that do first what is needed first, whoever asked first.

A call that waits for its first word comes before one that has seconds of speech in hand, and nobody is overtaken for
ever: as time passes every work becomes the one that is due. Knows neither what is done nor any clock.
"""

from __future__ import annotations

import heapq
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import count
from typing import Generic, TypeVar

T = TypeVar("T")


class QueueClosed(Exception):
    """The work was asked for and never begun."""


class DueQueue(Generic[T]):
    """Work with the time it is due; at equal times the earlier one comes first."""

    def __init__(self, threads: int, name: str) -> None:
        """The threads carry this name and start with the first work."""
        self._pool = ThreadPoolExecutor(threads, name)
        self._lock = threading.Lock()
        self._waiting: list[tuple[float, int, Callable[[], T], Future[T]]] = []
        self._numbers = count()

    def submit(self, due_ms: float, work: Callable[[], T]) -> Future[T]:
        """Do this when its turn has come; cancelling the future takes it out. Raises QueueClosed."""
        future: Future[T] = Future()
        with self._lock:
            heapq.heappush(self._waiting, (due_ms, next(self._numbers), work, future))
        try:
            self._pool.submit(self._do_next)
        except RuntimeError:
            raise QueueClosed from None
        return future

    def _do_next(self) -> None:
        with self._lock:
            if not self._waiting:
                return  # it was dropped by `close`
            _, _, work, future = heapq.heappop(self._waiting)
        if not future.set_running_or_notify_cancel():
            return
        try:
            future.set_result(work())
        except BaseException as error:  # noqa: BLE001  # it belongs to whoever holds the future
            future.set_exception(error)

    def close(self) -> None:
        """Drop what waits (`QueueClosed`), let what runs come to its end, and return when every thread has ended."""
        with self._lock:
            waiting, self._waiting = self._waiting, []
        for _, _, _, future in waiting:
            if future.set_running_or_notify_cancel():
                future.set_exception(QueueClosed())
        self._pool.shutdown(wait=True)
