"""Safe is the only mode: whatever relaxes it is named, announced, shown and on record (rows D18, D24)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline import config
from pipeline.cli import main
from pipeline.settings import Settings
from pipeline.supervisor.relaxed import RELAXATIONS, SafetyRelaxed, announce, banner, relaxed
from pipeline.telemetry.events import Event, Token, set_sink
from pipeline.telephone_settings import Trunk
from tests.audit.rig import records
from tests.supervisor.served import served

IN_USE = {
    "log.text": '[log]\ntext = "redacted"\n',
    "egress.exposed_without_kernel_guard": (
        '[http]\nbind = "0.0.0.0"\n[tls]\ncert = "CERT"\nkey = "CERT"\n'
        '[egress]\nexposed_without_kernel_guard = "accept-the-risk"\n'
    ),
    "media.allowed_networks": '[media]\nallowed_networks = ["10.0.0.0/8", "::/0"]\n',
    "store.key": '[store]\nkey = "environment"\n',
    "trunk.srtp": (
        '[sip]\ntls_port = 0\nudp_port = 5060\n[[trunk]]\nname = "pbx"\ntransports = ["udp"]\n'
        'signalling = ["10.0.0.5/32"]\nmedia = ["10.0.0.5/32"]\nsrtp = "optional"\n'
    ),
    "engines.timed": '[engines]\ntimed = "instant"\n',
    "recording.mode": (
        '[recording]\nmode = "ask"\ndays = ["call 30"]\n'
        '[practice]\nconsent = "An automated assistant answers this call."\n'
    ),
}
"""One configuration that uses each."""


@pytest.fixture
def said() -> Iterator[list[Event]]:
    events: list[Event] = []
    set_sink(events.append)
    yield events
    set_sink(None)


def test_nothing_is_relaxed_by_default(said: list[Event]) -> None:
    assert relaxed(Settings()) == ()
    assert announce(Settings()) == ()
    assert banner(Settings()) == []
    assert said == []


def test_row_d18_each_relaxation_is_a_setting_with_a_name_of_its_own() -> None:
    keys = [each.key for each in RELAXATIONS]
    known = {key for key, _, _ in config.leaves(replace(Settings(), trunk=(Trunk(),)))}
    known = {key.replace("[1]", "") for key in known}
    assert len(set(keys)) == len(keys)
    assert set(keys) <= known
    assert set(keys) == set(IN_USE), "a new one needs an example here"


def test_row_d24_recording_is_off_unless_it_is_configured() -> None:
    assert Settings().recording.mode == "off"
    assert "recording.mode" in {each.key for each in RELAXATIONS}


def test_row_d18_the_documented_table_is_the_list() -> None:
    page = (Path(__file__).parents[2] / "docs/configuration.md").read_text("utf-8")
    table = page.partition("## What relaxes a protection")[2]
    assert re.findall(r"^\| `([a-z_.]+) = ", table, re.MULTILINE) == [r.key for r in RELAXATIONS]


@pytest.mark.parametrize("key", IN_USE)
def test_row_d18_each_is_announced_and_shown_by_check_config(
    key: str,
    said: list[Event],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("WARDLINE_STORE_KEY_TEXT", "q7Rk2mZx" * 5 if key == "store.key" else "")
    file = tmp_path / "c.toml"
    file.write_text(IN_USE[key].replace("CERT", str(file)))
    settings = config.load(file)
    assert announce(settings) == (key,)
    assert said == [SafetyRelaxed(setting=Token(key))]
    (line,) = banner(settings)
    assert line.startswith(f"RELAXED {key}: ")
    assert main(["check-config", str(file)]) == 0
    assert f"\n# {line}\n" in capsys.readouterr().out


@pytest.mark.wire
def test_row_d18_a_relaxed_server_says_so_at_the_start_in_healthz_and_in_the_audit(
    tmp_path: Path,
) -> None:
    with served(tmp_path, '[log]\ntext = "redacted"\n') as server:
        assert "RELAXED log.text: LOG TEXT IS ON" in server.out()
        assert [event["setting"] for event in server.events("safety_relaxed")] == ["log.text"]
        _, health, _ = server.ask("GET", "/healthz")
        assert health["relaxed"] == ["log.text"]
    made = [
        record for record in records(tmp_path / "state/audit") if record["type"] == "configuration"
    ]
    assert [(record["action"], record["overrides"]) for record in made] == [
        ("start", ["log.text"]),
        ("override", ["log.text"]),
    ]
