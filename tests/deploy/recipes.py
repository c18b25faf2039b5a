"""The recipes as values: the services of the compose file, the stages of the Dockerfile, the lines of a unit."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from ruamel.yaml import YAML

ROOT = Path(__file__).parents[2]
COMPOSE = ROOT / "deploy/compose.gpu.yaml"
DOCKERFILE = ROOT / "Dockerfile.gpu"
UNITS = tuple(sorted((ROOT / "deploy/systemd").glob("*.service")))


class Strict(BaseModel):
    """A key that is not modelled is a fault: whoever adds one says what it must be."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Build(Strict):
    context: str
    dockerfile: str
    target: str


class Condition(Strict):
    condition: Literal["service_started", "service_healthy", "service_completed_successfully"]


class Mount(Strict):
    type: Literal["bind", "volume"]
    source: str
    target: str
    read_only: bool = False


class Health(Strict):
    disable: bool = False
    test: list[str] = []
    interval: str = ""
    timeout: str = ""
    start_period: str = ""
    retries: int = 0


class Device(Strict):
    driver: str
    device_ids: list[str]
    capabilities: list[str]


class Limits(Strict):
    memory: str
    pids: int


class Reservations(Strict):
    devices: list[Device]


class Resources(Strict):
    limits: Limits
    reservations: Reservations = Reservations(devices=[])


class Deploy(Strict):
    resources: Resources


class Service(Strict):
    read_only: bool
    cap_drop: list[str]
    cap_add: list[str] = []
    security_opt: list[str]
    ulimits: dict[str, int]
    logging: dict[str, str]
    restart: str
    init: bool
    stop_grace_period: str
    build: Build | None = None
    image: str
    pull_policy: str
    user: str = ""
    network_mode: str = ""
    networks: dict[str, dict[str, str]] = {}
    depends_on: dict[str, Condition] = {}
    entrypoint: list[str] = []
    command: list[str]
    healthcheck: Health
    volumes: list[Mount]
    tmpfs: list[str] = []
    shm_size: str = ""
    secrets: list[str] = []
    deploy: Deploy


class Compose(Strict):
    name: str
    hardened: Any = Field(alias="x-hardened")
    services: dict[str, Service]
    networks: dict[str, Any]
    volumes: dict[str, dict[str, Any]]
    secrets: dict[str, dict[str, str]]


def compose() -> Compose:
    """The compose file, merged as Docker merges it; what is no value of these types is refused."""
    plain = json.loads(json.dumps(YAML(typ="safe").load(COMPOSE)))
    for service in plain["services"].values():
        service.setdefault("command", [])
        if service["command"] is None:
            service["command"] = []
    return Compose.model_validate(plain)


def instructions() -> Iterator[tuple[str, str]]:
    """Each instruction of the Dockerfile in order: its name and its arguments on one line."""
    text = "\n".join(
        line for line in DOCKERFILE.read_text().splitlines() if not line.lstrip().startswith("#")
    )
    for line in re.sub(r"\\\n\s*", " ", text).splitlines():
        if line.strip():
            name, _, rest = line.partition(" ")
            yield name, rest.strip()


def stages() -> dict[str, list[tuple[str, str]]]:
    """The instructions of each stage."""
    found: dict[str, list[tuple[str, str]]] = {"": []}
    current = found[""]
    for name, rest in instructions():
        if name == "FROM":
            current = found.setdefault(rest.split()[-1], [])
        current.append((name, rest))
    return found


def unit(path: Path) -> dict[str, list[str]]:
    """Every value of each key of a unit, whatever the section."""
    found: dict[str, list[str]] = {}
    for line in path.read_text().splitlines():
        if "=" in line and not line.startswith("#"):
            key, _, value = line.partition("=")
            found.setdefault(key, []).append(value)
    return found


def wardline_commands() -> Iterator[tuple[str, list[str]]]:
    """Every command line of the program in the recipes, with where it stands."""
    for path in UNITS:
        for line in unit(path)["ExecStart"]:
            yield path.name, shlex.split(line)[1:]
    for name, service in compose().services.items():
        where = f"compose, {name}"
        if service.command:
            yield where, service.command  # the image's entry point is the program
        yield from ((where, words) for words in _ours(service.healthcheck.test[1:]))
        yield from ((where, words) for words in _in_shell(" ".join(service.entrypoint)))
    for stage, lines in stages().items():
        where = f"Dockerfile, {stage}"
        for kind, rest in lines:
            if kind == "CMD":
                yield where, json.loads(rest)
            elif kind == "RUN":
                yield from ((where, words) for words in _in_shell(rest))
            elif kind == "HEALTHCHECK":
                yield from ((where, words) for words in _ours(json.loads(rest[rest.index("[") :])))


def _ours(words: list[str]) -> Iterator[list[str]]:
    if words and words[0].endswith("/wardline"):
        yield words[1:]


def _in_shell(text: str) -> Iterator[list[str]]:
    for found in re.findall(r"(?:exec|&&) wardline ([^>;&]+)", text):
        yield shlex.split(found)
