"""The first page a newcomer reads says what is true: ports and commands."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from pipeline.settings import Settings

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()


def test_the_ports_in_the_table_are_the_defaults() -> None:
    settings = Settings()
    http, media, sip, models = settings.http, settings.media, settings.sip, settings.llm_server
    assert re.findall(r"^\| (TCP|UDP) ([\d–]+) \|", README, re.MULTILINE) == [
        ("TCP", f"{http.port}"),
        ("UDP", f"{media.port_min}–{media.port_max}"),
        ("TCP", f"{sip.tls_port}"),
        ("UDP", f"{sip.rtp_port_min}–{sip.rtp_port_max}"),
        ("TCP", f"{models.port}"),
    ]
    for key in re.findall(r"`((?:http|media|sip|llm_server)\.\w+)`", README):
        section, name = key.split(".")
        assert hasattr(getattr(settings, section), name), key


def test_the_table_of_commands_is_complete() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    named = {
        line.split()[0] for line in re.findall(r"^\| `wardline ([^`]+)`", README, re.MULTILINE)
    }
    assert named == set(project["entry-points"]["wardline.commands"])
