"""Reads one TOML file and the environment, once, into `Settings`; reports every fault at once.

The only reader of the environment in the server. A variable is the key in capitals: `http.port` is
`WARDLINE_HTTP_PORT`, lists are separated by commas; the environment wins over the file.
"""

from __future__ import annotations

import ipaddress
import os
import re
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping
from dataclasses import Field, asdict, dataclass, fields, is_dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from models.switches import SWITCHES
from pipeline import secret
from pipeline.egress import places
from pipeline.errors import ConfigError, resembles, toml_fault
from pipeline.settings import LLM_OPTIONS, Practice, Settings, State

PREFIX = "WARDLINE_"
CONFIG_VARIABLE = "WARDLINE_CONFIG"
FILE_BYTES_MAX = 1 << 20
TEXT_CHARACTERS_MAX = 2000
NO_INPUT_MS_MIN = 2_000
"""Nobody has begun to answer sooner: the question would be asked over and over."""
PHONE_DIGITS_MIN = 7
"""The shortest number that is answered without an area code; urgent callers are told to ring it."""
PRODUCTION = "production"
_NOBODYS = re.compile(r"55501[0-9]{2}\Z")
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f\ud800-\udfff]")
"""Controls, and the surrogates that stand for bytes of the environment that are no UTF-8."""

_CLASS = re.compile(r"[a-z][a-z_]{0,15}")
_KEPT_FOR_CHILDREN = re.compile(
    r"(PATH|HOME|USER|LANG|LANGUAGE|LC_\w+|TZ|TMPDIR|XDG_\w+|LD_LIBRARY_PATH|VIRTUAL_ENV|PYTHON\w+"
    r"|CUDA_\w+|NVIDIA_\w+|OMP_\w+|OPENBLAS_\w+|MKL_\w+|ORT_\w+|CT2_\w+)\Z"
)
"""Proxies, keys and whatever else the operator's shell holds stay out of the workers."""


def quieten(environment: MutableMapping[str, str] | None = None) -> None:
    """Set the switches against calling home in this process, before a library is imported."""
    (os.environ if environment is None else environment).update(SWITCHES)


def child_environment(extra: Mapping[str, str]) -> dict[str, str]:
    """The environment of a process we start: what it needs to run, plus `extra`."""
    kept = {key: value for key, value in os.environ.items() if _KEPT_FOR_CHILDREN.match(key)}
    return {**kept, **SWITCHES, **extra}


def load(path: str | Path | None = None, environment: Mapping[str, str] | None = None) -> Settings:
    """Read the file (or the one `WARDLINE_CONFIG` names) and the environment, or raise every fault at once."""
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
    if faults:
        raise ConfigError(faults)
    return settings


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
    for leaf in _leaves(Settings()):
        value: Any = settings
        for part in leaf.path:
            value = getattr(value, part)
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


def _secrets() -> Iterator[tuple[str, str]]:
    """Section and name of every secret setting."""
    for leaf in _leaves(Settings()):
        if leaf.field.metadata.get("secret"):
            section, name = leaf.path
            yield section, name


def _read_secrets(tree: dict[str, Any], faults: list[str]) -> None:
    """Put the content of a secret's file where its name stands."""
    for section, name in _secrets():
        text = tree[section][name] if _has(tree, section, name) else ""
        path = secret.file_of(text) if isinstance(text, str) else None
        if path is not None:
            fault, found = secret.first_line(path)
            faults += [f"{section}.{name}: {fault}"] if fault else []
            tree[section] = {**tree[section], name: found}


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
        else:
            yield _Leaf((*path, item.name), item, default)


def _build(tree: Mapping[str, Any], faults: list[str]) -> Settings:
    settings: Settings = _section(Settings(), tree, (), faults)
    # a key with a fault has its default here: what is said across keys leaves those out that name one
    keys = [fault.partition(":")[0] for fault in faults]
    faults.extend(
        fault for fault in _across(settings) if not any(_names(fault, key) for key in keys)
    )
    return settings


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
        fault, new = _value(old, value, known[name].metadata)
        if fault:
            faults.append(f"{key}: {fault}")
        else:
            changes[name] = new
    return replace(default, **changes)


