"""The table of what commands are asked is whole."""

from __future__ import annotations

from importlib.metadata import entry_points
from pathlib import Path

from pipeline.cli import GROUP
from tests.canary.commands import asked

ROLES = ("readonly", "operator", "admin", "fetch")


def test_every_command_is_asked_for_a_past_call_s_words(tmp_path: Path) -> None:
    """A new command needs a row; in the long tests it runs against a server that has had a call."""
    rows = asked(("--config", "none.toml"), "c1", dict.fromkeys(ROLES, "token"), tmp_path)
    assert set(rows) == {point.name for point in entry_points(group=GROUP)}
    assert all(words[0] == name for name, row in rows.items() for words in row)
