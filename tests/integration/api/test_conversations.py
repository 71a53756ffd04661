"""Conversations and messages over REST, as sockets see them."""

from typing import Any

import pytest

from hummdesk.core.ids import new_id
from hummdesk.server.node import Node
from tests.integration.api.rest_client import RestClient
from tests.integration.server.accounts import Account, Client

HELLO = {"content": "Hello"}
SYSTEM = HELLO | {"as": "system", "basedOnSeq": 0}


def as_agent(account: Account, name: str = "agent", **more: Any) -> dict[str, Any]:
    return HELLO | {"as": "agent", "agentId": str(account.people[name].id)} | more


async def received_until_marker(account: Account, admin: RestClient, client: Client) -> list[tuple[str, Any]]:
    """Everything that a socket has received, until a message that is sent now."""
    await admin.do("send_message", as_agent(account, content="marker"), id=account.other_conversation)
    await client.receives("new_message", content="marker")
    return client.received


@pytest.fixture
async def watcher(account: Account) -> Client:
    """A socket of staff that has joined the conversation, and has received nothing else."""
    client = await account.connect("colleague", joins=True)
    await client.receives("agent_online")
    await client.receives("conversation_viewers")
    client.forget()
    return client


async def test_list_shows_the_conversations_of_each_filter(admin: RestClient, account: Account) -> None:
    agent, team = str(account.people["agent"].id), str(account.team)
    mine, other = str(account.conversation), str(account.other_conversation)
    await admin.do("update_conversation", {"assignedTo": agent, "teamId": team, "priority": "urgent"}, id=mine)
    await admin.do("update_conversation", {"status": "closed"}, id=other)
    await admin.do("send_message", HELLO | {"as": "contact", "content": "My kettle leaks"}, id=mine)

    async def found(**query: Any) -> set[str]:
        return {one["id"] for one in (await admin.do("list_conversations", **query))["conversations"]}

    assert await found() == {mine, other}
    assert await found(status="open") == await found(assignedTo=agent) == await found(team=team) == {mine}
    assert (
        await found(priority="urgent")
        == await found(search="kettle")
        == await found(search="kett", team=team)
        == {mine}
    )
    assert await found(unassigned=True) == await found(status="closed") == await found(priority="medium") == {other}
    assert await found(contactId=account.people["stranger"].id) == {other}
    assert await found(contactId=account.people["stranger"].id, team=team) == set()
    assert await found(team=new_id()) == await found(search="kettle", priority="low") == set()
    await admin.refused("list_conversations", status=422, assignedTo=agent, unassigned=True)


