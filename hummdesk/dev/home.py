"""The home directory of one `up`: its data, its settings, and the lock that refuses a second `up`."""

import fcntl
import os
import re
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from dotenv import dotenv_values

from hummdesk.core.config import HOME_ENV_FILE
from hummdesk.core.errors import CommandError

SHARED_VALUES = ("DATABASE_URL", "REDIS_URL", "JWT_SECRET", "ENCRYPTION_KEYS", "PORT", "HUMMDESK_ENV")
"""The settings that other commands need to work with a running `up`."""
OPTIONAL_VALUES = ("WEBHOOK_ALLOWED_NETWORKS", "FILE_STORE")
FILES = "files"
"""The directory of attached files."""

PLAIN_VALUE = re.compile(r"[\w:/@?=&%.,+~-]*")


def make(home: Path) -> Path:
    """Make the home directory. Raises CommandError if it cannot be written.

    Under root, other users may traverse it, since the database files in it belong to another user.
    """
    home = home.absolute()
    try:
        home.mkdir(mode=0o711 if os.geteuid() == 0 else 0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=home):
            pass
    except OSError as error:
        raise CommandError(f"{home} cannot be written ({error.strerror}): choose another with --home DIR") from error
    return home


@contextmanager
def locked(home: Path) -> Iterator[None]:
    """Lock the home until the end of the block; the kernel unlocks it when this process dies."""
    descriptor = os.open(home, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise CommandError(f"another `up` runs on {home}: stop it, or choose another with --home DIR") from None
    finally:
        os.close(descriptor)


def read_settings(home: Path) -> dict[str, str]:
    """Return the settings that the last `up` of this home has written; empty before the first."""
    return {name: value for name, value in dotenv_values(home / HOME_ENV_FILE).items() if value}


def write_settings(home: Path, values: Mapping[str, str]) -> None:
    """Write the settings that other commands read, in a file that only this user can read."""
    shared = {name: values[name] for name in SHARED_VALUES}
    shared |= {name: values[name] for name in OPTIONAL_VALUES if name in values}
    write_private(home / HOME_ENV_FILE, env_lines(shared))


def env_lines(values: Mapping[str, str]) -> str:
    """Return `values` as lines of a .env file."""
    return "".join(f"{name}={_quoted(value)}\n" for name, value in values.items())


def _quoted(value: str) -> str:
    if PLAIN_VALUE.fullmatch(value):
        return value
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


def write_private(path: Path, text: str) -> None:
    """Replace a file atomically; only this user can read it, at any moment."""
    descriptor, made = tempfile.mkstemp(dir=path.parent)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    Path(made).replace(path)
