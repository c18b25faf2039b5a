"""The parts list: valid for the official schema, complete, with versions, licences and the lock's sums."""

from __future__ import annotations

import json
import re
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from pipeline import config
from pipeline.commands.evidence_facts import described
from pipeline.evidence import installed
from pipeline.evidence.lock import plain_name, read_lock
from pipeline.evidence.sbom import SPEC, Model, Part, bom, unlocked
from tests.bundle.rig import two

ROOT = Path(__file__).parents[2]
SERIAL = "00000000-0000-4000-8000-000000000000"
MADE = "2026-11-21T10:00:00+00:00"
LOCK = read_lock(
    "# a comment\nalpha==1.0 \\\n    --hash=sha256:" + "a" * 64 + " \\\n    --hash=sha256:" + "b" * 64
    + "\nBeta.Two[extra]==2.0 ; python_version > '3' \\\n    --hash=sha256:" + "c" * 64 + "\n"
)  # fmt: skip
OWN = Part("wardline", "0.1.0", licence_expression="Apache-2.0", requires=("alpha>=1", "gone"))


def document(*parts: Part, models: tuple[Model, ...] = ()) -> dict[str, Any]:
    return bom(
        OWN, (OWN, *parts), LOCK, platform={"CPython": "3.11"}, models=models, serial=SERIAL, made=MADE
    )  # fmt: skip


def fault_of(tree: dict[str, Any]) -> str:
    found = JsonStrictValidator(SchemaVersion.V1_6).validate_str(json.dumps(tree))
    return str(found.data.message) if found else ""


def component(tree: dict[str, Any], name: str) -> dict[str, Any]:
    (found,) = [each for each in tree["components"] if each["name"] == name]
    return dict(found)


def test_this_installation_s_list_is_valid_and_names_every_locked_package() -> None:
    lock = read_lock((ROOT / "requirements/runtime.lock").read_text())
    assert installed.lock() == lock
    parts = installed.installed()
    tree = bom(
        installed.own(), parts, lock, platform=installed.interpreter(), serial=SERIAL, made=MADE
    )
    assert fault_of(tree) == ""
    assert tree["specVersion"] == SPEC
    listed = {plain_name(each["name"]) for each in tree["components"]}
    brought_along = set(lock.packages) & {plain_name(part.name) for part in parts}
    assert brought_along <= listed
    assert len(brought_along) > 80
    assert tree["metadata"]["component"]["version"] == version("wardline")
    for name in ("aiohttp", "cryptography", "pipecat-ai"):
        found = component(tree, name)
        assert found["version"] == lock.packages[name].version
        assert {each["content"] for each in found["hashes"]} == set(lock.packages[name].sha256s)
        assert found["licenses"]


def test_a_document_that_breaks_the_schema_is_noticed() -> None:
    assert fault_of(document()) == ""
    assert fault_of({**document(), "components": [{"name": "without a type"}]})


@pytest.mark.parametrize(
    ("part", "licences"),
    [
        (Part("a", "1", licence_expression="MIT OR GPL-3.0-only"), [{"expression": "MIT OR GPL-3.0-only"}]),
        (Part("a", "1", licence="BSD\n  License"), [{"license": {"name": "BSD License"}}]),
        (
            Part("a", "1", licence="x" * 500, classifiers=("License :: OSI Approved :: MIT License",)),
            [{"license": {"name": "MIT License"}}],
        ),
        (Part("a", "1", licence="UNKNOWN"), None),
        (Part("a", "1", classifiers=("License :: OSI Approved", "Topic :: Internet")), None),
    ],
)  # fmt: skip
def test_a_licence_is_taken_from_where_its_package_states_it(
    part: Part, licences: list[dict[str, Any]] | None
) -> None:
    tree = document(part)
    assert component(tree, "a").get("licenses") == licences
    assert fault_of(tree) == ""


def test_sums_stand_only_beside_the_version_that_was_locked() -> None:
    tree = document(Part("alpha", "1.0", record_sha256="d" * 64), Part("beta-two", "2.1"))
    assert [each["content"] for each in component(tree, "alpha")["hashes"]] == ["a" * 64, "b" * 64]
    other = component(tree, "beta-two")
    assert "hashes" not in other
    assert other["properties"] == [{"name": "wardline:lock", "value": "locked is 2.0"}]
    parts = [OWN, Part("alpha", "1.0"), Part("beta_two", "2.1"), Part("odd", "1")]
    assert unlocked(parts, LOCK, "wardline") == ["beta_two 2.1", "odd 1"]


def test_what_needs_what_names_installed_parts_only() -> None:
    tree = document(
        Part("alpha", "1.0", requires=("Beta.Two[fast]>=2 ; sys_platform == 'linux'", "c; extra == 'c'")),
        Part("beta-two", "2.0"),
        Part("c", "1"),
    )  # fmt: skip
    needs = {each["ref"]: each["dependsOn"] for each in tree["dependencies"]}
    assert needs["pkg:generic/wardline@0.1.0"] == ["pkg:pypi/alpha@1.0"]
    assert needs["pkg:pypi/alpha@1.0"] == ["pkg:pypi/beta-two@2.0"]
    assert fault_of(tree) == ""


def test_models_are_listed_with_their_sums(tmp_path: Path) -> None:
    (tmp_path / "voice").mkdir()
    (tmp_path / "voice" / "model.bin").write_bytes(b"weights")
    models = tuple(installed.model_files(iter([tmp_path / "voice", tmp_path / "voice/model.bin"])))
    assert [model.name for model in models] == ["voice/model.bin", "model.bin"]
    assert models[0].bytes == 7
    tree = document(models=models[:1])
    assert component(tree, "voice/model.bin")["type"] == "machine-learning-model"
    assert fault_of(tree) == ""


def test_the_code_s_digest_is_the_same_twice() -> None:
    assert re.fullmatch("[0-9a-f]{64}", installed.code_digest())
    assert installed.code_digest() == installed.code_digest()


def test_a_model_of_a_bundle_is_listed_with_its_licence_and_commit(tmp_path: Path) -> None:
    bundles, manifest = two(tmp_path / "models")
    settings = config.from_mapping({"state": {"directory": str(tmp_path)}})
    (tmp_path / "own.bin").write_bytes(b"of nobody's list")
    files = [bundles.version(manifest.name) / "whisper", tmp_path / "own.bin"]
    models = tuple(described(settings, installed.model_files(iter(files))))
    tree = document(models=models)
    assert fault_of(tree) == ""
    listed = component(tree, "whisper/model.bin")
    assert listed["licenses"] == [{"license": {"name": "MIT"}}]
    assert listed["version"] == "1" * 40
    assert "licenses" not in component(tree, "own.bin")
