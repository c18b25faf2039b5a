"""A pull from a local hub: whole, cut, changed, wrong, sent elsewhere, stalled, without room."""

from __future__ import annotations

import hashlib
import random
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.bundle.faults import BundleFault
from pipeline.bundle.verify import manifest_of
from pipeline.hub.catalogue import Wanted
from pipeline.hub.download import ATTEMPTS_MAX
from pipeline.settings import Bundle
from tests.fakes.hub_server import COMMIT, Hub, HubServer, serving
from tests.hub.rig import CONFIG, ENTRY, MODEL, VOICE, VOICE_ENTRY, Puller, hub_of

pytestmark = pytest.mark.wire


@pytest.fixture
def hub() -> Hub:
    return hub_of()


@pytest.fixture
def puller(hub: Hub, tmp_path: Path) -> Iterator[Puller]:
    with serving(hub) as address:
        yield Puller(tmp_path / "models", address)


def refused(puller: Puller, reason: str) -> str:
    with pytest.raises(BundleFault) as caught:
        puller.pull()
    assert caught.value.reason == reason, caught.value
    assert puller.bundles.names() == []
    assert puller.bundles.linked("current") == ""
    return str(caught.value)


def test_a_pull_makes_a_version_with_every_sum_and_the_commit(hub: Hub, puller: Puller) -> None:
    pulled = puller.pull()
    assert puller.content("tiny/model.bin") == MODEL
    assert puller.content("tiny/config.json") == CONFIG
    manifest = manifest_of(puller.bundles.version(pulled.name))
    (model,) = manifest.models
    assert (model.revision, model.licence) == (COMMIT, "MIT")
    assert [file.sha256 for file in model.files] == [
        hashlib.sha256(CONFIG).hexdigest(),
        hashlib.sha256(MODEL).hexdigest(),
    ]
    assert {each.path: each.known_by for each in pulled.arrived} == {
        "tiny/model.bin": "hub",
        "tiny/config.json": "first pull",
    }
    assert puller.bundles.linked("current") == pulled.name
    assert puller.waiting() == {}
    assert not any("setup.py" in each.path for each in hub.requests)
    assert all(each.path.startswith(f"/clinic/tiny/resolve/{COMMIT}/") for each in hub.downloads())


def test_two_people_who_pull_apart_get_one_fingerprint(puller: Puller, tmp_path: Path) -> None:
    first = puller.pull(ENTRY, VOICE_ENTRY)
    other = replace(puller, folder=tmp_path / "other")
    other.pull(VOICE_ENTRY)
    second = other.pull(ENTRY)
    assert first.manifest.fingerprint == second.manifest.fingerprint


def test_what_the_current_version_has_is_neither_lost_nor_fetched_again(
    hub: Hub, puller: Puller
) -> None:
    first = puller.pull()
    hub.requests.clear()
    second = puller.pull(VOICE_ENTRY)
    assert [model.id for model in second.manifest.models] == ["clear", "tiny"]
    assert second.before == first.name == puller.bundles.linked("previous")
    assert not any("tiny" in each.path for each in hub.requests)
    assert puller.content("clear/clear.onnx") == VOICE
    inode = (puller.folder / "current/tiny/model.bin").stat().st_ino
    assert inode == (puller.folder / "previous/tiny/model.bin").stat().st_ino, (
        "one file on the disk"
    )
    alone = puller.pull(VOICE_ENTRY, alone=True)
    assert [model.id for model in alone.manifest.models] == ["clear"]


def test_a_pull_of_the_same_again_fetches_no_large_file(hub: Hub, puller: Puller) -> None:
    first = puller.pull()
    hub.requests.clear()
    assert puller.pull().name == first.name
    assert not any("model.bin" in each.path for each in hub.requests)
    assert puller.bundles.linked("previous") == ""


