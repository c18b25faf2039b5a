"""Reads one TOML file and the environment, once, into `Settings`; reports every fault at once.

The only reader of the environment in the server. A variable is the key in capitals: `http.port` is
`WARDLINE_HTTP_PORT`, lists are separated by commas; the environment wins over the file. What a value may be is
in `setting_kinds.py`, what several may not be together in `setting_rules.py`.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping, MutableMapping
from dataclasses import Field, asdict, dataclass, fields, is_dataclass, replace
from pathlib import Path
from typing import Any

from models.switches import ONE_THREAD, SWITCHES
from pipeline import secret
from pipeline.errors import ConfigError, resembles, toml_fault
from pipeline.setting_kinds import is_loopback, value_of
from pipeline.setting_rules import (
    data_directory,
    exposed_by,
    faults_across,
    key_file_of,
    recording_days,
    recording_directory,
)
from pipeline.settings import Settings

__all__ = [
    "CONFIG_VARIABLE",
    "FILE_BYTES_MAX",
    "PREFIX",
    "child_environment",
    "concerning",
    "data_directory",
    "exposed_by",
    "from_mapping",
    "is_loopback",
    "key_file_of",
    "leaves",
    "load",
    "masked",
    "named_file",
    "not_about",
    "quieten",
    "read",
    "recording_days",
    "recording_directory",
    "to_mapping",
]

PREFIX = "WARDLINE_"
CONFIG_VARIABLE = "WARDLINE_CONFIG"
FILE_BYTES_MAX = 1 << 20
TABLES_MAX = 64
"""Of one kind: more carriers than anybody has."""

_KEPT_FOR_CHILDREN = re.compile(
    r"(PATH|HOME|USER|LANG|LANGUAGE|LC_\w+|TZ|TMPDIR|XDG_\w+|LD_LIBRARY_PATH|VIRTUAL_ENV|PYTHON\w+"
    r"|CUDA_\w+|NVIDIA_\w+|OMP_\w+|OPENBLAS_\w+|MKL_\w+|ORT_\w+|CT2_\w+)\Z"
)
"""Proxies, keys and whatever else the operator's shell holds stay out of the workers."""


def quieten(environment: MutableMapping[str, str] | None = None) -> None:
    """Set the switches against calling home in this process, before a library is imported.

    A variable that lets TLS write its keys down is forgotten: with them a recorded delivery can be read.
    """
    ours = os.environ if environment is None else environment
    ours.pop("SSLKEYLOGFILE", None)
    ours.update(SWITCHES)
    for key, value in ONE_THREAD.items():
        ours.setdefault(key, value)


def child_environment(extra: Mapping[str, str]) -> dict[str, str]:
    """The environment of a process we start: what it needs to run, plus `extra`."""
    kept = {key: value for key, value in os.environ.items() if _KEPT_FOR_CHILDREN.match(key)}
    return {**ONE_THREAD, **kept, **SWITCHES, **extra}


def load(path: str | Path | None = None, environment: Mapping[str, str] | None = None) -> Settings:
    """Read the file (or the one `WARDLINE_CONFIG` names) and the environment, or raise every fault at once."""
    settings, faults = read(path, environment)
    if faults:
        raise ConfigError(faults)
    return settings


def read(
    path: str | Path | None = None, environment: Mapping[str, str] | None = None
) -> tuple[Settings, list[str]]:
    """What is right in the file and the environment, a key with a fault at its default; and every fault."""
    env = os.environ if environment is None else environment
    faults: list[str] = []
    file = named_file(path, env)
    tree = _read(file, faults) if file else {}
    if _has(tree, "store", "key_text"):
        faults.append("store.key_text: never in a file; set store.key_file or the variable alone")
        del tree["store"]["key_text"]
    for key, value in _from_environment(env, faults):
        if not _put(tree, key, value):
            faults.append(f"{key[0]}: must be a table ([{key[0]}])")
    if "XDG_STATE_HOME" in env:
        state = tree.setdefault("state", {})
        if isinstance(state, dict):
            state.setdefault("directory", str(Path(env["XDG_STATE_HOME"]) / "wardline"))
    if "CREDENTIALS_DIRECTORY" in env and not _has(tree, "store", "credentials_directory"):
        _put(tree, ("store", "credentials_directory"), env["CREDENTIALS_DIRECTORY"])
    _read_secrets(tree, faults)
    settings = _build(tree, faults)
    if settings.store.password_file and not faults:
        fault, _ = secret.first_line(Path(settings.store.password_file))
        faults += [f"store.password_file: {fault}"] if fault else []
    return settings, faults


