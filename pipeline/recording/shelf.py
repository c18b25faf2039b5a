"""Where recordings lie, and how they end: a sealed file each, and its wrapped key beside it in a file of its own.

Destroying the key destroys the recording, whatever copies of the sound there are; an id that was destroyed
once is never opened again, though a backup brought its key back. Who may ask is the caller's affair; that it
was asked is told to `note` first, and nothing happens when that fails.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
import wave
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import BinaryIO, Final, Protocol

from phi.envelope import EnvelopeError, KeyRing, KeyUnknown, Place, Wrapped, new_data_key
from pipeline.private_folder import make_private
from pipeline.recording.faults import RecordingBroken, RecordingFault
from pipeline.recording.sealed_file import Header, read_chunks, read_header
from pipeline.recording.timeline import Mark

DAY_MS: Final = 86_400_000
OPEN_AT_MOST_MS: Final = 6 * 3_600_000
"""No call is so long: a file without its end that is older was left by a crash."""
_ID: Final = re.compile(r"rec_[0-9a-f]{24}\Z")
_PLAIN: Final = re.compile(r"[a-z0-9_]{1,40}\Z")
_PREFIX: Final = re.compile(r"(?:rec_|c)[0-9a-f]{4,24}\Z")
NOBODY: Final[frozenset[str | None]] = frozenset()
"""No hold stands."""


class NoteAccess(Protocol):
    """Keeps a record that a recording was exported or destroyed; raises when it cannot."""

    def __call__(self, action: str, recording_id: str, call_id: str) -> None:
        """Return when it is safe: "export", "delete", "expire"."""


class NoteDestroyed(Protocol):
    """Remembers, away from the recordings, that an id may never be opened again."""

    def __call__(self, ids: list[str], why: str) -> None:
        """Return when it is on the disk."""


@dataclass(frozen=True, slots=True)
class Kept:
    """One recording on the shelf."""

    header: Header
    bytes: int
    kept_as: str
    """Its class today; the header has the class it began with."""

    @property
    def id(self) -> str:
        """Ours, made at random."""
        return self.header.recording_id


@dataclass(frozen=True, slots=True)
class Exported:
    """What an export wrote."""

    samples: int
    sample_rate_hz: int
    marks: tuple[Mark, ...]
    broken: str
    """ "" when the file is whole; "cut" or "changed" otherwise: what was written came before."""


class Shelf:
    """The recordings of one practice."""

    def __init__(
        self,
        directory: Path,
        practice_id: str,
        ring: KeyRing,
        now_ms: Callable[[], int],
        destroyed: Callable[[], Mapping[str, str]] = dict,
        *,
        reload: Callable[[], KeyRing] | None = None,
    ) -> None:
        """Nothing is touched yet. `destroyed` gives the ids that may not be opened again, `reload` the keys of now."""
        self.directory = directory
        self.practice_id = practice_id
        self._ring = ring
        self._reload = reload or (lambda: ring)
        self.now_ms = now_ms
        self._destroyed = destroyed

    # --- making --------------------------------------------------------------------------------------

    def open_new(
        self, call_id: str, sample_rate_hz: int, kept_as: str
    ) -> tuple[FileIO, Header, bytes]:
        """A new file, its header and its key; the wrapped key is on the disk before any sound is."""
        recording_id = f"rec_{secrets.token_hex(12)}"
        header = Header(
            recording_id, self.practice_id, call_id, sample_rate_hz, kept_as, self.now_ms()
        )
        data_key = new_data_key()
        try:
            make_private(self.directory)
            self._write_key(recording_id, data_key)
            return FileIO(_new(self._sound_file(recording_id)), "wb"), header, data_key
        except OSError as error:
            with contextlib.suppress(OSError):
                self._key_file(recording_id).unlink(missing_ok=True)
            raise RecordingFault(
                f"cannot write in {self.directory}: {error.strerror}; set recording.directory to a folder"
                " of this user with room"
            ) from None

    # --- looking -------------------------------------------------------------------------------------

    def kept(self) -> list[Kept]:
        """Every recording that may still be opened, oldest first."""
        gone = self._destroyed()
        found: list[Kept] = []
        for path in sorted(self.directory.glob("rec_*.wardrec")):
            if (
                path.stem in gone
                or not _ID.match(path.stem)
                or not self._key_file(path.stem).exists()
            ):
                continue
            with contextlib.suppress(RecordingBroken, OSError), path.open("rb") as file:
                header = read_header(file)
                ours = (header.recording_id, header.practice_id) == (path.stem, self.practice_id)
                # Only reading the sound proves a header: what is shown of it has the shape of our ids.
                if ours and _PLAIN.match(header.call_id) and _PLAIN.match(header.kept_as):
                    kept_as = self._kept_as(path.stem) or header.kept_as
                    found.append(Kept(header, path.stat().st_size, kept_as))
        return sorted(found, key=lambda each: (each.header.began_at_ms, each.id))

    def find(self, id_or_beginning: str) -> Kept:
        """The one recording whose id, or whose call's, begins so."""
        good = _PREFIX.match(id_or_beginning)
        found = [
            each
            for each in self.kept()
            if good
            and (
                each.id.startswith(id_or_beginning)
                or each.header.call_id.startswith(id_or_beginning)
            )
        ]
        if len(found) != 1:
            raise RecordingFault(
                "there is no such recording, or more than one; see `wardline recordings list`"
            )
        return found[0]

    def of_call(self, call_id: str) -> list[Kept]:
        """What was recorded of this call."""
        return [each for each in self.kept() if each.header.call_id == call_id]

    def export(self, kept: Kept, to: Path, note: NoteAccess) -> Exported:
        """Write a readable stereo WAV, caller left, agent right; the access is on record before it."""
        data_key = self._data_key(kept.id)
        note("export", kept.id, kept.header.call_id)
        samples, broken = 0, ""
        marks: tuple[Mark, ...] = ()
        try:
            with (
                _create(to) as target,
                wave.open(target, "wb") as sound,
                self._sound_file(kept.id).open("rb") as file,
            ):
                sound.setnchannels(2)
                sound.setsampwidth(2)
                sound.setframerate(kept.header.sample_rate_hz)
                try:
                    for chunk in read_chunks(file, data_key):
                        sound.writeframes(chunk.sound)
                        samples += len(chunk.sound) // 4
                        marks = chunk.marks or marks
                except RecordingBroken as error:
                    broken = error.reason
        except OSError as error:
            raise RecordingFault(
                f"cannot write {to}: {error.strerror}; give a path that is not there yet"
            ) from None
        return Exported(samples, kept.header.sample_rate_hz, marks, broken)

    # --- ending --------------------------------------------------------------------------------------

    def destroy(
        self,
        kept: Kept,
        why: str,
        note: NoteAccess,
        bury: NoteDestroyed,
        held: frozenset[str | None] = NOBODY,
    ) -> None:
        """For good: on record, then never to be opened again, then the key, then the sound."""
        if _is_held(kept, held):
            raise RecordingFault(
                "a legal hold stands on this recording or its call: release it first"
            )
        note(why, kept.id, kept.header.call_id)
        bury([kept.id], why)
        self.shred(kept.id)

    def shred(self, recording_id: str) -> None:
        """Overwrite and remove the key, then remove the sound."""
        key = self._key_file(recording_id)
        try:
            with contextlib.suppress(FileNotFoundError), key.open("r+b") as file:
                file.write(secrets.token_bytes(max(1, key.stat().st_size)))
                file.flush()
                os.fsync(file.fileno())
            key.unlink(missing_ok=True)
            self._sound_file(recording_id).unlink(missing_ok=True)
        except OSError as error:
            raise RecordingFault(
                f"cannot remove from {self.directory}: {error.strerror}; do it as the server's user"
            ) from None

    def shred_all(self) -> None:
        """Every recording in the folder, and what a crash left of one."""
        ids = {path.stem for path in self.directory.glob("rec_*") if _ID.match(path.stem)}
        for recording_id in sorted(ids):
            self.shred(recording_id)

    def shred_destroyed(self) -> int:
        """Finish what a crash or a disk left of recordings that were destroyed; how many there were."""
        gone = self._destroyed()
        left = {path.stem for path in self.directory.glob("rec_*") if path.stem in gone}
        for recording_id in sorted(left):
            self.shred(recording_id)
        return len(left)

    def expire(
        self,
        days: Mapping[str, int],
        note: NoteAccess,
        bury: NoteDestroyed,
        held: frozenset[str | None] = NOBODY,
    ) -> int:
        """Destroy what is older than its class allows; a class that is configured no more keeps nothing.

        `held` names recordings and calls of a legal hold; None in it: everything.
        """
        self.shred_destroyed()
        now_ms = self.now_ms()
        over = [
            each
            for each in self.kept()
            if now_ms - each.header.began_at_ms
            >= max(days.get(each.kept_as, 0) * DAY_MS, OPEN_AT_MOST_MS)
            and not _is_held(each, held)
        ]
        for each in over:
            self.destroy(each, "expire", note, bury)
        return len(over)

    # --- changing ------------------------------------------------------------------------------------

    def keep_as(self, kept: Kept, kept_as: str) -> None:
        """Move it to another class; its days count from the call on."""
        self._write_key(kept.id, self._data_key(kept.id), kept_as)

    def wrap_anew(self) -> tuple[int, dict[str, str]]:
        """After the install key was changed: wrap every key with the current one.

        Returns how many were, and of each recording whose key does not open the id of the install key that it names.
        """
        self._ring = self._reload()
        count, unopened, gone = 0, dict[str, str](), self._destroyed()
        for path in sorted(self.directory.glob("rec_*.key")):
            if not _ID.match(path.stem) or path.stem in gone:
                continue
            needs = self._stored(path.stem).get("key_id")
            if needs in (None, self._ring.current):
                continue
            try:
                data_key = self._data_key(path.stem)
            except RecordingFault:
                unopened[path.stem] = str(needs)
                continue
            self._write_key(path.stem, data_key, self._kept_as(path.stem))
            count += 1
        return count, unopened

    # --- parts ---------------------------------------------------------------------------------------

    def _stored(self, recording_id: str) -> dict[str, str]:
        """The key's file; empty when it is missing or damaged."""
        with contextlib.suppress(OSError, ValueError):
            stored = json.loads(self._key_file(recording_id).read_bytes())
            if isinstance(stored, dict):
                return stored
        return {}

    def _kept_as(self, recording_id: str) -> str:
        """The class it was moved to; "" when it was not."""
        return str(self._stored(recording_id).get("kept_as", ""))

    def _write_key(self, recording_id: str, data_key: bytes, kept_as: str = "") -> None:
        """Put the wrapped key on the disk, whole or not at all, wrapped with the install key of that moment."""
        self._write_wrapped(recording_id, data_key, kept_as)
        # A rotation that began before the key was on the disk has not seen it; one that begins now will.
        ring = self._reload()
        if ring.current != self._ring.current:
            self._ring = ring
            self._write_wrapped(recording_id, data_key, kept_as)

    def _write_wrapped(self, recording_id: str, data_key: bytes, kept_as: str) -> None:
        wrapped = self._ring.wrap(data_key, self._place(recording_id))
        stored = {"key_id": wrapped.key_id, "sealed": wrapped.sealed.hex()}
        text = json.dumps(stored | ({"kept_as": kept_as} if kept_as else {}))
        fresh = self.directory / f".{recording_id}.{secrets.token_hex(4)}.new"
        try:
            with _create(fresh) as file:
                file.write(text.encode())
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(self._key_file(recording_id))
        finally:
            fresh.unlink(missing_ok=True)

    def _data_key(self, recording_id: str) -> bytes:
        if recording_id in self._destroyed():
            raise RecordingFault("this recording was destroyed; a copy of it is not opened again")
        try:
            stored = json.loads(self._key_file(recording_id).read_bytes())
            wrapped = Wrapped(str(stored["key_id"]), bytes.fromhex(stored["sealed"]))
            return self._ring.unwrap(wrapped, self._place(recording_id))
        except KeyUnknown as error:
            raise RecordingFault(
                f"this recording was sealed with key {error.key_id}, which this key ring lacks;"
                " bring back the copy you exported with `wardline key import FILE`"
            ) from None
        except (OSError, ValueError, KeyError, TypeError, EnvelopeError):
            raise RecordingFault("the key of this recording is missing or damaged") from None

    def _place(self, recording_id: str) -> Place:
        return Place(self.practice_id, recording_id, "recording")

    def _key_file(self, recording_id: str) -> Path:
        return self.directory / f"{recording_id}.key"

    def _sound_file(self, recording_id: str) -> Path:
        return self.directory / f"{recording_id}.wardrec"


def _is_held(kept: Kept, held: frozenset[str | None]) -> bool:
    return not held.isdisjoint((None, kept.id, kept.header.call_id))


def _create(path: Path) -> BinaryIO:
    """A file that was not there, its owner's alone."""
    return os.fdopen(_new(path), "w+b")


def _new(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
