"""Statements about the rows of a contact or an account, made from the classification in storage/personal_data.py."""

from psycopg import sql

from hummdesk.storage.personal_data import Table

MESSAGES = sql.SQL("""
    WITH numbered AS (
        SELECT id, %(revision)s + row_number() OVER (ORDER BY seq) AS revision
        FROM messages
        WHERE {left}
    )
    UPDATE messages
    SET {changes}, revision = numbered.revision, erased_at = COALESCE(erased_at, clock_timestamp())
    FROM numbered
    WHERE messages.account_id = current_account()
      AND messages.id = numbered.id
""")
"""Each erased message gets a revision of its own, in the order of seq."""

DELETE_SOME = sql.SQL("""
    DELETE FROM {table}
    WHERE account_id = %(account)s
      AND ctid = ANY(ARRAY(SELECT ctid FROM {table} WHERE account_id = %(account)s LIMIT %(most)s))
""")


def erase(table: Table) -> sql.Composed:
    """Delete the rows of a subject, or replace their content; rows that are erased already are left out."""
    if table.deletes:
        return sql.SQL("DELETE FROM {table} WHERE {left}").format(table=_name(table), left=_left(table))
    changes = sql.SQL(", ").join(
        sql.SQL("{} = {}").format(sql.Identifier(name), sql.SQL(expression))
        for name, expression in table.erased.items()
    )
    if table.name == "messages":
        return MESSAGES.format(left=_left(table), changes=changes)
    update = sql.SQL("UPDATE {table} SET {changes} WHERE {left}")
    return update.format(table=_name(table), changes=changes, left=_left(table))


def count_left(table: Table) -> sql.Composed:
    """Count the rows of a subject that are not erased."""
    return sql.SQL("SELECT count(*) AS n FROM {} WHERE {}").format(_name(table), _left(table))


def select(table: Table) -> sql.Composed:
    """Read the exported columns of the rows of a subject."""
    return sql.SQL("SELECT {} FROM {} WHERE account_id = current_account() AND {}").format(
        _exported(table), _name(table), sql.SQL(table.rows)
    )


def count_account(table: Table) -> sql.Composed:
    return sql.SQL("SELECT count(*) AS n FROM {} WHERE account_id = %(account)s").format(_name(table))


def delete_some(table: Table) -> sql.Composed:
    """Delete at most %(most)s rows of the account %(account)s."""
    return DELETE_SOME.format(table=_name(table))


def page(table: Table, key: list[str], *, is_first: bool) -> sql.Composed:
    """Read %(most)s rows of the transaction's account by primary key, after the values %(0)s and so on."""
    columns = sql.SQL(", ").join(map(sql.Identifier, key))
    after = sql.SQL("") if is_first else sql.SQL("AND ({}) > ({})").format(columns, _placeholders(key))
    return sql.SQL(
        "SELECT {exported} FROM {table} WHERE account_id = current_account() {after} ORDER BY {key} LIMIT %(most)s"
    ).format(exported=_exported(table), table=_name(table), after=after, key=columns)


def _left(table: Table) -> sql.Composed:
    conditions = [sql.SQL("account_id = current_account()"), sql.SQL(table.rows)]
    if table.deletes:
        return sql.SQL(" AND ").join(conditions)
    differs = sql.SQL(" OR ").join(
        sql.SQL("{} IS DISTINCT FROM {}").format(sql.Identifier(name), sql.SQL(expression))
        for name, expression in table.erased.items()
    )
    return sql.SQL(" AND ").join([*conditions, sql.SQL("({})").format(differs)])


def _name(table: Table) -> sql.Identifier:
    return sql.Identifier(table.name)


def _exported(table: Table) -> sql.Composed:
    return sql.SQL(", ").join(map(sql.Identifier, table.exported))


def _placeholders(key: list[str]) -> sql.Composed:
    return sql.SQL(", ").join(map(sql.Placeholder, key))
