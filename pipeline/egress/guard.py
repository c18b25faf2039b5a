"""Level 1: this process connects, sends and resolves only to listed places, and starts only listed programs.

An audit hook (PEP 578) sees every such call that goes through Python, whichever library makes it, and cannot be
taken out again; the methods that would ask for a name before the hook is called are checked in front, and so is the
function that starts children, which raises no event; neither does cffi, which may open no library at all. It does not
see C code that calls the kernel itself: that is level 2's (`egress.rules`).
"""

from __future__ import annotations

import _posixsubprocess
import _socket
import contextlib
import errno
import functools
import importlib
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NoReturn

from pipeline.egress.local import LocalSockets
from pipeline.egress.places import Place
from pipeline.egress.programs import Program, is_lent, is_ours

_FAMILIES = {socket.AF_UNIX, socket.AF_INET, socket.AF_INET6, socket.AF_NETLINK}
_NAMED = {socket.AF_INET, socket.AF_INET6}
"""Families whose addresses may hold a name."""
_TYPES = {"tcp": socket.SOCK_STREAM, "udp": socket.SOCK_DGRAM}
_family_of, _type_of = _socket.socket.family.__get__, _socket.socket.type.__get__
"""As numbers: the properties of `socket.socket` look up an enum's member, for each datagram of each call."""
_CACHE_MAX = 4_096
_SAID_MAX = 20
_SAID_EVERY = 1_000


class EgressRefused(PermissionError):
    """This process tried to speak to a place that is not listed."""

    def __init__(self, way: str) -> None:
        """Name the way, never the place: an address may be a caller's."""
        super().__init__(errno.EACCES, "not a listed place")
        self.way = way


class _Guard:
    """What is listed now, and how often somebody tried something else."""

    def __init__(self) -> None:
        self.installed = False
        self.places: tuple[Place, ...] = ()
        self.modules: frozenset[str] = frozenset()
        self.codes: frozenset[str] = frozenset()
        self.programs: tuple[Program, ...] = ()
        self.local = LocalSockets()
        self.known: dict[tuple[str, int], tuple[Place, ...]] = {}
        self.refused = 0
        self.rehearsing = False
        self.on_refused: Callable[[str, int], None] = lambda way, count: None


_guard = _Guard()


def install(
    places: Iterable[Place],
    *,
    modules: Iterable[str] = (),
    codes: Iterable[str] = (),
    programs: Iterable[Program] = (),
    sockets: Iterable[str | os.PathLike[str]] = (),
    on_refused: Callable[[str, int], None] | None = None,
) -> None:
    """From now on only these places, and only Python programs that are these modules or this code, and `programs`.

    `sockets` are the paths of local sockets that may be spoken to.
    A later call replaces the lists; nothing takes the guard away. `on_refused` gets the way and the count so far.
    """
    _guard.places, _guard.known = tuple(places), {}
    _guard.modules, _guard.codes = frozenset(modules), frozenset(codes)
    _guard.programs = tuple(programs)
    _guard.local.relist(sockets)
    if on_refused is not None:
        _guard.on_refused = on_refused
    if not _guard.installed:
        _guard.installed = True
        _close_cffi()
        sys.addaudithook(_hook)
        for name in _RESOLVING:
            _ask_for_no_name(name)
        _ask_before_fork()


def permit(places: Iterable[Place]) -> None:
    """Replace the list of places; programs stay as they are."""
    _guard.places, _guard.known = tuple(places), {}


@contextlib.contextmanager
def rehearsing() -> Iterator[None]:
    """Inside the block refusals are somebody's test: they are refused all the same, and not told."""
    _guard.rehearsing = True
    try:
        yield
    finally:
        _guard.rehearsing = False


def installed() -> bool:
    """Whether this process has a guard."""
    return _guard.installed


def refused() -> int:
    """How often something was refused."""
    return _guard.refused


_RESOLVING = ("connect", "connect_ex", "sendto", "bind")


def _ask_for_no_name(method: str) -> None:
    """Check the address before the method does: CPython resolves a name in it first and calls the hook after."""
    original = getattr(socket.socket, method)

    @functools.wraps(original)
    def checked(self: socket.socket, *arguments: Any) -> Any:
        address = arguments[-1] if arguments else None
        if isinstance(address, tuple):
            host = _text(address[0]) if address else ""
            if host not in _numeric and _family_of(self) in _NAMED and not _may_be_resolved(host):
                _refuse(f"socket.{method}")
        done = original(self, *arguments)
        if method == "bind" and _family_of(self) == socket.AF_UNIX:
            _guard.local.took(self.getsockname())
        return done

    setattr(socket.socket, method, checked)


def _ask_before_fork() -> None:
    """Check what every library starts children with: it raises no audit event of its own."""
    original = _posixsubprocess.fork_exec

    def checked(*given: Any) -> int:
        try:
            words, files = tuple(given[0]), tuple(given[1])
            listed = _forked(words, files, given[4], given[5])
        except (IndexError, TypeError):  # not a start at all: the original says why
            words, files, listed = (), (), False
        if not listed:
            _refuse("fork_exec")
        # our own copies: what was looked at is what is started
        return int(original(words, files, *given[2:]))

    vars(_posixsubprocess)["fork_exec"] = checked
    vars(subprocess)["_fork_exec"] = checked  # it took the name at its import


_CFFI = "_cffi_backend"
_WRAPPED = frozenset({_posixsubprocess.__name__, _CFFI})


