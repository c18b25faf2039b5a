"""What must hold of settings and call flow together before a worker is started: one check for all who start or judge.

`serve`, `check-config` and `doctor` ask here, so that none of them accepts what another refuses.
"""

from __future__ import annotations

from pathlib import Path

from pipeline.audit.folder import heads_file
from pipeline.call.flow_file import flow_text, load_flow
from pipeline.errors import ConfigError
from pipeline.settings import Settings
from pipeline.supervisor import own_words


def check(settings: Settings) -> None:
    """Raise `ConfigError` with every fault of texts and places."""
    faults = list[str]()
    for look in (check_texts, check_places):
        try:
            look(settings)
        except ConfigError as error:
            faults += error.faults
    if faults:
        raise ConfigError(faults)


def check_places(settings: Settings) -> None:
    """Raise `ConfigError` where the heads of the audit would go nowhere: nothing else shows a chain cut back."""
    file = heads_file(settings)
    if file is None:
        return
    if file.is_dir():
        raise ConfigError(["audit.heads_file: this is a folder; name a file in it"])
    if not file.parent.is_dir():
        raise ConfigError(
            [
                "audit.heads_file: its folder is not there; make it for the server's user, or mount its disk"
            ]
        )


def check_texts(settings: Settings) -> None:
    """Raise `ConfigError` with every fault of the call flow, or every identifier in what the operator wrote."""
    load_flow(settings.practice)
    named = settings.practice.flow_file
    path = Path(named).expanduser() if named else None
    if found := own_words.faults(settings, flow_text(path)):
        raise ConfigError(found)