def _value(old: Any, value: Any, rules: Mapping[str, Any]) -> tuple[str, Any]:
    """A fault ("" when none) and the value in its final type."""
    if isinstance(old, int):
        low, high = rules["low"], rules["high"]
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            return f"write a whole number from {low} to {high}, e.g. {old}", old
        return "", value
    if isinstance(old, tuple):
        if not isinstance(value, list | tuple) or not all(isinstance(v, str) for v in value):
            return 'write a list of texts, e.g. ["..."]', old
        for text in value:
            if fault := _text_fault(text, rules):
                return fault, old
        return "", tuple(value)
    if not isinstance(value, str):
        return f'write a text in quotes, e.g. "{old}"', old
    text = os.path.expanduser(value) if rules.get("kind") in _PATHS else value
    return _text_fault(text, rules), text


def _text_fault(text: str, rules: Mapping[str, Any]) -> str:
    if len(text) > TEXT_CHARACTERS_MAX or _UNPRINTABLE.search(text):
        return f"at most {TEXT_CHARACTERS_MAX} characters on one line, without control characters"
    if choices := rules.get("choices"):
        return "" if text in choices else "write one of " + ", ".join(f'"{c}"' for c in choices)
    if rules.get("secret"):
        return secret.guessed_fault(text)
    kind = rules.get("kind")
    return (_KINDS[kind](text) if kind and text else "") or secret.user_in_url_fault(text)


def _address(text: str) -> str:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return "write an IP address, e.g. 127.0.0.1"
    return ""


def _network(text: str) -> str:
    try:
        ipaddress.ip_network(text)
    except ValueError:
        return "write a network, e.g. 10.0.0.0/8"
    return ""


def _narrow_network(text: str) -> str:
    if fault := _network(text):
        return fault
    if places.is_wide(ipaddress.ip_network(text)):
        return f"{places.TOO_WIDE}, e.g. 10.0.0.5/32"
    return ""


def _url(text: str) -> str:
    try:
        parts = urlsplit(text)
        good = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        good = False
    return "" if good else "write a web address, e.g. https://voice.clinic.example"


def _origin(text: str) -> str:
    fault = _url(text)
    if not fault and text != "{0.scheme}://{0.netloc}".format(urlsplit(text)):
        return "write scheme, name and port only, e.g. https://portal.clinic.example:8443"
    return fault


def _database_url(text: str) -> str:
    try:
        parts = urlsplit(text)
        good = parts.scheme == "postgresql" and bool(parts.path.strip("/")) and parts.port != 0
    except ValueError:
        return "write a database address, e.g. postgresql://127.0.0.1:5432/wardline"
    if "@" in parts.netloc or parts.query:
        return "never with a user, a password or options; set store.user and store.password_file"
    if not good or "/" in parts.path[1:] or parts.fragment:
        return "write a database address, e.g. postgresql://127.0.0.1:5432/wardline"
    return ""


def _id(text: str) -> str:
    good = re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,39}", text)
    return "" if good else "write 1 to 40 letters, digits, dots and dashes"


def _loopback_url(text: str) -> str:
    return _url(text) or (
        ""
        if is_loopback(urlsplit(text).hostname or "")
        else "must point at this machine (127.0.0.1, ::1 or localhost): callers' words do not leave it"
    )


def _webhook_url(text: str) -> str:
    if fault := _url(text):
        return fault
    parts = urlsplit(text)
    if parts.scheme == "http" and not is_loopback(parts.hostname or ""):
        return "must be https, unless the receiver is on this machine"
    return ""


