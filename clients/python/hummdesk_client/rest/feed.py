"""The feed: every change of an account, proved to be whole."""

import asyncio
import hashlib
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace

from hummdesk_client.errors import ClientError, NoResponseError, ProblemError
from hummdesk_client.rest.routes import FeedEvent, FeedPage, FeedQuery

LIMIT = 500
LONGEST_BACKOFF_SECONDS = 30.0


class FeedError(ClientError):
    """The events do not continue those that were read before: read the current state anew."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedPosition:
    """A position in the feed of an account, to be stored, and to continue from. Default: before the first event."""

    number: int = 0
    """All events up to this number were read."""
    digest: str = "0" * 64
    """Digest over all these events, in hexadecimal."""
    epoch: str | None = None
    """Identifies the feed; None before its first page was read."""

    def after(self, event: FeedEvent) -> "FeedPosition":
        """The position after the next event. Its digest is SHA-256 over this one and the number, type and ids.

        Raises FeedError if it is another event.
        """
        number = self.number + 1
        if event["number"] != number:
            raise FeedError(f"The feed has event {event['number']} in place of {number}")
        content = "\n".join((str(number), event["type"], event.get("conversationId", ""), event["subjectId"]))
        digest = hashlib.sha256(bytes.fromhex(self.digest) + content.encode()).hexdigest()
        return replace(self, number=number, digest=digest)


async def events_of(
    read: Callable[[FeedQuery], Awaitable[FeedPage]], start: FeedPosition, wait: int, first_backoff: float
) -> AsyncIterator[tuple[FeedEvent, FeedPosition]]:
    """The events of a feed without an end; a request that fails is sent again until it succeeds."""
    position, backoff = start, first_backoff
    while True:
        try:
            page = await read({"after": position.number, "wait": wait, "limit": LIMIT})
        except (NoResponseError, ProblemError) as failure:
            if isinstance(failure, ProblemError) and not failure.is_transient:
                raise
            await asyncio.sleep(backoff * (0.5 + random.random()))
            backoff = min(2 * backoff, LONGEST_BACKOFF_SECONDS)
            continue
        backoff = first_backoff
        found = checked(page, position)
        for event, after in found:
            yield event, after
        position = found[-1][1] if found else replace(position, epoch=page["epoch"])


def checked(page: FeedPage, position: FeedPosition) -> list[tuple[FeedEvent, FeedPosition]]:
    """The events of a page with their positions. Raises FeedError if its numbers, digest or epoch do not continue."""
    if position.epoch not in (None, page["epoch"]):
        raise FeedError("The feed was replaced, as in a restore")
    position = replace(position, epoch=page["epoch"])
    found = []
    for event in page["events"]:
        position = position.after(event)
        found.append((event, position))
    if page["completeTo"] != position.number:
        raise FeedError(f"The feed is complete to {page['completeTo']}, and not to {position.number}")
    if page["digest"] != position.digest:
        raise FeedError(f"The events up to {position.number} differ from those of the server")
    return found
