"""What the process that keeps the model's server may do itself: ask it on loopback, and start its keeper.

The model's server is a foreign program without a guard of ours: the kernel's rules hold it (docs/model-server.md).
"""

from __future__ import annotations

import secrets

from pipeline.egress import guard
from pipeline.egress.places import Place, loopback
from pipeline.errors import Unsafe
from pipeline.model_server.lives import KEEPER
from pipeline.supervisor.fence import EgressRefused
from pipeline.supervisor.outputs import sentence, try_own
from pipeline.telemetry.canary import CHILD_CODE
from pipeline.telemetry.events import Token, emit
from pipeline.telemetry.outputs import OwnOutputs


def fence(port: int) -> None:
    """From now on this process speaks to this port of this machine and to nothing else."""
    guard.install(
        [Place(place.kind, place.name, place.network, port, port, "tcp") for place in loopback()],
        modules=(KEEPER,),
        codes=(CHILD_CODE,),
        on_refused=lambda way, count: emit(EgressRefused(way=Token(way), count=count)),
    )


def prove(own: OwnOutputs) -> None:
    """Try every way out of this process; raises `Unsafe` when one is open."""
    verdict = try_own(own, secrets.token_hex(16))
    if not verdict.passed:
        raise Unsafe(sentence("models", verdict))
