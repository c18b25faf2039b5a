"""The loops of tests check how they are used."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.virtual_loop import CheckedLoop, VirtualLoop


@pytest.mark.wire
@pytest.mark.parametrize("made", [CheckedLoop, VirtualLoop])
def test_a_callback_from_another_thread_is_refused(made: type[CheckedLoop]) -> None:
    async def body(other: ThreadPoolExecutor) -> str:
        done = other.submit(asyncio.get_running_loop().call_soon, print)
        while not done.done():  # noqa: ASYNC110  # the other thread's
            await asyncio.sleep(0.001)
        return str(done.exception())

    with (
        ThreadPoolExecutor() as other,
        asyncio.Runner(debug=True, loop_factory=made) as runner,
    ):
        assert "Non-thread-safe operation" in runner.run(body(other))


@pytest.mark.parametrize("made", [CheckedLoop, VirtualLoop])
def test_what_cannot_be_called_back_is_refused(made: type[CheckedLoop]) -> None:
    async def body() -> None:
        with pytest.raises(TypeError, match="coroutines cannot be used"):
            asyncio.get_running_loop().call_soon(body)

    with asyncio.Runner(debug=True, loop_factory=made) as runner:
        runner.run(body())
