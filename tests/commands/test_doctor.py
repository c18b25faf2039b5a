"""`wardline doctor` names what is missing and what to do."""

from __future__ import annotations

import dataclasses
import json
import socket
from datetime import timedelta
from pathlib import Path

import pytest

from pipeline.cli import main
from pipeline.clock import wall_now
from pipeline.commands.doctor import examine
from pipeline.commands.tls import CERT, KEY, make
from pipeline.machine.finding import Finding
from pipeline.settings import Settings


def found(settings: Settings) -> dict[str, Finding]:
    return {finding.name: finding for finding in examine(settings)}


def changed(section: str, **values: object) -> Settings:
    settings = Settings()
    part = dataclasses.replace(getattr(settings, section), **values)
    return dataclasses.replace(settings, **{section: part})


def test_a_taken_port_is_named_with_the_setting_that_moves_it() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        finding = found(changed("http", port=port))["port"]
    assert finding.verdict == "fail"
    assert str(port) in finding.message
    assert "http.port" in finding.message


def test_too_narrow_a_media_range_is_named() -> None:
    finding = found(changed("media", port_min=24_000, port_max=24_001))["media ports"]
    assert finding.verdict == "fail"
    assert "media.port_max" in finding.message


def test_an_open_bind_without_a_certificate_fails() -> None:
    assert found(changed("http", bind="192.0.2.10"))["certificate"].verdict == "fail"
    assert found(Settings())["certificate"].verdict == "warn"


@pytest.mark.parametrize(("age_days", "verdict"), [(0, "pass"), (390, "warn"), (500, "fail")])
def test_a_certificate_is_judged_by_its_remaining_life(
    tmp_path: Path, age_days: int, verdict: str
) -> None:
    make(tmp_path, ["localhost"], wall_now() - timedelta(days=age_days))
    tls = changed("tls", cert=str(tmp_path / CERT), key=str(tmp_path / KEY))
    assert found(tls)["certificate"].verdict == verdict


def test_a_missing_model_directory_is_named_by_its_key(tmp_path: Path) -> None:
    finding = found(changed("engines", stt="whisper", whisper_directory=str(tmp_path / "nothing")))[
        "engines"
    ]
    assert finding.verdict == "fail"
    assert "engines.whisper_directory" in finding.message


def test_more_workers_than_cores_is_a_warning() -> None:
    assert found(changed("workers", count=64))["cores"].verdict == "warn"


@pytest.mark.wire
def test_the_command_prints_json_and_fails_when_something_fails(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        monkeypatch.setenv("WARDLINE_HTTP_PORT", str(taken.getsockname()[1]))
        assert main(["doctor", "--json"]) == 1
    findings = json.loads(capsys.readouterr().out)
    failed = [f["name"] for f in findings if f["verdict"] == "fail"]
    assert "port" in failed
    assert "disk encryption" in {f["name"] for f in findings}
    assert {f["verdict"] for f in findings} <= {"pass", "warn", "fail", "unknown"}
    assert all(f["message"] for f in findings)


def test_a_configuration_that_cannot_be_used_is_a_failed_finding_in_json_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "c.toml"
    file.write_text("[http]\nport = 70000\nbnid = 1\n")
    assert main(["doctor", "--json", "--config", str(file)]) == 1
    findings = json.loads(capsys.readouterr().out)
    assert [(f["name"], f["verdict"]) for f in findings] == [("configuration", "fail")] * 2


def test_the_call_flow_is_looked_at(tmp_path: Path) -> None:
    assert found(Settings())["call flow"].verdict == "pass"
    flow = tmp_path / "flow.toml"
    flow.write_text("[practice]\n")
    finding = found(changed("practice", flow_file=str(flow)))["call flow"]
    assert finding.verdict == "fail"
    assert "practice.name: write a text" in finding.message
    finding = found(changed("practice", consent="Hello Mrs. Hernandez."))["call flow"]
    assert finding.verdict == "fail"
    assert "Hernandez" not in finding.message


def test_a_relaxed_setting_is_named() -> None:
    assert found(Settings())["relaxed"].verdict == "pass"
    finding = found(changed("log", text="redacted"))["relaxed"]
    assert (finding.verdict, "log.text" in finding.message) == ("warn", True)


def test_heads_that_would_go_nowhere_fail(tmp_path: Path) -> None:
    assert found(Settings())["audit heads"].verdict == "pass"
    assert (
        found(changed("audit", heads_file=str(tmp_path / "heads")))["audit heads"].verdict == "pass"
    )
    for wrong in (tmp_path, tmp_path / "nowhere/heads"):
        finding = found(changed("audit", heads_file=str(wrong)))["audit heads"]
        assert finding.verdict == "fail"
        assert "audit.heads_file" in finding.message
