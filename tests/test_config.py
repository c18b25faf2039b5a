"""Every fault of a configuration is found at once and says what to write; anything else never crashes."""

from __future__ import annotations

import ast
import json
import re
import tomllib
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import config
from pipeline.errors import ConfigError
from pipeline.settings import Settings
from pipeline.telephone_settings import Trunk


def _faults(tmp_path: Path, text: str, env: dict[str, str] | None = None) -> str:
    file = tmp_path / "c.toml"
    file.write_text(text)
    with pytest.raises(ConfigError) as raised:
        config.load(file, env or {})
    return str(raised.value)


def test_without_a_file_the_defaults_hold() -> None:
    assert config.load(None, {}) == Settings()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[http]\nprot = 1", "http.prot: unknown key; did you mean http.port?"),
        ("[htpp]\nport = 1", "htpp: unknown key; did you mean http?"),
        ("[http]\nport = 70000", "http.port: write a whole number from 0 to 65535, e.g. 8080"),
        ("[http]\nport = true", "http.port: write a whole number"),
        ('[http]\nport = "8080"', "http.port: write a whole number"),
        ('http = "x"', "http: must be a table ([http])"),
        ('[http]\nbind = "all"', "http.bind: write an IP address"),
        ('[http]\nbind = "0.0.0.0"', "run `wardline tls init`"),
        ('[http]\nallowed_origins = ["https://a/b"]', "http.allowed_origins: write scheme"),
        ('[media]\nallowed_networks = ["10.0.0.1/8"]', "media.allowed_networks: write a network"),
        ("[media]\nport_min = 30000", "media.port_max: must be at least"),
        ('[engines]\nstt = "kaldi"', 'engines.stt: write one of "pocketsphinx", "whisper"'),
        ('[engines]\nstt = "whisper"', "engines.whisper_directory: needed"),
        ('[engines]\nllm_url = "https://api.example.com/v1"', "must point at this machine"),
        ('[engines]\nllm_url = "http://203.0.113.5:8000/v1"', "must point at this machine"),
        ('[engines]\nllm_url = "http://model.clinic.example/v1"', "must point at this machine"),
        (
            '[engines]\nllm_url = "http://10.20.0.5:8000/v1"',
            "list its network in engines.llm_addresses",
        ),
        (
            '[engines]\nllm_more_urls = ["http://127.0.0.1/v1", "http://10.20.0.6/v1"]\nllm_addresses = ["10.20.0.5/32"]',
            "engines.llm_more_urls: is on another machine",
        ),
        ('[engines]\nllm_addresses = ["203.0.113.0/24"]', "go to no public address"),
        ('[engines]\nllm_addresses = ["0.0.0.0/0"]', "go to no public address"),
        ('[engines]\nllm_addresses = ["the LLM box"]', "engines.llm_addresses: write a network"),
        (
            '[engines]\nllm = "openai"\nllm_url = "http://127.0.0.1:8001/v1"\nllm_model = "m"\n'
            '[llm_server]\nexecutable = "/opt/vllm/bin/vllm"',
            "llm_server.port: is 8000, and no address of engines.llm_url or",
        ),
        (
            '[engines]\nllm = "openai"\nllm_url = "https://127.0.0.1:8000/v1"\nllm_model = "m"\n'
            '[llm_server]\nexecutable = "/opt/vllm/bin/vllm"',
            "write http:// before port 8000",
        ),
        ('[practice]\nflow_file = "/tmp"', "practice.flow_file: a folder; give"),
        ('[engines]\npiper_voice = "/nowhere"', "engines.piper_voice: no such file"),
        ('[state]\ndirectory = "~nobody-here/x"', "state.directory: there is no such user"),
        (f'[practice]\nflow_file = "{"x" * 300}"', "practice.flow_file: no such file"),
        ('[practice]\nname = "a\\nb"', "practice.name: at most"),
        ('[practice]\nlanguage = "es"', 'urgent phrases are English; write "en"'),
        ('[practice]\nlanguage = "fr"', 'practice.language: write one of "en", "es"'),
        ('[practice]\nphone = "call me"', "practice.phone: write a telephone number"),
        ('[practice]\nphone = "12"', "practice.phone: write the whole telephone number"),
        ('[practice]\nphone = "555 010"', "practice.phone: write the whole telephone number"),
        ('[practice]\nemergency_number = "help"', "practice.emergency_number: write a telephone"),
        ('[tls]\ncert = "pyproject.toml"', "tls: write both"),
        ("[turn.endpoint]\nsilence_ms = -1", "turn.endpoint.silence_ms: write a whole number"),
        ("[http\n", "not TOML"),
    ],
)
def test_a_fault_names_the_key_and_what_to_write(tmp_path: Path, text: str, said: str) -> None:
    assert said in _faults(tmp_path, text)


