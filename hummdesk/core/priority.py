"""The priority of a process on the processor, below that of the processes that people wait for."""

import errno
import os
import time
from pathlib import Path

AUTOGROUP = Path("/proc/self/autogroup")
"""Where this file exists, Linux shares the processor among sessions first, then among the processes of each."""
AUTOGROUP_ATTEMPTS = 5
AUTOGROUP_SECONDS = 0.15
"""The kernel accepts a change each 0.1 s, of all processes together."""


def lower(nice: int) -> None:
    """Give this process, and those that it starts, at least this `nice` value: 0 changes nothing, 19 yields most.

    The session of the process yields as well if it leads it, as a service does, and not a shell with other commands.
    """
    if nice > os.getpriority(os.PRIO_PROCESS, 0):
        os.setpriority(os.PRIO_PROCESS, 0, nice)
        if os.getsid(0) == os.getpid():
            _lower_session(nice)


def _lower_session(nice: int) -> None:
    """Do nothing where the kernel has no such groups, or a container does not allow it."""
    for _ in range(AUTOGROUP_ATTEMPTS):
        try:
            AUTOGROUP.write_text(str(nice))
        except OSError as error:
            if error.errno != errno.EAGAIN:
                return
            time.sleep(AUTOGROUP_SECONDS)
        else:
            return
