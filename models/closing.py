"""Makes an engine's stream one that can be closed. Knows nothing of what is streamed."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from typing import TypeVar

T = TypeVar("T")


async def closing(stream: AsyncIterator[T]) -> AsyncGenerator[T, None]:
    """Make any iterator one that `aclosing` can close, and close what it wraps."""
    try:
        async for each in stream:
            yield each
    finally:
        close = getattr(stream, "aclose", None)
        if close is not None:
            await close()
