"""Bulk work: the rest of an account's knowledge that a draft did not take the time to index."""

from typing import Any
from uuid import UUID

from hummdesk import library
from tasks.app import app
from tasks.child import Desk, child

NAME = "hummdesk.bulk.index"


@app.task(name=NAME)
def index(account_id: str) -> None:
    """One batch, and the next one as a task of its own, so that one account's thousands hold no other's up."""

    async def work(desk: Desk) -> None:
        if await library.index(desk.database, UUID(account_id)):
            order(account_id)

    child().run(work)


def order(account_id: Any) -> None:
    """If the order is lost with the broker, the account's next draft orders it again."""
    app.send_task(NAME, args=(str(account_id),))
