"""A recogniser's work in plain torch: a window of 30 s through the encoder, and one token of the decoder."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bench.gpu.device import Device
from models.sizes import WHISPER_POSITIONS, WhisperShape

DECODED_TOKENS = 32
"""Of the sentence so far: a caller's is shorter than that, a long one longer."""


class Ear:
    """One recogniser's weights."""

    def __init__(
        self, device: Device, shape: WhisperShape, positions: int = WHISPER_POSITIONS
    ) -> None:
        """`positions` is 1,500 in every Whisper; fewer only for trying the code."""
        self.device, self.shape, self._positions = device, shape, positions
        width = shape.width
        self._ears = [device.matrix(width, shape.mels * 3), device.matrix(width, width * 3)]
        self._encoder = [self._layer(sound=False) for _ in range(shape.encoder_layers)]
        self._decoder = [self._layer(sound=True) for _ in range(shape.decoder_layers)]
        self._words = device.matrix(shape.vocabulary, width)

    def _layer(self, *, sound: bool) -> dict[str, Any]:
        width, matrix = self.shape.width, self.device.matrix
        layer = {
            "in": matrix(3 * width, width),
            "out": matrix(width, width),
            "up": matrix(4 * width, width),
            "down": matrix(width, 4 * width),
        }
        if sound:
            layer |= {"ask": matrix(width, width), "told": matrix(width, width)}
        return layer

    def encode(self, windows: int) -> Callable[[], object]:
        """The encoder over so many windows at once."""
        shape, functional = self.shape, self.device.torch.nn.functional
        sound = self.device.matrix(windows, shape.mels, 2 * self._positions)
        first = self._ears[0].view(shape.width, shape.mels, 3)
        second = self._ears[1].view(shape.width, shape.width, 3)

        def work() -> Any:
            x = functional.gelu(functional.conv1d(sound, first, padding=1))
            x = functional.gelu(functional.conv1d(x, second, stride=2, padding=1)).transpose(1, 2)
            for layer in self._encoder:
                x = self._feed(layer, x + self._attend(layer, x, None))
            return x

        return work

    def step(self, windows: int) -> Callable[[], object]:
        """One more token for each window."""
        shape, matrix = self.shape, self.device.matrix
        head = shape.width // shape.heads
        token = matrix(windows, 1, shape.width)

        def cache(length: int) -> tuple[Any, Any]:
            size = (windows, shape.heads, length, head)
            return matrix(*size), matrix(*size)

        kept = [(cache(DECODED_TOKENS), cache(self._positions)) for _ in self._decoder]

        def work() -> Any:
            x = token
            for layer, (words, sound) in zip(self._decoder, kept, strict=True):
                x = x + self._attend(layer, x, words)
                x = x + self._listen(layer, x, sound)
                x = self._feed(layer, x)
            return (x[:, -1] @ self._words.T).argmax(-1)

        return work

    def _split(self, x: Any) -> Any:
        batch, length, _ = x.shape
        head = self.shape.width // self.shape.heads
        return x.view(batch, length, self.shape.heads, head).transpose(1, 2)

    def _attention(self, q: Any, k: Any, v: Any) -> Any:
        heard = self.device.torch.nn.functional.scaled_dot_product_attention(q, k, v)
        return heard.transpose(1, 2).reshape(q.shape[0], q.shape[2], self.shape.width)

    def _attend(self, layer: dict[str, Any], x: Any, cache: Any) -> Any:
        q, k, v = (self._split(part) for part in (self._norm(x) @ layer["in"].T).chunk(3, dim=-1))
        if cache is not None:
            keys, values = cache
            keys[:, :, -1:] = k
            values[:, :, -1:] = v
            k, v = keys, values
        return self._attention(q, k, v) @ layer["out"].T

    def _listen(self, layer: dict[str, Any], x: Any, sound: tuple[Any, Any]) -> Any:
        q = self._split(self._norm(x) @ layer["ask"].T)
        return self._attention(q, *sound) @ layer["told"].T

    def _feed(self, layer: dict[str, Any], x: Any) -> Any:
        gelu = self.device.torch.nn.functional.gelu
        return x + gelu(self._norm(x) @ layer["up"].T) @ layer["down"].T

    def _norm(self, x: Any) -> Any:
        return self.device.torch.nn.functional.layer_norm(x, (self.shape.width,))