@pytest.mark.parametrize(
    "engines",
    [
        'llm_url = "http://localhost:8000/v1"',
        'llm_url = "http://127.0.0.1:8001/v1"\nllm_more_urls = ["http://[::1]:8000/v1"]',
        'llm_url = "http://10.20.0.5:9000/v1"\nllm_addresses = ["10.20.0.5/32"]',
    ],
)
def test_our_own_model_servers_port_is_one_of_the_addresses_or_the_model_is_elsewhere(
    tmp_path: Path, engines: str
) -> None:
    file = tmp_path / "c.toml"
    file.write_text(
        f'[engines]\nllm = "openai"\nllm_model = "m"\n{engines}\n'
        '[llm_server]\nexecutable = "/opt/vllm/bin/vllm"\n'
    )
    assert config.load(file, {}).llm_server.port == 8000


def test_spanish_is_refused_whichever_engines_are_chosen(tmp_path: Path) -> None:
    voice = tmp_path / "voice.onnx"
    voice.touch()
    engines = (
        f'[engines]\nstt = "whisper"\nwhisper_directory = "{tmp_path}"\n'
        f'tts = "piper"\npiper_voice = "{voice}"\n'
        'llm = "openai"\nllm_url = "http://127.0.0.1:8000/v1"\nllm_model = "synthetic"\n'
    )
    said = _faults(tmp_path, engines + '[practice]\nlanguage = "es"\n')
    assert said.startswith('practice.language: "es" cannot be served yet')
    (tmp_path / "c.toml").write_text(engines)
    assert config.load(tmp_path / "c.toml", {}).engines.tts == "piper"


def test_all_faults_come_at_once(tmp_path: Path) -> None:
    env = {"WARDLINE_HTTP_PRT": "1", "WARDLINE_WORKERS_COUNT": "many"}
    said = _faults(tmp_path, "[http]\nport = -1\n[media]\nx = 1\n", env)
    assert len(said.splitlines()) == 4
    assert "did you mean WARDLINE_HTTP_PORT?" in said


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    file = tmp_path / "c.toml"
    file.write_text("[http]\nport = 1\n")
    env = {
        "WARDLINE_CONFIG": str(file),
        "WARDLINE_HTTP_PORT": "9",
        "WARDLINE_HTTP_TRUSTED_PROXIES": "10.0.0.0/8, ::1/128",
        "WARDLINE_TURN_ENDPOINT_SILENCE_MS": "700",
    }
    settings = config.load(None, env)
    assert settings.http.port == 9
    assert settings.http.trusted_proxies == ("10.0.0.0/8", "::1/128")
    assert settings.turn.endpoint.silence_ms == 700


def test_a_missing_file_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        config.load(tmp_path / "none.toml", {})


def test_a_home_folder_is_found_in_every_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "flow.toml").touch()
    (tmp_path / "c.toml").write_text(
        '[state]\ndirectory = "~/state"\n[log]\nfile = "~/log"\n'
        '[practice]\nflow_file = "~/flow.toml"\n[engines]\nwhisper_directory = "~"\n'
    )
    settings = config.load(None, {"WARDLINE_CONFIG": "~/c.toml"})
    assert settings.state.directory == str(tmp_path / "state")
    assert settings.log.file == str(tmp_path / "log")
    assert settings.practice.flow_file == str(tmp_path / "flow.toml")
    assert settings.engines.whisper_directory == str(tmp_path)


