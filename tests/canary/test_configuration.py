"""Identifiers in a configuration or a call flow that is wrong: the faults name keys and what to write, never a value."""

from __future__ import annotations

import contextlib
import io
from importlib import resources
from pathlib import Path

import pytest

from pipeline.cli import main
from pipeline.settings import Settings
from tests.canary.people import everything, people
from tests.canary.search import Search

PERSON = people()["configuration"]
IN_FLOW = people()["flow"]
SEARCH = Search(everything([PERSON, IN_FLOW]))
SAYS, LAST, PHONE = PERSON.says, PERSON.last, PERSON.phone

BROKEN = [
    f'[http]\nbind = "{SAYS}"',
    f'[http]\nport = "{SAYS}"',
    f"[http]\nport = {PHONE}",
    f'[http]\npublic_url = "https://{LAST}:{PHONE}@x.example/"',
    f'[http]\ntrusted_proxies = ["{SAYS}"]\nallowed_origins = ["{LAST}"]',
    f'[engines]\nllm = "{SAYS}"',
    f'[engines]\nllm = "openai"\nllm_url = "http://{LAST}:{PHONE}@127.0.0.1/v1"\nllm_model = "m"',
    f'[engines]\nllm = "openai"\nllm_url = "https://{LAST}.example/{PHONE}"\nllm_model = "m"',
    f'[engines]\ntts = "piper"\npiper_voice = "/nowhere/{LAST}.onnx"',
    f'[webhook]\nurl = "http://{LAST}:{PHONE}@x.example/?{SAYS}"\nsecret = "{PHONE}"',
    f'[webhook]\nurl = "https://x.example/"\naddresses = ["{SAYS}"]\nsecret = "{SAYS}"',
    f'[store]\nurl = "postgresql://{LAST}:{PHONE}@127.0.0.1/x"',
    f'[store]\nurl = "mysql://127.0.0.1/{LAST}"',
    f'[store]\nkey_text = "{SAYS}"',
    f'[practice]\nphone = "{SAYS}"\nid = "{SAYS}"',
    f'[practice]\nname = "{SAYS}\\u0000"',
    f'[egress]\ndestinations = ["{SAYS}"]',
    f'[tls]\ncert = "/nowhere/{LAST}.pem"',
    f'[log]\nlevel = "{SAYS}"\ntext = "{LAST}"',
    f'[limits]\ncall_limit_ms = "{SAYS}"',
    f'http = "{SAYS}"',
    f'[http]\n"{SAYS}" = 1',
    f'["{SAYS}"]\nx = 1',
    f'[http]\n{LAST} = "{SAYS}"',
    f"[{LAST}]\n",
    f"{SAYS}",
    f'[http]\nbind = "{SAYS}',
    f"[http]\nport = {LAST}",
    f'"{SAYS}" = 1\n"{SAYS}" = 2',
    f"[{LAST}]\n[{LAST}]",
    f"x = {{ {LAST} = 1, {LAST} = 2 }}",
]

FLOW = (resources.files("pipeline.call") / "flows" / "clinic.toml").read_text()
FLOWS = [
    IN_FLOW.says,
    f'"{IN_FLOW.says}" = 1\n' + FLOW,
    FLOW.replace('version = "', f'version = "{{{IN_FLOW.last}}}', 1),
    FLOW.replace("{phone}", f"{{{IN_FLOW.last}}}"),
    FLOW.replace("{practice}", f"{{{IN_FLOW.says}}}"),
    FLOW.replace("store = true", f'store = "{IN_FLOW.says}"', 1),
    FLOW.replace("store = true", f'{IN_FLOW.last} = "{IN_FLOW.says}"', 1),
    FLOW + f'\n[[reasons]]\nkey = "{IN_FLOW.says}"\nlabel = "{IN_FLOW.name}"\n',
    FLOW + f'\n["{IN_FLOW.says}"]\nx = 1\n',
]


def said_about(*arguments: str) -> tuple[int, str]:
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        status = main(arguments)
    return status, said.getvalue()


@pytest.mark.parametrize("number", range(len(BROKEN)))
def test_a_fault_of_the_configuration_quotes_no_value(number: int, tmp_path: Path) -> None:
    file = tmp_path / "wardline.toml"
    file.write_text(BROKEN[number])
    for command in (("check-config", str(file)), ("serve", "--config", str(file))):
        status, said = said_about(*command)
        assert status == 78
        assert SEARCH.look({"said": said.encode()}) == []


@pytest.mark.parametrize("number", range(len(FLOWS)))
def test_a_fault_of_the_call_flow_quotes_no_value(number: int, tmp_path: Path) -> None:
    flow = tmp_path / "flow.toml"
    flow.write_text(FLOWS[number])
    assert FLOWS[number] != FLOW
    practice = Settings().practice
    file = tmp_path / "wardline.toml"
    file.write_text(
        f'[practice]\nflow_file = "{flow}"\nname = "{practice.name}"\nphone = "{practice.phone}"\n'
    )
    status, said = said_about("check-config", str(file))
    assert status == 78
    assert SEARCH.look({"said": said.encode()}) == []


@pytest.mark.parametrize("section", ["http", "engines", "practice", "store", "log"])
def test_a_fault_of_the_environment_quotes_no_value(
    section: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = {"http": "PORT", "engines": "LLM", "practice": "PHONE", "store": "URL", "log": "LEVEL"}
    monkeypatch.setenv(f"WARDLINE_{section.upper()}_{names[section]}", SAYS)
    monkeypatch.setenv(f"WARDLINE_{section.upper()}_{LAST.upper()}", SAYS)
    status, said = said_about("check-config")
    assert status == 78
    assert SEARCH.look({"said": said.encode()}) == []
