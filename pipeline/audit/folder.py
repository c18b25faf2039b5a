"""Where the settings put the audit: its folder, its keys, the places its heads go to."""

from __future__ import annotations

from pathlib import Path

from phi.chain import Head, heads_in
from pipeline.audit.heads import HeadExport
from pipeline.audit.keys import AuditKeys, open_keys
from pipeline.audit.writer import AuditWriter
from pipeline.settings import Settings


def audit_folder(settings: Settings) -> Path:
    """The folder of the chain's files."""
    return Path(settings.audit.directory or Path(settings.state.directory) / "audit")


def keys_folder(settings: Settings) -> Path:
    """The folder of the keys."""
    return Path(settings.audit.keys) if settings.audit.keys else audit_folder(settings) / "keys"


def heads_file(settings: Settings) -> Path | None:
    """The file that exported heads are appended to, if there is one."""
    return Path(settings.audit.heads_file) if settings.audit.heads_file else None


def kept_heads(settings: Settings) -> list[Head]:
    """The heads in that file; none when there is no file. Read them before the chain, which only grows."""
    known = heads_file(settings)
    if known is None:
        return []
    try:
        return heads_in(known.read_text(errors="replace"))
    except FileNotFoundError:
        return []


def open_audit(settings: Settings) -> tuple[AuditWriter, AuditKeys]:
    """The writer, not yet entered, and its keys; raises `StartUpError`."""
    keys = open_keys(keys_folder(settings))
    export = HeadExport(heads_file(settings), settings.audit.syslog)
    return AuditWriter(audit_folder(settings), keys, export), keys
