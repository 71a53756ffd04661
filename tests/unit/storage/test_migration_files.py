"""Names and heads of the migration files."""

import re

from hummdesk.storage.queries import SQL

NAMES = sorted(path.stem for path in (SQL / "migrations").glob("*.sql"))


def test_migrations_are_numbered_in_order_and_begin_with_a_comment() -> None:
    numbers = [name[:4] for name in NAMES]
    assert numbers == sorted(set(numbers))
    for name in NAMES:
        assert re.match(r"\d{4}_", name)
        assert (SQL / "migrations" / f"{name}.sql").read_text().startswith("-- ")
