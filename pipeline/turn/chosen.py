"""What the operator chose of turn-taking, as its own settings."""

from __future__ import annotations

from pipeline.settings import Settings
from pipeline.turn.endpoint import EndpointSettings
from pipeline.turn.events import Profile
from pipeline.turn.settings import FloorSettings, GateSettings


def floor_settings(settings: Settings) -> FloorSettings:
    """The times of turn-taking, as the operator chose them."""
    turn = settings.turn
    return FloorSettings(
        gate=GateSettings(threshold=turn.voice_threshold_percent / 100),
        endpoint=EndpointSettings(
            profile=Profile(turn.profile),
            silence_ms=float(turn.endpoint.silence_ms),
            no_input_ms=float(turn.no_input_ms) or None,
        ),
        dead_air_ms=float(turn.dead_air_ms),
    )
