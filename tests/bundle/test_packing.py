"""A pack is read whole and right, or nothing of it is used: whatever bit, cut, name or kind of member."""

from __future__ import annotations

import errno
import io
import os
import subprocess
import tarfile
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.bundle.faults import BundleFault
from pipeline.bundle.incoming import Incoming
from pipeline.bundle.manifest import MANIFEST_FILE, Manifest, made_of
from pipeline.bundle.member import BLOCK_BYTES, END, header, padding
from pipeline.bundle.packing import SUM_FILE, pack, pack_file, packed_bytes, unpack
from pipeline.bundle.telling import Untold
from pipeline.bundle.verify import check
from pipeline.bundle.versions import Bundles
from tests.bundle.rig import VOICE, model_of, placed, two, writable


@dataclass(frozen=True)
class Packed:
    data: bytes
    manifest: Manifest


def packed_of(**models: dict[str, bytes]) -> Packed:
    with TemporaryDirectory() as folder:
        bundles = Bundles(Path(folder))
        manifest = placed(bundles, **models)
        to = io.BytesIO()
        pack(bundles.version(manifest.name), manifest, to, Untold())
    return Packed(to.getvalue(), manifest)


SMALL = packed_of(clear={"clear.onnx": b"voice" * 200, "clear.onnx.json": b"{}"})


def unpacked(data: bytes, folder: Path) -> Manifest:
    return unpack(io.BytesIO(data), Incoming(folder), Untold(), margin_bytes=0)


def test_what_is_packed_is_what_is_unpacked(tmp_path: Path) -> None:
    here, manifest = two(tmp_path / "here")
    file = tmp_path / "bundle.tar"
    pack_file(here.version(manifest.name), manifest, file, Untold())
    assert file.stat().st_size == packed_bytes(manifest)
    there = Bundles(tmp_path / "there")
    with there.locked(), file.open("rb") as source:
        found = unpack(source, there.incoming, Untold(), margin_bytes=0)
        assert found == manifest
        there.switch(there.place(found))
    assert check(there.version(manifest.name), manifest, Untold()) == []
    with pytest.raises(BundleFault, match="exists already"):
        pack_file(here.version(manifest.name), manifest, file, Untold())


