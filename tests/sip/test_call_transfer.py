"""A caller who asks for a person is led to a second telephone (REFER): connected, or back with us."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.sip.house import House, opened
from tests.sip.softphone import Softphone, loud, softphone
from tests.sip.spoken_caller import spoken, until

pytestmark = [pytest.mark.sip, pytest.mark.wire]

LIMIT_MS = 8_000
"""How long a desk may ring."""


@contextmanager
def asked_for_the_desk(
    tmp_path: Path, cache: Path, desk: Softphone
) -> Iterator[tuple[House, Softphone]]:
    """A caller who has pressed 0, and the house they called."""
    toml = f"""
[transfer]
targets = ["front-desk {desk.uri}"]
ladder = ["front-desk", "callback"]
limit_ms = {LIMIT_MS}
"""
    with (
        opened(tmp_path / "house", cache, toml) as house,
        softphone(tmp_path / "caller") as caller,
    ):
        caller.dial(house.uri("udp"))
        caller.until("CALL_ESTABLISHED")
        until(lambda: bool(house.event("call_started")), 60, "the call has begun")
        caller.key("0")
        yield house, caller


def led(house: House) -> tuple[str, str]:
    until(lambda: bool(house.event("phone_call_led")), 60, "the outcome")
    (told,) = house.event("phone_call_led")
    return told["target"], told["outcome"]


def quiet(caller: Softphone, since: int) -> bool:
    """Whether something was said since then, and is over."""
    said = loud(caller.heard()[since:])
    return int(said.sum()) >= 10 and not said[-12:].any()


def is_back(house: House, caller: Softphone) -> None:
    """We speak to the caller again, hear an answer and reply to it."""
    since = len(caller.heard())
    until(lambda: quiet(caller, since), 60, "what we say about it")
    turns = len(house.event("turn_ended"))
    since = len(caller.heard())
    caller.say(spoken("two one two five five five zero one four three"))
    until(lambda: len(house.event("turn_ended")) > turns, 60, "the caller's words are a turn")
    until(lambda: quiet(caller, since), 60, "a reply to them")
    assert not house.event("phone_call_over")
    caller.hang_up()
    until(lambda: bool(house.event("phone_call_over")), 60, "our part is over")
    assert house.event("phone_call_over")[0]["reason"] == "caller"


def test_key_0_leads_the_caller_to_the_desk(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    cache = tmp_path_factory.getbasetemp() / "models"
    with (
        softphone(tmp_path / "desk", user="desk", answers=True) as desk,
        asked_for_the_desk(tmp_path, cache, desk) as (house, _),
    ):
        desk.until("CALL_ESTABLISHED", limit_s=60)
        assert led(house) == ("front-desk", "connected")
        until(lambda: bool(house.event("phone_call_over")), 60, "our part is over")


@pytest.mark.long
def test_a_desk_that_is_busy_leaves_the_caller_with_us(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    cache = tmp_path_factory.getbasetemp() / "models"
    with (
        softphone(tmp_path / "desk", user="desk") as desk,
        asked_for_the_desk(tmp_path, cache, desk) as (house, caller),
    ):
        desk.until("CALL_INCOMING", limit_s=60)
        desk.hang_up()  # 486
        assert led(house) == ("front-desk", "busy")
        is_back(house, caller)


@pytest.mark.long
def test_a_desk_that_does_not_answer_leaves_the_caller_with_us(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    cache = tmp_path_factory.getbasetemp() / "models"
    with (
        softphone(tmp_path / "desk", user="desk") as desk,
        asked_for_the_desk(tmp_path, cache, desk) as (house, caller),
    ):
        desk.until("CALL_INCOMING", limit_s=60)
        assert led(house) == ("front-desk", "no_answer")
        caller.hang_up()  # the phone's own call to the desk, which is the one that its keys go to
        desk.until("CALL_CLOSED")
        is_back(house, caller)
