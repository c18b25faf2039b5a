"""What one address may hold of the lines: calls at once, and offers that never connect."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.errors import TooMany
from pipeline.settings import Http, Limits, Media, Settings, Workers
from pipeline.supervisor.limits import NO_SHARE, Share
from tests.supervisor.served import Served, served

PROXY = 'trusted_proxies = ["127.0.0.0/8"]'
PLENTY = "[limits]\ntokens_per_minute = 1000\n"


@pytest.mark.parametrize(
    ("workers", "per_worker", "said", "calls_max"),
    [(1, 1, 0, 2), (1, 4, 0, 2), (1, 5, 0, 2), (2, 4, 0, 4), (4, 50, 0, 100), (1, 4, 1, 1)],
)
def test_a_share_is_half_of_all_lines_and_at_least_two_unless_it_is_said(
    workers: int, per_worker: int, said: int, calls_max: int
) -> None:
    settings = Settings(
        workers=Workers(workers, per_worker),
        limits=Limits(calls_per_address=said),
        http=Http(trusted_proxies=("127.0.0.1/32",)),
    )
    share = Share.of(settings)
    assert share.calls_max == calls_max
    share.refuse_more(calls_max - 1, 0)
    with pytest.raises(TooMany):
        share.refuse_more(calls_max, 0)


OTHERS_CALL = {
    "the door": Settings(http=Http(bind="0.0.0.0")),  # noqa: S104  # compared, not bound
    "a name": Settings(http=Http(public_url="https://voice.clinic.example")),
    "a proxy of this machine": Settings(http=Http(trusted_proxies=("127.0.0.0/8",))),
    "a proxy that calls itself loopback": Settings(http=Http(public_url="http://localhost:9000")),
    "their sound": Settings(media=Media(allowed_networks=("192.0.2.0/24",))),
}


@pytest.mark.parametrize("way", OTHERS_CALL)
def test_where_others_can_call_the_machine_itself_has_a_share_like_everybody(way: str) -> None:
    assert Share.of(OTHERS_CALL[way]) == Share(2, 2, 30)


@pytest.mark.parametrize(
    ("lines", "said", "share"),
    [
        (4, Limits(), Share(NO_SHARE, NO_SHARE, 30)),
        (64, Limits(), Share(NO_SHARE, NO_SHARE, 128)),
        (
            64,
            Limits(tokens_per_minute=5, calls_per_address=3, pending_per_address=1),
            Share(3, 1, 5),
        ),
    ],
)
def test_where_only_this_machine_can_call_its_address_may_hold_every_line(
    lines: int, said: Limits, share: Share
) -> None:
    assert Share.of(Settings(workers=Workers(1, lines), limits=said)) == share


@pytest.mark.wire
def test_as_many_offers_as_lines_are_taken_from_a_caller_on_a_machine_of_its_own(
    tmp_path: Path,
) -> None:
    lines = "[workers]\ncalls_per_worker = 5\n"
    with served(tmp_path, lines) as server:
        tokens = [server.token() for _ in range(5)]
        answers = [server.offer(token, "absent") for token in tokens]
        assert [status for status, _, _ in answers] == [200] * 5
        status, body, _ = server.ask("POST", "/api/calls")
        assert (status, body["error"]["message"]) == (503, "All lines are busy.")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Served]:
    with served(tmp_path, PLENTY, http=PROXY) as running:
        yield running


def offered(server: Served, address: str, sdp: str) -> tuple[int, str, dict[str, str]]:
    """Mint a token and offer as this address; the last status, its sentence and headers."""
    status, body, sent = server.ask("POST", "/api/calls", X_Forwarded_For=address)
    if status == 201:
        status, body, sent = server.ask(
            "POST",
            "/api/offer",
            {"type": "offer", "sdp": sdp},
            Authorization=f"Bearer {body['token']}",
            X_Forwarded_For=address,
        )
    return status, body.get("error", {}).get("message", ""), sent


@pytest.mark.wire
def test_offers_that_never_connect_leave_lines_to_other_addresses(server: Served) -> None:
    hog = [f"2001:db8:1:2::{host}" for host in range(1, 9)]  # one subscriber's /64
    answers = [offered(server, address, "absent") for address in hog]
    assert [status for status, _, _ in answers] == [200] * 2 + [429] * 6
    _, sentence, sent = answers[-1]
    assert "still connecting" in sentence
    assert int(sent["Retry-After"]) > 0
    assert offered(server, "198.51.100.7", "v=0")[0] == 200
    assert offered(server, "198.51.100.8", "v=0")[0] == 200


@pytest.mark.wire
def test_one_address_has_half_of_the_lines_at_once_and_others_the_rest(
    server: Served,
) -> None:
    assert [offered(server, "198.51.100.7", "v=0")[0] for _ in range(3)] == [200, 200, 429]
    assert "end one" in offered(server, "198.51.100.7", "v=0")[1]
    assert offered(server, "198.51.100.8", "v=0")[0] == 200
    assert server.call()["call_key"]  # the address of the proxy itself is another


@pytest.mark.wire
def test_tokens_saved_up_are_no_way_round_the_share(server: Served) -> None:
    tokens = [server.token() for _ in range(5)]
    assert [server.offer(token, "absent")[0] for token in tokens] == [200, 200, 429, 429, 429]


@pytest.mark.wire
def test_a_call_that_ended_gives_its_place_back(server: Served) -> None:
    first, _ = server.call(), server.call()
    assert server.ask("POST", "/api/calls")[0] == 429
    assert server.ask("POST", "/api/hangup", {"call_key": first["call_key"]})[0] == 204
    server.until("call_over")
    assert server.call()["call_key"]