def test_a_pack_goes_onto_a_stick_without_hard_links(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    here, manifest = two(tmp_path / "here")
    monkeypatch.setattr(os, "link", refuse)
    file = tmp_path / "stick/bundle.tar"
    file.parent.mkdir()
    pack_file(here.version(manifest.name), manifest, file, Untold())
    assert file.stat().st_size == packed_bytes(manifest)
    assert list(file.parent.iterdir()) == [file]


def test_a_pack_is_a_tar_that_anybody_can_list(tmp_path: Path) -> None:
    (tmp_path / "b.tar").write_bytes(SMALL.data)
    done = subprocess.run(
        ["tar", "-tf", tmp_path / "b.tar"], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == [SUM_FILE, MANIFEST_FILE, *SMALL.manifest.files()]


@settings(max_examples=150, deadline=None)
@given(st.integers(0, len(SMALL.data) * 8 - 1))
def test_no_changed_bit_in_any_region_goes_through(bit: int) -> None:
    data = bytearray(SMALL.data)
    data[bit // 8] ^= 1 << bit % 8
    with TemporaryDirectory() as folder, pytest.raises(BundleFault):
        unpacked(bytes(data), Path(folder))


def test_no_changed_bit_in_what_stands_before_the_list_goes_through(tmp_path: Path) -> None:
    """Exhaustively, because chance once missed a line end that was read too kindly."""
    for bit in range(3 * BLOCK_BYTES * 8):
        data = bytearray(SMALL.data)
        data[bit // 8] ^= 1 << bit % 8
        with pytest.raises(BundleFault):
            unpacked(bytes(data), tmp_path)


@pytest.mark.long
def test_no_changed_bit_at_all_goes_through(tmp_path: Path) -> None:
    for bit in range(len(SMALL.data) * 8):
        data = bytearray(SMALL.data)
        data[bit // 8] ^= 1 << bit % 8
        with pytest.raises(BundleFault):
            unpacked(bytes(data), tmp_path)


@settings(max_examples=100, deadline=None)
@given(st.integers(0, len(SMALL.data) - 1))
def test_no_cut_pack_goes_through(length: int) -> None:
    with TemporaryDirectory() as folder, pytest.raises(BundleFault, match=r"cut|damaged"):
        unpacked(SMALL.data[:length], Path(folder))


def test_what_follows_the_end_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BundleFault, match="goes on after its end"):
        unpacked(SMALL.data + b"\0", tmp_path)


def member(about: tarfile.TarInfo, data: bytes = b"") -> bytes:
    about.size = len(data)
    return about.tobuf(tarfile.GNU_FORMAT) + data + padding(len(data))


def linked(kind: bytes) -> bytes:
    about = tarfile.TarInfo("clear/clear.onnx")
    about.type, about.linkname = kind, "/etc/passwd"
    return member(about)


def named(path: str) -> bytes:
    return member(tarfile.TarInfo(path), b"x")


STRANGE: dict[str, tuple[bytes, str]] = {
    "a symbolic link": (linked(tarfile.SYMTYPE), "a link"),
    "a hard link": (linked(tarfile.LNKTYPE), "a link"),
    "a device": (linked(tarfile.CHRTYPE), "neither a file"),
    "a pipe": (linked(tarfile.FIFOTYPE), "neither a file"),
    "a folder": (linked(tarfile.DIRTYPE), "neither a file"),
    "an extended header": (linked(tarfile.XHDTYPE), "neither a file"),
    "a long name": (linked(tarfile.GNUTYPE_LONGNAME), "neither a file"),
    "a parent": (named("../../../root/.bashrc"), "outside the bundle"),
    "a root": (named("/etc/cron.d/x"), "outside the bundle"),
    "another name": (named("clear/other.onnx"), "another file"),
    "a second manifest": (named(MANIFEST_FILE), "another file"),
    "the end": (END, "the end of the pack"),
    "noise": (b"\xff" * BLOCK_BYTES, "no header"),
}


@pytest.mark.parametrize("what", STRANGE)
def test_a_member_that_is_not_the_listed_one_is_refused_and_touches_nothing(
    what: str, tmp_path: Path
) -> None:
    data, words = STRANGE[what]
    first = SMALL.data.index(header("clear/clear.onnx", 1_000))
    folder = tmp_path / "inside" / "models"
    with pytest.raises(BundleFault, match=words):
        unpacked(SMALL.data[:first] + data + SMALL.data[first:], folder)
    found = [each for each in tmp_path.rglob("*") if each.is_file()]
    assert found == [], "nothing was written"


def test_a_file_that_says_it_is_longer_is_refused(tmp_path: Path) -> None:
    at = SMALL.data.index(header("clear/clear.onnx", 1_000))
    longer = SMALL.data[:at] + header("clear/clear.onnx", 1 << 40) + SMALL.data[at + BLOCK_BYTES :]
    with pytest.raises(BundleFault, match="another file, length"):
        unpacked(longer, tmp_path)


def rebuilt(data: bytes) -> bytes:
    """A pack whose list an attacker wrote, sums in order."""
    digest = f"{sha256(data).hexdigest()}\n".encode()
    return b"".join(
        header(name, len(content)) + content + padding(len(content))
        for name, content in ((SUM_FILE, digest), (MANIFEST_FILE, data))
    )


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace("clear/../", "x"),
        lambda text: text.replace('"clear.onnx"', '"../clear.onnx"'),
        lambda text: text.replace('"clear.onnx.json"', '"clear.onnx"'),
        lambda text: text.replace('"bytes": 1000', f'"bytes": {1 << 50}'),
        lambda text: text.replace("wardline-bundle-1", "wardline-bundle-9"),
    ],
)
def test_a_list_an_attacker_wrote_is_held_to_the_same_rules(
    change: Callable[[str], str], tmp_path: Path
) -> None:
    data = change(SMALL.manifest.data.decode()).encode()
    with pytest.raises(BundleFault):
        unpacked(rebuilt(data) + SMALL.data[-2_048:], tmp_path)


def test_a_pack_larger_than_the_disk_is_refused_before_a_byte_is_written(tmp_path: Path) -> None:
    huge = made_of({"clear": model_of("clear", VOICE)})
    text = huge.data.decode().replace('"bytes": 5000', f'"bytes": {1 << 39}')
    with pytest.raises(BundleFault, match="are free"):
        unpacked(rebuilt(text.encode()), tmp_path)
    assert [each for each in tmp_path.rglob("*") if each.is_file()] == []


def test_a_fingerprint_that_is_not_the_expected_one_stops_before_a_file(tmp_path: Path) -> None:
    def accept(manifest: Manifest) -> None:
        raise BundleFault("fingerprint", manifest.fingerprint)

    with pytest.raises(BundleFault, match=SMALL.manifest.fingerprint):
        unpack(io.BytesIO(SMALL.data), Incoming(tmp_path), Untold(), accept=accept)
    assert list(tmp_path.iterdir()) == []


def test_unpacking_goes_on_after_a_cut_without_writing_twice(tmp_path: Path) -> None:
    cut = SMALL.data.index(header("clear/clear.onnx.json", 2)) + 10
    with pytest.raises(BundleFault):
        unpacked(SMALL.data[:cut], tmp_path)
    (whole,) = (tmp_path / "incoming").iterdir()
    inode = whole.stat().st_ino
    unpacked(SMALL.data, tmp_path)
    assert whole.stat().st_ino == inode


def test_a_changed_file_is_not_packed(tmp_path: Path) -> None:
    bundles, manifest = two(tmp_path / "models")
    folder = bundles.version(manifest.name)
    writable(folder / "whisper/model.bin").write_bytes(b"WEIGHTS" * 3_000)
    with pytest.raises(BundleFault, match="bundle verify"):
        pack_file(folder, manifest, tmp_path / "b.tar", Untold())
    assert [each.name for each in tmp_path.iterdir()] == ["models"]


def test_a_file_beyond_eight_gigabytes_has_one_header() -> None:
    data = header("llm/model-00001-of-00002.safetensors", 20_000_000_000)
    assert len(data) == BLOCK_BYTES
    assert tarfile.TarInfo.frombuf(data, "ascii", "strict").size == 20_000_000_000
