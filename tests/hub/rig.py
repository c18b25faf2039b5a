"""A pull against a hub of the test's own, with sums, waits and room as the test wants them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pipeline.bundle.versions import Bundles
from pipeline.clock import MonotonicClock
from pipeline.hub.catalogue import Catalogue, Entry, Wanted
from pipeline.hub.download import Patience
from pipeline.hub.pull import Pulled, pull
from pipeline.hub.route import route
from pipeline.hub.wire import Wire, resolve
from pipeline.settings import Bundle
from tests.fakes.hub_server import Hub

REPOSITORY = "clinic/tiny"
MODEL = bytes(range(256)) * 700
CONFIG = b'{"layers": 2}\n'
VOICE = bytes(reversed(range(256))) * 50


def hub_of(**changes: Any) -> Hub:
    """One model of a large and a small file, and a voice in a folder of its repository."""
    files = {
        f"{REPOSITORY}/model.bin": MODEL,
        f"{REPOSITORY}/config.json": CONFIG,
        f"{REPOSITORY}/setup.py": b"print()\n",
        "clinic/voices/en/clear/clear.onnx": VOICE,
    }
    return replace(
        Hub(files=files, large=frozenset({"model.bin", "en/clear/clear.onnx"})), **changes
    )


ENTRY = Entry(
    "tiny",
    "stt",
    REPOSITORY,
    "MIT",
    ("en",),
    "for the test",
    files=(Wanted("model.bin"), Wanted("config.json")),
)
VOICE_ENTRY = Entry(
    "clear",
    "tts",
    "clinic/voices",
    "CC0-1.0",
    ("en",),
    "for the test",
    files=(Wanted("en/clear/clear.onnx"),),
)


class Told:
    """Keeps what was said."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.most: dict[str, int] = {}

    def progress(self, what: str, done_bytes: int, total_bytes: int) -> None:
        assert done_bytes <= total_bytes
        self.most[what] = done_bytes

    def say(self, sentence: str) -> None:
        self.said.append(sentence)


@dataclass
class Puller:
    """Pulls into one folder."""

    folder: Path
    hub: str
    settings: Bundle = field(default_factory=Bundle)
    hosts: tuple[str, ...] = ()
    stall_s: float = 2.0
    waits: list[float] = field(default_factory=list)
    told: Told = field(default_factory=Told)
    margin_bytes: int = 0
    window_ms: float = 60_000.0

    @property
    def bundles(self) -> Bundles:
        return Bundles(self.folder)

    def pull(self, *entries: Entry, alone: bool = False, switch: bool = True) -> Pulled:
        """Without waiting between attempts; the waits are kept."""
        way = route(Catalogue(self.hub, self.hosts, ()), self.settings)
        return pull(
            self.bundles,
            list(entries or (ENTRY,)),
            way,
            Wire(way, resolve(way), stall_s=self.stall_s),
            self.told,
            Patience(MonotonicClock(), sleep=self.waits.append, window_ms=self.window_ms),
            alone=alone,
            switch=switch,
            margin_bytes=self.margin_bytes,
        )

    def content(self, path: str) -> bytes:
        """Of a file of the current version."""
        return (self.folder / "current" / path).read_bytes()

    def waiting(self) -> dict[str, int]:
        """What lies in `incoming`, by the end of its name."""
        folder = self.folder / "incoming"
        return (
            {each.name: each.stat().st_size for each in folder.iterdir()} if folder.exists() else {}
        )