def _close_cffi() -> None:
    """Refuse what cffi opens libraries with: it raises no audit event, and no library of ours needs it while it runs."""
    try:
        backend = vars(importlib.import_module(_CFFI))
    except ImportError:
        return

    def opened(*_: object) -> NoReturn:
        _refuse("cffi.dlopen")

    # what is declared in Python text, and what was declared beforehand; compiled modules make no such object
    backend["load_library"] = opened
    backend["FFI"] = type("FFI", (backend["FFI"],), {"dlopen": opened})


_numeric: set[str] = set()
"""Addresses already seen to be numbers: a call sends fifty datagrams a second to the same one."""


def _may_be_resolved(host: str) -> bool:
    if host in {"", "localhost"} or _is_address(host):
        if len(_numeric) >= _CACHE_MAX:
            _numeric.clear()
        _numeric.add(host)
        return True
    return False


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    check = _CHECKS.get(event)
    if check is not None and not check(arguments):
        _refuse(event)


def _refuse(way: str) -> NoReturn:
    if not _guard.rehearsing:
        _guard.refused += 1
        if _guard.refused <= _SAID_MAX or _guard.refused % _SAID_EVERY == 0:
            _guard.on_refused(way, _guard.refused)
    raise EgressRefused(way)


def _socket_made(arguments: tuple[Any, ...]) -> bool:
    family, kind = arguments[1], arguments[2]
    # -1: the family of a descriptor that was made elsewhere; a raw one could not be filtered by address
    return (family == -1 or family in _FAMILIES) and kind & 0xF not in {socket.SOCK_RAW, 10}


def _sent(arguments: tuple[Any, ...]) -> bool:
    end, address = arguments[0], arguments[1]
    if address is None:  # to where it is connected, and that was checked
        return True
    family = _family_of(end)
    if family == socket.AF_UNIX:
        return _guard.local.lists(address)
    if family == socket.AF_NETLINK:
        return True
    if family not in _FAMILIES or not isinstance(address, tuple) or len(address) < 2:
        return False
    host, port = _text(address[0]), address[1]
    if not isinstance(port, int):
        return False
    covering = _guard.known.get((host, port))
    if covering is None:
        covering = _covering(host, port)
    return any(_fits(place, end) for place in covering)


def _covering(host: str, port: int) -> tuple[Place, ...]:
    """The listed places this address lies in, remembered for the next datagram."""
    address = "127.0.0.1" if host in {"", "localhost"} else host
    found = tuple(place for place in _guard.places if place.covers(address, port))
    if len(_guard.known) >= _CACHE_MAX:
        _guard.known = {}
    _guard.known[host, port] = found
    return found


def _fits(place: Place, end: socket.socket) -> bool:
    if place.transport and _type_of(end) != _TYPES[place.transport]:
        return False
    if place.own_ports is None:
        return True
    first, last = place.own_ports
    return bool(first <= end.getsockname()[1] <= last)


def _resolved(arguments: tuple[Any, ...]) -> bool:
    """An address may be written as one; the only name is localhost, which is in the hosts file."""
    host = arguments[0]
    if host is None:
        return True
    text = _text(host[0] if isinstance(host, tuple) else host)
    return _may_be_resolved(text)


def _asked_back(arguments: tuple[Any, ...]) -> bool:
    """The name of an address is asked of a server; loopback's is in the hosts file."""
    host = arguments[0]
    text = _text(host[0] if isinstance(host, tuple) else host)
    return text in {"127.0.0.1", "::1", "localhost"}


def _is_address(text: str) -> bool:
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            socket.inet_pton(family, text.partition("%")[0])
        except (OSError, ValueError):
            continue
        return True
    return False


def _text(host: object) -> str:
    return host.decode("ascii", "replace") if isinstance(host, bytes | bytearray) else str(host)


def _c_name(arguments: tuple[Any, ...]) -> bool:
    return is_lent(arguments[1])


def _spawned(arguments: tuple[Any, ...]) -> bool:
    return is_ours(arguments[0], arguments[1], _guard.modules, _guard.codes)


def _started(arguments: tuple[Any, ...]) -> bool:
    return _spawned(arguments) or any(each.is_(arguments) for each in _guard.programs)


def _forked(words: Sequence[Any], files: Sequence[Any], folder: object, environment: Any) -> bool:
    if len(files) == 1 and is_ours(files[0], words, _guard.modules, _guard.codes):
        return True
    return any(each.is_fork(words, files, folder, environment) for each in _guard.programs)


def _imported(arguments: tuple[Any, ...]) -> bool:
    """A module that was wrapped is loaded by now; a second copy, by whatever name, would be without the wrapping."""
    return str(arguments[0]).rpartition(".")[2] not in _WRAPPED


def _never(_: tuple[Any, ...]) -> bool:
    return False


_CHECKS: dict[str, Callable[[tuple[Any, ...]], bool]] = {
    "socket.__new__": _socket_made,
    "socket.connect": _sent,
    "socket.sendto": _sent,
    "socket.sendmsg": _sent,
    "socket.getaddrinfo": _resolved,
    "socket.gethostbyname": _resolved,
    "socket.gethostbyaddr": _asked_back,
    "socket.getnameinfo": _asked_back,
    "ctypes.dlsym": _c_name,
    "ctypes.dlsym/handle": _c_name,
    "import": _imported,
    "subprocess.Popen": _started,
    "os.posix_spawn": _spawned,
    "os.exec": _spawned,
    "os.system": _never,
    "pty.spawn": _never,
}
