"""Print the changes of an account as they are made: `python follow_feed.py ACCOUNT_ID [NUMBER]`."""

import asyncio
import sys
from uuid import UUID

from hummdesk.publish.feed_reader import feed


async def main(account_id: UUID, number: int = 0) -> None:
    async for event in feed(account_id, after=number):
        print(event.number, event.type, event.data)


asyncio.run(main(UUID(sys.argv[1]), *map(int, sys.argv[2:])))