def test_bytes_of_the_environment_that_are_no_text_are_a_fault() -> None:
    with pytest.raises(ConfigError, match=r"practice\.name"):
        config.load(None, {"WARDLINE_PRACTICE_NAME": "\udcff"})


def test_a_secret_is_masked_and_the_rest_reads_back(tmp_path: Path) -> None:
    settings = config.load(
        None, {"WARDLINE_ENGINES_LLM_API_KEY": "hush-row-c11-key" * 2, "XDG_STATE_HOME": "/s"}
    )
    shown = dict(config.masked(settings))
    assert "hush" not in str(shown)
    assert shown["engines.llm_api_key"] == '"********"'
    assert shown["state.directory"] == '"/s/wardline"'
    assert config.from_mapping(config.to_mapping(settings)) == settings


def test_row_r1_recording_is_off_and_needs_its_days_and_an_honest_page() -> None:
    assert config.load(None, {}).recording.mode == "off"
    wanted: dict[str, Any] = {"recording": {"mode": "ask"}}
    with pytest.raises(ConfigError) as caught:
        config.from_mapping(wanted)
    assert any("recording.days: say how long" in fault for fault in caught.value.faults)
    assert any("practice.consent: it says" in fault for fault in caught.value.faults)
    wanted["practice"] = {"consent": "You will be asked."}
    wanted["recording"]["days"] = ["call 30", "minor 7300"]
    settings = config.from_mapping(wanted)
    assert config.recording_days(settings) == {"call": 30, "minor": 7300}
    assert config.recording_directory(settings).name == settings.practice.id
    for days in (["call"], ["call 0"], ["call 30", "call 31"], ["Call 30"], ["call 30 "]):
        with pytest.raises(ConfigError, match=r"recording\.days"):
            config.from_mapping({**wanted, "recording": {"mode": "ask", "days": days}})


def test_a_child_gets_no_secret_of_the_shell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy")
    monkeypatch.setenv("OPENAI_API_KEY", "hush")
    child = config.child_environment({"X": "1"})
    assert child["X"] == "1"
    assert not {"HTTPS_PROXY", "OPENAI_API_KEY"} & set(child)


_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)
_sections = st.sampled_from(
    ["http", "tls", "media", "workers", "turn", "engines", "practice", "limits", "state", "log"]
)


@given(st.dictionaries(_sections | st.text(max_size=8), _values, max_size=4))
def test_any_tree_gives_settings_or_faults(tree: dict[str, Any]) -> None:
    try:
        config.from_mapping(tree)
    except ConfigError as error:
        assert error.faults  # noqa: PT017  # either way out is right; this one must say something


@given(st.binary(max_size=300))
def test_any_bytes_give_settings_or_faults(
    tmp_path_factory: pytest.TempPathFactory, data: bytes
) -> None:
    file = tmp_path_factory.getbasetemp() / "fuzz.toml"
    file.write_bytes(data)
    try:
        config.load(file, {})
    except ConfigError as error:
        assert error.faults  # noqa: PT017  # the same


