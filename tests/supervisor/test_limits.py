"""Who is counted as one caller, and how many requests that one may make."""

from __future__ import annotations

import pytest

from pipeline.allowance import RateLimit
from pipeline.supervisor.limits import counted_as


@pytest.mark.parametrize(
    ("address", "key"),
    [
        ("198.51.100.7", "198.51.100.7"),
        ("::ffff:198.51.100.7", "198.51.100.7"),
        ("2001:db8:1:2::1", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff:ffff:ffff:ffff", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::1", "2001:db8:1:3::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::1", "::/64"),
        ("", ""),
        ("junk", "junk"),
    ],
)
def test_an_ipv6_subscriber_is_one_caller_whatever_address_he_takes(address: str, key: str) -> None:
    assert counted_as(address) == key


def test_a_new_address_of_the_same_network_is_no_new_allowance() -> None:
    limit = RateLimit(2)
    waits = [limit.take(counted_as(f"2001:db8:1:2::{host:x}"), 0.0) for host in range(1, 5)]
    assert waits[:2] == [0, 0]
    assert all(wait_s > 0 for wait_s in waits[2:])
    assert limit.take(counted_as("2001:db8:1:3::1"), 0.0) == 0
