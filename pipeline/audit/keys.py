"""The audit's keys as files: one signs the chain, one hides callers' addresses and numbers.

Both are made at the first start and readable by the server's user alone; a key that others could read is
refused. Retired public keys stay beside the current one, so that old records can still be checked.
"""

from __future__ import annotations

import hmac
import os
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from phi.chain_key import AnyKey, ChainKey, KeyUnreadable, PublicChainKey
from pipeline.errors import StartUpError
from pipeline.finished_file import settle
from pipeline.private_folder import make_private

SIGNING_FILE = "signing.pem"
CALLER_FILE = "caller.key"
PUBLIC_GLOB = "*.pub"
CALLER_KEY_BYTES = 32


@dataclass(frozen=True, slots=True)
class AuditKeys:
    """What the writer needs."""

    signing: ChainKey = field(repr=False)
    trusted: AnyKey
    """The current public key and the retired ones."""
    caller: bytes = field(repr=False)

    def caller_id(self, kind: str, number_or_address: str) -> str:
        """A caller's name in the audit: keyed, so that it cannot be guessed back without the key (row A2)."""
        message = f"{kind}\0{number_or_address}".encode("utf-8", "surrogateescape")
        return "h" + hmac.new(self.caller, message, sha256).hexdigest()[:32]


def open_keys(directory: Path) -> AuditKeys:
    """Load the keys, making those that are missing; raises `StartUpError`."""
    try:
        make_private(directory)
        pem = _kept(directory / SIGNING_FILE, lambda: ChainKey.new().pem())
        caller = _kept(directory / CALLER_FILE, lambda: secrets.token_bytes(CALLER_KEY_BYTES))
        try:
            signing = ChainKey.from_pem(pem)
        except KeyUnreadable as error:
            raise StartUpError(
                f"{directory / SIGNING_FILE} is {error}; put the right key back, or move the file away:"
                " the chain then goes on with a new key"
            ) from None
        if len(caller) != CALLER_KEY_BYTES:
            raise StartUpError(
                f"{directory / CALLER_FILE} must hold {CALLER_KEY_BYTES} bytes; put the right file back,"
                " or move it away: callers then have new ids in the audit"
            )
        public = directory / f"{signing.public.fingerprint}.pub"
        if not public.exists():
            _write_new(public, signing.public.pem(), 0o644)
        return AuditKeys(signing, trusted_keys(directory), caller)
    except OSError as error:
        raise StartUpError(
            f"the audit's keys in {directory} cannot be used: {error.strerror};"
            " make the folder writable for the server's user"
        ) from None


def trusted_keys(directory: Path) -> AnyKey:
    """Every public key in this folder (or the one in this file); raises `StartUpError`."""
    files = sorted(directory.glob(PUBLIC_GLOB)) if directory.is_dir() else [directory]
    keys = []
    for file in files:
        try:
            keys.append(PublicChainKey.from_pem(file.read_bytes()))
        except KeyUnreadable as error:
            raise StartUpError(f"{file} is {error}; give the audit's public key") from None
        except OSError as error:
            raise StartUpError(f"{file} cannot be read: {error.strerror}") from None
    if not keys:
        raise StartUpError(f"there is no public key (*.pub) in {directory}; name one")
    return AnyKey(tuple(keys))


def _kept(path: Path, make: Callable[[], bytes]) -> bytes:
    """The file's bytes; made when it is missing, refused when others could read or write it."""
    if not path.exists():
        _write_new(path, make(), 0o600)
    status = path.stat()
    if status.st_mode & 0o077:
        raise StartUpError(f"{path} can be read by other users; run: chmod 600 {path}")
    return path.read_bytes()


def _write_new(path: Path, data: bytes, mode: int) -> None:
    """Whole or not at all, also after a power cut."""
    fresh = path.with_suffix(path.suffix + ".new")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
    settle(path.parent)
