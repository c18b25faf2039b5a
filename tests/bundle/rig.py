"""A bundle of small files, placed without a hub."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

from pipeline.bundle.manifest import File, Manifest, Model, made_of
from pipeline.bundle.versions import Bundles

WHISPER = {
    "model.bin": b"weights" * 3_000,
    "config.json": b"{}",
    "tokenizer.json": b'{"a": 1}',
    "vocabulary.json": b"[]",
}
CHAT = {"config.json": b"{}", "model.safetensors": b"numbers" * 3_000, "tokenizer.json": b"{}"}
VOICE = {"clear.onnx": b"voice" * 1_000, "clear.onnx.json": b"{}"}


def model_of(model_id: str, files: dict[str, bytes], role: str = "stt") -> Model:
    """A model of these files."""
    listed = tuple(
        File(path, len(data), sha256(data).hexdigest()) for path, data in sorted(files.items())
    )
    return Model(model_id, role, "clinic/tiny", "1" * 40, "MIT", ("en",), listed)


def placed(bundles: Bundles, **models: dict[str, bytes]) -> Manifest:
    """Make a version of these models and the current one of it."""
    for files in models.values():
        for data in files.values():
            bundles.incoming.folder.mkdir(parents=True, exist_ok=True)
            bundles.incoming.whole(sha256(data).hexdigest()).write_bytes(data)
    manifest = made_of({name: model_of(name, files) for name, files in models.items()})
    with bundles.locked():
        bundles.switch(bundles.place(manifest))
    return manifest


def two(folder: Path) -> tuple[Bundles, Manifest]:
    """A recogniser and a voice in the folder."""
    bundles = Bundles(folder)
    return bundles, placed(bundles, whisper=WHISPER, clear=VOICE)


def writable(path: Path) -> Path:
    """As an attacker with the right would make it."""
    path.chmod(0o644)
    return path
