"""A language model's work in plain torch: reading a prompt, and one token for each of several conversations.

Layers have their own weights as long as memory lasts; where fewer fit than the model has, the ones there are run in
turn, so that each pass still reads as many bytes as the whole model would.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from bench.gpu.device import SEED, Device
from models.sizes import LlmShape

KEPT_FREE_BYTES = 2 << 30
"""For activations and the libraries' own needs."""


class Blocks:
    """Layers of one shape with room for conversations."""

    def __init__(self, device: Device, shape: LlmShape, cache_tokens: int) -> None:
        """`cache_tokens` of all conversations together; raises torch's own error when not even one layer fits."""
        self.device, self.shape = device, shape
        self.layers = [self._layer(device, shape) for _ in range(held(device, shape, cache_tokens))]
        self._words = device.matrix(shape.vocabulary, shape.hidden)
        self._draw = random.Random(SEED)

    @staticmethod
    def _layer(device: Device, shape: LlmShape) -> dict[str, Any]:
        queries, cached = shape.heads * shape.head, shape.cache_heads * shape.head
        layer = {
            "in": device.matrix(queries + 2 * cached, shape.hidden),
            "out": device.matrix(shape.hidden, queries),
            "gate": device.matrix(shape.experts, 2 * shape.inner, shape.hidden),
            "down": device.matrix(shape.experts, shape.hidden, shape.inner),
        }
        if shape.experts > 1:
            layer["router"] = device.matrix(shape.experts, shape.hidden)
        return layer

    def prefill(self, tokens: int) -> Callable[[], object]:
        """Reads a prompt of so many tokens."""
        state = self.device.matrix(1, tokens, self.shape.hidden)
        routes = [self._routes(tokens) for _ in range(self.shape.layers)]

        def work() -> Any:
            x = state
            for index in range(self.shape.layers):
                x = self._pass(self.layers[index % len(self.layers)], x, None, routes[index])
            return x[:, -1] @ self._words.T

        return work

    def decode(self, batch: int, context_tokens: int) -> Callable[[], object]:
        """One more token for each of `batch` conversations of `context_tokens`."""
        shape, device = self.shape, self.device
        state = device.matrix(batch, 1, shape.hidden)
        size = (batch, shape.cache_heads, context_tokens, shape.head)
        caches = [(device.matrix(*size), device.matrix(*size)) for _ in self.layers]
        routes = [self._routes(batch) for _ in range(shape.layers)]

        def work() -> Any:
            x = state
            for index in range(shape.layers):
                which = index % len(self.layers)
                x = self._pass(self.layers[which], x, caches[which], routes[index])
            return (x[:, -1] @ self._words.T).argmax(-1)

        return work

    def _pass(
        self, layer: dict[str, Any], x: Any, cache: Any, routes: list[tuple[int, Any]]
    ) -> Any:
        torch, shape = self.device.torch, self.shape
        functional = torch.nn.functional
        batch, length, _ = x.shape
        queries, cached = shape.heads * shape.head, shape.cache_heads * shape.head
        normed = functional.rms_norm(x, (shape.hidden,))
        q, k, v = (normed @ layer["in"].T).split([queries, cached, cached], dim=-1)
        q = q.view(batch, length, shape.heads, shape.head).transpose(1, 2)
        k = k.view(batch, length, shape.cache_heads, shape.head).transpose(1, 2)
        v = v.view(batch, length, shape.cache_heads, shape.head).transpose(1, 2)
        if cache is not None:
            keys, values = cache
            keys[:, :, -length:] = k
            values[:, :, -length:] = v
            k, v = keys, values
        heard = functional.scaled_dot_product_attention(
            q, k, v, is_causal=cache is None, enable_gqa=True
        )
        x = x + heard.transpose(1, 2).reshape(batch, length, queries) @ layer["out"].T
        normed = functional.rms_norm(x, (shape.hidden,)).view(batch * length, shape.hidden)
        return x + self._inner(layer, normed, routes).view(batch, length, shape.hidden)

    def _inner(self, layer: dict[str, Any], rows: Any, routes: list[tuple[int, Any]]) -> Any:
        torch = self.device.torch
        silu = torch.nn.functional.silu
        if self.shape.experts == 1:
            gate, up = (rows @ layer["gate"][0].T).chunk(2, dim=-1)
            return (silu(gate) * up) @ layer["down"][0].T
        weights = (rows @ layer["router"].T).softmax(-1)
        made = torch.zeros_like(rows)
        for expert, chosen in routes:
            gate, up = (rows[chosen] @ layer["gate"][expert].T).chunk(2, dim=-1)
            part = (silu(gate) * up) @ layer["down"][expert].T
            made.index_add_(0, chosen, part * weights[chosen, expert, None])
        return made

    def _routes(self, rows: int) -> list[tuple[int, Any]]:
        """Which rows go to which expert: drawn once, as even as chance, since random weights would route at random."""
        shape = self.shape
        if shape.experts == 1:
            return []
        found: dict[int, list[int]] = {}
        for row in range(rows):
            for expert in self._draw.sample(range(shape.experts), shape.experts_used):
                found.setdefault(expert, []).append(row)
        torch, where = self.device.torch, self.device.name
        return [(e, torch.tensor(chosen, device=where)) for e, chosen in sorted(found.items())]


def held(device: Device, shape: LlmShape, cache_tokens: int) -> int:
    """How many layers get weights and cache of their own; at least one."""
    each = 2 * shape.layer_parameters + shape.cache_bytes(cache_tokens) // shape.layers
    words = 2 * shape.vocabulary * shape.hidden
    return max(1, min(shape.layers, (device.free_bytes() - words - KEPT_FREE_BYTES) // each))
