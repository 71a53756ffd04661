"""Statements in one round trip and one transaction, which fail together.

psycopg's pipeline sends each statement by itself and parses its parameters again: it takes as long for one statement as
libpq for all. Without BEGIN the transaction ends with the synchronization, also after an error.
"""

import json
import os
import re
import secrets
from collections.abc import Generator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from itertools import count
from typing import Any, NamedTuple, TypeVar

import psycopg
from psycopg import abc, adapt
from psycopg.adapt import PyFormat
from psycopg.errors import FeatureNotSupported, InvalidSqlStatementName, error_from_result
from psycopg.pq import ConnStatus, ExecStatus, TransactionStatus
from psycopg.pq.abc import PGconn, PGresult
from psycopg.types.json import set_json_loads
from psycopg.waiting import Ready, Wait

Row = dict[str, Any]
Statement = tuple[str, Mapping[str, Any]]
"""Its text with placeholders `%(name)s`, and the values."""
Key = tuple[bytes, tuple[int, ...]]
"""Text and types of the parameters."""
Names = tuple[str, ...]


@dataclass(slots=True)
class PreparedStatement:
    name: bytes
    columns: Names | None = None
    """Known once it was executed: a statement whose columns have changed is refused, and prepared again."""


Prepared = dict[Key, PreparedStatement]
"""A connection's prepared statements."""
PROBE = "SELECT count(*) FILTER (WHERE starts_with(name, %(prefix)s)) AS found FROM pg_prepared_statements"
T = TypeVar("T")
Exchange = Generator[Wait, Ready | int | None, T]
LOST = (InvalidSqlStatementName, FeatureNotSupported)
"""Raised for a prepared statement that was lost, as psycopg's rollback deallocates all, or is of a former schema."""


def load_json(text: bytes | str) -> Any:
    """As json.loads, which takes most of the time of a message for its metadata and attachments: both mostly empty."""
    if text == b"{}":
        return {}
    return [] if text == b"[]" else json.loads(text)


set_json_loads(load_json)

_numbers = count()
_IMPORT = secrets.token_hex(4).encode()
"""With the process id, makes names unique: a pooler may give one server connection to several processes in turn."""


async def run(
    connection: psycopg.AsyncConnection[Any], prepared: Prepared | None, statements: Sequence[Statement]
) -> list[list[Row]]:
    """Run statements and return the rows of each. They are prepared, and their names added to `prepared`.

    None: without prepared statements. Raises psycopg.Error of the first statement that fails.
    """
    async with connection.lock:
        try:
            return await connection.wait(_exchange(connection, prepared, statements))
        except LOST:
            if prepared is None:
                raise
            prepared.clear()
            if connection.info.transaction_status != TransactionStatus.IDLE:
                raise
        return await connection.wait(_exchange(connection, prepared, statements))


async def keeps_names(connection: psycopg.AsyncConnection[Any]) -> bool:
    """Whether the server knows a prepared statement by the name that the client has chosen, in an open transaction.

    A pooler that tracks prepared statements renames them, and prepares them on each connection to the server. One that
    keeps the name does not track it: the statement is missing on the next connection, or another client's is there.
    """
    prepared: Prepared = {}
    [[row]] = await run(connection, prepared, [(PROBE, {"prefix": _prefix().decode()})])
    if row["found"]:
        for statement in prepared.values():
            await connection.execute(b"DEALLOCATE " + statement.name, prepare=False)
    return bool(row["found"])


def _prefix() -> bytes:
    """The beginning of the names of this process."""
    return b"hummdesk_%s_%d_" % (_IMPORT, os.getpid())


def _exchange(
    connection: psycopg.AsyncConnection[Any], prepared: Prepared | None, statements: Sequence[Statement]
) -> Exchange[list[list[Row]]]:
    transformer: abc.Transformer = adapt.Transformer(connection)
    known = None if prepared is None else dict(prepared)
    pgconn = connection.pgconn
    pgconn.enter_pipeline_mode()
    try:
        expected: list[_Expected] = []
        for text, parameters in statements:
            expected += _send(pgconn, transformer, known, text, parameters)
        pgconn.pipeline_sync()
        results = yield from _received(pgconn)
    finally:
        with suppress(psycopg.OperationalError):  # a lost connection cannot leave the mode
            pgconn.exit_pipeline_mode()
    for result, one in zip(results, expected, strict=True):
        if result.status == ExecStatus.FATAL_ERROR:
            raise error_from_result(result)
        if one.prepares is not None and one.statement is not None and prepared is not None:
            prepared[one.prepares] = one.statement  # it stays prepared, also after an error of a following statement
    pairs = zip(results, expected, strict=True)
    return [_rows(transformer, result, one.statement) for result, one in pairs if one.prepares is None]


class _Expected(NamedTuple):
    """A result that will follow: that of a preparation, or the rows of a statement, which may be prepared."""

    statement: PreparedStatement | None
    prepares: Key | None = None


def _send(
    connection: PGconn,
    transformer: abc.Transformer,
    prepared: Prepared | None,
    text: str,
    parameters: Mapping[str, Any],
) -> list[_Expected]:
    """Send a statement. Returns the results that will follow."""
    query, names = _numbered(text)
    values = transformer.dump_sequence([parameters[name] for name in names], [PyFormat.AUTO] * len(names))
    key = query, tuple(transformer.types or ())
    if prepared is None:
        connection.send_query_params(query, values, key[1], transformer.formats)
        return [_Expected(None)]
    statement = prepared.get(key)
    is_new = statement is None
    if statement is None:
        statement = prepared[key] = PreparedStatement(_prefix() + b"%d" % next(_numbers))
        connection.send_prepare(statement.name, *key)
    connection.send_query_prepared(statement.name, values, transformer.formats)
    rows = _Expected(statement)
    return [_Expected(statement, key), rows] if is_new else [rows]


def _received(connection: PGconn) -> Exchange[list[PGresult]]:
    """Return the results up to the synchronization."""
    while connection.flush():
        if ((yield Wait.RW) or 0) & Ready.R:  # None: psycopg goes on here once it has cancelled the statement
            connection.consume_input()
    results: list[PGresult] = []
    while True:
        while connection.is_busy():
            if (yield Wait.R):
                connection.consume_input()
        result = connection.get_result()
        if result is None:  # after each statement
            if connection.status != ConnStatus.OK:
                raise psycopg.OperationalError("the connection is lost")
            continue
        if result.status == ExecStatus.PIPELINE_SYNC:
            return results
        results.append(result)


@lru_cache(maxsize=1000)
def _numbered(text: str) -> tuple[bytes, tuple[str, ...]]:
    """Return a statement with the placeholders `$1` and following, and the names of these."""
    numbers: dict[str, int] = {}

    def number(found: re.Match[str]) -> str:
        name = found[1]
        return "%" if name is None else f"${numbers.setdefault(name, len(numbers) + 1)}"

    return re.sub(r"%%|%\((\w+)\)s", number, text).encode(), tuple(numbers)


def _rows(transformer: abc.Transformer, result: PGresult, statement: PreparedStatement | None) -> list[Row]:
    names = statement.columns if statement is not None else None
    if names is None or len(names) != result.nfields:
        names = tuple([(result.fname(column) or b"").decode() for column in range(result.nfields)])
        if statement is not None:
            statement.columns = names
    if not result.ntuples:
        return []
    transformer.set_pgresult(result)
    return transformer.load_rows(0, result.ntuples, lambda values: dict(zip(names, values, strict=True)))