def named_file(
    path: str | Path | None = None, environment: Mapping[str, str] | None = None
) -> Path | None:
    """The configuration file in use; None: defaults and the environment alone."""
    env = os.environ if environment is None else environment
    named = path or env.get(CONFIG_VARIABLE)
    return Path(os.path.expanduser(named)) if named else None


def from_mapping(tree: Mapping[str, Any]) -> Settings:
    """Settings from the mapping that `to_mapping` made (how a worker receives them)."""
    faults: list[str] = []
    settings = _build(tree, faults)
    if faults:
        raise ConfigError(faults)
    return settings


def to_mapping(settings: Settings) -> dict[str, Any]:
    """The same settings as plain JSON values, secrets included."""
    return asdict(settings)


def leaves(settings: Settings) -> Iterator[tuple[str, Any, Mapping[str, Any]]]:
    """Every key with its value and its rules (`settings.py`'s metadata)."""
    for leaf in _leaves(settings):
        yield ".".join(leaf.path), leaf.default, leaf.field.metadata


def masked(settings: Settings) -> Iterator[tuple[str, str]]:
    """Every key with its value as TOML text, secrets masked."""
    for leaf in _leaves(settings):
        value = leaf.default
        shown = _toml("********" if leaf.field.metadata.get("secret") and value else value)
        yield ".".join(leaf.path), shown


# --- the two sources -----------------------------------------------------------------------------


def _read(path: Path, faults: list[str]) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            data = file.read(FILE_BYTES_MAX + 1)
    except OSError as error:
        faults.append(f"{path}: cannot be read ({error.strerror}); give the path of a TOML file")
        return {}
    if len(data) > FILE_BYTES_MAX:
        faults.append(f"{path}: larger than {FILE_BYTES_MAX} bytes; this is not a configuration")
        return {}
    try:
        return tomllib.loads(data.decode())
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        where = "not UTF-8 text"
        if isinstance(error, tomllib.TOMLDecodeError):
            where = toml_fault(error)
        faults.append(f"{path}: not TOML: {where}")
        return {}


def _from_environment(
    env: Mapping[str, str], faults: list[str]
) -> Iterator[tuple[tuple[str, ...], Any]]:
    leaves = {PREFIX + "_".join(leaf.path).upper(): leaf for leaf in _leaves(Settings())}
    for name in sorted(env):
        if not name.startswith(PREFIX) or name == CONFIG_VARIABLE:
            continue
        leaf = leaves.get(name)
        if leaf is None:
            faults.append(_strange_variable(name, leaves))
        elif isinstance(leaf.default, tuple):
            yield leaf.path, [part.strip() for part in env[name].split(",") if part.strip()]
        elif isinstance(leaf.default, int):
            text = env[name].strip()
            yield leaf.path, int(text) if re.fullmatch(r"-?[0-9]{1,18}", text) else text
        else:
            yield leaf.path, env[name]


def _secrets(tree: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any], str]]:
    """Key, table and name of every secret that this tree gives."""
    for section in fields(Settings):
        given = tree.get(section.name)
        kind = section.metadata.get("table")
        tables = given if kind and isinstance(given, list) else [given]
        for number, table in enumerate(tables, 1):
            if isinstance(table, dict):
                where = f"{section.name}[{number}]" if kind else section.name
                for item in fields(kind or section.default_factory):  # type: ignore[arg-type]  # a class of settings
                    if item.metadata.get("secret") and item.name in table:
                        yield f"{where}.{item.name}", table, item.name


def _read_secrets(tree: dict[str, Any], faults: list[str]) -> None:
    """Put the content of a secret's file where its name stands."""
    for key, table, name in _secrets(tree):
        text = table[name]
        path = secret.file_of(text) if isinstance(text, str) else None
        if path is not None:
            fault, table[name] = secret.first_line(path)
            faults += [f"{key}: {fault}"] if fault else []


def _has(tree: Mapping[str, Any], section: str, key: str) -> bool:
    inner = tree.get(section)
    return isinstance(inner, Mapping) and key in inner


def _put(tree: dict[str, Any], path: tuple[str, ...], value: object) -> bool:
    for part in path[:-1]:
        inner: object = tree.setdefault(part, {})
        if not isinstance(inner, dict):
            return False
        tree = inner
    tree[path[-1]] = value
    return True


# --- from a tree to settings ---------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Leaf:
    path: tuple[str, ...]
    field: Field[Any]
    default: Any


