"""The receiver in docs/audit.md accepts what we send and nothing else."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Any

from pipeline.webhook.signature import signed_headers

PAGE = Path(__file__).parents[2] / "docs/audit.md"


def test_the_documented_receiver_accepts_ours_and_refuses_what_was_changed() -> None:
    code = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert len(code) == 1
    names: dict[str, Any] = {}
    exec(code[0], names)  # noqa: S102  # our own documentation is what is tested
    genuine, secret, body = names["genuine"], "q" * 32, b'{"a": 1}'
    now_s = int(time.time())
    headers = signed_headers(secret, "r01", now_s, body)
    assert genuine(secret.encode(), headers, body)
    assert not genuine(secret.encode(), headers, b'{"a":1}')
    assert not genuine(b"w" * 32, headers, body)
    assert not genuine(secret.encode(), signed_headers(secret, "r01", now_s - 301, body), body)
    for name in headers:
        assert not genuine(secret.encode(), {**headers, name: "é"}, body)
        assert not genuine(secret.encode(), {k: v for k, v in headers.items() if k != name}, body)
