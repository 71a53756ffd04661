"""What an inbox shows beside its conversations: labels, saved views and counts."""

from hummdesk.publish.events.inbox import LabelChanged, SavedViewChanged
from hummdesk.server.actions import labels as label_actions
from hummdesk.server.context import Payload, ServerContext
from hummdesk.server.sockets import ClientSession
from hummdesk.storage import labels, saved_views


async def get_inbox(context: ServerContext, session: ClientSession, _: Payload) -> Payload:
    person = session.authenticated_person
    account_id = person.account_id
    async with context.database.account(account_id) as tx:
        found = await labels.labels(tx)
        views = await saved_views.views(tx, person)
    counts = await context.inbox_counts.of(session)
    return {
        "labels": [LabelChanged.of(account_id, label).payload() for label in found],
        "views": [SavedViewChanged.of(account_id, view).payload() for view in views],
        "counts": counts.payload(),
        "messageChangeSeconds": int(context.settings.message_change_minutes * 60),
    }


async def label_conversation(context: ServerContext, session: ClientSession, payload: Payload) -> Payload:
    actor, conversation_id = session.authenticated_person, payload["conversationId"]
    change = {"added": payload["add"], "removed": payload["remove"]}
    label_ids = await label_actions.change(context, actor, conversation_id, **change)
    return {"conversationId": str(conversation_id), "labelIds": [str(one) for one in label_ids]}
