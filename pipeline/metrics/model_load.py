"""The few numbers of vLLM's /metrics that may be passed on: a calculation from its text.

Everything else there is dropped, labels included: a label is somebody's text.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, fields

TEXT_BYTES_MAX = 2_000_000
_LINE = re.compile(r"(vllm:[a-z0-9_]{1,80})(?:\{[^\n]{0,2000}\})? ([0-9.eE+-]{1,32})\Z", re.ASCII)


@dataclass(frozen=True, slots=True)
class Load:
    """How busy the model is; sums over all engines of the server."""

    running: float = 0.0
    waiting: float = 0.0
    cache_used: float = 0.0
    """Of the memory for conversations, 0 to 1; the fullest engine's."""
    prompt_tokens: float = 0.0
    generated_tokens: float = 0.0
    prefix_queried_tokens: float = 0.0
    prefix_hit_tokens: float = 0.0
    preemptions: float = 0.0


_NAMES = {
    "vllm:num_requests_running": "running",
    "vllm:num_requests_waiting": "waiting",
    "vllm:kv_cache_usage_perc": "cache_used",
    "vllm:prompt_tokens_total": "prompt_tokens",
    "vllm:generation_tokens_total": "generated_tokens",
    "vllm:prefix_cache_queries_total": "prefix_queried_tokens",
    "vllm:prefix_cache_hits_total": "prefix_hit_tokens",
    "vllm:num_preemptions_total": "preemptions",
}
"""The whole list: what is not here is not passed on."""


def read_load(text: str) -> Load:
    """The allowed numbers of a Prometheus text; what is missing, odd or negative counts as 0."""
    found = {item.name: 0.0 for item in fields(Load)}
    for line in text.splitlines():
        matched = _LINE.match(line)
        if matched is None or matched[1] not in _NAMES:
            continue
        try:
            value = float(matched[2])
        except ValueError:
            continue
        if not math.isfinite(value) or value < 0:
            continue
        name = _NAMES[matched[1]]
        found[name] = max(found[name], value) if name == "cache_used" else found[name] + value
    return Load(**found)
