"""`wardline bundle` as a person uses it, from the machine with a network to the box without one."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from pipeline.bundle.versions import Bundles
from pipeline.cli import main
from pipeline.clock import Clock
from pipeline.commands.bundle_telling import Bar
from tests.bundle.rig import WHISPER, placed, two, writable
from tests.fakes.hub_server import COMMIT, Hub, serving
from tests.hub.rig import MODEL, hub_of

pytestmark = pytest.mark.wire

CATALOGUE = """
hub = "{hub}"
[[model]]
id = "tiny"
role = "stt"
repository = "clinic/tiny"
licence = "MIT"
why = "for the test"
languages = ["en"]
file = [{{ path = "model.bin" }}, {{ path = "config.json" }}]
"""


@dataclass(frozen=True)
class Done:
    """What a command answered."""

    returncode: int
    stdout: str
    stderr: str


class Person:
    """Types commands."""

    def __init__(
        self,
        folder: Path,
        hub: str,
        patch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        self.folder, self.patch, self.capsys = folder, patch, capsys
        self.catalogue = folder / "catalogue.toml"
        self.catalogue.write_text(CATALOGUE.format(hub=hub))
        self.environment = {
            "PATH": os.environ["PATH"],
            "WARDLINE_STATE_DIRECTORY": str(folder / "var"),
            # neither is asked: the settings name a proxy or there is none
            "HTTPS_PROXY": "http://127.0.0.1:9",
            "http_proxy": "http://127.0.0.1:9",
        }

    @property
    def bundles(self) -> Bundles:
        return Bundles(self.folder / "var/models")

    def type(self, *words: str, **more: str) -> Done:
        """In this process: only a pull puts up a guard, which nobody takes down again."""
        self.patch.setattr(os, "environ", {**self.environment, **more})
        self.capsys.readouterr()
        returncode = main(["bundle", *words])
        out, err = self.capsys.readouterr()
        return Done(returncode, out, err)

    def pull(self) -> Done:
        """In a process of its own."""
        words = ("pull", "tiny", "--catalogue", str(self.catalogue), "--margin-mb", "0")
        done = subprocess.run(
            [sys.executable, "-m", "pipeline.cli", "bundle", *words],
            capture_output=True,
            text=True,
            env=self.environment,
            timeout=60,
        )
        return Done(done.returncode, done.stdout, done.stderr)


@pytest.fixture
def hub() -> Hub:
    return hub_of()


@pytest.fixture
def person(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Person]:
    with serving(hub) as address:
        yield Person(tmp_path, address, monkeypatch, capsys)


def fingerprint(done: Done) -> str:
    found = re.search(r"fingerprint ([0-9a-f]{64})", done.stdout + done.stderr)
    assert found, done.stderr
    return found[1]


def test_from_the_machine_with_a_network_to_the_box_without_one(
    person: Person, tmp_path: Path
) -> None:
    pulled = person.pull()
    assert pulled.returncode == 0, pulled.stderr
    assert "taken on trust" in pulled.stdout
    assert "config.json  (first pull)" in pulled.stdout
    assert f"pull --alone tiny@{COMMIT}" in pulled.stdout
    told = fingerprint(pulled)
    pack = tmp_path / "bundle.tar"
    packed = person.type("pack", str(pack))
    assert packed.returncode == 0, packed.stderr
    assert fingerprint(packed) == told
    (tmp_path / "box").mkdir()
    box = Person(tmp_path / "box", "https://nowhere.example", person.patch, person.capsys)
    refused = box.type("unpack", str(pack), "--margin-mb", "0", "--fingerprint", "ab" * 32)
    assert refused.returncode == 1
    assert "not the one that is expected" in refused.stderr
    opened = box.type("unpack", str(pack), "--margin-mb", "0", "--fingerprint", told)
    assert opened.returncode == 0, opened.stderr
    assert f"{box.bundles.directory}/current/tiny" in opened.stdout
    verified = box.type("verify", "--fingerprint", told)
    assert (verified.returncode, verified.stdout.split()[0]) == (0, "WHOLE")
    assert (box.bundles.directory / "current/tiny/model.bin").read_bytes() == MODEL


def test_a_pack_goes_through_a_pipe(person: Person, tmp_path: Path) -> None:
    two(person.bundles.directory)
    command = f"{sys.executable} -m pipeline.cli bundle pack - | {sys.executable} -m pipeline.cli bundle unpack - --margin-mb 0 --config $BOX"
    config = tmp_path / "box.toml"
    config.write_text(f'[bundle]\ndirectory = "{tmp_path}/other"\n')
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {command}"],
        env={**person.environment, "BOX": str(config)}, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert Bundles(tmp_path / "other").linked("current") == person.bundles.linked("current")


def test_the_guard_is_in_force_while_it_pulls(person: Person, hub: Hub, tmp_path: Path) -> None:
    """A library that tried another place in the same process would be refused."""
    code = """
import socket, sys
from pipeline.commands import bundle
from pipeline.hub.catalogue import load
from pipeline.hub.route import route
from pipeline.settings import Bundle
from pathlib import Path
way = route(load(Path(sys.argv[1])), Bundle())
addresses = bundle.fence(way)
(place,) = way.connects_to
socket.create_connection((addresses[place.host][0], place.port)).close()
for other in (("127.0.0.1", 9), ("192.0.2.1", 443), ("hub.example", 443)):
    try:
        socket.create_connection(other, 1)
    except PermissionError:
        continue
    raise SystemExit(f"reached {other}")
