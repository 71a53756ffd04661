"""The bodies of deliveries: events of the feed with their content, read when they are sent."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from hummdesk.core import json_encoding
from hummdesk.publish import feed as feed_events
from hummdesk.storage.database import Database


class FeedBodies:
    def __init__(self, database: Database) -> None:
        """`database` sees all rows of one account."""
        self._database = database

    async def __call__(self, account_id: UUID, numbers: Sequence[int]) -> Mapping[int, bytes]:
        """The bodies of events by number, without those that the feed no longer has."""
        async with self._database.account(account_id) as tx:
            found = await feed_events.numbered(tx, numbers)
        return {event.number: json_encoding.encode({"accountId": account_id, **event.wire()}) for event in found}
