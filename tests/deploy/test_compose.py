"""`deploy/compose.gpu.yaml` against the specification's own schema, a typed model, and what the house wants of it."""

from __future__ import annotations

import argparse
import subprocess
import sys
import tomllib
from importlib.metadata import entry_points
from pathlib import Path

import pytest
import tomlkit

from pipeline import cli, config
from pipeline.errors import ConfigError
from pipeline.settings import Settings
from tests.deploy.recipes import (
    COMPOSE,
    ROOT,
    UNITS,
    Mount,
    compose,
    stages,
    unit,
    wardline_commands,
)

SCHEMA = "vendor.compose-spec"
CHECK = Path(sys.executable).parent / "check-jsonschema"
SETTINGS = ROOT / "deploy/gpu.toml"
CALLS = ("models", "server")


@pytest.mark.wire
def test_the_file_is_what_the_compose_specification_allows(tmp_path: Path) -> None:
    def status(path: Path) -> int:
        return subprocess.run(
            [CHECK, "--builtin-schema", SCHEMA, str(path)], capture_output=True, check=False
        ).returncode

    assert status(COMPOSE) == 0
    bad = tmp_path / "compose.yaml"
    bad.write_text(COMPOSE.read_text().replace("cap_drop:", "cap_dorp:"))
    assert status(bad) != 0


@pytest.mark.parametrize("name", ["rules", "line", "models", "server"])
def test_every_service_is_held_down(name: str) -> None:
    service = compose().services[name]
    assert service.read_only
    assert service.cap_drop == ["ALL"]
    assert service.cap_add == (["NET_ADMIN"] if name == "line" else [])
    assert service.user == ("0:0" if name == "line" else "")  # the image's own is 10001
    assert service.security_opt == ["no-new-privileges:true"]
    assert service.ulimits == {"core": 0}
    assert service.logging == {"driver": "none"}
    assert service.pull_policy == "never"
    assert service.deploy.resources.limits.memory
    assert all("nosuid,nodev" in mount for mount in service.tmpfs)


def test_nothing_is_published_and_the_models_door_is_the_servers_own_loopback() -> None:
    file = compose()  # a `ports:` would not be a key of the model
    for name in CALLS:
        assert file.services[name].network_mode == "service:line"
    assert file.services["rules"].network_mode == "none"
    assert list(file.services["line"].networks) == ["callers"]
    assert file.networks["callers"]["driver"] == "macvlan"
    engines = tomllib.loads(SETTINGS.read_text())["engines"]
    assert config.is_loopback(engines["llm_url"].split("/")[2].split(":")[0])


def test_the_rules_are_in_force_before_anything_that_could_speak_starts() -> None:
    services = compose().services
    assert services["line"].depends_on["rules"].condition == "service_completed_successfully"
    assert "nft -f /rules/egress.nft" in services["line"].entrypoint[-1]
    for name in CALLS:
        assert services[name].depends_on["line"].condition == "service_healthy"
    assert services["line"].healthcheck.test[-1] == "refused"  # the counter of the rules


def test_calls_are_answered_whatever_becomes_of_the_language_model() -> None:
    services = compose().services
    waits_for = {
        name for name, each in services["server"].depends_on.items()
        if each.condition != "service_started"
    }  # fmt: skip
    assert waits_for == {"line"}
    for file in UNITS:
        needed = [
            value
            for key in ("Requires", "BindsTo", "Requisite")
            for value in unit(file).get(key, [])
        ]
        assert not any("wardline-models" in value for value in needed), file.name


def test_state_keys_and_models_are_where_they_should_be() -> None:
    services = compose().services
    mounts = {name: {m.target: m for m in services[name].volumes} for name in services}
    for name in ("rules", *CALLS):
        assert mounts[name]["/models"].read_only
        assert mounts[name]["/etc/wardline/wardline.toml"].read_only
    assert mounts["server"]["/var/lib/wardline"] == Mount(
        type="volume", source="state", target="/var/lib/wardline"
    )
    # what hears the language model's words never sees the store or its key, nor the key of the door for calls
    assert services["models"].secrets == ["llm_api_key"]
    assert "/keys" not in mounts["models"]
    assert mounts["models"]["/var/lib/wardline"].source == "models-state"
    writable = {m.target for m in mounts["server"].values() if not m.read_only}
    assert writable == {"/var/lib/wardline", "/keys"}
    made = " ".join(rest for name, rest in stages()["server"] if name == "RUN")
    for folder in [*writable, "/rules"]:
        assert folder in made


def test_secrets_are_files_and_stand_nowhere_else() -> None:
    file = compose()
    assert set(file.secrets) == {"tls_cert", "tls_key", "llm_api_key"}
    assert all(set(secret) == {"file"} for secret in file.secrets.values())
    text = COMPOSE.read_text()
    assert "environment:" not in text
    for name in file.secrets:
        assert f"/run/secrets/{name}" in SETTINGS.read_text()


