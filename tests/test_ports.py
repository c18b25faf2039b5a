"""Two tests side by side are never given one port, and none that somebody has for UDP alone."""

from __future__ import annotations

import socket
from itertools import pairwise

import pytest

from tests.ports import END, FIRST, Ports, free_port, free_ports, is_free, share

WORKERS = 4


def of(number: int) -> range:
    return share({"PYTEST_XDIST_WORKER": f"gw{number}", "PYTEST_XDIST_WORKER_COUNT": str(WORKERS)})


def test_the_shares_of_two_workers_have_no_port_in_common() -> None:
    shares = [of(number) for number in range(WORKERS)]
    assert all(earlier.stop <= later.start for earlier, later in pairwise(shares))
    assert (shares[0].start, shares[-1].stop <= END) == (FIRST, True)
    assert all(len(each) > 2_000 and each.start % 2 == 0 for each in shares)
    assert share({}) == range(FIRST, END)


@pytest.mark.wire
@pytest.mark.parametrize("kind", [socket.SOCK_DGRAM, socket.SOCK_STREAM])
@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.5", "0.0.0.0"])  # noqa: S104  # any address counts
def test_a_port_that_somebody_has_at_any_address_is_not_given(
    kind: socket.SocketKind, host: str
) -> None:
    first = free_ports(4)
    with socket.socket(socket.AF_INET, kind) as taken:
        taken.bind((host, first + 1))
        assert not is_free(first + 1)
        assert Ports(range(first, first + 4)).take(2) == first + 2
    assert is_free(first + 1)


@pytest.mark.wire
def test_ports_are_given_in_turn_and_several_begin_with_an_even_one() -> None:
    given = [free_port() for _ in range(5)]
    assert len(set(given)) == 5
    assert [free_ports(20) % 2 for _ in range(5)] == [0] * 5


@pytest.mark.wire
def test_when_none_is_left_it_says_so() -> None:
    first = free_ports(2)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", first))
        with pytest.raises(AssertionError, match="no 2 free ports"):
            Ports(range(first, first + 2)).take(2)
