"""The list of a bundle: one spelling, read strictly."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.bundle.faults import BundleFault
from pipeline.bundle.manifest import Manifest, is_plain_path, made_of, read
from tests.bundle.rig import VOICE, WHISPER, model_of

GOOD = made_of({"whisper": model_of("whisper", WHISPER), "clear": model_of("clear", VOICE, "tts")})


def test_the_same_files_have_the_same_fingerprint_in_whatever_order_they_came() -> None:
    other = made_of({"clear": GOOD.models[0], "whisper": GOOD.models[1]})
    assert other.fingerprint == GOOD.fingerprint
    assert read(GOOD.data) == GOOD
    assert GOOD.name == GOOD.fingerprint[:16]


@given(st.integers(0, len(GOOD.data) - 1), st.integers(0, 7))
def test_a_changed_bit_is_no_list_or_another_fingerprint(at: int, bit: int) -> None:
    data = bytearray(GOOD.data)
    data[at] ^= 1 << bit
    try:
        found = read(bytes(data)).fingerprint
    except BundleFault:
        found = ""
    assert found != GOOD.fingerprint


@given(st.binary(max_size=200))
def test_whatever_the_bytes_it_is_a_list_or_a_sentence(data: bytes) -> None:
    with pytest.raises(BundleFault, match=r"manifest\.json"):
        read(data)


def changed(change: Callable[[dict[str, Any]], object]) -> bytes:
    tree = json.loads(GOOD.data)
    change(tree)
    return json.dumps(tree, indent=1, sort_keys=True).encode() + b"\n"


@pytest.mark.parametrize(
    "path",
    [
        "../x",
        "/x",
        "a/../b",
        "a//b",
        ".x",
        "",
        "a/",
        "a\\b",
        "a\nb",
        "é",
        "a" * 101,
        "-x",
        "a b",
        "\x00",
    ],
)
def test_a_path_that_is_not_plain_is_refused(path: str) -> None:
    assert not is_plain_path(path)

    def change(tree: dict[str, Any]) -> None:
        tree["models"][0]["files"][0]["path"] = path

    with pytest.raises(BundleFault):
        read(changed(change))


CHANGES: dict[str, Callable[[dict[str, Any]], object]] = {
    "a later format": lambda tree: tree.update(format="wardline-bundle-2"),
    "no model": lambda tree: tree.update(models=[]),
    "a model twice": lambda tree: tree["models"].append(tree["models"][0]),
    "out of order": lambda tree: tree["models"].reverse(),
    "files out of order": lambda tree: tree["models"][1]["files"].reverse(),
    "a file twice": lambda tree: tree["models"][0]["files"].append(tree["models"][0]["files"][0]),
    "a key more": lambda tree: tree["models"][0].update(extra=1),
    "a negative length": lambda tree: tree["models"][0]["files"][0].update(bytes=-1),
    "a length that is no number": lambda tree: tree["models"][0]["files"][0].update(bytes=True),
    "an enormous length": lambda tree: tree["models"][0]["files"][0].update(bytes=1 << 60),
    "a short sum": lambda tree: tree["models"][0]["files"][0].update(sha256="ab"),
    "an odd id": lambda tree: tree["models"][0].update(id="../clear"),
    "an odd role": lambda tree: tree["models"][0].update(role="root"),
    "escapes for a terminal": lambda tree: tree["models"][0].update(licence="\x1b[2J"),
}


@pytest.mark.parametrize("what", CHANGES)
def test_a_list_we_would_not_write_is_refused(what: str) -> None:
    with pytest.raises(BundleFault, match="manifest"):
        read(changed(CHANGES[what]))


def test_a_file_where_another_has_its_folder_is_refused() -> None:
    model = model_of("clear", {"a": b"1", "a/b": b"2"})
    with pytest.raises(BundleFault, match="its folder"):
        read(Manifest((model,)).data)
