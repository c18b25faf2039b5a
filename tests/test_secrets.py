"""No secret is written down in what is shipped (row C11): sources, pages, recipes, examples."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SHIPPED = ("pipeline", "models", "phi", "bench", "tools", "deploy", "docs", "requirements")
ENDINGS = {".py", ".md", ".toml", ".js", ".html", ".css", ".conf", ".lock", ".txt", ".json", ""}
BYTES_MAX = 2 << 20

SECRETS = re.compile(
    r"-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----"
    r"|\bws_[0-9a-f]{8}_[A-Za-z0-9_-]{32}\b"
    r"|\bAKIA[0-9A-Z]{16}\b"
    r"|\b(?:sk|ghp|xox[bp])[-_][A-Za-z0-9]{20,}\b"
    r"|\"lookup\": *\"[A-Za-z0-9+/]{43}=\""
    r"|\b(?:secret|password|passwd|api_key|auth_token)\b\"?'? *[:=] *[\"'][^\"'$<{ ]{8,}[\"']",
    re.IGNORECASE,
)


def shipped() -> Iterator[Path]:
    yield from (ROOT / name for name in ("README.md", "pyproject.toml", "Makefile"))
    for folder in SHIPPED:
        for path in sorted((ROOT / folder).rglob("*")):
            if path.is_file() and path.suffix in ENDINGS and "__pycache__" not in path.parts:
                yield path


def test_row_c11_nothing_shipped_holds_a_secret() -> None:
    found = []
    looked_at = 0
    for path in shipped():
        text = path.read_bytes()[:BYTES_MAX].decode(errors="replace")
        looked_at += 1
        found += [
            f"{path.relative_to(ROOT)}:{text.count(chr(10), 0, hit.start()) + 1}"
            for hit in SECRETS.finditer(text)
        ]
    assert looked_at > 200
    assert found == []


@pytest.mark.parametrize(
    "text",
    [
        "-----BEGIN PRIVATE KEY-----",
        "-----BEGIN EC PRIVATE KEY-----",
        "Bearer ws_0123abcd_" + "x" * 32,
        'api_key = "0123456789abcdef"',
        "password: 'correct-horse'",
        '{"secret": "0123456789abcdef"}',
        '"lookup": "' + "A" * 43 + '="',
    ],
)
def test_what_a_secret_looks_like_is_found(text: str) -> None:
    assert SECRETS.search(text)


def test_places_for_a_secret_are_none() -> None:
    for text in (
        'secret = ""',
        'secret = "${file:/etc/x}"',
        "password_file = 'x'",
        'token = "<yours>"',
    ):
        assert not SECRETS.search(text)
