"""What an inbox shows beside its conversations: labels and counts."""

from hummdesk.publish.events.inbox import LabelChanged
from hummdesk.server.actions import labels as label_actions
from hummdesk.server.context import Payload, ServerContext
from hummdesk.server.sockets import ClientSession
from hummdesk.storage import labels


async def get_inbox(context: ServerContext, session: ClientSession, _: Payload) -> Payload:
    account_id = session.authenticated_person.account_id
    async with context.database.account(account_id) as tx:
        found = await labels.labels(tx)
    counts = await context.inbox_counts.of(session)
    return {
        "labels": [LabelChanged.of(account_id, label).payload() for label in found],
        "counts": counts.payload(),
        "messageChangeSeconds": int(context.settings.message_change_minutes * 60),
    }


async def label_conversation(context: ServerContext, session: ClientSession, payload: Payload) -> Payload:
    actor, conversation_id = session.authenticated_person, payload["conversationId"]
    change = {"added": payload["add"], "removed": payload["remove"]}
    label_ids = await label_actions.change(context, actor, conversation_id, **change)
    return {"conversationId": str(conversation_id), "labelIds": [str(one) for one in label_ids]}