async def test_page_of_a_filter_continues_behind_what_it_looked_through(
    admin: RestClient, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hummdesk.storage.conversations.SCANNED", 2)
    mine = [str(account.conversation), str(account.other_conversation)]
    for _ in range(3):
        made = await admin.do("create_conversation", {"contactId": str(account.people["customer"].id)})
        await admin.do("update_conversation", {"priority": "low"}, id=made["id"])
    found: list[str] = []
    page: dict[str, Any] = await admin.do("list_conversations", priority="medium")
    found += [one["id"] for one in page["conversations"]]
    while "nextCursor" in page:
        page = await admin.do("list_conversations", priority="medium", cursor=page["nextCursor"])
        found += [one["id"] for one in page["conversations"]]
    assert found == mine[::-1]


async def test_conversation_is_created_as_its_contact(admin: RestClient, account: Account, watcher: Client) -> None:
    body = {"contactId": str(account.people["stranger"].id), "subject": "Order 7", "content": "Where is it?"}
    made = await admin.do("create_conversation", body)
    assert (made["id"], made["subject"]) == (made["conversationId"], "Order 7")
    assert (made["message"]["seq"], made["message"]["senderType"]) == (1, "customer")
    assert (await watcher.receives("conversation_created"))["conversationId"] == made["id"]
    assert (await watcher.receives("new_message"))["content"] == "Where is it?"
    log = (await admin.do("list_conversation_events", id=made["id"]))["events"]
    assert {(entry["kind"], entry["actorType"]) for entry in log} == {("created", "key"), ("message_sent", "key")}


async def test_conversation_of_an_unknown_contact_is_refused_by_the_field(
    admin: RestClient, account: Account, foreign: Account
) -> None:
    for contact_id in (new_id(), foreign.people["customer"].id, account.people["agent"].id):
        problem = await admin.refused("create_conversation", {"contactId": str(contact_id)}, status=422)
        assert problem["errors"] == [{"field": "contactId", "message": "Not an active contact."}]


async def test_change_is_published_as_if_made_on_a_socket(admin: RestClient, account: Account, watcher: Client) -> None:
    agent = account.people["agent"].id
    by_socket = await account.connect("admin")
    await watcher.receives("agent_online")
    steps: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
        (
            "update_conversation_status",
            {"status": "pending", "reason": "waits"},
            {"status": "pending", "reason": "waits"},
        ),
        ("assign_conversation", {"agentId": str(agent)}, {"assignedTo": str(agent)}),
        ("unassign_conversation", {"reason": "ill"}, {"assignedTo": None, "reason": "ill"}),
        ("update_conversation_status", {"status": "open"}, {"status": "open"}),
    ]
    found: dict[str, list[Any]] = {"socket": [], "rest": []}
    for way, events in found.items():
        for request, payload, change in steps:
            if way == "socket":
                await by_socket.do(request, {"conversationId": str(account.conversation)} | payload)
            else:
                await admin.do("update_conversation", change, id=account.conversation)
        await watcher.receives("conversation_updated", status="open")  # of close states only the last may be published
        received = await received_until_marker(account, admin, watcher)
        events += [(name, sorted(payload)) for name, payload in received if name != "conversation_updated"]
        watcher.forget()
    assert found["rest"] == found["socket"]
    assert [name for name, _ in found["rest"]] == [
        "conversation_status_changed",
        "conversation_activity",
        "conversation_assigned",
        "conversation_activity",
        "conversation_unassigned",
        "conversation_activity",
        "conversation_status_changed",
        "conversation_queued",
        "conversation_activity",
    ]


async def test_change_of_nothing_publishes_nothing(admin: RestClient, account: Account, watcher: Client) -> None:
    before = await admin.do("get_conversation", id=account.conversation)
    body = {"status": "open", "priority": "medium", "assignedTo": None, "teamId": None}
    assert await admin.do("update_conversation", body, id=account.conversation) == before
    assert [name for name, _ in await received_until_marker(account, admin, watcher)] == []


async def test_several_changes_are_one_update(admin: RestClient, account: Account, watcher: Client) -> None:
    body = {"status": "closed", "priority": "high", "teamId": str(account.team)}
    changed = await admin.do("update_conversation", body, id=account.conversation)
    assert (changed["status"], changed["priority"], changed["assignedTeam"]) == ("closed", "high", str(account.team))
    await watcher.receives("conversation_status_changed", newStatus="closed")
    await watcher.receives("conversation_updated", status="closed", priority="high")
    log = (await admin.do("list_conversation_events", id=account.conversation))["events"]
    assert [entry["kind"] for entry in log] == ["priority_changed", "assigned", "status_changed"]
    assert {entry["actorType"] for entry in log} == {"key"}


async def test_team_and_agent_of_a_change_belong_together(admin: RestClient, account: Account, watcher: Client) -> None:
    agent, boss, team = (str(account.people["agent"].id), str(account.people["admin"].id), str(account.team))
    about = {"id": account.conversation}
    problem = await admin.refused("update_conversation", {"assignedTo": boss, "teamId": team}, **about, status=422)
    assert problem["errors"] == [{"field": "assignedTo", "message": "Not a member of the team."}]
    await admin.do("update_conversation", {"assignedTo": agent, "teamId": team}, **about)
    kept = await admin.do("update_conversation", {"assignedTo": str(account.people["colleague"].id)}, **about)
    assert kept["assignedTeam"] == team
    left = await admin.do("update_conversation", {"assignedTo": boss}, **about)
    assert (left["assignedTo"], "assignedTeam" in left) == (boss, False)
    waiting = await admin.do("update_conversation", {"teamId": team}, **about)
    assert (waiting["assignedTeam"], "assignedTo" in waiting) == (team, False)
    assert (await watcher.receives("conversation_queued"))["teamId"] == team
    log = (await admin.do("list_conversation_events", **about))["events"]
    assert [entry["details"]["rule"] for entry in log] == ["transfer", "transfer", "transfer", "assignment"]


