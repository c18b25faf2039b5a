"""`wardline check-config`: what the server would use, readable again, or every fault."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from pipeline import config
from pipeline.call.flow_file import flow_text
from pipeline.cli import main


def test_what_is_printed_is_a_configuration_that_reads_back_the_same(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "c.toml"
    file.write_text('[http]\nport = 9000\n[practice]\nname = "A \\"good\\" practice"\n')
    assert main(["check-config", str(file)]) == 0
    printed = capsys.readouterr().out
    assert 'name = "A \\"good\\" practice"' in printed
    assert "port_min = 20000\nport_max = 20499" in printed
    assert config.from_mapping(tomllib.loads(printed)) == config.load(file)


def test_a_secret_is_not_printed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WARDLINE_ENGINES_LLM_API_KEY", "hush-row-c11-key" * 2)
    assert main(["check-config"]) == 0
    printed = capsys.readouterr().out
    assert 'llm_api_key = "********"' in printed
    assert "hush" not in printed


def test_every_fault_is_a_line_and_the_status_says_configuration(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "c.toml"
    file.write_text("[http]\nport = 70000\nbnid = 1\n")
    assert main(["check-config", str(file)]) == 78
    said = capsys.readouterr()
    assert said.out == ""
    lines = said.err.splitlines()
    assert lines[0] == "The configuration has 2 faults:"
    assert lines[1].startswith("  http.port: write a whole number")
    assert lines[2] == "  http.bnid: unknown key; did you mean http.bind?"


def test_one_fault_is_not_faults(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check-config", str(tmp_path / "none.toml")]) == 78
    assert capsys.readouterr().err.startswith("The configuration has 1 fault:\n")


def test_the_faults_of_the_flow_file_are_shown_before_a_worker_meets_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flow, file = tmp_path / "flow.toml", tmp_path / "c.toml"
    flow.write_text("[practice]\n")
    file.write_text(f'[practice]\nflow_file = "{flow}"\n')
    assert main(["check-config", str(file)]) == 78
    said = capsys.readouterr()
    assert said.out == ""
    assert "practice.name" in said.err


def test_a_copy_of_the_shipped_flow_is_this_practice_s_and_is_accepted_as_it_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flow, file = tmp_path / "flow.toml", tmp_path / "c.toml"
    own = '[practice]\nname = "Elm \\"North\\" Clínica"\nphone = "312 555-0123"\n'
    file.write_text(own)
    assert main(["check-config", str(file), "--copy-flow", str(flow)]) == 0
    said = capsys.readouterr().out
    assert f'flow_file = "{flow}"' in said
    assert flow.read_text().count("\n#") == flow_text(None).count("\n#"), "comments and all"
    file.write_text(f'{own}flow_file = "{flow}"\n')
    assert main(["check-config", str(file)]) == 0
    written = flow.read_bytes()
    assert main(["check-config", str(file), "--copy-flow", str(flow)]) == 73
    assert "name a new one" in capsys.readouterr().err
    assert flow.read_bytes() == written


def test_faults_of_settings_flow_and_texts_come_in_one_round(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flow, file = tmp_path / "flow.toml", tmp_path / "c.toml"
    shipped = flow_text(None).replace("Take your time.", "Take your time, Mrs. Hernandez {name}.")
    flow.write_text(shipped.replace("opens_hour = 7", "opens_hour = 30"))
    file.write_text(
        f'[http]\nport = 70000\n[practice]\nname = "Elm Clinic"\nphone = "212-555-0100"\nflow_file = "{flow}"\n'
    )
    assert main(["check-config", str(file)]) == 78
    said = capsys.readouterr().err
    assert "http.port: write a whole number" in said
    assert "practice.name: the flow file says otherwise" in said
    assert "hours: write whole hours" in said
    assert "lines.hesitation: {?} is unknown" in said
    assert "lines.hesitation: seems to identify somebody" in said
    assert "5 faults" in said
    assert "Hernandez" not in said


def test_a_flow_that_another_fault_hides_is_not_judged(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where the name of the practice is at fault, the flow file need not agree with the example's."""
    flow, file = tmp_path / "flow.toml", tmp_path / "c.toml"
    flow.write_text(flow_text(None).replace("Maple Street Clinic", "Elm Clinic"))
    file.write_text(f'[practice]\nname = 7\nphone = "212-555-0100"\nflow_file = "{flow}"\n')
    assert main(["check-config", str(file)]) == 78
    assert "1 fault:" in capsys.readouterr().err


def test_row_d21_an_identifier_in_what_was_written_is_a_fault(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "c.toml"
    file.write_text('[practice]\nconsent = "Hello Mrs. Hernandez, a machine answers."\n')
    assert main(["check-config", str(file)]) == 78
    said = capsys.readouterr()
    assert said.out == ""
    assert "practice.consent: seems to identify somebody (NAME)" in said.err
    assert "Hernandez" not in said.err


@pytest.mark.parametrize(
    ("place", "said"), [("nowhere/heads", "its folder is not there"), ("", "this is a folder")]
)
def test_heads_that_would_go_nowhere_are_a_fault(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], place: str, said: str
) -> None:
    file = tmp_path / "c.toml"
    file.write_text(f'[audit]\nheads_file = "{tmp_path / place}"\n')
    assert main(["check-config", str(file)]) == 78
    assert f"audit.heads_file: {said}" in capsys.readouterr().err
    file.write_text(f'[audit]\nheads_file = "{tmp_path / "heads"}"\n')
    assert main(["check-config", str(file)]) == 0


def test_too_few_ports_for_sound_are_said_and_are_no_fault(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "c.toml"
    for last, said in ((24_014, True), (24_015, False)):  # eight pairs: twice a worker's four lines
        file.write_text(
            f'[sip]\ntls_port = 0\nudp_port = 5060\nrtp_port_max = {last}\n[[trunk]]\nname = "pbx"\n'
            'transports = ["udp"]\nsignalling = ["10.0.0.5/32"]\nmedia = ["10.0.0.5/32"]\n'
        )
        assert main(["check-config", str(file)]) == 0
        assert ("\n# sip.rtp_port_max: 7 pairs" in capsys.readouterr().out) == said
