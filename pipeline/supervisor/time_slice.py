"""Asks the kernel to let a thread with deadlines run at once, and to take it off again as soon.

A worker's loop wants a tenth of a millisecond fifty times a second for each call; a recogniser wants
milliseconds whenever it is fed. Since Linux 6.12 a thread may name the slice it is content with, and one
with a short slice interrupts one with a long slice when it wakes, without any privilege and without a
larger share of the processor. Knows no calls and no engines.
"""

from __future__ import annotations

import ctypes
import platform
import struct

SLICE_NS = 100_000
"""The shortest that the kernel grants. The default is 1.4 ms on two cores and 2.8 from eight on, and two of
those are what the pacer waited for recognisers."""
_SCHED_OTHER = 0
_RESET_ON_FORK = 1
"""Threads and children that the thread starts get the default again: they have no deadlines."""
_SYSCALLS = {"x86_64": (314, 315), "aarch64": (274, 275)}
"""Numbers of sched_setattr and sched_getattr."""
_ATTRIBUTES = struct.Struct("=IIQiIQQQ")
"""`struct sched_attr`, first version: size, policy, flags, nice, priority, runtime, deadline, period."""


def run_promptly() -> bool:
    """Ask for the shortest slice for this thread; False where the kernel does not know of slices."""
    numbers = _SYSCALLS.get(platform.machine())
    if numbers is None:
        return False
    set_attributes, get_attributes = numbers
    kernel = ctypes.CDLL(None)
    found = ctypes.create_string_buffer(_ATTRIBUTES.size)
    if kernel.syscall(get_attributes, 0, found, _ATTRIBUTES.size, 0):
        return False
    _, policy, flags, nice, priority, _, deadline, period = _ATTRIBUTES.unpack(found.raw)
    if policy != _SCHED_OTHER:
        return False  # whoever started us chose something else
    wanted = _ATTRIBUTES.pack(
        _ATTRIBUTES.size, policy, flags | _RESET_ON_FORK, nice, priority, SLICE_NS, deadline, period
    )
    if kernel.syscall(set_attributes, 0, wanted, 0):
        return False
    # An older kernel takes the request and forgets the slice: only reading it back tells.
    return slice_ns() == SLICE_NS


def slice_ns() -> int:
    """This thread's slice; 0 where the kernel does not tell."""
    numbers = _SYSCALLS.get(platform.machine())
    found = ctypes.create_string_buffer(_ATTRIBUTES.size)
    if numbers is None or ctypes.CDLL(None).syscall(numbers[1], 0, found, _ATTRIBUTES.size, 0):
        return 0
    return int(_ATTRIBUTES.unpack(found.raw)[5])
