"""The migration files of this version, and the schemas with which its processes work."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from itertools import takewhile
from typing import Self

from hummdesk.core.errors import CommandError
from hummdesk.storage.queries import SQL


class MigrationError(CommandError):
    """The database cannot be migrated, or its schema does not fit this version."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Migration:
    """A file of sql/migrations. The comment at its head may contain these lines:

    -- compatible from: NUMBER   processes that know migration NUMBER, or a later one, work with the schema after this
                                 one; by default only those that know this migration
    -- may be pending            processes of this version also work without it
    -- no transaction            its statements, which must be repeatable, run one by one outside a transaction:
                                 indexes that are created or dropped concurrently
    """

    name: str
    sql: str

    @property
    def checksum(self) -> str:
        return sha256(self.sql.encode()).hexdigest()

    @property
    def compatible_from(self) -> str:
        """The number of the newest migration that a process must at least know."""
        found = (re.fullmatch(r"-- compatible from: (\d+)", line) for line in self._head())
        return next((match[1] for match in found if match), number(self.name))

    @property
    def may_be_pending(self) -> bool:
        return "-- may be pending" in self._head()

    @property
    def is_transaction(self) -> bool:
        return "-- no transaction" not in self._head()

    @property
    def statements(self) -> list[str]:
        """The statements of a migration without a transaction; each ends with a semicolon at the end of a line."""
        return [text for part in re.split(r";\s*$", self.sql, flags=re.MULTILINE) if (text := _uncommented(part))]

    @property
    def indexes(self) -> list[str]:
        """The names of the indexes that it creates concurrently."""
        pattern = r"CREATE (?:UNIQUE )?INDEX CONCURRENTLY IF NOT EXISTS (\w+)"
        return re.findall(pattern, self.sql)

    @property
    def altered(self) -> list[str]:
        """The names of the tables that its transaction alters or creates."""
        pattern = r"\bALTER TABLE (?:IF EXISTS )?(?:ONLY )?(\w+)|\b(?:TRIGGER|POLICY) \w+[^;]*?\sON (\w+)"
        return sorted({table or on for table, on in re.findall(pattern, _uncommented(self.sql))})

    @classmethod
    def released(cls) -> list[Self]:
        """The migrations of this version of HummDesk, in order."""
        files = sorted((SQL / "migrations").glob("*.sql"))
        return [cls(name=file.stem, sql=file.read_text(encoding="utf-8")) for file in files]

    def _head(self) -> list[str]:
        return [line.rstrip() for line in takewhile(lambda line: line.startswith("--"), self.sql.splitlines())]


@cache
def newest() -> int:
    """The number of the newest migration that processes of this version know."""
    return int(number(Migration.released()[-1].name))


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """A migration that the database has."""

    name: str
    checksum: str
    compatible_from: str | None = None

    @property
    def serves_from(self) -> str:
        """The number of the newest migration that a process must know to work with the schema after this one."""
        return self.compatible_from or number(self.name)


def number(name: str) -> str:
    return name.partition("_")[0]


def unapplied(applied: Iterable[Applied], released: list[Migration]) -> list[Migration]:
    """The released migrations that are not applied.

    Raises MigrationError if an applied one was edited, or if one of a newer version does not serve this version.
    """
    found = {one.name: one for one in applied}
    known = {migration.name: migration.checksum for migration in released}
    for one in found.values():
        if one.name in known and known[one.name] != one.checksum:
            raise MigrationError(
                f"Migration {one.name} was edited after it had been applied: restore the released file"
            )
    pending = [migration for migration in released if migration.name not in found]
    _require_served(list(_foreign(found.values(), known)), released, pending)
    return pending


def _foreign(applied: Iterable[Applied], known: Iterable[str]) -> Iterator[Applied]:
    return (one for one in applied if one.name not in known)


def _require_served(foreign: list[Applied], released: list[Migration], pending: list[Migration]) -> None:
    newest = max((number(migration.name) for migration in released), default="")
    for one in foreign:
        if one.serves_from > newest:
            raise MigrationError(
                f"Migration {one.name} comes from another version of HummDesk, and the schema serves only versions "
                f"with migration {one.serves_from} or later; this one ends with {newest or 'none'}: start a newer one"
            )
    if foreign and pending:
        raise MigrationError(
            f"Migration {foreign[0].name} comes from another version of HummDesk, which does not have "
            f"{pending[0].name}: start that version"
        )


def require_served(applied: Iterable[Applied], released: list[Migration]) -> None:
    """Raise MigrationError unless processes of this version work with the schema."""
    pending = [migration for migration in unapplied(applied, released) if not migration.may_be_pending]
    if pending:
        raise MigrationError(f"{len(pending)} migrations are pending: run `python -m hummdesk migrate` first")


def require_serves(pending: list[Migration], oldest: int | None) -> None:
    """Raise MigrationError unless each pending migration serves processes that know none after number `oldest`."""
    for migration in pending:
        if oldest is not None and oldest < int(migration.compatible_from):
            raise MigrationError(
                f"Migration {migration.name} does not serve processes that are connected, which know no migration "
                f"after {oldest:04}: stop them first"
            )


def _uncommented(text: str) -> str:
    return "\n".join(line for line in text.splitlines() if not line.startswith("--")).strip()
