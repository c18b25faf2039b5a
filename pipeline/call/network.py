"""Tells staff and the log how one caller's network fares, as `network_watch` judges it."""

from __future__ import annotations

from collections.abc import Mapping

from pipeline.call.events import NetworkDegraded, NetworkRecovered
from pipeline.call.network_watch import NetworkWatch
from pipeline.call.observer import NetworkShown
from pipeline.call.page import Page
from pipeline.media.quality import LineQuality
from pipeline.telemetry.events import Token, emit

SHOWN_EVERY_REPORTS = 5
"""The live view moves every few seconds, not every second."""


class Network:
    """One call's network."""

    def __init__(self, call_id: str, page: Page) -> None:
        """Nothing is known yet."""
        self._call_id = call_id
        self._page = page
        self._watch = NetworkWatch()
        self._was_bad = False
        self._reports = 0

    def turn(self, marks_ms: Mapping[str, float]) -> float | None:
        """A turn was answered; returns how late its pause was noticed, the network's share included."""
        detect_ms = self._watch.turn(marks_ms)
        self._tell()
        return detect_ms

    def interrupted(self, detect_ms: float) -> None:
        """The caller cut in and was noticed so late."""
        self._watch.detected(detect_ms)
        self._tell()

    def report(self, quality: LineQuality) -> None:
        """What the door knows of its line."""
        before = self._watch.troubles
        self._watch.report(quality)
        self._reports += 1
        if self._watch.troubles != before or self._reports % SHOWN_EVERY_REPORTS == 1:
            self._tell()

    def _tell(self) -> None:
        watch, quality = self._watch, self._watch.quality
        troubles, seen = watch.troubles, watch.detections()
        if bool(troubles) != self._was_bad:
            self._was_bad = bool(troubles)
            if troubles:
                emit(
                    NetworkDegraded(
                        Token(self._call_id),
                        Token("+".join(troubles)),
                        seen.p95_ms if seen is not None else None,
                        watch.loss_percent,
                        quality.jitter_ms if quality is not None else None,
                        quality.round_trip_ms if quality is not None else None,
                    )
                )
            else:
                emit(NetworkRecovered(Token(self._call_id)))
        self._page.network(
            NetworkShown(
                troubles=tuple(troubles),
                detect_ms=None if seen is None else (seen.p50_ms, seen.p95_ms),
                stages_ms={
                    str(mark): (each.p50_ms, each.p95_ms) for mark, each in watch.stages().items()
                },
                loss_percent=watch.loss_percent,
                jitter_ms=quality.jitter_ms if quality is not None else None,
                round_trip_ms=quality.round_trip_ms if quality is not None else None,
            )
        )
