"""A server that understands nobody: only where nobody but its own machine calls, and never quietly."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from pipeline import config
from pipeline.errors import ConfigError
from pipeline.settings import Engines, Settings
from pipeline.supervisor import checked
from pipeline.supervisor.relaxed import banner

CERTIFICATE = '[tls]\ncert = "CERT"\nkey = "CERT"\n'
TRUNK = (
    '[sip]\ntls_port = 0\nudp_port = 5060\n[[trunk]]\nname = "a"\ntransports = ["udp"]\nsignalling = ["{0}"]\n'
    'media = ["{0}"]\n'
)


def faults(tmp_path: Path, toml: str) -> list[str]:
    file = tmp_path / "wardline.toml"
    certificate = tmp_path / "c.pem"
    certificate.write_text("x")
    file.write_text('[engines]\ntimed = "instant"\n' + toml.replace("CERT", str(certificate)))
    return config.read(file, {})[1]


def test_it_is_never_on_by_itself_and_is_said_loudly() -> None:
    assert Settings().engines.timed == ""
    (line,) = banner(replace(Settings(), engines=Engines(timed="instant")))
    assert line.startswith("RELAXED engines.timed: NOBODY IS UNDERSTOOD")


@pytest.mark.parametrize(
    "toml",
    [
        '[http]\nbind = "0.0.0.0"\n' + CERTIFICATE,
        '[http]\npublic_url = "https://voice.clinic.example"\n',
        '[media]\nallowed_networks = ["10.0.0.0/16"]\n',
        TRUNK.format("10.0.0.5/32"),
        '[deployment]\nname = "production"\n[practice]\nname = "Elm"\nphone = "212 555 9000"\n',
        '[recording]\nmode = "ask"\ndays = ["call 30"]\n[practice]\nconsent = "An assistant answers."\n',
    ],
)
def test_it_is_refused_wherever_somebody_else_could_call(tmp_path: Path, toml: str) -> None:
    found = faults(tmp_path, toml)
    assert found
    assert all(fault.startswith("engines.timed: ") for fault in found)


@pytest.mark.parametrize(
    "toml", ["", TRUNK.format("127.0.0.0/8"), '[http]\npublic_url = "https://127.0.0.1:8080"\n']
)
def test_this_machine_may_call_itself(tmp_path: Path, toml: str) -> None:
    assert faults(tmp_path, toml) == []


def test_a_file_of_times_is_read_before_the_start(tmp_path: Path) -> None:
    file = tmp_path / "times.toml"
    file.write_text("stt_final_ms = -3\n")
    settings = replace(Settings(), engines=Engines(timed=str(file)))
    with pytest.raises(ConfigError) as raised:
        checked.check_texts(settings)
    assert [fault.split(": ")[1] for fault in raised.value.faults] == ["stt_final_ms", "source"]
    assert faults(tmp_path, "") == []
    absent = config.read(tmp_path / "wardline.toml", {"WARDLINE_ENGINES_TIMED": "/absent.toml"})[1]
    assert absent == ['engines.timed: write "instant", or the path of a file of times']
