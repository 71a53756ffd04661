"""The named queries in sql/queries, one file for each noun."""

from pathlib import Path
from typing import Any

import aiosql


def _sql_directory() -> Path:
    """Return the directory of the SQL files: in the package of an installed wheel, beside it in a checkout."""
    package = Path(__file__).resolve().parents[1]
    installed = package / "sql"
    return installed if installed.is_dir() else package.parent / "sql"


SQL = _sql_directory()


def load(noun: str) -> Any:
    """Load the queries of sql/queries/<noun>.sql as functions of a transaction and named parameters."""
    return aiosql.from_path(SQL / "queries" / f"{noun}.sql", "apsycopg")


def nested(row: dict[str, Any], noun: str) -> dict[str, Any]:
    """The columns of a joined table, which are named <noun>_…, without the prefix."""
    prefix = f"{noun}_"
    return {name.removeprefix(prefix): value for name, value in row.items() if name.startswith(prefix)}