async def test_change_of_the_agent_drops_a_team_that_is_disabled(admin: RestClient, account: Account) -> None:
    agent, colleague = str(account.people["agent"].id), str(account.people["colleague"].id)
    about, team = {"id": account.conversation}, str(account.team)
    await admin.do("update_conversation", {"assignedTo": agent, "teamId": team}, **about)
    await admin.do("update_team", {"active": False}, id=team)
    left = await admin.do("update_conversation", {"assignedTo": colleague}, **about)
    assert (left["assignedTo"], "assignedTeam" in left) == (colleague, False)
    for change in ({"teamId": team}, {"teamId": team, "assignedTo": agent}):
        problem = await admin.refused("update_conversation", change, **about, status=422)
        assert problem["errors"] == [{"field": "teamId", "message": "Not an active team."}]


async def test_note_of_a_transfer_is_private_and_needs_an_assignment(
    admin: RestClient, account: Account, watcher: Client
) -> None:
    about = {"id": account.conversation}
    problem = await admin.refused("update_conversation", {"note": "Psst"}, **about, status=422)
    assert [error["field"] for error in problem["errors"]] == ["note"]
    body = {"assignedTo": str(account.people["agent"].id), "note": "Wants a refund"}
    await admin.do("update_conversation", body, **about)
    note = await watcher.receives("new_message", content="Wants a refund")
    assert (note["private"], note["senderType"]) == (True, "system")
    line = await watcher.receives("conversation_activity")
    assert (line["noteId"], line["assignedToName"]) == (note["messageId"], "Agent")


@pytest.mark.parametrize("field", ["assignedTo", "teamId"])
async def test_assignment_to_nobody_known_names_the_field(
    admin: RestClient, account: Account, foreign: Account, field: str
) -> None:
    wrong = {"assignedTo": [foreign.people["agent"].id, account.people["viewer"].id], "teamId": [foreign.team]}
    for value in (new_id(), *wrong[field]):
        problem = await admin.refused("update_conversation", {field: str(value)}, id=account.conversation, status=422)
        assert [error["field"] for error in problem["errors"]] == [field]


async def test_change_of_an_outdated_conversation_is_refused(admin: RestClient, account: Account) -> None:
    seen = await admin.call("get_conversation", id=account.conversation)
    etag = {"If-Match": seen.headers["ETag"]}
    assert (
        await admin.call("get_conversation", id=account.conversation, headers={"If-None-Match": etag["If-Match"]})
    ).status == 304
    changed = await admin.call("update_conversation", {"priority": "low"}, id=account.conversation, headers=etag)
    assert changed.status == 200
    assert changed.headers["ETag"] != etag["If-Match"]
    await admin.refused("update_conversation", {"priority": "high"}, id=account.conversation, headers=etag, status=412)
    assert (await admin.do("get_conversation", id=account.conversation))["priority"] == "low"


@pytest.mark.parametrize(("kind", "sender"), [("agent", "agent"), ("contact", "customer"), ("system", None)])
async def test_message_is_received_once_with_its_sender(
    admin: RestClient, account: Account, watcher: Client, kind: str, sender: str | None
) -> None:
    customer = await account.connect("customer", joins=True)
    body = as_agent(account) if kind == "agent" else HELLO | {"as": kind}
    body |= {"basedOnSeq": 0} if kind == "system" else {}
    sent = await admin.do("send_message", body, id=account.conversation)
    assert sent["senderType"] == {"contact": "customer"}.get(kind, kind)
    for client in (customer, watcher):
        seen = await client.receives("new_message", messageId=sent["id"])
        assert (seen["seq"], seen["content"]) == (sent["seq"], "Hello")
        assert seen["senderName"] == ("System" if sender is None else account.people[sender].name)
        if sender is not None:
            assert seen["senderId"] == str(account.people[sender].id)
    assert "new_message" not in [name for name, _ in await received_until_marker(account, admin, watcher)]
    log = (await admin.do("list_conversation_events", id=account.conversation))["events"]
    assert log[0]["details"] == {"messageId": sent["id"], "as": sent["senderType"]}
    assert log[0]["actorId"] == (await admin.do("get_me"))["id"]


