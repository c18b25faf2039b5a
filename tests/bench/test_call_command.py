from __future__ import annotations

import argparse
import asyncio
import json

import pytest

from bench.call_command import command
from bench.script import shipped
from tests.fakes.protocol_server import ProtocolServer, Reply

BOOKING = shipped("booking")


def wardline_call(*given: str) -> int:
    parser = argparse.ArgumentParser()
    command.configure(parser)
    return command.run(parser.parse_args(given))


@pytest.mark.wire
async def test_json_holds_what_was_said_heard_and_answered_and_nothing_else_is_on_stdout(
    capsys: pytest.CaptureFixture[str],
) -> None:
    async with ProtocolServer(
        lambda _pitch: Reply("Goodbye.", heard="hello there", bye="goodbye"), delay_ms=150.0
    ) as server:
        status = await asyncio.to_thread(
            wardline_call, "--url", server.url, "--say", "Hello there.", "--json"
        )
    printed = capsys.readouterr()
    body = json.loads(printed.out)
    assert status == 0
    greeting, turn = body["turns"]
    assert greeting["reply"] == "Hello. How can I help?"
    assert (turn["said"], turn["heard"], turn["reply"]) == (
        "Hello there.",
        "hello there",
        "Goodbye.",
    )
    assert turn["wire_ms"] >= 150.0
    assert turn["barge_in_ms"] is None
    assert (body["ended"], body["request"], body["met"]) == ("goodbye", {}, True)
    assert "heard as  hello there" in printed.err


@pytest.mark.wire
async def test_script_whose_request_is_wrong_exits_with_1_and_says_which_field(
    capsys: pytest.CaptureFixture[str],
) -> None:
    shown = dict.fromkeys(BOOKING.expect, "david follow up 43 tuesday afternoon")
    shown["day"] = "Thursday"

    def answer(_pitch: int) -> Reply:
        return Reply("Goodbye.", fields=shown, complete=True, bye="goodbye")

    async with ProtocolServer(answer, delay_ms=150.0) as server:
        status = await asyncio.to_thread(wardline_call, "--url", server.url, "--script", "booking")
    printed = capsys.readouterr()
    assert status == 1
    assert "the request is wrong in: day" in printed.err
    assert "I need a follow up appointment." in printed.out


def test_no_server_is_one_sentence_and_exit_1(capsys: pytest.CaptureFixture[str]) -> None:
    assert wardline_call("--url", "http://127.0.0.1:9", "--script", "booking") == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.count("\n") == 1
    assert "nothing answers at http://127.0.0.1:9" in printed.err


@pytest.mark.parametrize(
    ("given", "status", "says"),
    [
        (("--script", "cooking"), 1, "there is no script 'cooking'"),
        (("--script", "booking", "--say", "hi"), 2, "either"),
        (("--keys", "12a"), 2, "digits"),
        (("--wav", "/nonexistent.wav"), 1, "cannot read /nonexistent.wav"),
        (("--url", "nonsense", "--script", "booking"), 1, "is not an address"),
        (("--url", "http://[::1", "--script", "booking"), 1, "is not an address"),
        (("--url", "http://exa..mple", "--script", "booking"), 1, "is not an address"),
        (("--url", "http://127.0.0.1:99999", "--script", "booking"), 1, "is not an address"),
        (("--url", "http://127.0.0.1:0", "--script", "booking"), 1, "is not an address"),
        (("--url", "http://300.1.1.1", "--script", "booking"), 1, "is not an address"),
        (("--keys", "1", "--barge-in-after-ms", "500"), 2, "add --say, --wav or --script"),
        (("--say", "  "), 1, "nothing to say"),
    ],
)
def test_wrong_use_is_answered_with_a_sentence(
    given: tuple[str, ...], status: int, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert wardline_call(*given) == status
    printed = capsys.readouterr().err
    assert says in printed
    assert printed.count("\n") == 1
