"""Which migrations are pending, and which differences are refused, without a database."""

import pytest

from hummdesk.storage.migrations import Migration, MigrationError, unapplied

FIRST, SECOND = Migration(name="0001_a", sql="CREATE TABLE a ()"), Migration(name="0002_b", sql="CREATE TABLE b ()")
APPLIED = {FIRST.name: FIRST.checksum}


def test_unapplied_without_applied_migrations_are_all_in_order() -> None:
    assert unapplied({}, [FIRST, SECOND]) == [FIRST, SECOND]


def test_unapplied_are_those_after_the_applied_ones() -> None:
    assert unapplied(APPLIED, [FIRST, SECOND]) == [SECOND]
    assert unapplied(APPLIED | {SECOND.name: SECOND.checksum}, [FIRST, SECOND]) == []


def test_unapplied_with_an_edited_migration_is_refused() -> None:
    edited = Migration(name=FIRST.name, sql=FIRST.sql + " -- edited")
    with pytest.raises(MigrationError, match="0001_a was edited after it had been applied"):
        unapplied(APPLIED, [edited, SECOND])


def test_unapplied_with_a_migration_of_another_version_is_refused() -> None:
    with pytest.raises(MigrationError, match="0002_b comes from another version of HummDesk"):
        unapplied(APPLIED | {SECOND.name: SECOND.checksum}, [FIRST])


def test_released_migrations_have_distinct_ascending_numbers() -> None:
    numbers = [migration.name[:4] for migration in Migration.released()]
    assert numbers == sorted(set(numbers))
