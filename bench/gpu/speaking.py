"""A voice's work in plain torch: the part of a VITS voice that makes samples, which is nine tenths of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bench.gpu.device import Device


@dataclass(frozen=True, slots=True)
class VoiceShape:
    """A generator that widens frames into samples, as HiFi-GAN's."""

    name: str
    latent: int
    channels: int
    rates: tuple[int, ...]
    kernels: tuple[int, ...]
    rate_hz: int = 22_050

    @property
    def frame_samples(self) -> int:
        """Samples made of one frame."""
        made = 1
        for rate in self.rates:
            made *= rate
        return made


MEDIUM = VoiceShape("medium", 192, 256, (8, 8, 4), (16, 16, 8))
_RESIDUAL = ((3, (1, 2)), (5, (2, 6)), (7, (3, 12)))
"""Kernel and dilations of the residual blocks of Piper's medium voices."""


class Voice:
    """One voice's weights."""

    def __init__(self, device: Device, shape: VoiceShape) -> None:
        """Random, in the right shapes."""
        self.device, self.shape = device, shape
        matrix = device.matrix
        self._first = matrix(shape.channels, shape.latent, 7)
        self._stages = []
        width = shape.channels
        for rate, kernel in zip(shape.rates, shape.kernels, strict=True):
            blocks = [
                (matrix(width // 2, width // 2, size), size, dilation)
                for size, dilations in _RESIDUAL
                for dilation in dilations
            ]
            self._stages.append((matrix(width, width // 2, kernel), rate, kernel, blocks))
            width //= 2
        self._last = matrix(1, width, 7)

    def speak(self, sound_ms: float) -> Callable[[], object]:
        """Makes so much sound."""
        shape, functional = self.shape, self.device.torch.nn.functional
        frames = max(1, round(sound_ms * shape.rate_hz / 1000 / shape.frame_samples))
        latent = self.device.matrix(1, shape.latent, frames)

        def work() -> Any:
            x = functional.conv1d(latent, self._first, padding=3)
            for up, rate, kernel, blocks in self._stages:
                x = functional.leaky_relu(x, 0.1)
                x = functional.conv_transpose1d(x, up, stride=rate, padding=(kernel - rate) // 2)
                made = []
                for weight, size, dilation in blocks:
                    bent = functional.leaky_relu(x, 0.1)
                    pad = (size - 1) * dilation // 2
                    made.append(x + functional.conv1d(bent, weight, padding=pad, dilation=dilation))
                x = sum(made) / len(made)
            return functional.conv1d(functional.leaky_relu(x), self._last, padding=3).tanh()

        return work
