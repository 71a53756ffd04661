"""Pages of lists."""

from hummdesk.contract.fields import Integer, Text
from hummdesk.contract.requests import MAX_PAGE, PAGE, Payload


class PageQuery(Payload):
    """`cursor` is the `nextCursor` of the page before."""

    limit = Integer(least=1, most=MAX_PAGE, load_default=PAGE)
    cursor = Text(shortest=1, longest=200, load_default=None)
