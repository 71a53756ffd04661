"""The named queries in sql/queries, one file for each noun."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any
from uuid import UUID

import aiosql


def _sql_directory() -> Path:
    """Return the directory of the SQL files: in the package of an installed wheel, beside it in a checkout."""
    package = Path(__file__).resolve().parents[1]
    installed = package / "sql"
    return installed if installed.is_dir() else package.parent / "sql"


SQL = _sql_directory()


class Queries:
    """The queries of a file as functions, parsed at the first use: all files take a tenth of a process's start."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        parsed = aiosql.from_path(self._path, "apsycopg")
        vars(self).update({known: getattr(parsed, known) for known in parsed.available_queries})
        if name not in vars(self):
            raise AttributeError(name)
        return vars(self)[name]


def load(noun: str) -> Any:
    """Return the queries of sql/queries/<noun>.sql as functions of a transaction and named parameters."""
    return Queries(SQL / "queries" / f"{noun}.sql")


def uuid_array(ids: Iterable[UUID]) -> str:
    """Return a value for `:name::uuid[]`, in less than half of the time that psycopg takes for a list."""
    return f"{{{','.join(map(str, ids))}}}"


def nested(row: dict[str, Any], noun: str) -> dict[str, Any]:
    """The columns of a joined table, which are named <noun>_…, without the prefix."""
    prefix = f"{noun}_"
    return {name.removeprefix(prefix): value for name, value in row.items() if name.startswith(prefix)}
