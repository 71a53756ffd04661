"""The port of the web processes. Several processes share it; a port of another program is an error."""

import errno
import os
import resource
import socket
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from hummdesk.core.errors import CommandError

RESERVED_DESCRIPTORS = 200
"""For files, PostgreSQL, Redis, and connections that have not sent a request."""


def raise_descriptor_limit() -> None:
    """Allow this process as many descriptors as the system permits; each connection needs one."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):  # macOS permits fewer than it says
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def descriptor_capacity() -> int:
    """Return the number of sockets for which this process has descriptors; 0 is no limit."""
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return 0 if limit == resource.RLIM_INFINITY else max(1, limit - RESERVED_DESCRIPTORS)


def listen(host: str, port: int, *, backlog: int) -> socket.socket:
    """Return a listening socket that shares its port with other processes of the same user by SO_REUSEPORT."""
    listener = _bound(host, port, socket.SO_REUSEADDR, socket.SO_REUSEPORT)
    listener.listen(backlog)
    return listener


@contextmanager
def reserved(host: str, port: int) -> Iterator[int]:
    """Reserve a port for web processes that will share it; port 0 chooses a free one.

    The first socket does not share its port, so that a port in use is found. The second is bound without listening: it
    receives no connections, but makes the reservation of a second `up` fail.
    """
    with _bound(host, port, socket.SO_REUSEADDR) as probe:
        free = int(probe.getsockname()[1])
    with _bound(host, free, socket.SO_REUSEPORT):
        yield free


def handover_directory(port: int) -> Path | None:
    """Return the directory in which web processes of this user and port hand over connections; None for port 0."""
    if not port:
        return None
    for path in Path(tempfile.gettempdir()).glob(f"hummdesk-{os.geteuid()}-[0-9]*"):
        remove_if_abandoned(path)
    return Path(tempfile.gettempdir()) / f"hummdesk-{os.geteuid()}-{port}"


def remove_if_abandoned(directory: Path) -> None:
    """Remove a directory in which no web process has a socket; those of killed ones do not count."""
    from hummdesk.engine.handover import remove_stale_sockets  # here, because `up` imports this module and no server

    with suppress(OSError):
        status = directory.lstat()
        if stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid():
            remove_stale_sockets(directory)
            directory.rmdir()


def _bound(host: str, port: int, *options: int) -> socket.socket:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except OSError:
        raise CommandError(f"HOST: {host!r} is not an address") from None
    listener = socket.socket(family, kind, protocol)
    try:
        for option in options:
            listener.setsockopt(socket.SOL_SOCKET, option, 1)
        listener.bind(address)
    except OSError as error:
        listener.close()
        reason = "is in use" if error.errno == errno.EADDRINUSE else f"cannot be used ({error.strerror})"
        raise CommandError(f"port {port} of {host} {reason}: choose another with --port N") from None
    return listener