@pytest.mark.parametrize("seed", range(8))
def test_a_pull_cut_at_random_bytes_goes_on_where_it_was(
    seed: int, hub: Hub, puller: Puller
) -> None:
    draw = random.Random(seed)
    hub.cuts = [draw.randrange(1, len(MODEL) // 4) for _ in range(5)]
    puller.pull()
    assert puller.content("tiny/model.bin") == MODEL
    begun = [
        int(each.headers["Range"][6:-1]) for each in hub.downloads() if "Range" in each.headers
    ]
    assert begun, "nothing was asked for in pieces"
    assert begun == sorted(begun)
    assert all("If-Range" in each.headers for each in hub.downloads() if "Range" in each.headers)
    assert puller.waits, "it waited before it asked again"
    assert any("trying again" in sentence for sentence in puller.told.said)


def test_the_next_run_goes_on_where_the_last_gave_up(hub: Hub, puller: Puller) -> None:
    hub.cuts = [100_000] + [0] * ATTEMPTS_MAX
    said = refused(puller, "unreachable")
    assert "100000 of 179200 bytes are kept" in said
    assert len(puller.waits) == ATTEMPTS_MAX, "bounded, and told"
    hub.requests.clear()
    puller.pull()
    (again,) = [each for each in hub.downloads() if each.path.endswith("model.bin")]
    assert again.headers["Range"] == "bytes=100000-"
    assert puller.content("tiny/model.bin") == MODEL


@pytest.mark.parametrize("change", ["no ranges", "no tags", "weak tags"])
def test_a_server_that_cannot_go_on_is_asked_from_the_start(
    change: str, hub: Hub, puller: Puller
) -> None:
    hub.cuts = [50_000, 60_000]
    hub.ranges, hub.tags, hub.weak_tags = (
        change != "no ranges",
        change != "no tags",
        change == "weak tags",
    )
    puller.pull()
    assert puller.content("tiny/model.bin") == MODEL
    if change != "no ranges":
        assert not any("Range" in each.headers for each in hub.downloads())


def test_a_file_that_changes_between_two_pieces_is_never_mixed(hub: Hub, puller: Puller) -> None:
    """The other side's second answer is of other bytes with the same length: they do not fit, and the file is refused."""
    hub.cuts = [90_000]
    asked: list[str] = []

    def served(name: str, data: bytes) -> bytes:
        asked.append(name)
        return data if asked.count(name) == 1 else bytes(len(data))

    hub.served = served
    said = refused(puller, "wrong_sum")
    assert "thrown away" in said
    assert not any(size for name, size in puller.waiting().items() if name.endswith(".part"))


def test_a_changed_file_that_is_right_now_is_taken_from_its_start(hub: Hub, puller: Puller) -> None:
    hub.cuts = [90_000]
    asked: list[str] = []

    def served(name: str, data: bytes) -> bytes:
        asked.append(name)
        return bytes(len(data)) if asked.count(name) == 1 and "model" in name else data

    hub.served = served
    puller.pull()
    assert puller.content("tiny/model.bin") == MODEL
    assert any("changed at the other side" in sentence for sentence in puller.told.said)


def test_half_a_file_that_rotted_meanwhile_is_fetched_anew(hub: Hub, puller: Puller) -> None:
    hub.cuts = [100_000] + [0] * ATTEMPTS_MAX
    refused(puller, "unreachable")
    (part,) = (puller.folder / "incoming").glob("*.part")
    data = bytearray(part.read_bytes())
    data[5] ^= 1
    part.write_bytes(data)
    puller.pull()
    assert puller.content("tiny/model.bin") == MODEL
    assert any("does not fit" in sentence for sentence in puller.told.said)


@pytest.mark.parametrize("path", ["model.bin", "config.json"])
def test_one_wrong_byte_is_found_and_nothing_of_it_kept(
    path: str, hub: Hub, puller: Puller
) -> None:
    def served(name: str, data: bytes) -> bytes:
        return data[:-1] + b"\0" if name.endswith(path) else data

    hub.served = served
    said = refused(puller, "wrong_sum")
    assert path in said
    assert "thrown away" in said


def test_a_hub_that_lists_another_sum_than_the_catalogue_is_refused_before_a_byte(
    hub: Hub, puller: Puller
) -> None:
    pinned = replace(ENTRY, files=(Wanted("model.bin", sha256="ab" * 32), Wanted("config.json")))
    with pytest.raises(BundleFault, match="another sum than the catalogue"):
        puller.pull(pinned)
    assert hub.downloads() == []


def test_a_fully_known_model_is_fetched_without_asking_for_a_list(hub: Hub, puller: Puller) -> None:
    pinned = replace(
        ENTRY,
        revision=COMMIT,
        files=(
            Wanted("model.bin", len(MODEL), hashlib.sha256(MODEL).hexdigest()),
            Wanted("config.json", len(CONFIG), hashlib.sha256(CONFIG).hexdigest()),
        ),
    )
    pulled = puller.pull(pinned)
    assert {each.known_by for each in pulled.arrived} == {"catalogue"}
    assert not any("/api/" in each.path for each in hub.requests)


def test_another_commit_than_the_one_asked_for_is_refused(hub: Hub, puller: Puller) -> None:
    hub.commit = "2" * 40
    with pytest.raises(BundleFault, match="another commit"):
        puller.pull(replace(ENTRY, revision=COMMIT))


def test_more_or_fewer_bytes_than_announced_are_refused(hub: Hub, puller: Puller) -> None:
    hub.lengths = {"model.bin": len(MODEL) - 1}
    assert "must have" in refused(puller, "wrong_length")


def test_a_download_that_is_sent_to_a_foreign_host_is_refused(hub: Hub, puller: Puller) -> None:
    with socket.socket() as foreign:
        foreign.bind(("127.0.0.1", 0))
        foreign.listen()
        foreign.settimeout(0.2)
        hub.send_on = f"http://127.0.0.1:{foreign.getsockname()[1]}"
        said = refused(puller, "foreign_host")
        assert "bundle.hosts" in said
        with pytest.raises(TimeoutError):
            foreign.accept()


def test_a_download_that_is_sent_to_a_listed_host_arrives_and_without_the_token(
    hub: Hub, puller: Puller
) -> None:
    with HubServer(replace(hub, requests=[])) as files:
        hub.send_on = files.address
        puller.settings = Bundle(token="hf_" + "k1m9s8d7f6" * 4, hosts=(files.address[7:],))
        puller.pull()
        assert puller.content("tiny/model.bin") == MODEL
        assert {each.headers.get("Authorization") for each in hub.requests} == {
            f"Bearer {puller.settings.token}"
        }
        assert files.hub.downloads()
        assert not any("Authorization" in each.headers for each in files.hub.requests)


def test_a_circle_of_redirects_ends(hub: Hub, puller: Puller) -> None:
    hub.send_on = puller.hub
    assert "sent on more than" in refused(puller, "hub")


def test_a_busy_hub_is_asked_again_and_a_stalled_one_given_up(hub: Hub, puller: Puller) -> None:
    hub.statuses = [503, 429]
    puller.pull()
    assert sum("answered 503" in sentence for sentence in puller.told.said) == 1


def test_a_line_that_stands_still_is_cut_and_goes_on(hub: Hub, puller: Puller) -> None:
    hub.cuts = [80_000]
    hub.stall_s = 1.0
    puller.stall_s = 0.1
    puller.pull()
    assert puller.content("tiny/model.bin") == MODEL
    assert any("stood still" in sentence for sentence in puller.told.said)


def test_a_server_that_drips_is_given_up(hub: Hub, puller: Puller) -> None:
    hub.trickle_s = 0.005
    puller.window_ms = 30.0
    puller.waits = []
    stop = threading.Event()

    def enough(path: str) -> None:
        if len(hub.downloads()) > 4:
            hub.trickle_s = 0.0
            stop.set()

    hub.before = enough
    puller.pull()
    assert stop.is_set()
    assert any("too slow" in sentence for sentence in puller.told.said)


@pytest.mark.parametrize(
    ("status", "words"), [(401, "bundle.token"), (403, "by name only"), (404, "no clinic/tiny")]
)
def test_a_refusal_says_what_to_do(status: int, words: str, hub: Hub, puller: Puller) -> None:
    if status == 404:
        hub.files = {}
    else:
        hub.statuses = [status]
    assert words in refused(puller, "hub")


@pytest.mark.parametrize(
    "name",
    [
        "../../evil.json",
        "/etc/passwd.json",
        "a//b.json",
        ".hidden.json",
        "a\nb.json",
        "x" * 101 + ".json",
    ],
)
def test_a_name_that_would_leave_the_folder_is_refused(name: str, hub: Hub, puller: Puller) -> None:
    def listing(tree: dict[str, object]) -> dict[str, object]:
        siblings = tree["siblings"]
        assert isinstance(siblings, list)
        return {**tree, "siblings": [*siblings, {"rfilename": name, "size": 1, "blobId": "a" * 40}]}

    hub.listing = listing
    entry = replace(ENTRY, patterns=("*.json", "*"))
    if "/" in name:  # a pattern is for the top of the repository: such a name is never wanted
        puller.pull(replace(ENTRY, patterns=("*.json",)))
        assert not any("evil" in each.path for each in hub.downloads())
        return
    with pytest.raises(BundleFault, match="whose name we do not take"):
        puller.pull(entry)


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"{}", b'{"sha": 5, "siblings": []}', b'{"sha": "x", "siblings": [{}]}', b"[" * 9_000,
     b'{"sha": "' + b"1" * 40 + b'", "siblings": [{"rfilename": "model.bin", "size": -4}, {"rfilename": "config.json"}]}'],
)  # fmt: skip
def test_a_list_that_is_none_is_a_sentence(body: bytes, hub: Hub, puller: Puller) -> None:
    hub.listing = lambda tree: body
    refused(puller, "hub")


def test_without_room_nothing_is_fetched(hub: Hub, puller: Puller) -> None:
    puller.margin_bytes = 1 << 60
    said = refused(puller, "disk_full")
    assert "are free" in said
    assert hub.downloads() == []


def test_nobody_listening_is_a_sentence_with_what_to_check(tmp_path: Path) -> None:
    with socket.socket() as end:
        end.bind(("127.0.0.1", 0))
        puller = Puller(tmp_path, f"http://127.0.0.1:{end.getsockname()[1]}")
    assert "bundle.proxy" in refused(puller, "unreachable")
    assert len(puller.waits) == ATTEMPTS_MAX - 1


def test_without_tls_only_this_machine_is_spoken_to(tmp_path: Path) -> None:
    assert "over https" in refused(Puller(tmp_path, "http://hub.example"), "unprotected")
