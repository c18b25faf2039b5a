"""What the store holds after a call, read as staff read it: with a named token, through the public command."""

from __future__ import annotations

import json
import secrets
from datetime import date
from pathlib import Path

from tests.first_call.served import Served, wardline

NUMBER = "2125550143"
"""What the caller of the script `booking` says, digit by digit."""
TUESDAY = 1


def stored(server: Served, beside: Path) -> list[dict[str, str]]:
    """Every request that is kept, opened; `beside` is a folder outside the server's own."""
    config = ("--config", str(server.directory / "wardline.toml"))
    user = f"desk-{secrets.token_hex(4)}"
    token, to = beside / user, beside / f"{user}.jsonl"
    token.write_text(wardline("token", *config, "create", user).stdout)
    done = wardline("requests", *config, "--token-file", str(token), "export", "--to", str(to))
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in to.read_text().splitlines()]


def wrong_in(request: dict[str, str]) -> list[str]:
    """Names of what was booked otherwise than it was said; the telephone number counts digit for digit."""
    said = {
        "state": "complete",
        "ended": "goodbye",
        "field.reason": "follow_up",
        "field.first_name": "David",
        "field.phone": NUMBER,
        "field.time": "afternoon",
    }
    wrong = [key for key, value in said.items() if request.get(key) != value]
    if date.fromisoformat(request.get("field.day", "1970-01-01")).weekday() != TUESDAY:
        wrong.append("field.day")
    return wrong
