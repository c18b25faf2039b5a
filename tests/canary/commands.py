"""What each command of the program could be asked for by somebody who looks for a past call's words."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path


def asked(
    config: tuple[str, str], call_id: str, tokens: Mapping[str, str], out: Path
) -> dict[str, list[tuple[str, ...]]]:
    """By command; an empty list says that it reads nothing a call left. `tokens`: role to file; `out`: where it may write."""
    incident = ("incident", *config, "--call", call_id, "--out")
    everything_of = ("--all", "--practice", "practice", "--certificate")
    staff = {role: ("--token-file", file) for role, file in tokens.items()}
    return {
        "audit": [
            ("audit", *config, "verify", "--records"),
            ("audit", *config, "export"),
            ("audit", *config, "head"),
            ("audit", *config, "report", "--month", "2026-11"),
        ],
        "backup": [("backup", *config, str(out / "copy"))],
        "bench": [],
        "bundle": [("bundle", "list", *config)],
        "call": [],
        "check-config": [("check-config", config[1])],
        "data-flow": [("data-flow", *config)],
        "doctor": [("doctor", *config)],
        "edge-config": [("edge-config", *config, "--out", str(out / "edge"))],
        "egress-rules": [("egress-rules", *config)],
        "egress-test": [("egress-test", *config)],
        "engines": [("engines", *config)],
        "evidence": [("evidence", *config, "--out", str(out / "evidence"), "--last-egress")],
        "healthy": [("healthy", *config)],
        "incident": [(*incident, str(out / "incident"))],
        "key": [("key", *config, "export", "--to", str(out / "key"))],
        "models": [("models", *config, "flags")],
        "pause": [("pause", *config, "--status"), ("pause", *config)],
        "purge": [("purge", *config, *staff["operator"], *everything_of, str(out / "certificate"))],
        "recordings": [
            ("recordings", *config, *staff["readonly"], "list"),
            ("recordings", *config, *staff["readonly"], "export", "0", "--to", str(out / "wav")),
        ],
        "redact": [],
        "replay": [("replay", *config, str(out / "no-such-trace"))],
        "requests": [
            ("requests", *config, *staff[role], "list", *more)
            for role in tokens
            for more in ((), ("--open",))
        ]
        + [
            ("requests", *config, *staff["readonly"], "show", "0"),
            ("requests", *config, *staff["readonly"], "export", "--to", str(out / "all")),
        ],
        "restore": [("restore", "--no-tombstones", *config, str(out / "copy"))],
        "resume": [("resume", *config, "--status"), ("resume", *config)],
        "serve": [("serve", *config)],
        "tls": [("tls", *config)],
        "token": [("token", *config, "list")],
    }
