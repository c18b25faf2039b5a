"""Which settings stop the model server: its own, and a file that cannot be read."""

from __future__ import annotations

from pathlib import Path

from pipeline import config


def test_a_program_that_reads_few_settings_is_stopped_by_faults_of_those_and_of_the_file(
    tmp_path: Path,
) -> None:
    file = tmp_path / "c.toml"
    file.write_text(
        '[http]\nbind = "192.0.2.1"\nprt = 1\n[tls]\ncert = "/nowhere/cert"\nkey = "/nowhere/key"\n'
        '[webhook]\nsecret = "${file:/nowhere/secret}"\n[[trunk]]\nname = "Ä"\n'
        "[llm_server]\nport = 0\n[log]\nlevel = 3\n"
    )
    _, faults = config.read(file, {"WARDLINE_NOTHING": "1"})
    said = "\n".join(config.concerning(faults, ["llm_server", "log.level"]))
    assert len(faults) > len(said.splitlines()) == 4
    for mine in ("llm_server.port:", "log.level:", "http.prt: unknown key", "the environment:"):
        assert mine in said
    for anothers in ("tls", "webhook", "trunk"):
        assert anothers in "\n".join(faults)
        assert anothers not in said
    _, faults = config.read(tmp_path / "tls.cert", {})
    assert config.concerning(faults, ["llm_server"]) == faults, "no file at all"
