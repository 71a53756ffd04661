"""HummDesk without batching: each message has a transaction of its own, on a connection of the pool."""

from unittest.mock import patch

from hummdesk.cli import main
from hummdesk.core.models import Person
from hummdesk.storage import messages
from hummdesk.storage.message_writer import MessageWriter
from hummdesk.storage.messages import NewMessage, Outgoing, Sent


async def send_unbatched(self: MessageWriter, *, sender: Person, message: NewMessage) -> Sent:
    """Run the same statement for a batch of one, with the conversation locked."""
    async with self._database.account(sender.account_id) as tx:
        return await messages.send_locked(tx, Outgoing.of(sender, message))


if __name__ == "__main__":
    with patch.object(MessageWriter, "send", send_unbatched):
        main()
