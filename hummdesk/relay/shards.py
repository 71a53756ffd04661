"""Completes splits of the event stream's shards whose process was killed, or that Redis has lost."""

import logging

from hummdesk.bus.splitting import ShardSplitter
from hummdesk.storage import event_stream
from hummdesk.storage.database import Database

log = logging.getLogger(__name__)


class ShardKeeper:
    """Any number of relays may do this: a split that another one has made is left out."""

    def __init__(self, all_accounts: Database, splitter: ShardSplitter) -> None:
        self._all_accounts = all_accounts
        self._splitter = splitter

    async def complete(self) -> None:
        wanted = await event_stream.shards(self._all_accounts.autocommit_all())
        if wanted is None:
            return
        if missing := await self._splitter.missing(wanted.number):
            log.warning("stream.shards_missing", extra={"shards": wanted.number, "missing": len(missing)})
            await self._splitter.raise_to(wanted.number)