@pytest.mark.parametrize(
    ("webhook", "said"),
    [
        ({"url": "http://10.0.0.5/"}, "must be https"),
        ({"url": "https://me:secret@10.0.0.5/"}, "no user name or password"),
        ({"url": "https://10.0.0.5/", "secret": "x" * 31}, "at least 32 characters"),
        ({"url": "https://10.0.0.5/", "secret": "q7Rk2mZx" * 4}, "list the networks"),
        ({"url": "https://10.0.0.5/", "addresses": ["0.0.0.0/0"]}, "too large to list anybody"),
    ],
)
def test_a_webhook_that_would_be_unsafe_is_refused(webhook: dict[str, str], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        config.from_mapping({"webhook": webhook})


def test_the_example_file_holds_every_setting_with_its_default() -> None:
    example = Path(__file__).parents[1] / "docs" / "wardline.example.toml"
    tree = tomllib.loads(example.read_text("utf-8"))
    whole = json.loads(json.dumps(config.to_mapping(Settings())))
    del whole["store"]["key_text"]  # never in a file
    assert whole.pop("trunk") == []
    assert whole == tree
    assert config.from_mapping(tree) == Settings()
    assert config.load(example, {}).practice == Settings().practice, "a copy is accepted as it is"
    tables = re.findall(
        r"^# (.*)$", example.read_text("utf-8").partition("# [[trunk]]")[2], re.MULTILINE
    )
    assert tomllib.loads("\n".join(tables)) == json.loads(json.dumps(asdict(Trunk())))


READ_BY_CONFIG = {
    *(("store", "key_file"), ("store", "directory")),
    *(("recording", "directory"), ("recording", "days")),
}
"""Answered by `key_file_of`, `data_directory`, `recording_directory` and `recording_days` in `pipeline.config`."""


def _read_settings(source: str, sections: dict[str, str]) -> set[tuple[str, str]]:
    """(section, key) of every setting that this code reads; `sections` are the classes of the sections."""
    tree = ast.parse(source)
    names = {section: section for section in sections.values()}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Attribute):
            names.update(
                (target.id, node.value.attr)
                for target in node.targets
                if isinstance(target, ast.Name) and node.value.attr in sections.values()
            )
        if isinstance(node, ast.arg) and isinstance(node.annotation, ast.Name):
            names[node.arg] = sections.get(node.annotation.id, names.get(node.arg, ""))
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            base = node.value
            name = base.attr if isinstance(base, ast.Attribute) else getattr(base, "id", "")
            found.add((names.get(name.lstrip("_"), ""), node.attr))
    return found


def test_every_setting_is_read_by_the_server() -> None:
    package = Path(config.__file__).parent
    leaves = [leaf.path for leaf in config._leaves(Settings())]
    sections = {path[-2].title().replace("_", ""): path[-2] for path in leaves}
    read = READ_BY_CONFIG.copy()
    for file in package.rglob("*.py"):
        if file not in (package / "settings.py", package / "config.py"):
            read |= _read_settings(file.read_text(), sections)
    assert [".".join(path) for path in leaves if path[-2:] not in read] == []


SECRETS = (
    "webhook.secret",
    "engines.llm_api_key",
    "store.key_text",
    "bundle.token",
    "media.turn_secret",
    "media_stream.auth_token",
    "media_stream.bridge_token",
    "metrics.token",
)


def test_every_secret_setting_is_known_to_these_tests() -> None:
    found = [key for key, _, rules in config.leaves(Settings()) if rules.get("secret")]
    assert sorted(found) == sorted(SECRETS)


@pytest.mark.parametrize("key", SECRETS)
def test_row_c7_a_secret_shorter_than_32_characters_is_refused_wherever_it_is_set(key: str) -> None:
    name = "WARDLINE_" + key.replace(".", "_").upper()
    with pytest.raises(ConfigError) as raised:
        config.load(None, {name: "hush" * 7 + "hus"})
    (fault,) = raised.value.faults
    assert fault.startswith(f"{key}: needs at least 32 characters")
    assert "hush" not in fault


@pytest.mark.parametrize("key", SECRETS)
@pytest.mark.parametrize("text", ["a" * 32, "abcdefg" * 10])
def test_row_c7_a_long_secret_of_few_characters_is_refused_wherever_it_is_set(
    key: str, text: str
) -> None:
    with pytest.raises(ConfigError) as raised:
        config.load(None, {"WARDLINE_" + key.replace(".", "_").upper(): text})
    (fault,) = raised.value.faults
    assert fault.startswith(f"{key}: needs at least 8 different characters; make one with: ")
    assert text not in fault