"""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code, str(person.catalogue)], capture_output=True, text=True, timeout=60
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")


def test_damage_is_listed_file_by_file(person: Person) -> None:
    bundles, manifest = two(person.bundles.directory)
    folder = bundles.version(manifest.name)
    writable(folder / "whisper/model.bin").write_bytes(b"x")
    (folder / "clear/clear.onnx").unlink()
    done = person.type("verify")
    assert done.returncode == 1
    assert done.stdout.splitlines() == [
        f"NOT WHOLE   {manifest.name}",
        "missing     clear/clear.onnx",
        "changed     whisper/model.bin",
    ]
    assert "wardline bundle rollback" in done.stderr


def test_rollback_reads_the_version_first_and_remove_refuses_the_current(person: Person) -> None:
    bundles, first = two(person.bundles.directory)
    second = placed(bundles, whisper=WHISPER)
    assert person.type("remove", second.name).returncode == 1
    done = person.type("rollback")
    assert done.returncode == 0, done.stderr
    assert bundles.linked("current") == first.name
    writable(bundles.version(second.name) / "whisper/model.bin").write_bytes(b"x")
    done = person.type("rollback", second.name)
    assert done.returncode == 1
    assert bundles.linked("current") == first.name
    assert person.type("remove", second.name[:5], "--previous-too").returncode == 0
    assert bundles.names() == [first.name]


def test_list_shows_what_nobody_checked_and_what_is_here(person: Person) -> None:
    _, manifest = two(person.bundles.directory)
    done = person.type("list")
    assert "~18.1 GB on a card" in done.stdout
    assert manifest.fingerprint in done.stdout
    tree = json.loads(person.type("list", "--json").stdout)
    assert tree["versions"][0]["state"] == "current"
    assert {each["id"] for each in tree["catalogue"]} > {"qwen3-8b", "whisper-large-v3-turbo"}


def test_the_parts_list_of_the_models_fits_the_official_schema(person: Person) -> None:
    two(person.bundles.directory)
    done = person.type("sbom")
    found = JsonStrictValidator(SchemaVersion.V1_6).validate_str(done.stdout)
    assert found is None, found
    models = [
        each
        for each in json.loads(done.stdout)["components"]
        if each["type"] == "machine-learning-model"
    ]
    assert len(models) == 6
    assert models[0]["licenses"] == [{"license": {"name": "MIT"}}]
    assert models[0]["version"] == "1" * 40


@pytest.mark.parametrize(
    "words",
    [
        ["pack", "x.tar"],
        ["verify"],
        ["rollback"],
        ["sbom"],
        ["remove"],
        ["unpack", "/nowhere.tar"],
        ["pull", "nothing"],
    ],
)
def test_with_nothing_there_each_action_says_so(words: list[str], person: Person) -> None:
    done = person.type(*words)
    assert done.returncode == 1
    assert done.stderr.startswith("wardline bundle: ")
    assert "Traceback" not in done.stderr


def test_without_a_network_a_pull_says_so_at_once(person: Person) -> None:
    person.catalogue.write_text(CATALOGUE.format(hub="https://hub.invalid"))
    done = person.pull()
    assert done.returncode == 1
    assert "wardline bundle unpack" in done.stderr


def test_an_address_that_is_none_is_a_fault_of_the_settings(person: Person) -> None:
    for key, value in (
        ("MIRROR", "http://mirror.example"),
        ("MIRROR", "https://user:word@mirror.example"),
        ("HOSTS", "not a host"),
        ("FINGERPRINTS", "abc"),
        ("TOKEN", "short"),
    ):
        done = person.type("list", **{f"WARDLINE_BUNDLE_{key}": value})
        assert done.returncode == 78, key
        assert value not in done.stderr


# --- how it says how far it is ---------------------------------------------------------------------


class Out:
    """A terminal, or a file."""

    def __init__(self, terminal: bool) -> None:
        self.terminal, self.text = terminal, ""

    def isatty(self) -> bool:
        return self.terminal

    def write(self, text: str) -> int:
        self.text += text
        return len(text)

    def flush(self) -> None:
        """Nothing is kept back."""


class Ticking(Clock):
    """A clock the test moves."""

    def __init__(self) -> None:
        self.ms = 0.0

    def now_ms(self) -> float:
        return self.ms


@pytest.mark.parametrize(("terminal", "lines"), [(True, 0), (False, 3)])
def test_a_bar_on_a_terminal_and_now_and_then_a_line_elsewhere(terminal: bool, lines: int) -> None:
    out, clock = Out(terminal), Ticking()
    bar = Bar(out, clock)  # type: ignore[arg-type]  # the four methods it uses
    for done in range(0, 1_001, 10):
        bar.progress("tiny/model.bin", done * 1_000_000, 1_000_000_000)
        clock.ms += 310.0
    bar.say("tiny/model.bin: the connection broke off")
    assert out.text.count("\n") == lines + 1
    assert ("\r" in out.text) == terminal
    assert "[############............]" in out.text or not terminal
    assert out.text.endswith("the connection broke off\n")
