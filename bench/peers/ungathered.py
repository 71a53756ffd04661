"""HummDesk as it would be without gathering: every message in a transaction of its own, on the pool's connections."""

from hummdesk.cli import main
from hummdesk.core.models import Person
from hummdesk.server import node
from hummdesk.storage import messages
from hummdesk.storage.message_writer import MessageWriter
from hummdesk.storage.messages import NewMessage, Outgoing, Sent


class Ungathered(MessageWriter):
    """The same statement, with a batch of one, after the conversation has been locked for it."""

    async def send(self, *, sender: Person, message: NewMessage) -> Sent:
        async with self._database.account(sender.account_id) as tx:
            return await messages.send_locked(tx, Outgoing.of(sender, message))


node.MessageWriter = Ungathered  # type: ignore[misc]

if __name__ == "__main__":
    main()
