"""A whole call, with every packet of every interface looked at: none goes anywhere but to the two ends."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.first_call.capture import CONTROL
from tests.first_call.page import BOOKED

pytestmark = pytest.mark.wire

OWN = {"127.0.0.1", "10.99.0.1"}
NAMESPACE = 'ip link set lo up && ip addr add 10.99.0.1/24 dev lo && ip route add default dev lo && exec "$@"'
"""A default route, so that a packet to a foreign host does leave and is seen."""


def captured(
    directory: Path, cache: Path, *arguments: str
) -> tuple[dict[str, int], dict[str, object]]:
    own = ["unshare", "-n"] if os.geteuid() == 0 else ["unshare", "-Urn"]
    command = [
        sys.executable,
        "-m",
        "tests.first_call.capture",
        str(directory),
        str(cache),
        *arguments,
    ]
    done = subprocess.run(
        [*own, "sh", "-c", NAMESPACE, "sh", *command],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        cwd=Path(__file__).parents[2],
    )
    assert done.returncode == 0, done.stderr
    record = json.loads(done.stdout)
    return record["seen"], record["call"]


def check(seen: dict[str, int]) -> None:
    assert f"{CONTROL} 53" in seen, "the capture does not see a packet to a foreign host"
    rest = {at: count for at, count in seen.items() if at != f"{CONTROL} 53"}
    assert sum(rest.values()) > 500
    assert {at.split()[0] for at in rest} <= OWN
    assert {at.split()[1] for at in rest} == {"-"}, "a name or STUN server was asked"


def test_a_call_sends_no_packet_to_anybody_but_its_two_ends(
    tmp_path: Path, model_cache: Path
) -> None:
    seen, call = captured(tmp_path, model_cache, "--say", "I need a follow up appointment.")
    check(seen)
    assert call["turns"]


@pytest.mark.long
def test_a_whole_booking_sends_no_packet_to_anybody_but_its_two_ends(
    tmp_path: Path, model_cache: Path
) -> None:
    seen, call = captured(tmp_path, model_cache, "--script", "booking")
    check(seen)
    assert call["met"] is True


@pytest.mark.long
@pytest.mark.browser
@pytest.mark.parametrize("engines", ["page", "open-models"])
def test_a_booking_through_the_page_sends_no_packet_to_anybody_but_its_two_ends(
    tmp_path: Path, model_cache: Path, engines: str
) -> None:
    """Open models too: nothing is fetched or reported where there is no network to do it over."""
    seen, call = captured(tmp_path, model_cache, engines)
    check(seen)
    assert call["foreign"] == []
    assert call["console"] == []
    assert call["wrong"] == [[]]
    request = str(call["request"]).lower()
    assert all(value in request for value in BOOKED), request
