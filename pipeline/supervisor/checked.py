"""What must hold of settings and call flow together before a worker is started: one check for all who start or judge.

`serve`, `check-config` and `doctor` ask here, so that none of them accepts what another refuses.
"""

from __future__ import annotations

from pathlib import Path

from pipeline.call.flow_file import flow_text, load_flow
from pipeline.errors import ConfigError
from pipeline.settings import Settings
from pipeline.supervisor import own_words


def check_texts(settings: Settings) -> None:
    """Raise `ConfigError` with every fault of the call flow, or every identifier in what the operator wrote."""
    load_flow(settings.practice)
    named = settings.practice.flow_file
    path = Path(named).expanduser() if named else None
    if found := own_words.faults(settings, flow_text(path)):
        raise ConfigError(found)
