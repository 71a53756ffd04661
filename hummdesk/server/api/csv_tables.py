"""Lists of answers as CSV (RFC 4180), with a header of the names of their fields."""

import csv
import io

from marshmallow import fields

from hummdesk.contract.event_schemas import instance_of
from hummdesk.contract.rest import Route
from hummdesk.server.context import Payload

CONTENT_TYPE = "text/csv"
FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""How texts begin that a spreadsheet would run."""


def table_of(route: Route, body: Payload) -> str:
    """The list that the route names, a line for each item."""
    names = columns_of(route)
    written = io.StringIO()
    writer = csv.writer(written)
    writer.writerow(names)
    writer.writerows([_cell(item.get(name)) for name in names] for item in body[route.table or ""])
    return written.getvalue()


def columns_of(route: Route) -> list[str]:
    """The names of the fields of an item."""
    field = route.answer and instance_of(route.answer).fields[route.table or ""]
    if not isinstance(field, fields.List) or not isinstance(field.inner, fields.Nested):
        raise ValueError(f"{route.name}: a table is a list of objects")
    return list(field.inner.schema.fields)


def _cell(value: object) -> object:
    """The value; a text that a spreadsheet would take for a formula gets an apostrophe, which it does not show."""
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value
