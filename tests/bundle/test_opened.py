"""At a start: configured models of a bundle are what its list says, or no engine sees them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pipeline import config
from pipeline.bundle import opened, stamp
from pipeline.bundle.faults import BundleFault
from pipeline.bundle.manifest import Manifest
from pipeline.bundle.versions import Bundles
from pipeline.clock import MonotonicClock, wall_now
from pipeline.errors import ConfigError
from pipeline.settings import LlmServer, Settings
from pipeline.supervisor.checked import check_models
from pipeline.telemetry.events import Event, set_sink
from tests.bundle.rig import CHAT, VOICE, WHISPER, placed, writable
from tests.hub.rig import Told


class Box:
    """A server's settings and its bundle."""

    def __init__(self, folder: Path) -> None:
        self.bundles = Bundles(folder / "models")
        self.manifest: Manifest = placed(self.bundles, whisper=WHISPER, clear=VOICE)
        self.folder = self.bundles.version(self.manifest.name)
        self.settings = config.from_mapping(
            {
                "state": {"directory": str(folder)},
                "engines": {
                    "stt": "whisper",
                    "whisper_directory": str(folder / "models/current/whisper"),
                    "tts": "piper",
                    "piper_voice": str(folder / "models/current/clear/clear.onnx"),
                },
            }
        )

    def now(self) -> datetime:
        """Long after the files were written: nothing changes any more within that tick."""
        return wall_now() + timedelta(seconds=10)

    def open(self) -> tuple[Settings, tuple[str, ...], Told]:
        told = Told()
        found = opened.open_models(self.settings, told, MonotonicClock(), self.now)
        found.close()
        return found.settings, found.said, told

    def refused(self) -> str:
        with pytest.raises(BundleFault) as caught:
            self.open()
        return str(caught.value)


@pytest.fixture
def box(tmp_path: Path) -> Box:
    return Box(tmp_path)


def test_workers_get_whole_paths_that_a_later_switch_does_not_move(box: Box) -> None:
    settings, said, _ = box.open()
    assert settings.engines.whisper_directory == str(box.folder / "whisper")
    assert settings.engines.piper_voice == str(box.folder / "clear/clear.onnx")
    assert "6 files" in said[0]


def test_no_process_that_serves_is_given_what_only_a_pull_needs(box: Box) -> None:
    bundle = replace(
        box.settings.bundle,
        mirror="https://mirror.example",
        hosts=("files.example",),
        proxy="http://proxy.example",
        token="k1m9s8d7f6" * 4,
    )
    box.settings = replace(box.settings, bundle=bundle)
    assert box.open()[0].bundle == Settings().bundle


def test_the_embedded_engines_ask_for_nothing(tmp_path: Path) -> None:
    settings = config.from_mapping({"state": {"directory": str(tmp_path)}})
    found = opened.open_models(settings, Told(), MonotonicClock())
    assert (found.settings, found.said, found.held) == (settings, (), [])
    assert list(tmp_path.iterdir()) == []


def test_what_was_read_once_is_not_read_again_until_it_moves(box: Box) -> None:
    assert box.open()[2].most.keys() == {*box.manifest.files()}
    events: list[Event] = []
    set_sink(events.append)
    _, said, told = box.open()
    set_sink(None)
    assert told.most == {}, "nothing was read"
    assert "unchanged since" in said[0]
    record = events[0].record()
    assert (record["event"], record["files"], record["read"]) == ("models_checked", 6, 0)
    model = box.folder / "whisper/model.bin"
    facts = model.stat()
    os.utime(writable(model), ns=(facts.st_atime_ns, facts.st_mtime_ns + 1))
    model.chmod(0o444)
    assert set(box.open()[2].most) == {f"whisper/{name}" for name in WHISPER}, "that model alone"


