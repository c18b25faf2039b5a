"""What must hold of settings and call flow together before a worker is started: one check for all who start or judge.

`serve`, `check-config` and `doctor` ask here, so that none of them accepts what another refuses.
"""

from __future__ import annotations

from pathlib import Path

from pipeline.bundle.faults import BundleFault
from pipeline.bundle.opened import still_whole
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


def check_models(settings: Settings) -> None:
    """Raise `ConfigError` when a configured model of a bundle is not there as listed; its bytes are read at the start."""
    try:
        faults = [f"{each.path} ({each.kind})" for each in still_whole(settings)]
    except BundleFault as fault:
        raise ConfigError([str(fault)]) from None
    if faults:
        raise ConfigError(
            [f"the bundle's {each}; `wardline bundle verify` says more" for each in faults]
        )
