from __future__ import annotations

import gc
from collections.abc import Iterator

import aioice.ice
import psutil  # type: ignore[import-untyped]  # ships no annotations
import pytest
from blockbuster import blockbuster_ctx


def _loopback(use_ipv4: bool, use_ipv6: bool) -> list[str]:
    return ["127.0.0.1"]


@pytest.fixture(autouse=True)
def _no_blocking_calls_in_the_loop() -> Iterator[None]:
    """As everywhere, but the test's stock aiortc caller may join its decoder thread."""
    with blockbuster_ctx() as guard:
        guard.functions["threading.Lock.acquire"].can_block_in(
            "aiortc/rtcrtpreceiver.py", "__stop_decoder"
        )
        yield


@pytest.fixture(autouse=True)
def _loopback_is_an_address(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stock aioice hides loopback; a caller on this machine has nothing else in an empty namespace."""
    monkeypatch.setattr(aioice.ice, "get_host_addresses", _loopback)


@pytest.fixture(autouse=True)
def _no_socket_is_left(request: pytest.FixtureRequest) -> Iterator[None]:
    if request.node.get_closest_marker("wire") is None:
        yield
        return
    before = len(psutil.Process().net_connections())
    yield
    gc.collect()
    gc.freeze()  # what lives on is not looked at again after the next test: it had come to seconds each time
    assert len(psutil.Process().net_connections()) <= before
