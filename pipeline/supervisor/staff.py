"""Named staff tokens in one file of the state directory: salted hashes, expiry, revocation, last use.

A token is `ws_ID_SECRET`; the file holds HMAC-SHA256(salt, secret). The command line and the running server
share the file: each change is made under a lock and replaces the file whole; the server reads it again for
each check, so that a revocation works at once. Every method reads or writes a file: call it from a thread.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import hmac
import json
import os
import re
import secrets
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pipeline.errors import NotAuthorised, StartUpError
from pipeline.private_folder import make_private

FILE_NAME = "staff_tokens.json"
IDLE_LIMIT_MS = 15 * 60_000.0
"""Automatic log-off: a token used once and then not for so long is over."""

ROLES = ("readonly", "operator", "admin")
"""In rising order. readonly: that there are requests; operator: what is in them; admin: destroy, hold, purge."""

FETCH = "fetch"
"""A program of the practice's, beside the order: it fetches requests and does nothing else (row C8)."""

LIFE_DAYS_DEFAULT = 30
TOKENS_MAX = 1000
_USE_WRITTEN_EVERY_MS = 30_000.0
_TOKEN = re.compile(r"ws_([0-9a-f]{8})_([A-Za-z0-9_-]{32})\Z")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,39}\Z")


def wall_ms() -> float:
    """Milliseconds since 1970: expiry must outlive a restart."""
    return datetime.now(UTC).timestamp() * 1000


@dataclass(slots=True)
class StaffToken:
    """One token as the file keeps it."""

    id: str
    name: str
    salt: str
    mac: str
    created_at_ms: float
    expires_at_ms: float
    last_used_at_ms: float = 0.0
    revoked: bool = False
    role: str = "operator"
    """A token made before there were roles could reveal, and still can."""

    def may(self, role: str) -> bool:
        """Whether this token's role includes that one."""
        if role == FETCH:
            return self.role == FETCH or self.may("operator")
        return self.role != FETCH and ROLES.index(self.role) >= ROLES.index(role)

    def state(self, now_ms: float) -> str:
        """Return "valid", "revoked", "expired" or "idle"."""
        if self.revoked:
            return "revoked"
        if now_ms >= self.expires_at_ms:
            return "expired"
        unused_ms = now_ms - self.last_used_at_ms
        # a program leaves no screen behind that somebody else could sit down at
        if self.role != FETCH and self.last_used_at_ms and unused_ms >= IDLE_LIMIT_MS:
            return "idle"
        return "valid"


class StaffTokens:
    """The file and what may be asked of it."""

    def __init__(self, directory: Path, now_ms: Callable[[], float] = wall_ms) -> None:
        """Keep the file in this directory; nothing is touched yet."""
        self._path = directory / FILE_NAME
        self._now_ms = now_ms

    def create(
        self, name: str, *, life_days: float = LIFE_DAYS_DEFAULT, role: str = "operator"
    ) -> str:
        """A new token for this person or desk; the only time its secret is seen."""
        if not _NAME.match(name):
            raise StartUpError(
                "a token's name is 1 to 40 letters, digits, dots and dashes, e.g. front-desk"
            )
        secret = secrets.token_urlsafe(24)
        salt = secrets.token_hex(16)
        now_ms = self._now_ms()
        with self._changing() as tokens:
            tokens[:] = [t for t in tokens if t.state(now_ms) in {"valid", "idle"}]
            if len(tokens) >= TOKENS_MAX:
                raise StartUpError(f"there are {TOKENS_MAX} tokens already; revoke some first")
            token = StaffToken(
                id=secrets.token_hex(4),
                name=name,
                salt=salt,
                mac=_mac(salt, secret),
                created_at_ms=now_ms,
                expires_at_ms=now_ms + life_days * 86_400_000,
                role=role,
            )
            tokens.append(token)
        return f"ws_{token.id}_{secret}"

    def known(self) -> list[StaffToken]:
        """Every token that was not yet cleared away."""
        return self._read()

    def now_ms(self) -> float:
        """The clock that expiry is measured on."""
        return self._now_ms()

    def revoke(self, name_or_id: str) -> int:
        """Revoke every token of this name or id; returns how many."""
        count = 0
        with self._changing() as tokens:
            for token in tokens:
                if name_or_id in {token.name, token.id} and not token.revoked:
                    token.revoked = True
                    count += 1
        return count

    def use(self, presented: str) -> StaffToken:
        """The token, its last use now; raises `NotAuthorised`, with the same words for every reason but idling."""
        match = _TOKEN.match(presented)
        now_ms = self._now_ms()
        tokens = self._read()
        found = next((t for t in tokens if match and t.id == match[1]), None)
        # Compare also without a match: an unknown id takes as long as a wrong secret.
        salt, mac = (found.salt, found.mac) if found else ("00", "")
        same = hmac.compare_digest(_mac(salt, match[2] if match else ""), mac)
        if found is None or not same:
            raise NotAuthorised("The staff token is unknown or no longer valid.")
        state = found.state(now_ms)
        if state == "idle":
            raise NotAuthorised("Signed out after 15 minutes without use; open a new staff link.")
        if state != "valid":
            raise NotAuthorised("The staff token is unknown or no longer valid.")
        if now_ms - found.last_used_at_ms >= _USE_WRITTEN_EVERY_MS:
            with self._changing() as current:
                for token in current:
                    if token.id == found.id:
                        token.last_used_at_ms = now_ms
        return found

    def state_of(self, token_id: str) -> str:
        """How this token stands now; "revoked" when it is gone."""
        found = next((t for t in self._read() if t.id == token_id), None)
        return found.state(self._now_ms()) if found else "revoked"

    # --- the file --------------------------------------------------------------------------------

    def _read(self) -> list[StaffToken]:
        try:
            data = json.loads(self._path.read_text())
            return [_parsed(entry) for entry in data["tokens"]]
        except FileNotFoundError:
            return []
        except (ValueError, TypeError, KeyError, OSError) as error:
            raise StartUpError(
                f"{self._path} is damaged or unreadable ({type(error).__name__});"
                " remove it and create new tokens with `wardline token create`"
            ) from None

    @contextlib.contextmanager
    def _changing(self) -> Iterator[list[StaffToken]]:
        try:
            with self._locked() as tokens:
                yield tokens
        except OSError as error:
            raise StartUpError(
                f"cannot write {self._path}: {error.strerror}; set state.directory to a folder of this user"
            ) from None

    @contextlib.contextmanager
    def _locked(self) -> Iterator[list[StaffToken]]:
        make_private(self._path.parent)
        lock = os.open(self._path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            tokens = self._read()
            yield tokens
            fresh = self._path.with_suffix(".new")
            descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "w") as file:
                json.dump({"tokens": [asdict(token) for token in tokens]}, file, indent=1)
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(self._path)
        finally:
            os.close(lock)


def _mac(salt: str, secret: str) -> str:
    return hmac.new(bytes.fromhex(salt), secret.encode(), hashlib.sha256).hexdigest()


def _parsed(entry: dict[str, Any]) -> StaffToken:
    token = StaffToken(**entry)
    bytes.fromhex(token.salt)
    if not all(isinstance(v, str) for v in (token.id, token.name, token.salt, token.mac)):
        raise ValueError
    if token.role not in (*ROLES, FETCH):
        raise ValueError
    float(token.expires_at_ms)
    float(token.last_used_at_ms)
    return token
