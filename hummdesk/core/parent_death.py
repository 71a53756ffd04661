"""A process that does not outlive the one that started it, also when that one is killed. On Linux."""

import ctypes
import os
import signal
import sys
from collections.abc import Callable

PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def die_with(parent: int, number: signal.Signals) -> Callable[[], None] | None:
    """What binds the process that calls it to `parent`, to be called between fork and anything else; None elsewhere.

    A change of user would clear it, and exec keeps it.
    """
    libc = _libc
    if libc is None:
        return None

    def bind() -> None:
        libc.prctl(PR_SET_PDEATHSIG, int(number), 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)

    return bind
