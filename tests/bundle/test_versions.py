"""Versions appear whole, links move in one step, one writer at a time, nothing in use goes away."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pipeline.bundle.faults import BundleFault
from pipeline.bundle.packing import pack_file, unpack
from pipeline.bundle.telling import Untold
from pipeline.bundle.verify import check, manifest_of
from pipeline.bundle.versions import Bundles
from tests.bundle.rig import VOICE, WHISPER, placed, two, writable
from tests.fakes.hub_server import serving
from tests.hub.rig import ENTRY, MODEL, VOICE_ENTRY, Puller, hub_of


def test_rollback_returns_to_what_was_before_and_forth_again(tmp_path: Path) -> None:
    bundles, first = two(tmp_path)
    second = placed(bundles, whisper={**WHISPER, "model.bin": b"better" * 900})
    assert bundles.linked("current") == second.name
    assert bundles.linked("previous") == first.name
    with bundles.locked():
        assert bundles.switch(bundles.named("previous")) == second.name
    assert (tmp_path / "current/whisper/model.bin").read_bytes() == WHISPER["model.bin"]
    assert bundles.linked("previous") == second.name


def test_a_reader_of_current_never_finds_nothing(tmp_path: Path) -> None:
    bundles, first = two(tmp_path)
    second = placed(bundles, clear=VOICE)
    for _ in range(20):
        for name in (first.name, second.name):
            with bundles.locked():
                bundles.switch(name)
            assert (tmp_path / "current/manifest.json").read_bytes()


def test_files_are_read_only_and_what_others_may_write_is_a_fault(tmp_path: Path) -> None:
    bundles, manifest = two(tmp_path)
    folder = bundles.version(manifest.name)
    assert check(folder, manifest, Untold()) == []
    model = folder / "whisper/model.bin"
    assert model.stat().st_mode & 0o777 == 0o444
    model.chmod(0o646)
    (folder / "clear").chmod(0o777)
    found = [(fault.path, fault.kind) for fault in check(folder, manifest, Untold())]
    assert found == [("clear/", "writable by others"), ("whisper/model.bin", "writable by others")]


def test_every_kind_of_damage_is_named(tmp_path: Path) -> None:
    bundles, manifest = two(tmp_path)
    folder = bundles.version(manifest.name)
    data = bytearray(WHISPER["model.bin"])
    data[-1] ^= 1
    writable(folder / "whisper/model.bin").write_bytes(data)
    (folder / "whisper/config.json").unlink()
    writable(folder / "whisper/tokenizer.json").write_bytes(b"longer than it was")
    (folder / "clear/clear.onnx").unlink()
    (folder / "clear/clear.onnx").symlink_to("/etc/passwd")
    (folder / "clear/more.json").write_bytes(b"")
    (folder / "elsewhere").symlink_to("/etc")
    assert [(fault.path, fault.kind) for fault in check(folder, manifest, Untold())] == [
        ("clear/clear.onnx", "changed"),
        ("clear/more.json", "added"),
        ("elsewhere", "added"),
        ("whisper/config.json", "missing"),
        ("whisper/model.bin", "changed"),
        ("whisper/tokenizer.json", "changed"),
    ]


def test_a_list_that_was_exchanged_is_noticed_by_the_name_of_its_folder(tmp_path: Path) -> None:
    bundles, first = two(tmp_path)
    second = placed(bundles, clear=VOICE)
    target = writable(bundles.version(first.name) / "manifest.json")
    target.write_bytes(second.data)
    with pytest.raises(BundleFault, match="not the list this version was made with"):
        manifest_of(bundles.version(first.name))


def test_two_writers_do_not_fight(tmp_path: Path) -> None:
    bundles, _ = two(tmp_path)
    with (
        bundles.locked(),
        pytest.raises(BundleFault, match="wait until it has ended"),
        Bundles(tmp_path).locked(),
    ):
        pass
    with bundles.locked():
        pass


def test_what_is_in_use_is_never_removed(tmp_path: Path) -> None:
    bundles, first = two(tmp_path)
    second = placed(bundles, clear=VOICE)
    third = placed(bundles, whisper=WHISPER)
    held = bundles.hold(first.name)
    with bundles.locked():
        for name, words in (
            (third.name, "current"),
            (second.name, "--previous-too"),
            (first.name, "a running server uses"),
        ):
            with pytest.raises(BundleFault, match=words):
                bundles.remove(name)
        os.close(held)
        assert bundles.remove(first.name) > 0
        bundles.remove(second.name, previous_too=True)
    assert bundles.names() == [third.name]
    assert bundles.linked("previous") == ""
    assert (tmp_path / "current/whisper/model.bin").read_bytes() == WHISPER["model.bin"]


def test_a_version_is_named_by_the_beginning_of_its_name(tmp_path: Path) -> None:
    bundles, first = two(tmp_path)
    assert bundles.named(first.name[:6]) == first.name
    assert bundles.named("current") == first.name
    for name in ("previous", "zz", "", "../../etc"):
        with pytest.raises(BundleFault):
            bundles.named(name)


@pytest.mark.parametrize("target", ["/etc", "versions/../../etc", "versions/0123456789abcdef", "."])
def test_a_link_that_leads_elsewhere_names_no_version(target: str, tmp_path: Path) -> None:
    bundles, _ = two(tmp_path)
    (tmp_path / "current").unlink()
    (tmp_path / "current").symlink_to(target)
    assert bundles.linked("current") == ""


def damage(folder: Path) -> None:
    writable(folder / "whisper/model.bin").write_bytes(b"x")
    (folder / "whisper/config.json").unlink()
    shutil.rmtree(folder / "clear")
    (folder / "whisper/extra.json").write_bytes(b"")
    (folder / "whisper").chmod(0o777)
    writable(folder / "manifest.json").write_bytes(b"{}")


def test_unpacking_the_same_again_mends_what_was_damaged(tmp_path: Path) -> None:
    bundles, manifest = two(tmp_path / "models")
    folder = bundles.version(manifest.name)
    pack_file(folder, manifest, tmp_path / "b.tar", Untold())
    held = bundles.hold(manifest.name)
    damage(folder)
    with bundles.locked(), (tmp_path / "b.tar").open("rb") as pack:
        bundles.place(unpack(pack, bundles.incoming, Untold(), margin_bytes=0))
    os.close(held)
    assert check(folder, manifest_of(folder), Untold()) == []
    assert list(bundles.incoming.folder.iterdir()) == [], "nothing is left over"


@pytest.mark.wire
def test_pulling_the_same_again_mends_what_was_damaged(tmp_path: Path) -> None:
    with serving(hub_of()) as address:
        puller = Puller(tmp_path, address)
        name = puller.pull().name
        folder = puller.bundles.version(name)
        writable(folder / "tiny/model.bin").write_bytes(bytes(len(MODEL)))
        (folder / "tiny/config.json").unlink()
        assert puller.pull().name == name
    assert check(folder, manifest_of(folder), Untold()) == []
    assert puller.waiting() == {}


@pytest.mark.wire
def test_damage_in_a_model_that_is_not_fetched_now_is_named(tmp_path: Path) -> None:
    with serving(hub_of()) as address:
        puller = Puller(tmp_path, address)
        folder = puller.bundles.version(puller.pull(ENTRY, VOICE_ENTRY).name)
        (folder / "clear/clear.onnx").unlink()
        with pytest.raises(
            BundleFault, match=r"clear\.onnx is missing, and its model was not fetched"
        ):
            puller.pull(ENTRY)
        puller.pull(VOICE_ENTRY)
    assert check(folder, manifest_of(folder), Untold()) == []


def test_a_version_without_its_list_can_be_removed(tmp_path: Path) -> None:
    bundles, first = two(tmp_path)
    placed(bundles, clear=VOICE)
    (bundles.version(first.name) / "manifest.json").unlink()
    with bundles.locked():
        bundles.remove(first.name, previous_too=True)
    assert first.name not in bundles.names()


def child(how: str, folder: Path, source: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.bundle.killed", how, str(folder), source]
    started = subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2]
    )
    assert started.stdout is not None
    assert started.stdout.readline() == "at work\n"
    return started


def kill(started: subprocess.Popen[str]) -> int:
    started.send_signal(signal.SIGKILL)
    assert started.stdout is not None
    started.stdout.close()
    return started.wait()


def looks_whole(bundles: Bundles) -> None:
    """Old or new, never between."""
    for name in bundles.names():
        folder = bundles.version(name)
        assert check(folder, manifest_of(folder), Untold()) == []
    current = bundles.directory / "current"
    assert not current.is_symlink() or bundles.linked("current")


def longest_half(puller: Puller) -> int:
    """At least as long as the small file."""
    halves: list[int] = []
    with contextlib.suppress(FileNotFoundError):  # whole and in its place while we looked
        halves = [size for name, size in puller.waiting().items() if name.endswith(".part")]
    return max(500, max(halves, default=0))


@pytest.mark.wire
def test_a_killed_pull_leaves_a_state_from_which_the_next_goes_on(tmp_path: Path) -> None:
    hub = hub_of()
    draw = random.Random(7)
    killed = 0
    with serving(hub) as address:
        puller = Puller(tmp_path / "models", address)
        for _ in range(3):
            # it waits for the rest when it is killed
            hub.cuts, hub.stall_s = [draw.randrange(1_000, 50_000)], 30.0
            started = child("pull", puller.folder, address)
            until = time.monotonic() + 20
            before = longest_half(puller)
            while longest_half(puller) <= before and time.monotonic() < until:
                assert started.poll() is None
                time.sleep(0.005)
            killed += kill(started) == -signal.SIGKILL
            looks_whole(puller.bundles)
        hub.cuts, hub.stall_s = [], 0.0
        hub.requests.clear()
        puller.pull()
        assert puller.content("tiny/model.bin") == MODEL
        assert any("Range" in each.headers for each in hub.downloads()), "it went on, not anew"
    assert killed == 3
    assert puller.waiting() == {}


@pytest.mark.wire
def test_a_killed_unpacking_leaves_a_state_from_which_the_next_goes_on(tmp_path: Path) -> None:
    here = Bundles(tmp_path / "here")
    manifest = placed(here, whisper={f"part-{n:03}.bin": bytes([n]) * 200_000 for n in range(60)})
    pack = tmp_path / "bundle.tar"
    pack_file(here.version(manifest.name), manifest, pack, Untold())
    there = Bundles(tmp_path / "there")
    draw = random.Random(3)
    reached = 0
    for _ in range(4):
        if there.names():
            shutil.rmtree(there.directory)
        wanted = reached = draw.randrange(1, 30)
        started = child("unpack", there.directory, str(pack))
        until = time.monotonic() + 20
        while time.monotonic() < until and started.poll() is None:
            if there.incoming.folder.is_dir() and len(os.listdir(there.incoming.folder)) >= wanted:
                break
        kill(started)
        looks_whole(there)
    assert reached
    started = child("unpack", there.directory, str(pack))
    assert started.wait(60) == 0
    assert started.stdout is not None
    started.stdout.close()
    looks_whole(there)
    assert there.linked("current") == manifest.name
    assert not list(there.incoming.folder.iterdir())
    assert not [each for each in there.folder.iterdir() if each.name.startswith(".")]


def test_what_a_killed_one_left_half_placed_is_cleared(tmp_path: Path) -> None:
    bundles, first = two(tmp_path)
    (bundles.folder / ".making-0123456789abcdef").mkdir()
    (bundles.folder / ".gone-0123456789abcdef").mkdir()
    (bundles.directory / ".current.unfinished").symlink_to("nowhere")
    second = placed(bundles, clear=VOICE)
    assert sorted(each.name for each in bundles.folder.iterdir()) == sorted(
        [first.name, second.name]
    )
    assert bundles.linked("current") == second.name
