"""The catalogue: what is shipped is complete and honest, what an operator writes is read strictly."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from models.sizes import GB, LLMS, WHISPERS, plan, whisper_bytes
from pipeline.bundle.faults import BundleFault
from pipeline.bundle.telling import amount
from pipeline.commands.bundle_shown import HEARD
from pipeline.hub.catalogue import Entry, is_code, load, parse, shipped
from pipeline.hub.listing import from_catalogue, read
from pipeline.hub.route import Place, route
from pipeline.settings import Bundle

SHIPPED = shipped()
ROUTE = route(SHIPPED, Bundle())


def test_there_is_a_choice_for_each_part_in_both_languages() -> None:
    for role in ("stt", "llm", "tts"):
        spoken = {
            language
            for entry in SHIPPED.entries
            if entry.role == role
            for language in entry.languages
        }
        assert {"en", "es"} <= spoken, role


@pytest.mark.parametrize("entry", SHIPPED.entries, ids=lambda entry: entry.id)
def test_a_shipped_entry_says_licence_size_memory_and_why(entry: Entry) -> None:
    assert entry.licence
    assert len(entry.why) > 40
    assert entry.bytes > 1_000_000
    assert entry.gpu_mb or entry.ram_mb
    if not entry.revision:
        assert "revision" in entry.unverified, "what is not pinned is said not to be"
    weights = sum(file.bytes for file in entry.files if file.bytes > 0)
    assert weights <= entry.bytes


SHAPES = dict(
    zip(["qwen3-4b-instruct", "qwen3-8b", "qwen3-14b", "qwen3-30b-a3b-instruct"], LLMS, strict=True)
)
CALLS = 16


@pytest.mark.parametrize("role", ["llm", "stt"])
def test_the_memory_of_an_entry_is_the_calculated_one_and_fits_the_card_it_names(role: str) -> None:
    for entry in SHIPPED.entries:
        if entry.role != role:
            continue
        if role == "stt":
            ear = next(each for each in WHISPERS if entry.id.endswith(each.name))
            takes = whisper_bytes(ear.weights_bytes(), ear)
        else:
            whole = plan(SHAPES[entry.id], WHISPERS[0], calls=CALLS)
            takes = whole.llm_bytes
            for text in (entry.why, row_of(entry.id)):
                named = re.search(r"a card of (\d+) GB", text)
                assert named, entry.id
                assert whole.needed_bytes <= int(named[1]) * GB, entry.id
        assert entry.gpu_mb * 10**6 == pytest.approx(takes, abs=100e6), entry.id
        assert entry.gpu_mb * 10**6 >= takes, "rounded up"
        if role == "llm":
            assert entry.bytes == pytest.approx(SHAPES[entry.id].weights_bytes(), rel=0.01)


def row_of(model_id: str) -> str:
    page = (Path(__file__).parents[2] / "docs/bundle.md").read_text()
    return next(line for line in page.splitlines() if line.startswith(f"| `{model_id}` |"))


def test_no_shipped_entry_wants_a_file_that_runs_when_it_is_loaded() -> None:
    for entry in SHIPPED.entries:
        for path in ("modeling_x.py", "weights.pt", "pytorch_model.pkl"):
            assert not entry.wants(path)
            assert is_code(path)


def test_a_shipped_sum_is_pinned_against_what_the_hub_says() -> None:
    (entry,) = [each for each in SHIPPED.entries if each.id == "piper-en-us-ljspeech"]
    siblings = [
        {
            "rfilename": file.path,
            "size": file.bytes,
            "lfs": {"sha256": "0" * 64, "size": file.bytes},
        }
        for file in entry.files
    ]
    answer = json.dumps({"sha": entry.revision, "siblings": siblings}).encode()
    with pytest.raises(BundleFault, match="another sum than the catalogue"):
        read(answer, ROUTE, entry)
    assert from_catalogue(ROUTE, entry) is None, "its card's sum nobody knows"


@pytest.mark.parametrize("model_id", ["whisper-large-v3-turbo", "whisper-distil-large-v3"])
def test_a_model_whose_every_sum_is_known_is_as_long_as_its_files(model_id: str) -> None:
    (entry,) = SHIPPED.chosen([model_id])
    listed = from_catalogue(ROUTE, entry)
    assert listed is not None
    assert sum(file.bytes for file in listed.files) == entry.bytes
    assert {file.known_by for file in listed.files} == {"catalogue"}
    (moved,) = SHIPPED.chosen([f"{model_id}@{'3' * 40}"])
    assert from_catalogue(ROUTE, moved) is None, "sums of another commit are not known"


GOOD = """
hub = "https://hub.example"
[[model]]
id = "own"
role = "stt"
repository = "clinic/own"
licence = "MIT"
why = "ours"
languages = ["en"]
file = [{ path = "model.bin" }]
"""


def test_an_operator_s_own_catalogue_is_read(tmp_path: Path) -> None:
    (tmp_path / "own.toml").write_text(GOOD)
    found = load(tmp_path / "own.toml")
    assert [entry.id for entry in found.entries] == ["own"]
    assert found.chosen(["own", "own"]) == list(found.entries)
    (at,) = found.chosen([f"own@{'2' * 40}"])
    assert at.revision == "2" * 40
    with pytest.raises(BundleFault, match="40 characters"):
        found.chosen(["own@main"])
    with pytest.raises(BundleFault, match="shows: own"):
        found.chosen(["owm"])


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('"own"', '"../own"', "id"),
        ('"stt"', '"root"', "role"),
        ('"clinic/own"', '"own"', "repository"),
        ('"MIT"', '"\\u001b[2J"', "licence"),
        ('"MIT"', "5", "licence"),
        ('["en"]', '"en"', "languages"),
        ('["en"]', '["English"]', "languages"),
        ('"model.bin"', '"../model.bin"', "plain relative path"),
        ('"model.bin"', '"model.py"', "runs when it is loaded"),
        ('path = "model.bin"', 'path = "model.bin", sha256 = "ab"', "sha256"),
        ('path = "model.bin"', 'path = "model.bin", bytes = -5', "bytes"),
        ('path = "model.bin"', 'path = "model.bin", secret = 1', "file must be"),
        ('[{ path = "model.bin" }]', "[]", "names no file"),
        ('{ path = "model.bin" }', '{ path = "a/x" }, { path = "b/x" }', "two of one name"),
        ('why = "ours"', 'why = "ours"\nrevision = "main"', "revision"),
        ('why = "ours"', 'why = "ours"\npatterns = ["../*"]', "patterns"),
        ('why = "ours"', 'why = "ours"\nJane_Doe = 1', "a key is none of"),
        ('hub = "https://hub.example"', "hub = 5", "hub must be"),
        ('hub = "https://hub.example"', 'hub = "x"\nhosts = ["a b"]', "hosts must be"),
        ("[[model]]", "[[model", "not TOML"),
    ],
)  # fmt: skip
def test_a_fault_in_it_is_a_sentence_that_echoes_nothing(old: str, new: str, words: str) -> None:
    with pytest.raises(BundleFault, match=words) as caught:
        parse(GOOD.replace(old, new), "own.toml")
    assert "Jane" not in str(caught.value)


def test_a_file_that_is_no_text_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "own.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(BundleFault, match="cannot be read"):
        load(tmp_path / "own.toml")


def test_a_mirror_replaces_the_hub_and_all_its_hosts() -> None:
    assert len(ROUTE.places) == 1 + len(SHIPPED.hosts)
    own = route(
        SHIPPED,
        Bundle(mirror="https://mirror.clinic.example/hub/", hosts=("files.clinic.example:8443",)),
    )
    assert own.base == "https://mirror.clinic.example/hub"
    assert own.places == {Place("mirror.clinic.example", 443), Place("files.clinic.example", 8443)}
    assert own.connects_to == own.places
    behind = route(SHIPPED, Bundle(proxy="http://proxy.clinic.example:3128"))
    assert behind.connects_to == {Place("proxy.clinic.example", 3128)}


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/x",
        "https://huggingface.co.evil.example/x",
        "https://huggingface.co:8443/x",
        "http://huggingface.co/x",
        "https://user:word@huggingface.co/x",
        "https://huggingface.co@evil.example/x",
        "ftp://huggingface.co/x",
        "file:///etc/passwd",
        "//evil.example",
        "https://[::1/x",
        "https://huggingface.co:99999/x",
        "https://huggingface.co/x\r\nHost: evil",
        "https://huggingface.co\\@evil.example/",
        "",
    ],
)
def test_an_address_that_is_not_listed_is_refused(url: str) -> None:
    with pytest.raises(BundleFault):
        ROUTE.place_of(url)


def test_the_listed_address_is_taken_in_any_spelling() -> None:
    for url in (
        "https://huggingface.co/x",
        "HTTPS://HuggingFace.CO:443/x",
        "https://huggingface.co./x",
    ):
        assert ROUTE.place_of(url) == Place("huggingface.co", 443)


def test_the_page_s_table_is_the_catalogue() -> None:
    page = (Path(__file__).parents[2] / "docs/bundle.md").read_text()
    rows = {
        row.split("`")[1]: [cell.strip() for cell in row.split("|")[2:-1]]
        for row in page.splitlines()
        if row.startswith("| `") and row.count("|") == 8
    }
    assert rows.keys() == {entry.id for entry in SHIPPED.entries}
    for entry in SHIPPED.entries:
        for_what, licence, size, languages, memory, _ = rows[entry.id]
        assert for_what == HEARD[entry.role]
        assert licence == entry.licence
        doubt = "~" if "bytes" in entry.unverified else ""
        assert size == f"{doubt}{amount(entry.bytes)}"
        assert languages.split(" ")[0].strip(",") == entry.languages[0]
        for key, megabytes in (("gpu_mb", entry.gpu_mb), ("ram_mb", entry.ram_mb)):
            assert key in entry.unverified or not megabytes
            assert not megabytes or f"~{megabytes / 1000:.1f} GB" in memory
    known = {entry.id: sum(1 for file in entry.files if file.sha256) for entry in SHIPPED.entries}
    assert {name: count for name, count in known.items() if count} == {
        "whisper-large-v3-turbo": 5,
        "whisper-distil-large-v3": 5,
        "piper-en-us-ljspeech": 2,
        "piper-es-es-davefx": 2,
    }, "the page says which sums are known"
    assert all(entry.revision for entry in SHIPPED.entries), "and that every commit is"
