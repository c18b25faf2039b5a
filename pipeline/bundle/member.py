"""One header of a pack: the tar header that a path and a length have, and no other. A calculation.

A pack is an ordinary tar that `tar -tf` lists, but every header in it is fixed by the manifest in front: the reader
compares 512 bytes and asks no tar library what a stranger's header may mean. Links, devices, parents, second names
and extensions therefore have no way in.
"""

from __future__ import annotations

import tarfile
from typing import Final

BLOCK_BYTES: Final = 512
END: Final = bytes(2 * BLOCK_BYTES)
_MODE = 0o444


def header(path: str, size: int) -> bytes:
    """The 512 bytes before a file's own."""
    about = tarfile.TarInfo(path)
    about.size, about.mode = size, _MODE
    data = about.tobuf(tarfile.GNU_FORMAT, "ascii", "strict")  # sizes above 8 GiB in base 256
    if len(data) != BLOCK_BYTES:
        raise ValueError("the path needs more than one header")
    return data


def padding(size: int) -> bytes:
    """The zeros after a file's own bytes."""
    return bytes(-size % BLOCK_BYTES)


def told(data: bytes) -> str:
    """What a header that does not fit is, for a person; it is only named, never acted on."""
    if data == bytes(len(data)):
        return "the end of the pack"
    try:
        about = tarfile.TarInfo.frombuf(data, "ascii", "replace")
    except tarfile.TarError:
        return "no header of a file"
    if about.issym() or about.islnk():
        return "a link"
    if not about.isreg():
        return "neither a file nor a folder of ours"
    if about.name.startswith("/") or ".." in about.name.split("/"):
        return "a file outside the bundle"
    return "another file, length or mode than its list names"
