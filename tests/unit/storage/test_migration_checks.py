"""Which migrations are pending, and which differences are refused, without a database."""

import pytest

from hummdesk.storage.migration_files import Applied, Migration, MigrationError, require_served, unapplied

FIRST, SECOND = Migration(name="0001_a", sql="CREATE TABLE a ()"), Migration(name="0002_b", sql="CREATE TABLE b ()")
THIRD = Migration(name="0003_c", sql="-- may be pending\nCREATE TABLE c ()")


def applied(*migrations: Migration) -> list[Applied]:
    return [Applied(name=one.name, checksum=one.checksum, compatible_from=one.compatible_from) for one in migrations]


def test_unapplied_without_applied_migrations_are_all_in_order() -> None:
    assert unapplied([], [FIRST, SECOND]) == [FIRST, SECOND]


def test_unapplied_are_those_after_the_applied_ones() -> None:
    assert unapplied(applied(FIRST), [FIRST, SECOND]) == [SECOND]
    assert unapplied(applied(FIRST, SECOND), [FIRST, SECOND]) == []


def test_unapplied_with_an_edited_migration_is_refused() -> None:
    edited = Migration(name=FIRST.name, sql=FIRST.sql + " -- edited")
    with pytest.raises(MigrationError, match="0001_a was edited after it had been applied"):
        unapplied(applied(FIRST), [edited, SECOND])


def test_unapplied_with_a_migration_of_another_version_is_refused() -> None:
    with pytest.raises(MigrationError, match=r"0002_b comes from another version of HummDesk.*0002 or later"):
        unapplied(applied(FIRST, SECOND), [FIRST])


def test_unapplied_with_a_compatible_migration_of_a_newer_version_is_accepted() -> None:
    newer = Migration(name="0002_b", sql="-- compatible from: 0001\nCREATE TABLE b ()")
    assert unapplied(applied(FIRST, newer), [FIRST]) == []


def test_unapplied_two_versions_apart_is_judged_by_the_least_compatible_migration() -> None:
    newer = Migration(name="0003_c", sql="-- compatible from: 0002\nCREATE TABLE c ()")
    compatible = Migration(name="0002_b", sql="-- compatible from: 0001\nCREATE TABLE b ()")
    with pytest.raises(MigrationError, match="0003_c comes from another version"):
        unapplied(applied(FIRST, compatible, newer), [FIRST])
    assert unapplied(applied(FIRST, compatible, newer), [FIRST, compatible]) == []


def test_unapplied_of_diverged_versions_is_refused() -> None:
    other = Migration(name="0009_b", sql="-- compatible from: 0001\nCREATE TABLE b ()")
    with pytest.raises(
        MigrationError, match="0009_b comes from another version of HummDesk, which does not have 0002_b"
    ):
        unapplied(applied(FIRST, other), [FIRST, SECOND])


def test_process_without_its_migrations_is_refused_unless_they_may_be_pending() -> None:
    with pytest.raises(MigrationError, match="1 migrations are pending: run `python -m hummdesk migrate` first"):
        require_served(applied(FIRST), [FIRST, SECOND, THIRD])
    require_served(applied(FIRST, SECOND), [FIRST, SECOND, THIRD])


def test_row_of_a_version_without_compatible_from_serves_processes_that_know_it() -> None:
    assert Applied(name="0002_b", checksum="").serves_from == "0002"


def test_statements_without_a_transaction_are_split_at_ends_of_lines() -> None:
    migration = Migration(
        name="0004_d",
        sql="-- no transaction\n-- Two; of them.\nCREATE INDEX CONCURRENTLY IF NOT EXISTS one ON a (b)\n"
        "    WHERE c = ';';\n\nCREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS two ON a (b);\n",
    )
    assert not migration.is_transaction
    assert [text.split()[0] for text in migration.statements] == ["CREATE", "CREATE"]
    assert migration.statements[0].endswith("WHERE c = ';'")
    assert migration.indexes == ["one", "two"]


def test_altered_tables_are_those_of_statements_that_lock_them() -> None:
    migration = Migration(
        name="0005_e",
        sql="-- Not ALTER TABLE comments.\nALTER TABLE ONLY a ADD COLUMN b text;\nCREATE TABLE c ();\n"
        "CREATE OR REPLACE TRIGGER t AFTER UPDATE OF b ON d\n    FOR EACH ROW WHEN (true) EXECUTE FUNCTION f();\n"
        "CREATE POLICY p ON e TO r USING (true);\nINSERT INTO f SELECT FROM g;\nALTER TABLE a SET (fillfactor = 90);\n",
    )
    assert migration.altered == ["a", "d", "e"]


def test_released_migrations_have_distinct_ascending_numbers() -> None:
    numbers = [migration.name[:4] for migration in Migration.released()]
    assert numbers == sorted(set(numbers))
