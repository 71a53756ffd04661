"""Bind the life of a process to that of its parent, also when the parent is killed. Linux only."""

import ctypes
import os
import signal
import sys
from collections.abc import Callable

PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def die_with(parent: int, number: signal.Signals) -> Callable[[], None] | None:
    """Return a function that binds the calling process to `parent`, or None where it is not supported.

    Call it directly after fork. The binding survives exec but not a change of user.
    """
    libc = _libc
    if libc is None:
        return None

    def bind() -> None:
        libc.prctl(PR_SET_PDEATHSIG, int(number), 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)

    return bind
