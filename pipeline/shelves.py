"""From settings to the shelf of recordings: which keys open it, what was destroyed, what a hold keeps.

Joins the store's keys, tombstones and holds with the room that knows sound; neither knows the other.
"""

from __future__ import annotations

from phi.envelope import KeyRing
from pipeline import config
from pipeline.recording.shelf import Shelf
from pipeline.settings import Settings
from pipeline.store.opening import key_source, now_ms, tombstones_of


def open_shelf(settings: Settings, ring: KeyRing | None = None) -> Shelf:
    """The practice's recordings; reads the key unless it is given. Raises `StartUpError` with what to do."""
    source = key_source(settings)
    return Shelf(
        config.recording_directory(settings),
        settings.practice.id,
        source.load() if ring is None else ring,
        now_ms,
        tombstones_of(settings).read,
        reload=source.load,
    )
