"""The same bytes to many sockets by one system call: as much of Linux's io_uring as that takes.

A call for each socket costs the way into the kernel and back, and the interpreter in between, whose data the kernel has
driven out of the processor's caches: a quarter of what a delivery costs.

https://kernel.dk/io_uring.pdf and io_uring_enter(2). Sends that may not wait are done by the thread that asks, before
its call returns: no barrier is needed, and the kernel keeps nothing of ours.
"""

import ctypes
import errno
import logging
import mmap
import os
import socket
import struct
import sys
import weakref
from array import array
from typing import Any

log = logging.getLogger(__name__)

SETUP, ENTER = 425, 426
"""Numbers of the system calls, the same on every architecture."""
GETEVENTS, SINGLE_MMAP = 1, 1
SEND = 26
RINGS, ENTRIES = 0, 0x10000000
"""Offsets of what is mapped: the ring of submissions with that of completions, and the submissions themselves."""

COUNTED = 1 << 32
PARAMETERS = struct.Struct("7I12x10I10I")
"""struct io_uring_params: sizes and features, then where things are in the rings, in bytes."""
ENTRY = struct.Struct("BBHiQQIIQ24x")
"""struct io_uring_sqe: opcode, flags, priority, descriptor, offset, address, length, flags of send(2), user data."""
ENTRY_WORDS, DESCRIPTOR, LENGTH = 16, 1, 6
COMPLETION_WORDS, USER_DATA, RESULT = 4, 0, 2
"""struct io_uring_cqe."""

SLOTS = 512
"""Sockets that one call serves at the most."""
BUFFER_BYTES = 1 << 16


class Ring:
    """For one thread. Raises OSError where the kernel has no io_uring or forbids it, as containers often do."""

    def __init__(self) -> None:
        parameters = ctypes.create_string_buffer(PARAMETERS.size)
        self._descriptor = _system_call(ctypes.c_uint, ctypes.c_char_p)(SETUP, SLOTS, parameters)
        if self._descriptor < 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
        weakref.finalize(self, os.close, self._descriptor)
        _, completions, _, _, _, features, _, *offsets = PARAMETERS.unpack(parameters)
        if not features & SINGLE_MMAP:
            raise OSError(errno.ENOSYS, "io_uring is too old")
        offsets = [offset // 4 for offset in offsets]
        self._tail, order, self._head, first = offsets[1], offsets[6], offsets[10], offsets[15]
        rings = _mapped(self._descriptor, 4 * max(order + SLOTS, first + COMPLETION_WORDS * completions), RINGS)
        self._counters = rings.cast("I")
        self._completions = rings.cast("i")[first : first + COMPLETION_WORDS * completions]
        entries = _mapped(self._descriptor, ENTRY.size * SLOTS, ENTRIES)
        self._entries = entries.cast("i")
        self._buffer = memoryview(bytearray(BUFFER_BYTES))  # which so stays where it is
        address = ctypes.addressof(ctypes.c_char.from_buffer(self._buffer))
        flags = socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL
        for slot in range(SLOTS):
            ENTRY.pack_into(entries, slot * ENTRY.size, SEND, 0, 0, 0, 0, address, 0, flags, slot)
            self._counters[order + slot] = slot
        self._enter = _system_call(*[ctypes.c_uint] * 4, ctypes.c_void_p, ctypes.c_size_t)
        self._used = 0
        """Slots since the beginning, in the 32 bits of the kernel's counters."""

    def send(self, sockets: list[int], data: bytes) -> dict[int, int]:
        """Who has not taken all of `data`: by place in `sockets` the bytes that were, 0 also of a broken one.

        `sockets` are descriptors that do not block; `data` has at most BUFFER_BYTES.
        """
        self._buffer[: len(data)] = data
        rest: dict[int, int] = {}
        for start in range(0, len(sockets), SLOTS):
            found = self._send(array("i", sockets[start : start + SLOTS]), len(data))
            rest |= {start + place: sent for place, sent in found.items()}
        return rest

    def _send(self, sockets: "array[int]", size: int) -> dict[int, int]:
        number, first = len(sockets), self._used % SLOTS
        self._fill(first, sockets[: SLOTS - first], size)
        self._fill(0, sockets[SLOTS - first :], size)
        self._counters[self._tail] = (self._used + number) % COUNTED
        done = max(0, self._enter(ENTER, self._descriptor, number, number, GETEVENTS, None, 0))
        self._counters[self._tail] = (self._used + done) % COUNTED  # when memory is short, some are left
        rest = dict.fromkeys(range(done, number), 0)
        results = self._completed(RESULT, done)
        if results.count(size) != done:
            for slot, result in zip(self._completed(USER_DATA, done), results, strict=True):
                if result != size:
                    rest[(slot - first) % SLOTS] = max(0, result)
        self._used = (self._used + done) % COUNTED
        self._counters[self._head] = self._used
        return rest

    def _fill(self, slot: int, sockets: "array[int]", size: int) -> None:
        start, end = slot * ENTRY_WORDS, (slot + len(sockets)) * ENTRY_WORDS
        self._entries[start + DESCRIPTOR : end : ENTRY_WORDS] = memoryview(sockets)
        self._entries[start + LENGTH : end : ENTRY_WORDS] = memoryview(array("i", [size]) * len(sockets))

    def _completed(self, word: int, number: int) -> list[int]:
        """A word of each of the next completions; there is one for each slot that was used."""
        column = self._completions[word::COMPLETION_WORDS]
        first = self._used % len(column)
        return column[first : first + number].tolist() + column[: max(0, first + number - len(column))].tolist()


def ring_if_any() -> Ring | None:
    """None where there can be no ring, which is logged: everything works without."""
    if sys.platform != "linux":
        return None
    try:
        return Ring()
    except OSError as refusal:
        log.info("every socket gets a system call of its own", extra={"io_uring": refusal.strerror})
        return None


def _system_call(*arguments: Any) -> Any:
    call = ctypes.CDLL(None, use_errno=True)["syscall"]
    call.argtypes = (ctypes.c_long, *arguments)
    return call


def _mapped(descriptor: int, size: int, offset: int) -> memoryview:
    flags = mmap.MAP_SHARED | mmap.MAP_POPULATE
    return memoryview(mmap.mmap(descriptor, size, flags, mmap.PROT_READ | mmap.PROT_WRITE, offset=offset))
