"""What must hold of settings and call flow together before a worker is started: one check for all who start or judge.

`serve`, `check-config` and `doctor` ask here, so that none of them accepts what another refuses.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from pathlib import Path

from models.errors import EngineUnavailable
from models.pronunciations import Pronunciations
from models.timed.times import TimesInvalid
from models.timed.times import load as load_times
from pipeline import config
from pipeline.audit.folder import heads_file
from pipeline.bundle.faults import BundleFault
from pipeline.bundle.opened import still_whole
from pipeline.call.flow_file import flow_text, load_flow
from pipeline.errors import ConfigError
from pipeline.machine.engines import check_files
from pipeline.settings import Settings
from pipeline.supervisor import own_words


def load(path: str | Path | None = None) -> Settings:
    """The settings, or every fault of theirs and of the call flow they name, in one round."""
    settings, faults = config.read(path)
    if faults:
        raise ConfigError([*faults, *config.not_about(faults, text_faults(settings))])
    return settings


def check(settings: Settings) -> None:
    """Raise `ConfigError` with every fault of files, texts, places and models, in one round."""
    _together(settings, check_files, check_texts, check_places, check_models)


def check_before_start(settings: Settings) -> None:
    """The same without models in bundles, whose bytes the start itself reads, and without the one that vLLM loads.

    That one is its own program's to miss: calls are answered without it.
    """

    def check_own_files(settings: Settings) -> None:
        check_files(settings, served_too=False)

    _together(settings, check_own_files, check_texts, check_places)


def _together(settings: Settings, *looks: Callable[[Settings], None]) -> None:
    faults = list[str]()
    for look in looks:
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
    """Raise `ConfigError` with every fault of the call flow and every identifier in what the operator wrote."""
    if found := text_faults(settings):
        raise ConfigError(found)


def text_faults(settings: Settings) -> list[str]:
    """Faults of the call flow, then identifiers in it and in the settings; of a flow that cannot be read its fault alone."""
    named = settings.practice.flow_file
    found: list[str] = []
    try:
        load_flow(settings.practice)
    except ConfigError as error:
        found += error.faults
    if spoken := settings.engines.pronunciations:
        try:
            Pronunciations.read(Path(spoken).expanduser())
        except EngineUnavailable as error:
            found.append(str(error))
    if settings.engines.timed:
        try:
            load_times(settings.engines.timed)
        except TimesInvalid as error:
            found += [f"engines.timed: {fault}" for fault in error.faults]
    try:
        text = flow_text(Path(named).expanduser() if named else None)
        tomllib.loads(text)
    except (ConfigError, tomllib.TOMLDecodeError, RecursionError):
        return found
    return [*found, *own_words.faults(settings, text)]


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
