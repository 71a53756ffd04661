"""Directories for the database, which under root belong to another user.

PostgreSQL refuses to run as root, so under root it runs as an unprivileged user. Existing directories keep their
permissions: if this user cannot reach the home, the database is stored elsewhere.
"""

import hashlib
import os
import pwd
import shutil
import stat
import subprocess
import tempfile
from pathlib import Path

from hummdesk.core.errors import CommandError
from hummdesk.dev.process import ServerUser

UNPRIVILEGED = ("postgres", "nobody")
SHARED = Path("/var/lib/hummdesk")
SOCKET_PATH_BYTES = 103
"""sun_path holds 108 on Linux and 104 on macOS, with its final zero."""
LIST_SEPARATOR = b","
"""The server splits its socket directories at this character, and libpq its hosts."""


def server_user() -> ServerUser | None:
    """Return the user that runs PostgreSQL: None for the current one, unless that is root."""
    if os.geteuid() != 0:
        return None
    for name in UNPRIVILEGED:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return ServerUser(name, entry.pw_uid, entry.pw_gid)
    raise CommandError(
        f"PostgreSQL does not run as root, and there is no user {' or '.join(UNPRIVILEGED)} to run it: create one"
    )


def reaches(user: ServerUser | None, path: Path, *, to: str) -> bool:
    """Return whether `user` has access `to` (r, w or x) the path, through all directories above it."""
    if user is None:
        return True
    command = ["/bin/sh", "-c", f'test -{to} "$1"', "sh", str(path)]
    try:
        asked = subprocess.run(command, user=user.uid, group=user.gid, extra_groups=[], cwd="/", check=False)
    except PermissionError:
        raise CommandError(f"root cannot switch to the user {user.name} to run PostgreSQL: set DATABASE_URL") from None
    return asked.returncode == 0


def database_place(home: Path, user: ServerUser | None) -> Path:
    """Return a directory of `user` for the database: in the home, or elsewhere with a symbolic link in the home."""
    link = home / "postgres"
    if not link.is_symlink() and not link.exists():
        _create_place(home, link, user)
    place = link.resolve()
    owner = os.geteuid() if user is None else user.uid
    if not place.is_dir() or place.stat().st_uid != owner:
        name = user.name if user else pwd.getpwuid(owner).pw_name
        raise CommandError(
            f"{place} does not belong to {name}, the user of PostgreSQL: start as that user, or choose another --home"
        )
    if not reaches(user, place, to="w"):
        raise CommandError(
            f"{place} cannot be reached by {user and user.name}: move the home, or choose another --home"
        )
    return place


def _create_place(home: Path, link: Path, user: ServerUser | None) -> None:
    if reaches(user, home, to="x"):
        _create_owned(link, user)
        return
    place = shared_directory(user) / _name(home)
    if place.is_dir():
        # Its home was deleted, and this is a new home at the same path.
        shutil.rmtree(place)
    _create_owned(place, user)
    link.symlink_to(place)


def shared_directory(user: ServerUser | None) -> Path:
    """Return a directory of the current user that `user` can traverse."""
    for candidate in (SHARED, Path(tempfile.gettempdir()) / f"hummdesk-{os.geteuid()}"):
        try:
            candidate.mkdir(mode=0o700)
            candidate.chmod(0o711)  # the umask applies to mkdir
        except FileExistsError:
            pass
        except OSError:
            continue
        if _is_private(candidate, os.geteuid()) and reaches(user, candidate, to="x"):
            return candidate
    name = user and user.name
    raise CommandError(f"the user {name} of PostgreSQL can reach neither the home nor {SHARED}: choose another --home")


def socket_directory(place: Path, user: ServerUser | None, file: str) -> Path:
    """Return a directory of `user` for the unix socket `file`, with a path that the kernel and libpq accept.

    It is `place`, or one in the temporary folder, which the next stop of this home removes.
    """
    path = os.fsencode(place / file)
    if len(path) <= SOCKET_PATH_BYTES and LIST_SEPARATOR not in path:
        return place
    short = Path(tempfile.gettempdir()) / f"hummdesk-{_name(place)}"
    owner = os.geteuid() if user is None else user.uid
    if short.is_symlink() or not (short.is_dir() and _is_private(short, owner)):
        _create_owned(short, user)
    return short


def _create_owned(path: Path, user: ServerUser | None) -> None:
    try:
        path.mkdir(mode=0o700)
        if user is not None:
            os.chown(path, user.uid, user.gid)
    except OSError as error:
        raise CommandError(
            f"{path} cannot be created ({error.strerror}): remove it, or choose another --home"
        ) from error


def _is_private(path: Path, owner: int) -> bool:
    """Return whether it is a directory, not a link to one, that only `owner` can write."""
    status = path.lstat()
    return stat.S_ISDIR(status.st_mode) and status.st_uid == owner and not status.st_mode & 0o022


def _name(path: Path) -> str:
    return hashlib.sha256(os.fsencode(path.resolve())).hexdigest()[:16]
