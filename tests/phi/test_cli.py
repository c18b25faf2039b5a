"""The line protocol of the redactor and the `redact` command."""

from __future__ import annotations

import io
import json

import pytest

from phi.carry import CallContext
from phi.cli import FAULT, answers
from pipeline.commands.redact import redact_lines
from tests.phi.unhurried import unhurried


def ask(*items: object) -> list[dict[str, object]]:
    return list(answers([json.dumps(item).encode() for item in items], unhurried()))


def test_each_line_is_answered_with_text_and_cost() -> None:
    (answer,) = ask({"text": "my name is siobhan okonkwo"})
    assert answer["text"] == "my name is [NAME]"
    assert isinstance(answer["us"], float)


def test_lines_of_one_call_carry_over() -> None:
    out = ask(
        {"text": "what is your name?", "seq": 4},
        {"text": "rose", "seq": 4},
        {"text": "rose", "seq": 5},
    )
    assert [a["text"] for a in out[1:]] == ["[NAME]", "rose"]


def test_known_values_come_with_the_line() -> None:
    (answer,) = ask({"text": "the form says rose", "known": {"name": "Rose King"}})
    assert "rose" not in str(answer["text"])


def test_a_malformed_line_is_answered_without_its_content() -> None:
    out = list(answers([b"{rose", b'["rose"]', b'{"text": 5}', b"\xff"], unhurried()))
    assert all("error" in a and "rose" not in str(a) for a in out)
    assert len(out) == 4


def test_half_a_character_in_a_known_value_stops_nothing() -> None:
    first = '{"text": "rose king is here", "known": {"name": "\\ud800Rose King"}}'
    out = list(answers([first.encode(), b'{"text": "hello"}'], unhurried()))
    assert "rose" not in out[0]["text"]
    assert out[1]["text"] == "hello"


def test_a_line_whose_call_cannot_be_known_is_answered_without_its_content(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def never(*_: str) -> None:
        raise RuntimeError

    monkeypatch.setattr(CallContext, "learn", never)
    out = ask({"text": "hi rose", "known": {"name": "Rose"}}, {"text": "hello"})
    assert out[0] == FAULT
    assert out[1]["text"] == "hello"


def test_the_command_explains_kinds_and_counts_without_content() -> None:
    out, notes = io.StringIO(), io.StringIO()
    redact_lines([b"my name is siobhan\n", b"hello\n"], out, notes, explain=True)
    assert out.getvalue() == "my name is [NAME]\nhello\n"
    assert notes.getvalue() == "line 1: 1 NAME (names)\n2 lines, 1 changed, 0 withheld: NAME 1\n"