def test_a_change_that_hides_behind_the_old_time_and_length_is_found(box: Box) -> None:
    box.open()
    model = box.folder / "whisper/model.bin"
    facts = model.stat()
    data = bytearray(WHISPER["model.bin"])
    data[100] ^= 1
    writable(model).write_bytes(data)
    os.utime(model, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    model.chmod(0o444)
    said = box.refused()
    assert "whisper/model.bin (changed)" in said
    assert "rollback" in said


def test_a_file_read_within_the_tick_it_was_written_in_is_not_remembered(box: Box) -> None:
    for _ in range(2):
        told = Told()
        opened.open_models(box.settings, told, MonotonicClock()).close()
        assert told.most, "read, and read again"


DAMAGE: dict[str, tuple[Callable[[Path], object], str]] = {
    "changed": (lambda f: writable(f / "whisper/model.bin").write_bytes(b"x" * 21_000), "changed"),
    "cut": (lambda f: writable(f / "whisper/model.bin").write_bytes(b"x"), "changed"),
    "missing": (lambda f: (f / "whisper/tokenizer.json").unlink(), "missing"),
    "added": (lambda f: (f / "whisper/vocabulary.txt").write_bytes(b""), "added"),
    "open": (lambda f: (f / "clear/clear.onnx").chmod(0o666), "writable by others"),
    "folder": (lambda f: (f / "whisper").chmod(0o777), "writable by others"),
    "version": (lambda f: f.chmod(0o777), "writable by others"),
    "manifest": (lambda f: (f / "manifest.json").unlink(), "manifest.json"),
    "list": (lambda f: writable(f / "manifest.json").write_bytes(b"{}"), "manifest.json"),
}


@pytest.mark.parametrize("what", DAMAGE)
def test_damage_is_a_sentence_with_file_and_remedy(what: str, box: Box) -> None:
    damage, words = DAMAGE[what]
    damage(box.folder)
    said = box.refused()
    assert words in said
    assert "unpack" in said


def test_a_model_the_server_does_not_use_does_not_stop_it(box: Box) -> None:
    box.settings = replace(
        box.settings, engines=replace(box.settings.engines, tts="espeak", piper_voice="")
    )
    (box.folder / "clear/clear.onnx").unlink()
    assert "4 files" in box.open()[1][0]


@pytest.mark.parametrize("link", ["current", "model"])
def test_a_link_that_leads_out_of_the_bundle_is_no_way_round_the_check(
    link: str, box: Box, tmp_path: Path
) -> None:
    evil = tmp_path / "evil"
    (evil / "whisper").mkdir(parents=True)
    if link == "current":
        (tmp_path / "models/current").unlink()
        (tmp_path / "models/current").symlink_to(evil)
    else:
        shutil.rmtree(box.folder / "whisper")
        (box.folder / "whisper").symlink_to(evil / "whisper")
    assert "in no version there" in box.refused()


def test_a_folder_that_no_list_names_is_refused(box: Box) -> None:
    (box.folder / "mine").mkdir()
    engines = replace(box.settings.engines, whisper_directory=str(box.folder / "mine"))
    box.settings = replace(box.settings, engines=engines)
    assert "not in the list" in box.refused()


def test_only_pinned_fingerprints_are_opened(box: Box) -> None:
    def pin(*fingerprints: str) -> None:
        box.settings = replace(
            box.settings, bundle=replace(box.settings.bundle, fingerprints=fingerprints)
        )

    pin("ab" * 32, box.manifest.fingerprint)
    box.open()
    pin("ab" * 32)
    assert box.manifest.fingerprint in box.refused()


def test_a_model_elsewhere_is_said_to_be_unchecked_and_refused_where_bundles_are_pinned(
    box: Box, tmp_path: Path
) -> None:
    own = tmp_path / "own"
    own.mkdir()
    engines = replace(box.settings.engines, whisper_directory=str(own))
    box.settings = replace(box.settings, engines=engines)
    assert "not checked: engines.whisper_directory" in box.open()[1][1]
    box.settings = replace(
        box.settings, bundle=replace(box.settings.bundle, fingerprints=(box.manifest.fingerprint,))
    )
    assert "not in bundle.directory" in box.refused()


def test_a_running_server_keeps_its_version_from_being_removed(box: Box) -> None:
    held = opened.open_models(box.settings, Told(), MonotonicClock())
    placed(box.bundles, clear=VOICE)
    placed(box.bundles, clear={"clear.onnx": b"other"})
    with box.bundles.locked():
        with pytest.raises(BundleFault, match="running server"):
            box.bundles.remove(box.manifest.name)
        held.close()
        box.bundles.remove(box.manifest.name)


# --- the model that another program serves -------------------------------------------------------


@pytest.fixture
def both(tmp_path: Path) -> Box:
    box = Box(tmp_path)
    box.manifest = placed(box.bundles, whisper=WHISPER, clear=VOICE, chat=CHAT)
    box.folder = box.bundles.version(box.manifest.name)
    server = LlmServer(model_directory=str(tmp_path / "models/current/chat"))
    box.settings = replace(box.settings, llm_server=server)
    return box


def for_vllm(box: Box) -> opened.Opened:
    told = Told()
    found = opened.open_models(box.settings, told, MonotonicClock(), box.now, loader="model server")
    found.close()
    return found


def test_an_altered_language_model_is_refused_where_it_is_served_and_calls_go_on(both: Box) -> None:
    weights = writable(both.folder / "chat/model.safetensors")
    weights.write_bytes(CHAT["model.safetensors"].replace(b"n", b"m", 1))
    with pytest.raises(BundleFault) as caught:
        for_vllm(both)
    assert "chat/model.safetensors (changed)" in str(caught.value)
    assert "unpack or pull the bundle again" in str(caught.value)
    assert "6 files" in both.open()[1][0], "the voice server loads none of it"


def test_what_vllm_loads_is_pinned_and_nothing_else_is_read_for_it(
    both: Box, tmp_path: Path
) -> None:
    (both.folder / "clear/clear.onnx").unlink()
    found = for_vllm(both)
    assert found.settings.llm_server.model_directory == str(both.folder / "chat")
    assert "3 files" in found.said[0]
    placed(both.bundles, chat={**CHAT, "model.safetensors": b"another"})
    both.settings = found.settings
    assert for_vllm(both).settings.llm_server == found.settings.llm_server, "for every further life"


def test_a_language_model_elsewhere_is_said_to_be_unchecked_and_refused_where_bundles_are_pinned(
    both: Box, tmp_path: Path
) -> None:
    own = tmp_path / "own"
    own.mkdir()
    both.settings = replace(both.settings, llm_server=LlmServer(model_directory=str(own)))
    assert for_vllm(both).said == (
        "Models outside bundle.directory are not checked: llm_server.model_directory.",
    )
    pinned = replace(both.settings.bundle, fingerprints=(both.manifest.fingerprint,))
    both.settings = replace(both.settings, bundle=pinned)
    with pytest.raises(BundleFault, match=r"llm_server\.model_directory: not in bundle.directory"):
        for_vllm(both)


def test_check_config_looks_at_the_language_model_too(both: Box) -> None:
    check_models(both.settings)
    (both.folder / "chat/tokenizer.json").unlink()
    with pytest.raises(ConfigError, match=r"chat/tokenizer\.json \(missing\)"):
        check_models(both.settings)


# --- before and while it runs --------------------------------------------------------------------


def test_check_config_refuses_what_a_start_would(box: Box) -> None:
    check_models(box.settings)
    (box.folder / "whisper/tokenizer.json").unlink()
    with pytest.raises(ConfigError, match=r"whisper/tokenizer\.json \(missing\)"):
        check_models(box.settings)
    (box.folder / "manifest.json").unlink()
    with pytest.raises(ConfigError, match=r"manifest\.json"):
        check_models(box.settings)


def test_what_moves_while_the_server_runs_is_seen_without_reading(box: Box) -> None:
    pinned = box.open()[0]
    assert opened.still_whole(pinned) == ()
    (box.folder / "whisper/extra.json").write_bytes(b"")
    assert [fault.path for fault in opened.still_whole(pinned)] == ["whisper/extra.json"]


# --- the note of what was read ---------------------------------------------------------------------


AT = datetime(2026, 11, 21, tzinfo=UTC)
THERE = {"model.bin": [7, 1, 1, 5, 6, 0o444]}


@pytest.fixture
def noted(tmp_path: Path) -> Path:
    assert stamp.remember(tmp_path / "stamps", "tiny", THERE, THERE, AT)
    (file,) = (tmp_path / "stamps").iterdir()
    return file


def known(file: Path, subject: str = "tiny", there: stamp.Facts = THERE, days: float = 1.0) -> str:
    return stamp.known_since(file.parent, subject, there, AT + timedelta(days=days))


def test_a_note_holds_for_its_own_subject_files_and_time(noted: Path) -> None:
    assert known(noted) == "2026-11-21T00:00:00+00:00"
    assert known(noted, "other") == ""
    assert known(noted, there={**THERE, "more": THERE["model.bin"]}) == ""
    assert known(noted, there={}) == ""
    assert known(noted, days=stamp.DAYS_MAX + 1) == "", "read again now and then"
    assert known(noted, days=-1) == "", "a note of tomorrow"


@pytest.mark.parametrize("place", range(6))
def test_each_fact_of_a_file_counts(place: int, noted: Path) -> None:
    facts = list(THERE["model.bin"])
    facts[place] += 1
    assert known(noted, there={"model.bin": facts}) == ""


def test_files_that_move_while_they_are_read_or_moments_before_are_not_noted(
    tmp_path: Path,
) -> None:
    moved = {"model.bin": [7, 1, 2, 5, 6, 0o444]}
    assert not stamp.remember(tmp_path, "tiny", THERE, moved, AT)
    fresh = {"model.bin": [7, 1, int(AT.timestamp() * 1e9) - 1_000_000_000, 5, 6, 0o444]}
    assert not stamp.remember(tmp_path, "tiny", fresh, fresh, AT)


def test_no_changed_bit_of_a_note_is_believed(noted: Path) -> None:
    whole = noted.read_bytes()
    for bit in range(0, len(whole) * 8, 7):  # in every byte one, and now and then two
        data = bytearray(whole)
        data[bit // 8] ^= 1 << bit % 8
        noted.write_bytes(data)
        assert known(noted) == "", bit
    noted.write_bytes(whole)
    assert known(noted)


def test_a_note_that_others_may_write_or_that_is_a_link_is_not_believed(noted: Path) -> None:
    noted.chmod(0o666)
    assert known(noted) == ""
    noted.chmod(0o600)
    assert known(noted)
    moved = noted.rename(noted.with_name("elsewhere"))
    noted.symlink_to(moved)
    assert known(noted) == ""