def is_loopback(host: str) -> bool:
    """Whether this address or name is this machine's own loopback."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def exposed_by(s: Settings) -> str:
    """The setting by which others reach the server, itself or through a proxy; "": nobody does."""
    if not is_loopback(s.http.bind):
        return "http.bind"
    if s.http.public_url and not is_loopback(urlsplit(s.http.public_url).hostname or ""):
        return "http.public_url"
    if any(not ipaddress.ip_network(text).is_loopback for text in s.media.allowed_networks):
        return "media.allowed_networks"
    return ""


def _file(text: str) -> str:  # os.path: a name too long is "no such file", not an exception
    return "" if os.path.isfile(text) else "no such file; give the path of one"


def _directory(text: str) -> str:
    return "" if os.path.isdir(text) else "no such folder; give the path of one"


def _any_path(text: str) -> str:
    return "there is no such user; write the whole path" if text.startswith("~") else ""


def _class(text: str) -> str:
    good = _CLASS.fullmatch(text)
    return "" if good else 'write a name of lower-case letters, e.g. "call"'


def _class_days(text: str) -> str:
    name, _, days = text.partition(" ")
    good = _CLASS.fullmatch(name) and re.fullmatch(r"[1-9][0-9]{0,4}", days)
    return "" if good else 'write a class and its days, e.g. "call 30"'


def _emergency_number(text: str) -> str:
    good = re.fullmatch(r"\+?[0-9][0-9 ()./-]{1,30}", text)
    return "" if good else "write a telephone number: digits, spaces and + - ( ) only"


def _phone(text: str) -> str:
    if fault := _emergency_number(text):
        return fault
    enough = PHONE_DIGITS_MIN <= len(re.findall(r"[0-9]", text)) <= 15
    return "" if enough else f"write the whole telephone number, {PHONE_DIGITS_MIN} to 15 digits"


def _llm_option(text: str) -> str:
    good = text.partition("=")[0] in LLM_OPTIONS
    return "" if good else f"write --name=value with one of {', '.join(LLM_OPTIONS)}"


_KINDS: dict[str, Callable[[str], str]] = {
    "address": _address,
    "network": _network,
    "narrow_network": _narrow_network,
    "url": _url,
    "origin": _origin,
    "loopback_url": _loopback_url,
    "webhook_url": _webhook_url,
    "database_url": _database_url,
    "id": _id,
    "file": _file,
    "directory": _directory,
    "phone": _phone,
    "emergency_number": _emergency_number,
    "any_path": _any_path,
    "class": _class,
    "class_days": _class_days,
    "destination": places.fault,
    "llm_option": _llm_option,
}
_PATHS = {"file", "directory", "any_path"}
"""Where `~` stands for the home folder, here and nowhere later: the rest of the server gets whole paths."""


def _across(s: Settings) -> Iterator[str]:
    """Faults that take two settings to see."""
    if bool(s.tls.cert) != bool(s.tls.key):
        yield "tls: write both tls.cert and tls.key, or neither"
    if not is_loopback(s.http.bind) and not s.tls.cert:
        yield (
            f"http.bind: {s.http.bind} is not loopback and tls.cert is not set; run `wardline tls init`"
            " and set tls.cert and tls.key, or write 127.0.0.1"
        )
    if s.media.port_max < s.media.port_min + 3:
        yield "media.port_max: must be at least media.port_min + 3"
    if 0 < s.turn.no_input_ms < NO_INPUT_MS_MIN:
        yield f"turn.no_input_ms: write 0 or at least {NO_INPUT_MS_MIN}"
    if s.media.end_after_ms <= s.media.reconnecting_after_ms:
        yield "media.end_after_ms: must be more than media.reconnecting_after_ms"
    yield from _about_the_engines(s)
    yield from _about_the_webhook(s)
    yield from _about_the_store(s)
    yield from _about_recording(s)
    if s.deployment.name == PRODUCTION:
        yield from _examples(s)
    if not s.state.directory:
        yield f'state.directory: write a folder, e.g. "{State().directory}"'


def _about_the_webhook(s: Settings) -> Iterator[str]:
    if s.webhook.url and not s.webhook.secret:
        yield f"webhook.secret: needs at least {secret.CHARACTERS_MIN} characters; {secret.ADVICE}"
    if s.webhook.url and not s.webhook.addresses:
        yield (
            "webhook.addresses: list the networks the receiver is in, e.g. ["
            '"10.0.0.5/32"]: the server connects to nothing that is not listed'
        )


def _examples(s: Settings) -> Iterator[str]:
    """In production callers meet nothing that was written to try things out (row D23)."""
    if s.practice.name == Practice().name:
        yield f"practice.name: is the example's; deployment.name = \"{PRODUCTION}\" needs your practice's own"
    if _NOBODYS.search(re.sub(r"[^0-9]", "", s.practice.phone)):
        yield (
            "practice.phone: 555-0100 to 555-0199 are nobody's, for examples;"
            f' deployment.name = "{PRODUCTION}" needs a number that is answered'
        )


def _about_the_engines(s: Settings) -> Iterator[str]:
    for key, engine, needed in (
        ("engines.whisper_directory", s.engines.stt == "whisper", s.engines.whisper_directory),
        ("engines.piper_voice", s.engines.tts == "piper", s.engines.piper_voice),
        ("engines.llm_url", s.engines.llm == "openai", s.engines.llm_url),
        ("engines.llm_model", s.engines.llm == "openai", s.engines.llm_model),
    ):
        if engine and not needed:
            yield f"{key}: needed by the engine you chose"
    if s.practice.language != "en":
        # whoever hears and speaks: a caller who says "me duele el pecho" would meet no urgent sentence
        yield (
            f'practice.language: "{s.practice.language}" cannot be served yet, whichever engines are chosen: the'
            ' receptionist\'s own sentences, what it reads out of answers and its urgent phrases are English; write "en"'
        )


def _about_the_store(s: Settings) -> Iterator[str]:
    store = s.store
    if not s.practice.id:
        yield "practice.id: write a short name for the practice; it is on every stored row"
    for key, wanted, given in (
        ("store.key_command", store.key == "command", bool(store.key_command)),
        ("store.key_text", store.key == "environment", bool(store.key_text)),
        ("store.key_credential", store.key == "credential", bool(store.key_credential)),
        (
            "store.credentials_directory",
            store.key == "credential",
            bool(store.credentials_directory),
        ),
    ):
        if wanted and not given:
            yield f'{key}: needed by store.key = "{store.key}"'
    if store.key_text and store.key != "environment":
        yield f'store.key_text: unused with store.key = "{store.key}"; remove the variable'
    data, key_file = data_directory(s), key_file_of(s)
    if data == key_file.parent or data in key_file.parents:
        yield "store.key_file: never beside the data it opens; give a path outside store.directory"
    for key, value in (("user", store.user), ("password_file", store.password_file)):
        if value and not store.url:
            yield f"store.{key}: is for store.url, which is not set"


def _about_recording(s: Settings) -> Iterator[str]:
    recording = s.recording
    names = [text.partition(" ")[0] for text in recording.days]
    if len(set(names)) < len(names):
        yield "recording.days: name each class once"
    if recording_directory(s) in key_file_of(s).parents:
        yield "recording.directory: never around the key that opens it; give another folder"
    if recording.mode == "off":
        return
    if recording.kept_as not in names:
        yield (
            f'recording.days: say how long the class "{recording.kept_as}" is kept,'
            f' e.g. ["{recording.kept_as} 30"]; there is no default'
        )
    if s.practice.consent == Practice().consent:
        yield (
            "practice.consent: it says that the caller's voice is not kept, and recording.mode may keep it;"
            " write what the page shall say before a call"
        )


def recording_directory(s: Settings) -> Path:
    """Where this practice's sealed recordings lie; a whole path."""
    base = s.recording.directory or Path(s.state.directory) / "recordings"
    return Path(os.path.abspath(base)) / s.practice.id


def recording_days(s: Settings) -> dict[str, int]:
    """How long each class of recordings is kept."""
    parts = (text.partition(" ") for text in s.recording.days)
    return {name: int(days) for name, _, days in parts}


def data_directory(s: Settings) -> Path:
    """Where sealed rows lie; a whole path."""
    return Path(os.path.abspath(s.store.directory or Path(s.state.directory) / "data"))


def key_file_of(s: Settings) -> Path:
    """Where the install key lies when it is a file; a whole path."""
    return Path(os.path.abspath(s.store.key_file or Path(s.state.directory) / "keys/install.key"))


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
    return re.sub(r"[^\w.\-]", "?", key)[:120]


def _toml(value: Any) -> str:
    if isinstance(value, tuple):
        return "[" + ", ".join(_toml(part) for part in value) + "]"
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return str(value)
