"""The SIP library stays behind a narrow door, so that another can replace it."""

from __future__ import annotations

import ast
from pathlib import Path

ROOM = Path(__file__).parents[2] / "pipeline"


def test_only_three_files_know_the_library_and_only_its_messages() -> None:
    imported: dict[str, set[str]] = {}
    for path in ROOM.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("aiosipua"):
                imported.setdefault(path.name, set()).update(alias.name for alias in node.names)
            elif isinstance(node, ast.Import):
                assert not [one for one in node.names if one.name.startswith("aiosipua")], path
    assert imported == {
        "wire.py": {"CaseInsensitiveDict", "SipMessage", "SipRequest", "SipResponse"},
        "addresses.py": {"parse_params"},
        "digest.py": {"parse_auth"},
    }
