"""The one place that knows torch: a device, random matrices on it, and work recorded to be played back.

torch is looked up when it is needed, so that the rest can be read, checked and tested without it.
"""

from __future__ import annotations

import importlib
import math
import platform
import shutil
import subprocess
from collections.abc import Callable
from typing import Any

from pipeline.clock import MonotonicClock

SEED = 20_261_121
NO_TORCH = (
    "torch is not installed in this Python. Make an environment for it:"
    " python3.11 -m venv .venv-gpu && .venv-gpu/bin/pip install torch==2.13.0"
)
NO_CARD = (
    "there is no CUDA device here, so nothing was measured. Run this on the GPU box; elsewhere"
    " `--device cpu --tiny` shows that the code works, and its figures mean nothing"
)


class Unavailable(Exception):
    """What this machine lacks, in a sentence."""


class Device:
    """Where tensors live and how time is taken there."""

    def __init__(self, name: str) -> None:
        """`cuda` or `cpu`; raises `Unavailable`."""
        try:
            self.torch: Any = importlib.import_module("torch")
        except ImportError:
            raise Unavailable(NO_TORCH) from None
        if name == "cuda" and not self.torch.cuda.is_available():
            raise Unavailable(NO_CARD)
        self.name = name
        self.on_card = name == "cuda"
        self.kind: Any = self.torch.bfloat16
        """BF16 everywhere: what the language model's weights are; float16 is as fast on these cards."""
        self._generator = self.torch.Generator(device=name).manual_seed(SEED)
        self.now_ms = MonotonicClock().now_ms

    def matrix(self, *shape: int) -> Any:
        """Random, scaled so that layers neither grow nor vanish."""
        made = self.torch.randn(shape, dtype=self.kind, device=self.name, generator=self._generator)
        return made.mul_(1 / math.sqrt(shape[-1]))

    def finish(self) -> None:
        """Wait for all that was asked of the device."""
        if self.on_card:
            self.torch.cuda.synchronize()

    def free_bytes(self) -> int:
        """What can still be taken; on the processor no limit of ours."""
        return int(self.torch.cuda.mem_get_info()[0]) if self.on_card else 1 << 62

    def let_go(self) -> None:
        """Give back what the last work held."""
        if self.on_card:
            self.torch.cuda.empty_cache()

    def out_of_memory(self, error: RuntimeError) -> bool:
        """Whether this is what torch raises when the card is full."""
        return isinstance(error, self.torch.OutOfMemoryError)

    def recorded(self, work: Callable[[], object]) -> tuple[Callable[[], object], bool]:
        """The work as a CUDA graph, as engines run their steps: without it the processor's launches are what is timed.

        False: it could not be recorded and is run as it is.
        """
        if not self.on_card:
            return work, False
        torch = self.torch
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(3):
                work()
        torch.cuda.current_stream().wait_stream(side)
        graph = torch.cuda.CUDAGraph()
        try:
            with torch.cuda.graph(graph):
                work()
        except RuntimeError as error:
            if self.out_of_memory(error):
                raise
            return work, False
        return graph.replay, True

    def facts(self) -> dict[str, Any]:
        """Device, driver and versions, for the results file."""
        torch = self.torch
        found: dict[str, Any] = {
            "device": self.name,
            "torch": torch.__version__,
            "python": platform.python_version(),
            "system": f"{platform.system()} {platform.machine()}",
            "threads": torch.get_num_threads(),
        }
        if self.on_card:
            card = torch.cuda.get_device_properties(0)
            found |= {
                "name": card.name,
                "memory_mb": card.total_memory >> 20,
                "compute": f"{card.major}.{card.minor}",
                "multiprocessors": card.multi_processor_count,
                "cuda": torch.version.cuda,
                "cudnn": torch.backends.cudnn.version(),
                "driver": driver(),
            }
        return found


def driver() -> str:
    """The driver's version as `nvidia-smi` says it; "" where it does not."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return ""
    words = [program, "--query-gpu=driver_version", "--format=csv,noheader"]
    try:
        done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.split("\n")[0].strip() if done.returncode == 0 else ""
