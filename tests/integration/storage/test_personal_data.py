"""The classification of personal data covers the schema, and the privileges that an erasure needs."""

from typing import Any

from hummdesk.storage.personal_data import DELETION_ORDER, OTHER_TABLES, TABLES

COLUMNS = """
    SELECT relname, array_agg(attname::text)
    FROM pg_class
    JOIN pg_attribute ON attrelid = pg_class.oid AND attnum > 0 AND NOT attisdropped
    WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')
    GROUP BY relname
"""

HELP = "classify it in hummdesk/storage/personal_data.py for export, erasure and retention"


async def test_every_column_is_classified(account: Any) -> None:
    stored = {name: set(columns) for name, columns in await account.execute(COLUMNS)}
    classified = {table.name: set(table.columns) for table in TABLES}
    assert stored.keys() == classified.keys() | OTHER_TABLES.keys(), HELP
    for name, columns in classified.items():
        assert stored[name] == columns, f"{name}: {HELP}"


async def test_eraser_may_replace_and_delete_what_is_classified(account: Any) -> None:
    for table in TABLES:
        [(may_delete,)] = await account.execute(
            "SELECT has_table_privilege('hummdesk_eraser', %(name)s, 'DELETE')", name=table.name
        )
        assert may_delete, f"{table.name}: grant SELECT and DELETE to hummdesk_eraser, with policies as in 0035"
        for column in table.erased if not table.deletes else ():
            [(may_update,)] = await account.execute(
                "SELECT has_column_privilege('hummdesk_eraser', %(name)s, %(column)s, 'UPDATE')",
                name=table.name,
                column=column,
            )
            assert may_update, f"{table.name}.{column}: grant UPDATE to hummdesk_eraser"


async def test_rows_of_an_account_are_deleted_before_those_that_they_refer_to(account: Any) -> None:
    """Also where a foreign key would delete them: they are counted in the receipt."""
    keys = await account.execute(
        "SELECT conrelid::regclass::text, confrelid::regclass::text FROM pg_constraint "
        "WHERE contype = 'f' AND connamespace = 'public'::regnamespace AND conrelid <> confrelid"
    )
    places = {table.name: place for place, table in enumerate(DELETION_ORDER)}
    assert [(one, other) for one, other in keys if places[one] > places[other]] == []