def _leaves(section: Any, path: tuple[str, ...] = ()) -> Iterator[_Leaf]:
    for item in fields(section):
        default = getattr(section, item.name)
        if is_dataclass(default):
            yield from _leaves(default, (*path, item.name))
        elif "table" in item.metadata:
            for number, table in enumerate(default, 1):
                yield from _leaves(table, (*path, f"{item.name}[{number}]"))
        else:
            yield _Leaf((*path, item.name), item, default)


def _build(tree: Mapping[str, Any], faults: list[str]) -> Settings:
    settings: Settings = _section(Settings(), tree, (), faults)
    faults.extend(not_about(faults, faults_across(settings)))
    return settings


def not_about(faults: list[str], further: Iterable[str]) -> list[str]:
    """Those of further faults that name no key with a fault: such a key has its default here, and is not judged."""
    keys = [fault.partition(":")[0] for fault in faults]
    return [fault for fault in further if not any(_names(fault, key) for key in keys)]


def concerning(faults: Iterable[str], mine: Iterable[str]) -> list[str]:
    """Without those of keys that a program never reads: what another one needs may be out of its sight, and should be.

    `mine` are keys and whole sections. A fault of the file itself, or of a key that is no setting, concerns everybody.
    """
    own = tuple(mine)
    known = {key for key, _, _ in leaves(Settings())}
    sections = {item.name for item in fields(Settings)}

    def is_anothers(key: str) -> bool:
        section, table, _ = key.partition(".")[0].partition("[")
        is_setting = key in known or (section in sections and (bool(table) or key == section))
        return is_setting and key not in own and section not in own

    return [fault for fault in faults if not is_anothers(fault.partition(":")[0])]


def _names(fault: str, key: str) -> bool:
    return re.search(rf"(?<![\w.]){re.escape(key)}(?![\w])", fault) is not None


def _section(
    default: Any, tree: Mapping[str, Any], path: tuple[str, ...], faults: list[str]
) -> Any:
    known = {item.name: item for item in fields(default)}
    changes: dict[str, Any] = {}
    for name, value in tree.items():
        key = ".".join((*path, name))
        if name not in known:
            faults.append(_strange_key(name, known, path))
            continue
        old = getattr(default, name)
        if is_dataclass(old):
            if isinstance(value, Mapping):
                changes[name] = _section(old, value, (*path, name), faults)
            else:
                faults.append(f"{key}: must be a table ([{key}])")
            continue
        if table := known[name].metadata.get("table"):
            changes[name] = _tables(table, value, key, faults)
            continue
        fault, new = value_of(old, value, known[name].metadata)
        if fault:
            faults.append(f"{key}: {fault}")
        else:
            changes[name] = new
    return replace(default, **changes)


def _tables(kind: type, given: object, key: str, faults: list[str]) -> tuple[Any, ...]:
    """The settings of each `[[key]]`, the first of them called `key[1]` in faults."""
    if not isinstance(given, list | tuple) or not all(isinstance(each, Mapping) for each in given):
        faults.append(f"{key}: must be tables ([[{key}]])")
        return ()
    if len(given) > TABLES_MAX:
        faults.append(f"{key}: at most {TABLES_MAX} of them")
        return ()
    return tuple(
        _section(kind(), each, (f"{key}[{number}]",), faults)
        for number, each in enumerate(given, 1)
    )


# --- words ---------------------------------------------------------------------------------------


def _strange_key(name: str, known: Mapping[str, Any], path: tuple[str, ...]) -> str:
    if close := resembles(name, known):
        return f"{_plain('.'.join((*path, name)))}: unknown key; did you mean {'.'.join((*path, close))}?"
    where = ".".join(path) or "the file"
    return f"{where}: holds a key that is no setting (not shown: it could be anybody's word); see docs/wardline.example.toml"


def _strange_variable(name: str, known: Iterable[str]) -> str:
    section, _, own = name.removeprefix(PREFIX).partition("_")
    begin = f"{PREFIX}{section}_"
    if close := resembles(
        own, [each.removeprefix(begin) for each in known if each.startswith(begin)]
    ):
        return f"{name}: unknown variable; did you mean {begin}{close}?"
    return f"the environment: a variable {PREFIX}... is no setting; `env | grep {PREFIX}` shows it"


def _plain(key: str) -> str:
    return re.sub(r"[^\w.\-\[\]]", "?", key)[:120]


def _toml(value: Any) -> str:
    if isinstance(value, tuple):
        return "[" + ", ".join(_toml(part) for part in value) + "]"
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return str(value)
