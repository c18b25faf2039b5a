"""A logits processor for tests: each step takes at least as long as on a GPU.

The tiny model makes a token in 2 ms. When its front gets no processor time, vLLM then sends a whole reply in one piece,
and there is nothing left to interrupt.
"""

from __future__ import annotations

import os
import time
from typing import Any

from vllm.v1.sample.logits_processor import LogitsProcessor  # type: ignore[import-not-found]  # not in our environment

STEP_MS = float(os.environ["TEST_STEP_MS"])  # a program of vLLM's environment, not of ours


class Pace(LogitsProcessor):  # type: ignore[misc]  # not in our environment
    """Changes nothing and takes its time."""

    def __init__(self, vllm_config: Any, device: Any, is_pin_memory: bool) -> None:
        """Take no notice of how vLLM is configured."""

    def is_argmax_invariant(self) -> bool:
        """Say no, or greedy steps leave it out."""
        return False

    def update_state(self, batch_update: Any) -> None:
        """Keep no state."""

    def apply(self, logits: Any) -> Any:
        """Wait."""
        time.sleep(STEP_MS / 1000)
        return logits
