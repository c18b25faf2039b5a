"""The SIP library stays behind a narrow door, so that another can replace it."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOM = Path(__file__).parents[2] / "pipeline"


def test_only_three_files_know_the_library_and_only_its_messages() -> None:
    imported: dict[str, set[str]] = {}
    for path in ROOM.rglob("*.py"):
        source = path.read_text("utf-8")
        for node in ast.walk(ast.parse(source)) if "aiosipua" in source else ():
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("aiosipua"):
                imported.setdefault(path.name, set()).update(alias.name for alias in node.names)
            elif isinstance(node, ast.Import):
                assert not [one for one in node.names if one.name.startswith("aiosipua")], path
    assert imported == {
        "wire.py": {"CaseInsensitiveDict", "SipMessage", "SipRequest", "SipResponse"},
        "addresses.py": {"parse_params"},
        "digest.py": {"parse_auth"},
    }


def test_the_page_names_tests_that_exist() -> None:
    page = (ROOM.parent / "docs" / "sip.md").read_text("utf-8")
    named = re.findall(r"`(test_\w+\.py)(?:::(\w+))?`", page)
    assert len(named) > 10
    for file, test in named:
        source = (Path(__file__).parent / file).read_text("utf-8")
        assert not test or f"def {test}(" in source, test


def test_calculations_know_no_socket_task_or_clock() -> None:
    shell = {"connections", "datagrams", "connection", "tls", "trunk", "line"}
    shell |= {"gateway", "desk", "joined", "answered", "bridge"}
    page = (ROOM.parent / "docs" / "sip.md").read_text("utf-8")
    named = {name for name in re.findall(r"`(\w+)\.py`", page) if not name.startswith("test_")}
    named -= shell
    assert len(named) > 15
    for name in named:
        for node in ast.walk(ast.parse((ROOM / "sip" / f"{name}.py").read_text("utf-8"))):
            modules = [one.name for one in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                modules.append(node.module or "")
            assert not {"asyncio", "socket", "ssl", "time", "threading"} & set(modules), name
