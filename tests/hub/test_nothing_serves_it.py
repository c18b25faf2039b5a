"""What serves can neither import the hub's room nor write down an address outside."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import grimp
import pytest

from pipeline.hub.catalogue import shipped

ROOT = Path(__file__).parents[2]
ENTRIES = ("pipeline.commands.serve", "pipeline.worker", "pipeline.app", "pipeline.supervisor.host")
CHILDREN = ("models.pocketsphinx_child", "models.language_model", "pipeline.egress.trial")
CLIENTS = {"urllib.request", "http.client", "ftplib", "requests", "httpx", "huggingface_hub"}
"""A client of the web that is imported as such; aiohttp is there for the page, the webhook and the model on this machine."""
TRIAL = "pipeline.egress.attempts"
"""Tries the ways out, a model hub's among them, to show that they are closed: it is held to that by its own tests."""
_URL = re.compile(r"[a-z][a-z0-9+.-]*://[^\s\"'`<>{}]+", re.IGNORECASE)
NAMES = {"https://json-schema.org/draft/2020-12/schema", "ws://worker/"}
"""What a schema calls itself, and the host that a WebSocket over a socket file must name: nobody opens either."""
_OURS = re.compile(
    r"://(127\.0\.0\.1|\[::1\]|localhost|[a-z0-9.:@-]*\.(example|invalid|test))\b|://[^/]*(user|host|name)",
    re.IGNORECASE,
)


@pytest.fixture(scope="module")
def served() -> set[str]:
    """Every module of ours that the server's processes import, at their top or later."""
    graph = grimp.build_graph("pipeline", "models", "phi", cache_dir=None)
    found = set(ENTRIES) | set(CHILDREN)
    for entry in (*ENTRIES, *CHILDREN):
        found |= graph.find_upstream_modules(entry)
    return found


@cache
def source(module: str) -> str:
    path = ROOT / module.replace(".", "/")
    return (path / "__init__.py" if path.is_dir() else path.with_suffix(".py")).read_text("utf-8")


@cache
def parsed(module: str) -> ast.Module:
    return ast.parse(source(module))


def test_nothing_that_serves_imports_the_hub_or_its_command(served: set[str]) -> None:
    assert len(served) > 150
    assert "pipeline.bundle.opened" in served
    assert not {
        each for each in served if each.startswith(("pipeline.hub", "pipeline.commands.bundle"))
    } - {"pipeline.commands.bundle_telling"}


def test_nothing_that_serves_imports_a_client_of_the_web(served: set[str]) -> None:
    found = set[tuple[str, str]]()
    for module in served - {TRIAL}:
        for node in ast.walk(parsed(module)):
            if isinstance(node, ast.Import):
                found |= {(module, alias.name) for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                found |= {(module, node.module)} | {
                    (module, f"{node.module}.{alias.name}") for alias in node.names
                }
    assert {each for each in found if each[1] in CLIENTS} == set()


def texts(module: str) -> Iterator[str]:
    """Every text in the code; docstrings are for readers."""
    tree = parsed(module)
    blocks = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    docs = {
        id(node.value)
        for block in ast.walk(tree)
        if isinstance(block, blocks)
        for node in block.body
        if isinstance(node, ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docs:
            yield node.value


def test_no_address_outside_stands_in_what_serves(served: set[str]) -> None:
    found = {
        (module, url)
        for module in served - {TRIAL}
        for text in texts(module)
        for url in _URL.findall(text)
        if not _OURS.search(url) and url not in NAMES
    }
    assert found == set()


def test_the_grep_finds_an_address_where_there_is_one() -> None:
    hub = shipped()
    assert _URL.findall(hub.hub)
    assert not _OURS.search(hub.hub)


def test_no_host_of_the_catalogue_is_named_in_what_serves(served: set[str]) -> None:
    catalogue = shipped()
    names = [catalogue.hub.partition("://")[2], *catalogue.hosts]
    found = {(module, name) for module in served for name in names if name in source(module)}
    assert {each for each in found if each[0] != TRIAL} == set()
    assert found, "the search finds what the trial names"