def test_both_that_compute_share_one_card() -> None:
    services = compose().services
    devices = [services[name].deploy.resources.reservations.devices for name in CALLS]
    assert devices[0] == devices[1]
    assert devices[0][0].capabilities == ["gpu"]
    assert not services["line"].deploy.resources.reservations.devices


def test_health_checks_wait_as_long_as_the_settings_let_a_start_take() -> None:
    services, workers = compose().services, Settings().workers
    start_ms = float(services["server"].healthcheck.start_period.removesuffix("m")) * 60_000
    assert start_ms >= workers.warm_up_limit_ms
    assert (
        int(services["server"].stop_grace_period.removesuffix("s")) * 1000 > workers.drain_limit_ms
    )
    # the file of the settings that both services and the images read
    assert services["server"].healthcheck.test[-1] == services["server"].command[-1]


def _tree(tmp_path: Path) -> dict[str, object]:
    """The shipped settings with the files they name in a folder of this test."""
    text = SETTINGS.read_text()
    for folder in ("/run/secrets", "/models", "/keys", "/var/lib/wardline"):
        text = text.replace(f'"{folder}', f'"{tmp_path}{folder}').replace(
            f"file:{folder}", f"file:{tmp_path}{folder}"
        )
    tree = tomllib.loads(text)
    models = tree["engines"]
    Path(models["whisper_directory"]).mkdir(parents=True)
    Path(models["piper_voice"]).parent.mkdir(parents=True)
    Path(models["piper_voice"]).touch()
    secrets = tmp_path / "run/secrets"
    secrets.mkdir(parents=True)
    for name in compose().secrets:
        (secrets / name).write_text("0123456789abcdef" * 4)
        (secrets / name).chmod(0o400)
    return tree


def test_the_shipped_settings_are_accepted_and_agree_with_the_services(tmp_path: Path) -> None:
    tree = _tree(tmp_path)
    file = tmp_path / "wardline.toml"
    file.write_text(tomlkit.dumps(tree))
    settings = config.load(file, {"XDG_STATE_HOME": "/var/lib"})
    assert settings.state.directory == "/var/lib/wardline"
    assert (settings.http.port, settings.media.port_min, settings.media.port_max) == (
        Settings().http.port,
        Settings().media.port_min,
        Settings().media.port_max,
    )
    assert f"{settings.http.port}/tcp" in [
        rest for name, rest in stages()["server"] if name == "EXPOSE"
    ]
    port = settings.engines.llm_url.split(":")[2].split("/")[0]
    health = compose().services["models"].healthcheck.test[-1]
    assert f"127.0.0.1:{port}/health" in health
    assert health in next(rest for name, rest in stages()["models"] if name == "HEALTHCHECK")
    assert settings.engines.llm_api_key
    for line in SETTINGS.read_text().splitlines():  # what differs from clinic to clinic is marked
        if "192.0.2." in line or "clinic.example" in line:
            assert "YOURS" in line


def test_the_model_server_starts_from_the_shipped_settings_with_its_own_secret_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tree = _tree(tmp_path)
    for name in set(compose().secrets) - set(compose().services["models"].secrets):
        (tmp_path / "run/secrets" / name).unlink()
    file = tmp_path / "wardline.toml"
    file.write_text(tomlkit.dumps(tree))
    with pytest.raises(ConfigError, match=r"tls\.key: no such file"):
        config.load(file)
    said = ["models", "--config", str(file), "flags"]
    assert cli.main(said) == 0, capsys.readouterr().err
    (tmp_path / "run/secrets/llm_api_key").unlink()
    capsys.readouterr()
    assert cli.main(said) == 78
    assert "engines.llm_api_key" in capsys.readouterr().err


COMMANDS = list(wardline_commands())


@pytest.mark.parametrize(("where", "words"), COMMANDS, ids=[each for each, _ in COMMANDS])
def test_every_command_in_the_recipes_is_one_of_the_program(where: str, words: list[str]) -> None:
    points = {point.name: point for point in entry_points(group=cli.GROUP)}
    if words[0] == "models" and "models" not in points:
        assert words[-1] == "serve"
        return
    command: cli.Command = points[words[0]].load()
    parser = argparse.ArgumentParser(exit_on_error=False)
    command.configure(parser)
    parser.parse_args(words[1:])


def test_the_recipes_hold_the_commands_that_were_looked_for() -> None:
    assert {words[0] for _, words in COMMANDS} >= {
        "serve",
        "models",
        "healthy",
        "egress-rules",
        "check-config",
    }
    assert len(COMMANDS) >= 9