async def test_message_of_the_system_is_unread_for_the_customer_only(admin: RestClient, account: Account) -> None:
    await admin.do("send_message", SYSTEM, id=account.conversation)
    customer = await account.connect("customer")
    [shown] = (await customer.do("list_conversations", {}))["conversations"]
    assert shown["unreadCount"] == 1
    await customer.do(
        "message_read", {"conversationId": shown["conversationId"], "messageId": shown["lastMessage"]["messageId"]}
    )
    [shown] = (await customer.do("list_conversations", {}))["conversations"]
    assert shown["unreadCount"] == 0
    assert (await admin.do("get_conversation", id=account.conversation))["unreadCount"] == 0


async def test_message_of_a_contact_reopens_and_starts_the_ai(
    admin: RestClient, account: Account, watcher: Client
) -> None:
    await admin.do("update_conversation", {"status": "closed"}, id=account.conversation)
    sent = await admin.do("send_message", HELLO | {"as": "contact"}, id=account.conversation)
    await watcher.receives("conversation_status_changed", oldStatus="closed", newStatus="open")
    runs = await account.execute("SELECT kind FROM ai_runs WHERE message_id = %(id)s", id=sent["id"])
    assert runs == [("classification",)]


async def test_private_note_is_for_staff_only(admin: RestClient, account: Account, watcher: Client) -> None:
    customer = await account.connect("customer", joins=True)
    await admin.do("send_message", as_agent(account, private=True), id=account.conversation)
    await watcher.receives("new_message", private=True)
    await admin.do("send_message", as_agent(account, content="marker"), id=account.conversation)
    assert (await customer.receives("new_message"))["content"] == "marker"
    problem = await admin.refused(
        "send_message", HELLO | {"as": "contact", "private": True}, id=account.conversation, status=422
    )
    assert [error["field"] for error in problem["errors"]] == ["private"]


async def test_agent_must_be_named_and_able_to_answer(admin: RestClient, account: Account, foreign: Account) -> None:
    wrong = [None, new_id(), foreign.people["agent"].id, account.people["viewer"].id, account.people["customer"].id]
    for agent_id in wrong:
        body = HELLO | {"as": "agent"} | ({} if agent_id is None else {"agentId": str(agent_id)})
        problem = await admin.refused("send_message", body, id=account.conversation, status=422)
        assert [error["field"] for error in problem["errors"]] == ["agentId"]
    body = as_agent(account) | {"as": "system"}
    assert (await admin.refused("send_message", body, id=account.conversation, status=422))["errors"]


async def test_system_message_without_basis_follows_a_question_but_not_an_agents_reply(
    admin: RestClient, account: Account
) -> None:
    unbased = {"as": "system", "content": "We have received your message."}
    await admin.do("send_message", HELLO | {"as": "contact"}, id=account.conversation)
    assert (await admin.do("send_message", unbased, id=account.conversation))["seq"] == 2
    await admin.do("send_message", as_agent(account), id=account.conversation)
    problem = await admin.refused("send_message", unbased, id=account.conversation, status=409)
    assert problem["code"] == "CONFLICT"


async def test_repeated_client_message_id_returns_the_first_message(admin: RestClient, account: Account) -> None:
    body = as_agent(account, clientMessageId="one")
    first = await admin.do("send_message", body, id=account.conversation)
    assert await admin.do("send_message", body, id=account.conversation) == first
    assert len((await admin.do("list_messages", id=account.conversation))["messages"]) == 1


async def test_messages_are_paged_by_seq(admin: RestClient, account: Account) -> None:
    for number in range(5):
        await admin.do("send_message", as_agent(account, content=str(number)), id=account.conversation)

    async def seqs(**query: Any) -> tuple[list[int], bool]:
        page = await admin.do("list_messages", id=account.conversation, **query)
        return [message["seq"] for message in page["messages"]], page["hasMore"]

    assert await seqs(limit=2) == ([4, 5], True)
    assert await seqs(afterSeq=1, limit=2) == ([2, 3], True)
    assert await seqs(afterSeq=3) == ([4, 5], False)
    assert await seqs(beforeSeq=3) == ([1, 2], False)
    await admin.refused("list_messages", id=account.conversation, afterSeq=1, beforeSeq=3, status=422)


