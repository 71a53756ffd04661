"""What the methods of the REST client have in common."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any, TypedDict
from urllib.parse import quote


class CallOptions(TypedDict, total=False):
    """Keyword arguments of each method."""

    if_match: str
    """Only change the resource while it has this ETag, see `etag_of`; otherwise the problem has the status 412."""
    idempotency_key: str
    """For a POST. Default: a new key for each call, which its retries repeat."""
    timeout: float
    """How long to wait for an answer, in seconds. Default: that of the client."""


class Resource(dict[str, Any]):
    """An answer with its ETag."""

    etag: str | None = None


def etag_of(resource: Mapping[str, Any]) -> str | None:
    """The ETag with which a method returned this resource, for `if_match`; None if the resource has none."""
    return resource.etag if isinstance(resource, Resource) else None


def quoted(parameter: str) -> str:
    """A parameter of the path."""
    return quote(parameter, safe="")


async def paged_by_seq(
    list_page: Callable[[Any], Awaitable[Any]], query: Mapping[str, Any], field: str
) -> AsyncIterator[Any]:
    """The items of all pages, whose position is the `seq` of their last item."""
    after = query.get("afterSeq", 0)
    while True:
        page = await list_page({**query, "afterSeq": after})
        for item in page[field]:
            yield item
        if not page["hasMore"] or not page[field]:
            return
        after = page[field][-1]["seq"]


async def paged(list_page: Callable[[Any], Awaitable[Any]], query: Mapping[str, Any], field: str) -> AsyncIterator[Any]:
    """The items of all pages. A page is requested when the items of the one before are consumed."""
    page = await list_page(query)
    while True:
        for item in page[field]:
            yield item
        if "nextCursor" not in page:
            return
        page = await list_page({**query, "cursor": page["nextCursor"]})
