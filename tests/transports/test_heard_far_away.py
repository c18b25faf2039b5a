"""What a far end has been sent and not yet played, at the wire: a stall of the machine would be waiting sound too."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pipeline.stream.messages import Bringer
from pipeline.transports.media_stream import LEAD_MS
from tests.transports.stream_rig import opened

pytestmark = pytest.mark.wire


async def test_what_waits_at_the_far_end_counts_as_not_heard(tmp_path: Path) -> None:
    async with opened(tmp_path) as rig:
        far, call = await rig.called()
        call.playout.push(0, np.full(40_000, 2_000, "<i2").tobytes())
        await far.until(lambda: far.samples() >= 4_000)
        sent_samples = call.playout.sent_samples
        heard_samples = call.playout.flush()
        lead = LEAD_MS[Bringer.CARRIER] * 8
        assert sent_samples - lead - 320 <= heard_samples < sent_samples
        assert call.playout.sent_samples == heard_samples
