"""How busy the model's server is, as the event that says so once a minute."""

from __future__ import annotations

from pipeline.metrics.model_load import Load
from pipeline.telemetry.events import Event


class ModelServerLoad(Event):
    """How busy the model's server is, and what it did since the last time."""

    running: int
    waiting: int
    cache_percent: float
    prompt_tokens: int
    generated_tokens: int
    prefix_hit_percent: float | None
    """None: no prompt was looked up since the last time."""
    preemptions: int


def since(before: Load, now: Load) -> ModelServerLoad:
    """What happened in between; a server that was started again counts from 0."""
    queried = _grown(before.prefix_queried_tokens, now.prefix_queried_tokens)
    hits = _grown(before.prefix_hit_tokens, now.prefix_hit_tokens)
    return ModelServerLoad(
        running=int(now.running),
        waiting=int(now.waiting),
        cache_percent=round(100 * min(now.cache_used, 1.0), 1),
        prompt_tokens=_grown(before.prompt_tokens, now.prompt_tokens),
        generated_tokens=_grown(before.generated_tokens, now.generated_tokens),
        prefix_hit_percent=round(100 * hits / queried, 1) if queried else None,
        preemptions=_grown(before.preemptions, now.preemptions),
    )


def _grown(before: float, now: float) -> int:
    return int(now - before if now >= before else now)