async def test_user_may_do_what_is_allowed_on_the_socket(http: Any, account: Account) -> None:
    viewer, agent, admin = (RestClient(http, account.token(role)) for role in ("viewer", "agent", "admin"))
    own = {"id": account.conversation}
    await viewer.do("list_messages", **own)
    await viewer.refused("send_message", HELLO | {"as": "agent"}, **own, status=403)
    await viewer.refused("update_conversation", {"status": "closed"}, **own, status=403)
    sent = await agent.do("send_message", HELLO | {"as": "agent"}, **own)
    assert sent["senderId"] == str(account.people["agent"].id)
    await agent.do("update_conversation", {"status": "closed"}, **own)
    for body in (as_agent(account, "colleague"), HELLO | {"as": "contact"}, SYSTEM):
        await agent.refused("send_message", body, **own, status=403)
    await agent.refused("create_conversation", {"contactId": str(account.people["customer"].id)}, status=403)
    assert (await admin.do("send_message", as_agent(account, "colleague"), **own))["senderName"] == "Colleague"
    await admin.do("send_message", HELLO | {"as": "contact"}, **own)
    await admin.refused("send_message", SYSTEM, **own, status=403)
    log = (await agent.do("list_conversation_events", **own))["events"]
    assert {entry["actorType"] for entry in log} <= {"agent", "customer"}


async def test_message_of_a_revoked_key_is_not_stored(admin: RestClient, account: Account, node: Node) -> None:
    """Even while the process still takes the key for valid."""
    me = await admin.do("get_me")
    verify, revoked = node.context.api_keys.verify, "UPDATE api_keys SET revoked_at = now() WHERE id = %(id)s"
    person = await verify(admin.text)
    await account.execute(revoked, id=me["id"])
    with pytest.MonkeyPatch.context() as patch:

        async def known(_: str) -> Any:
            return person

        patch.setattr(node.context.api_keys, "verify", known)
        await admin.refused("send_message", SYSTEM, id=account.conversation, status=403)


async def test_token_opens_a_socket_and_is_logged(admin: RestClient, account: Account) -> None:
    for field, name in (("contactId", "customer"), ("userId", "viewer")):
        made = await admin.do("create_token", {field: str(account.people[name].id), "seconds": 60})
        client = await account.client().connect(token=made["token"])
        assert (await client.receives("authenticated"))["role"] == account.people[name].role
    entry = (await admin.do("list_audit_entries"))["entries"][0]
    assert (entry["action"], entry["details"]) == ("token.issued", {"role": "viewer", "seconds": 60})
    assert made["token"] not in str(entry)


async def test_token_is_refused_for_nobody_and_beyond_the_longest_validity(
    admin: RestClient, account: Account, foreign: Account
) -> None:
    contact = str(account.people["customer"].id)
    for body in (
        {"contactId": str(foreign.people["customer"].id)},
        {"userId": contact},
        {"contactId": contact, "seconds": 745 * 3600},
        {"contactId": contact, "seconds": 0},
        {"contactId": contact, "userId": str(account.people["agent"].id)},
        {},
    ):
        await admin.refused("create_token", body, status=422)


async def test_me_is_the_key_or_the_user(admin: RestClient, account: Account) -> None:
    me = await admin.do("get_me")
    assert (me["type"], me["role"], me["accountId"]) == ("key", "admin", str(account.id))
    user = await RestClient(admin.session, account.token("viewer")).do("get_me")
    assert (user["type"], user["id"], user["email"]) == (
        "user",
        str(account.people["viewer"].id),
        account.people["viewer"].email,
    )


async def test_presence_shows_who_is_online(admin: RestClient, account: Account) -> None:
    await (await account.connect("agent")).receives("agent_online")
    agents = {agent["agentId"]: agent["status"] for agent in (await admin.do("list_presence"))["agents"]}
    assert agents[str(account.people["agent"].id)] == "online"
    assert agents[str(account.people["colleague"].id)] == "offline"
    first = await admin.do("list_presence", limit=2)
    rest = await admin.do("list_presence", limit=2, cursor=first["nextCursor"])
    assert [len(page["agents"]) for page in (first, rest)] == [2, 1]
    assert {one["agentId"]: one["status"] for one in first["agents"] + rest["agents"]} == agents
