"""The software's parts as CycloneDX 1.6 JSON: name, version, licence, sums, what needs what.

A calculation: distributions and the lock go in, a tree of plain values comes out. Refuses to know where either is found.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pipeline.evidence.lock import Lock, plain_name

SPEC = "1.6"
_LICENCE_CHARACTERS_MAX = 100
"""A longer text is a whole licence put into the field for its name."""
_CLASSIFIER = "License :: "
_REQUIRED = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")

PREFIX = "wardline:"
"""Our properties' names begin so, as the specification asks for."""


@dataclass(frozen=True, slots=True)
class Part:
    """One installed distribution, as its own metadata describes it."""

    name: str
    version: str
    licence_expression: str = ""
    """SPDX, from newer metadata."""
    licence: str = ""
    classifiers: tuple[str, ...] = ()
    requires: tuple[str, ...] = ()
    record_sha256: str = ""
    """Of the list of its files and their sums, as pip wrote it; "": an editable install."""


@dataclass(frozen=True, slots=True)
class Model:
    """A file that a configured engine loads."""

    name: str
    sha256: str
    bytes: int
    licence: str = ""
    version: str = ""
    """The commit it is of."""
    repository: str = ""
    """Its name at the hub it came from."""


def bom(
    root: Part,
    parts: Iterable[Part],
    lock: Lock | None,
    *,
    platform: Mapping[str, str],
    models: Iterable[Model] = (),
    serial: str,
    made: str,
) -> dict[str, Any]:
    """The whole document; `platform` names the interpreter and libraries that no distribution brings."""
    listed = sorted((p for p in parts if plain_name(p.name) != plain_name(root.name)), key=_key)
    refs = {plain_name(part.name): _ref(part) for part in listed}
    own = f"pkg:generic/{root.name}@{root.version}"
    return {
        "bomFormat": "CycloneDX",
        "specVersion": SPEC,
        "serialNumber": f"urn:uuid:{serial}",
        "version": 1,
        "metadata": {
            "timestamp": made,
            "tools": {
                "components": [
                    {
                        "type": "application",
                        "name": f"{root.name} evidence",
                        "version": root.version,
                    }
                ]
            },
            "component": {**_component(root, None, own), "type": "application"},
            "properties": [
                {"name": f"{PREFIX}lock-sha256", "value": lock.digest if lock else "no lock file"}
            ],
        },
        "components": [
            *(_component(part, lock, _ref(part)) for part in listed),
            *(
                {
                    "type": "platform",
                    "bom-ref": f"platform:{name}",
                    "name": name,
                    "version": version,
                }
                for name, version in sorted(platform.items())
            ),
            *(_model(model) for model in models),
        ],
        "dependencies": [
            _dependency(own, root.requires, refs),
            *(_dependency(_ref(part), part.requires, refs) for part in listed),
        ],
    }


def unlocked(parts: Iterable[Part], lock: Lock, own: str) -> list[str]:
    """Distributions that the lock does not name, or names with another version."""
    found = []
    for part in parts:
        locked = lock.packages.get(plain_name(part.name))
        if plain_name(part.name) != own and (locked is None or locked.version != part.version):
            found.append(f"{part.name} {part.version}")
    return sorted(found)


# --- parts --------------------------------------------------------------------------------------------


def _key(part: Part) -> str:
    return plain_name(part.name)


def _ref(part: Part) -> str:
    return f"pkg:pypi/{plain_name(part.name)}@{part.version}"


def _component(part: Part, lock: Lock | None, ref: str) -> dict[str, Any]:
    component: dict[str, Any] = {
        "type": "library",
        "bom-ref": ref,
        "name": part.name,
        "version": part.version,
        "purl": ref,
    }
    if licences := _licences(part):
        component["licenses"] = licences
    properties = []
    if lock is not None:
        locked = lock.packages.get(plain_name(part.name))
        state = "not in the lock"
        if locked is not None:
            state = "as locked" if locked.version == part.version else f"locked is {locked.version}"
        properties.append({"name": f"{PREFIX}lock", "value": state})
        if locked is not None and locked.version == part.version:
            # One sum for each archive of this version (platforms differ): pip accepted one of them.
            component["hashes"] = [{"alg": "SHA-256", "content": each} for each in locked.sha256s]
    if part.record_sha256:
        properties.append({"name": f"{PREFIX}record-sha256", "value": part.record_sha256})
    if properties:
        component["properties"] = properties
    return component


def _model(model: Model) -> dict[str, Any]:
    properties = [{"name": f"{PREFIX}bytes", "value": str(model.bytes)}]
    if model.repository:
        properties.append({"name": f"{PREFIX}repository", "value": model.repository})
    component: dict[str, Any] = {
        "type": "machine-learning-model",
        "bom-ref": f"model:{model.name}",
        "name": model.name,
        "hashes": [{"alg": "SHA-256", "content": model.sha256}],
        "properties": properties,
    }
    if model.version:
        component["version"] = model.version
    if model.licence:
        component["licenses"] = [{"license": {"name": model.licence}}]
    return component


def _licences(part: Part) -> list[dict[str, Any]]:
    expression = part.licence_expression.strip()
    if expression and len(expression) <= _LICENCE_CHARACTERS_MAX:
        return [{"expression": expression}]
    name = " ".join(part.licence.split())
    if name and len(name) <= _LICENCE_CHARACTERS_MAX and name.upper() != "UNKNOWN":
        return [{"license": {"name": name}}]
    names = [c.split(" :: ")[-1] for c in part.classifiers if c.startswith(_CLASSIFIER)]
    named = [n for n in names if n != "OSI Approved"]
    return [{"license": {"name": each}} for each in dict.fromkeys(named)]


def _dependency(ref: str, requires: Iterable[str], refs: Mapping[str, str]) -> dict[str, Any]:
    """What of the installed parts this one names, whatever the platform; extras are nobody's need."""
    needed = set[str]()
    for requirement in requires:
        name, _, marker = requirement.partition(";")
        found = _REQUIRED.match(name.strip())
        if found and "extra" not in marker:
            needed.add(plain_name(found[0]))
    return {"ref": ref, "dependsOn": sorted(refs[name] for name in needed & refs.keys())}