@pytest.mark.parametrize("wide", ["0.0.0.0/0", "128.0.0.0/1", "8.0.0.0/7", "::/0", "2000::/31"])
def test_a_network_that_lists_nobody_is_refused_where_one_is_trusted(wide: str) -> None:
    for tree in (
        {"http": {"trusted_proxies": ["10.0.0.0/8", wide]}},
        {"webhook": {"addresses": [wide]}},
    ):
        with pytest.raises(ConfigError, match="write one of /8 or smaller"):
            config.from_mapping(tree)
    with pytest.raises(ConfigError, match=r"egress\.destinations"):
        config.from_mapping({"egress": {"destinations": [f"carrier Any {wide} 5061/tcp"]}})


@pytest.mark.parametrize("narrow", ["10.0.0.0/8", "192.0.2.7/32", "2001:db8::/32", "fd00::/8"])
def test_a_network_of_one_provider_or_a_local_one_is_accepted(narrow: str) -> None:
    http = config.from_mapping({"http": {"trusted_proxies": [narrow]}}).http
    assert http.trusted_proxies == (narrow,)


def test_row_c11_a_secret_is_read_from_a_file_of_the_servers_user_alone(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("hush-row-c11-key" * 2 + "\n")
    env = {"WARDLINE_ENGINES_LLM_API_KEY": f"${{file:{secret}}}"}
    secret.chmod(0o644)
    with pytest.raises(ConfigError, match=r"engines\.llm_api_key: .*mode 0644.*chmod 600"):
        config.load(None, env)
    secret.chmod(0o600)
    assert config.load(None, env).engines.llm_api_key == "hush-row-c11-key" * 2
    secret.write_text("hush\n")
    with pytest.raises(ConfigError, match="needs at least 32"):
        config.load(None, env)
    secret.write_text("\n")
    with pytest.raises(ConfigError, match="on its first line"):
        config.load(None, env)
    secret.unlink()
    with pytest.raises(ConfigError, match="cannot be read"):
        config.load(None, env)


def test_a_database_password_is_checked_like_every_secret(tmp_path: Path) -> None:
    password = tmp_path / "password"
    password.write_text("short\n")
    password.chmod(0o600)
    file = tmp_path / "c.toml"
    file.write_text(f'[store]\nurl = "postgresql://127.0.0.1/x"\npassword_file = "{password}"\n')
    with pytest.raises(ConfigError, match=r"store\.password_file: needs at least 32"):
        config.load(file, {})
    password.write_text("q7Rk2mZx" * 4)
    assert config.load(file, {}).store.password_file == str(password)


@pytest.mark.parametrize(
    ("section", "key", "value"),
    [
        ("http", "public_url", "https://ada:hush@voice.example"),
        ("http", "public_url", "https://ada@voice.example"),
        ("http", "allowed_origins", ["https://ada:hush@portal.example"]),
        ("engines", "llm_url", "http://ada:hush@127.0.0.1:8000/v1"),
        ("webhook", "url", "https://ada:hush@10.0.0.5/"),
        ("store", "url", "postgresql://ada:hush@127.0.0.1/x"),
        ("store", "key_command", ["curl", "https://ada:hush@vault.example/key"]),
        ("practice", "consent", "See https://ada:hush@clinic.example"),
    ],
)
def test_x24_an_address_with_a_user_or_password_is_refused_everywhere(
    section: str, key: str, value: object
) -> None:
    with pytest.raises(ConfigError) as raised:
        config.from_mapping({section: {key: value}})
    (fault,) = raised.value.faults
    assert fault.startswith(f"{section}.{key}: ")
    assert "user" in fault
    assert "ada" not in fault
    assert "hush" not in fault


def test_row_d23_production_refuses_what_examples_use() -> None:
    tree: dict[str, Any] = {"deployment": {"name": "production"}}
    with pytest.raises(ConfigError) as raised:
        config.from_mapping(tree)
    assert [fault.partition(":")[0] for fault in raised.value.faults] == [
        "practice.name",
        "practice.phone",
    ]
    tree["practice"] = {"name": "Maple Street Clinic", "phone": "212-555-0100"}
    with pytest.raises(ConfigError, match=r"practice\.phone: 555-0100 to 555-0199"):
        config.from_mapping(tree)
    tree["practice"]["phone"] = "212-334-0100"
    assert config.from_mapping(tree).deployment.name == "production"
    del tree["practice"]
    tree["deployment"]["name"] = "staging"
    assert config.from_mapping(tree).deployment.name == "staging"


def test_faults_of_one_key_and_across_keys_are_said_at_once() -> None:
    tree = {
        "http": {"port": 99_999, "bind": "10.0.0.1"},
        "practice": {"phone": "12", "language": "es"},
        "turn": {"no_input_ms": 5},
        "tls": {"cert": "/nowhere/c.pem"},
    }
    with pytest.raises(ConfigError) as error:
        config.from_mapping(tree)
    keys = [fault.partition(":")[0] for fault in error.value.faults]
    assert sorted(keys) == [
        "http.port",
        "practice.language",
        "practice.phone",
        "tls.cert",
        "turn.no_input_ms",
    ]


@pytest.mark.parametrize("number", ["12", "911", "555-010", "1" * 16])
def test_a_practice_s_number_is_a_whole_one(number: str) -> None:
    with pytest.raises(ConfigError, match=r"practice\.phone"):
        config.from_mapping({"practice": {"phone": number}})


TRUNK = """[sip]
udp_port = 5060
tls_port = 0
[[trunk]]
name = "pbx"
signalling = ["10.0.0.5/32"]
media = ["10.0.0.0/24"]
transports = ["udp"]
"""


def _file(directory: Path, text: str) -> Path:
    file = directory / "w.toml"
    file.write_text(text)
    return file


def test_tables_are_read_each_with_its_defaults_and_travel_to_a_worker(tmp_path: Path) -> None:
    second = '[[trunk]]\nname = "b"\nsignalling = ["10.1.0.5/32"]\nmedia = ["10.1.0.5/32"]\nsrtp = "optional"\ntransports = ["udp"]\n'
    settings = config.load(_file(tmp_path, TRUNK + second), {})
    first, other = settings.trunk
    assert (first.name, first.signalling, first.srtp) == ("pbx", ("10.0.0.5/32",), "required")
    assert (other.name, other.srtp) == ("b", "optional")
    assert config.from_mapping(json.loads(json.dumps(config.to_mapping(settings)))) == settings
    shown = dict(config.masked(settings))
    assert shown["trunk[1].name"] == '"pbx"'
    assert shown["trunk[2].srtp"] == '"optional"'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("trunk = 5", "trunk: must be tables ([[trunk]])"),
        ("[trunk]\nname = 'x'", "trunk: must be tables ([[trunk]])"),
        ("trunk = ['x']", "trunk: must be tables ([[trunk]])"),
        ("[[trunk]]\n" * (config.TABLES_MAX + 1), "trunk: at most"),
        (TRUNK + "srpt = 'optional'", "trunk[1].srpt: unknown key; did you mean trunk[1].srtp?"),
        (TRUNK + "srtp = 'never'", 'trunk[1].srtp: write one of "required", "optional"'),
        (TRUNK + "calls_max = -1", "trunk[1].calls_max: write a whole number"),
        (TRUNK + "codecs = ['OPUS']", "trunk[1].codecs: write one of"),
        (TRUNK + "codecs = []", "trunk[1].codecs: write at least one"),
        (TRUNK + "digest_secret = 'short'", "trunk[1].digest_secret: needs at least 32"),
        (TRUNK + "digest_user = 'pbx'", "trunk[1].digest_user: write both"),
        (TRUNK + "outbound_user = 'us'", "trunk[1].outbound_user: write both"),
        (TRUNK + "outbound_secret = 'short'", "trunk[1].outbound_secret: needs at least 32"),
        (TRUNK.replace('"udp"', '"tls"'), "trunk[1].transports: none of them is listened on"),
        (TRUNK.replace('"10.0.0.5/32"', ""), "trunk[1].signalling: list the networks"),
        (TRUNK.replace('"10.0.0.5/32"', '"0.0.0.0/0"'), "trunk[1].signalling: the network is too"),
        (TRUNK + TRUNK.partition("[[")[2].join(("[[", "")), "trunk[2].name: another trunk has it"),
        (TRUNK + "transfer = 'both'", 'trunk[1].transfer: write one of "refer", "bridge"'),
        (TRUNK + "outbound_proxy = 'pbx.example'", "trunk[1].outbound_proxy: write an address"),
        (
            TRUNK + "transfer = 'bridge'\noutbound_proxy = '10.0.0.6:5060'\n",
            "trunk[1].outbound_proxy: its address must be in signalling",
        ),
        (
            TRUNK.replace("udp_port", "numbers = ['Desk 1']\nudp_port"),
            "sip.numbers: write a name and a number",
        ),
        (
            TRUNK.replace("udp_port", "numbers = ['other 201']\nudp_port"),
            "sip.numbers: write a name and a number",
        ),
        (
            TRUNK.replace("udp_port", "numbers = ['a +1201', 'b 1201']\nudp_port"),
            "sip.numbers: name each number once",
        ),
        (TRUNK + "shown_number = 'Dr. Q'", "trunk[1].shown_number: write a number"),
        (
            TRUNK + "transfer = 'bridge'\n[transfer]\ntargets = ['desk sip:201@10.0.0.6']\n",
            'trunk[1].transfer: with "bridge" each target\'s address must be in signalling',
        ),
        (
            TRUNK + "transfer = 'bridge'\n[transfer]\ntargets = ['desk sip:201@pbx.example']\n",
            'trunk[1].transfer: "bridge" over UDP needs targets with an address',
        ),
        (TRUNK.replace("tls_port = 0", ""), "sip.cert: needed by sip.tls_port"),
        (TRUNK.replace("udp_port", "bind = '0.0.0.0'\nudp_port"), "sip.advertised_address: needed"),
        (
            TRUNK.replace("udp_port", "rtp_port_min = 20100\nudp_port"),
            "sip.rtp_port_min: the ports",
        ),
        (
            "[media_stream]\nauth_token = '0123456789abcdef0123456789abcdef'",
            "set http.public_url, with https",
        ),
        (
            "[media_stream]\nbridge_token = '0123456789abcdef0123456789abcdef'",
            "media_stream.bridge_token: who brings calls is told our public address",
        ),
        (
            "[http]\npublic_url = 'https://voice.clinic.example'\n[media_stream]\n"
            "auth_token = '0123456789abcdef0123456789abcdef'\n"
            "bridge_token = '0123456789abcdef0123456789abcdef'",
            "media_stream.bridge_token: is the carrier's auth_token",
        ),
        (
            "[http]\npublic_url = 'https://voice.clinic.example'\n[media_stream]\n"
            "auth_token = '0123456789abcdef0123456789abcdef'\n"
            "[transfer]\ntargets = ['nurse sip:201@pbx.example']",
            "media_stream.shown_number: needed with a target that is a SIP URI",
        ),
    ],
)
def test_a_fault_in_a_table_names_it(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ConfigError) as raised:
        config.load(_file(tmp_path, text), {})
    assert any(said in fault for fault in raised.value.faults), raised.value.faults


SECRET = "0123456789abcdef" * 2


def test_row_c7_a_tables_secret_is_read_from_its_file_and_shown_nowhere(tmp_path: Path) -> None:
    hidden = tmp_path / "secret"
    hidden.write_text(f"{SECRET}\n")
    hidden.chmod(0o600)
    text = TRUNK + f'digest_user = "pbx"\ndigest_secret = "${{file:{hidden}}}"\n'
    settings = config.load(_file(tmp_path, text), {})
    assert settings.trunk[0].digest_secret == SECRET
    assert SECRET not in str(dict(config.masked(settings)))
    hidden.chmod(0o644)
    with pytest.raises(ConfigError, match=r"trunk\[1\]\.digest_secret: the file may be read"):
        config.load(tmp_path / "w.toml", {})
