"""A caller who asks for a person is led to a second telephone (REFER): connected, or back with us.

Over TLS both telephones' sound is SRTP, and the phones speak TLS with each other, too.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.sip.conftest import make_certificate
from tests.sip.house import House, opened
from tests.sip.softphone import Softphone, loud, softphone
from tests.sip.spoken_caller import spoken, until

pytestmark = [pytest.mark.sip, pytest.mark.wire]

CERTIFICATE = "-----BEGIN CERTIFICATE-----"
LIMIT_MS = 8_000
"""How long a desk may ring."""
BOTH = ["udp", pytest.param("tls", marks=pytest.mark.long)]


@contextmanager
def desk_at(tmp_path: Path, transport: str, *, answers: bool = False) -> Iterator[Softphone]:
    """The second telephone; over TLS it shows the certificate of `asked_for_the_desk`."""
    shown = tmp_path / "desk.pem"
    if transport == "tls":
        made = make_certificate(tmp_path)
        shown.write_text(Path(made.key).read_text() + Path(made.chain).read_text())
    with softphone(
        tmp_path / "desk", transport=transport, srtp=transport == "tls", user="desk", answers=answers,
        certificate=str(shown) if transport == "tls" else "",
    ) as desk:  # fmt: skip
        yield desk


@contextmanager
def asked_for_the_desk(
    tmp_path: Path, cache: Path, desk: Softphone, transport: str
) -> Iterator[tuple[House, Softphone]]:
    """A caller who has pressed 0, and the house they called."""
    toml = f"""
[transfer]
targets = ["front-desk {desk.uri}"]
ladder = ["front-desk", "callback"]
limit_ms = {LIMIT_MS}
"""
    with ExitStack() as stack:
        house = stack.enter_context(opened(tmp_path / "house", cache, toml))
        trusted, secure = tmp_path / "trusted.pem", transport == "tls"
        if secure:
            desks = (tmp_path / "desk.pem").read_text()
            trusted.write_text(Path(house.ca_file).read_text() + desks[desks.index(CERTIFICATE) :])
        caller = stack.enter_context(
            softphone(
                tmp_path / "caller",
                transport=transport,
                srtp=secure,
                ca_file=str(trusted) if secure else "",
            )
        )
        caller.dial(house.uri(transport))
        caller.until("CALL_ESTABLISHED")
        until(lambda: bool(house.event("call_started")), 60, "the call has begun")
        caller.key("0")
        yield house, caller


def ended(house: House, transport: str) -> str:
    """Why our part is over, which was as secret as it should be."""
    over = house.told("phone_call_over", 60)
    assert over["secured"] is (transport == "tls")
    return str(over["reason"])


def led(house: House) -> tuple[str, str]:
    told = house.told("phone_call_led", 60)
    return told["target"], told["outcome"]


def quiet(caller: Softphone, since: int) -> bool:
    """Whether something was said since then, and is over."""
    said = loud(caller.heard()[since:])
    return int(said.sum()) >= 10 and not said[-12:].any()


def is_back(house: House, caller: Softphone, transport: str) -> None:
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
    assert ended(house, transport) == "caller"


@pytest.mark.parametrize("transport", BOTH)
def test_key_0_leads_the_caller_to_the_desk(
    tmp_path: Path, model_cache: Path, transport: str
) -> None:
    with (
        desk_at(tmp_path, transport, answers=True) as desk,
        asked_for_the_desk(tmp_path, model_cache, desk, transport) as (house, _),
    ):
        desk.until("CALL_ESTABLISHED", limit_s=60)
        assert led(house) == ("front-desk", "connected")
        assert ended(house, transport) == "us", "by our BYE, at once"


@pytest.mark.long
@pytest.mark.parametrize("transport", ["udp", "tls"])
def test_a_desk_that_is_busy_leaves_the_caller_with_us(
    tmp_path: Path, model_cache: Path, transport: str
) -> None:
    with (
        desk_at(tmp_path, transport) as desk,
        asked_for_the_desk(tmp_path, model_cache, desk, transport) as (house, caller),
    ):
        desk.until("CALL_INCOMING", limit_s=60)
        desk.hang_up()  # 486
        assert led(house) == ("front-desk", "busy")
        is_back(house, caller, transport)


@pytest.mark.long
@pytest.mark.parametrize("transport", ["udp", "tls"])
def test_a_desk_that_does_not_answer_leaves_the_caller_with_us(
    tmp_path: Path, model_cache: Path, transport: str
) -> None:
    with (
        desk_at(tmp_path, transport) as desk,
        asked_for_the_desk(tmp_path, model_cache, desk, transport) as (house, caller),
    ):
        desk.until("CALL_INCOMING", limit_s=60)
        assert led(house) == ("front-desk", "no_answer")
        caller.hang_up()  # the phone's own call to the desk, which is the one that its keys go to
        desk.until("CALL_CLOSED")
        is_back(house, caller, transport)
