"""Names and heads of the migration files."""

import re

import pytest

from hummdesk.storage.migration_files import Migration
from hummdesk.storage.queries import SQL

NAMES = sorted(path.stem for path in (SQL / "migrations").glob("*.sql"))


def test_migrations_are_numbered_in_order_and_begin_with_a_comment() -> None:
    numbers = [name[:4] for name in NAMES]
    assert numbers == sorted(set(numbers))
    for name in NAMES:
        assert re.match(r"\d{4}_", name)
        assert (SQL / "migrations" / f"{name}.sql").read_text().startswith("-- ")


def released_since(number: str) -> list[Migration]:
    return [migration for migration in Migration.released() if migration.name >= number]


def created_by(migration: Migration) -> set[str]:
    return set(re.findall(r"CREATE TABLE (?:IF NOT EXISTS )?(\w+)", migration.sql))


@pytest.mark.parametrize("migration", released_since("0027"), ids=lambda migration: migration.name)
def test_index_on_an_existing_table_is_created_concurrently(migration: Migration) -> None:
    """An index on a table that the same migration creates blocks no one."""
    created = created_by(migration)
    for concurrently, table in re.findall(
        r"CREATE (?:UNIQUE )?INDEX (CONCURRENTLY IF NOT EXISTS )?\w+\s+ON (\w+)", migration.sql
    ):
        assert table in created or concurrently, f"{migration.name} blocks the writers of {table}"
    assert ("CONCURRENTLY" in migration.sql) <= (not migration.is_transaction)


@pytest.mark.parametrize("migration", released_since("0165"), ids=lambda migration: migration.name)
def test_transaction_alters_at_most_one_existing_table(migration: Migration) -> None:
    assert not migration.is_transaction or len(set(migration.altered) - created_by(migration)) <= 1
