"""Conversations, their messages and their log."""

from dataclasses import replace
from uuid import UUID

from hummdesk.core.errors import Conflict, Forbidden, Invalid
from hummdesk.core.models import ANSWERING, Conversation, Message, Person
from hummdesk.server.actions import continuations, message_changes, messages
from hummdesk.server.actions import conversations as actions
from hummdesk.server.api.call import Answer, Call, page_of
from hummdesk.server.context import Payload, ServerContext
from hummdesk.storage import conversations
from hummdesk.storage.conversations import Filter

SYSTEM = "System"
"""The name that customers see of a message of the system, in place of the key's."""


async def list_conversations(context: ServerContext, call: Call) -> Answer:
    query = call.query
    wanted = Filter(
        status=query["status"],
        assigned_to=query["assignedTo"],
        unassigned=query["unassigned"],
        team_id=query["team"],
        priority=query["priority"],
        label_id=query["label"],
        category=query["category"],
        is_snoozed=query["snoozed"],
        contact_id=query["contactId"],
        words=query["search"],
        is_waiting=query["sort"] == "waiting",
    )
    found, cursor = await actions.page(context, call.actor, wanted, limit=query["limit"], cursor=query["cursor"])
    return page_of("conversations", [_conversation(one) for one in found], cursor)


async def create_conversation(context: ServerContext, call: Call) -> Answer:
    if not _may_act_for_others(call.actor):
        raise Forbidden("Only an API key or an admin opens conversations for contacts")
    contact = await _contact(context, call.account_id, call.body["contactId"])
    started = await actions.start(context, contact, call.body, actor=call.actor, conversation_id=call.new_id)
    body = _conversation(started.conversation)
    return Answer(body if started.sent is None else body | {"message": _message(started.sent.message)})


async def get_conversation(context: ServerContext, call: Call) -> Answer:
    async with context.database.account(call.account_id) as tx:
        return Answer(_conversation(await conversations.get(tx, viewer=call.actor, conversation_id=call.id)))


async def update_conversation(context: ServerContext, call: Call) -> Answer:
    def require(conversation: Conversation) -> None:
        call.require_match(_conversation(conversation))

    return Answer(_conversation(await actions.update(context, call.actor, call.id, call.body, require=require)))


async def merge_conversation(context: ServerContext, call: Call) -> Answer:
    await continuations.merge(context, call.actor, call.id, call.body["intoConversationId"])
    return await get_conversation(context, call)


async def list_messages(context: ServerContext, call: Call) -> Answer:
    found, has_more = await messages.page(context, call.actor, call.id, call.query)
    return Answer({"messages": [_message(message) for message in found], "hasMore": has_more})


async def send_message(context: ServerContext, call: Call) -> Answer:
    body = call.body
    sender = await _sender(context, call, body["as"], body["agentId"])
    key_id = call.actor.id if call.actor.is_key else None
    uploaders = [call.actor] if sender.id != call.actor.id else []
    sent = await messages.send(context, sender, call.id, body, uploaders=uploaders, id=call.new_id, sent_by_key=key_id)
    return Answer(_message(sent.message))


async def edit_message(context: ServerContext, call: Call) -> Answer:
    return Answer(_message(await message_changes.edit(context, call.actor, call.id, call.path["messageId"], call.body)))


async def withdraw_message(context: ServerContext, call: Call) -> Answer:
    return Answer(_message(await message_changes.withdraw(context, call.actor, call.id, call.path["messageId"])))


async def list_conversation_events(context: ServerContext, call: Call) -> Answer:
    async with context.database.account(call.account_id) as tx:
        await conversations.check(tx, viewer=call.actor, conversation_id=call.id)
        found, cursor = await conversations.events(tx, conversation_id=call.id, **call.query)
    return page_of("events", [event.wire() for event in found], cursor)


async def _sender(context: ServerContext, call: Call, kind: str, agent_id: UUID | None) -> Person:
    """Return the person as whom a message is sent. Raises Forbidden, Invalid, NotFound and Conflict."""
    if kind == "agent":
        return await _agent(context, call.actor, agent_id)
    if kind == "system":
        if not call.actor.is_key:
            raise Forbidden("Only an API key sends messages of the system")
        return replace(call.actor, name=SYSTEM)
    if not _may_act_for_others(call.actor):
        raise Forbidden("Only an API key or an admin sends messages of contacts")
    async with context.database.account(call.account_id) as tx:
        contact_id = (await conversations.as_staff(tx, conversation_id=call.id)).contact_id
    contact = await context.people.find(call.account_id, contact_id, customer=True)
    if contact is None:
        raise Conflict("The contact of the conversation is disabled")
    return contact


async def _agent(context: ServerContext, actor: Person, agent_id: UUID | None) -> Person:
    if agent_id == actor.id or (agent_id is None and not actor.is_key):
        return actor
    if agent_id is None:
        raise Invalid(details={"agentId": ["Required with `as` agent."]})
    if not _may_act_for_others(actor):
        raise Forbidden("Only an API key or an admin sends messages of other agents")
    agent = await context.people.find(actor.account_id, agent_id, customer=False)
    if agent is None or agent.role not in ANSWERING:
        raise Invalid(details={"agentId": ["Not an active agent or admin."]})
    return agent


async def _contact(context: ServerContext, account_id: UUID, contact_id: UUID) -> Person:
    contact = await context.people.find(account_id, contact_id, customer=True)
    if contact is None:
        raise Invalid(details={"contactId": ["Not an active contact."]})
    return contact


def _may_act_for_others(actor: Person) -> bool:
    return actor.is_key or actor.role == "admin"


def _conversation(conversation: Conversation) -> Payload:
    wire: Payload = {"id": str(conversation.id)} | conversation.wire()
    if conversation.last_message is not None:
        wire["lastMessage"] = _message(conversation.last_message)
    return wire


def _message(message: Message) -> Payload:
    return {"id": str(message.id)} | message.wire()
