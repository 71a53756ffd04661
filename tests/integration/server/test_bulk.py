"""One request that changes several conversations: a result for each, and the events of the single changes."""

from typing import Any

import pytest

from hummdesk.core.errors import Unavailable
from hummdesk.core.ids import new_id
from hummdesk.server.actions import conversations as actions
from hummdesk.server.node import Node
from hummdesk.storage import conversations, labels
from tests.integration.server.accounts import Account


async def conversations_of(account: Account, number: int) -> list[str]:
    rows = await account.execute(
        "INSERT INTO conversations (account_id, id, contact_id) SELECT %(account)s, gen_random_uuid(), %(contact)s "
        "FROM generate_series(1, %(number)s) RETURNING id::text",
        contact=account.people["customer"].id,
        number=number,
    )
    return [one for (one,) in rows]


async def test_several_conversations_are_changed_with_a_result_and_the_events_of_each(
    account: Account, foreign: Account, node: Node
) -> None:
    agent, viewer = await account.connect("agent"), await account.connect("viewer")
    customer = await account.connect("customer", joins=True)
    own, unknown, other = str(account.conversation), str(new_id()), str(foreign.conversation)
    [second] = await conversations_of(account, 1)
    async with node.context.database.account(account.id) as tx:
        admin = account.people["admin"]
        label, _ = await labels.create(tx, admin, name="VIP", color="#0b5f59", label_id=new_id())
    me = str(account.people["agent"].id)
    request = {"conversationIds": [own, unknown, second, other, own], "assignedTo": me, "addLabels": [str(label.id)]}
    results = (await agent.do("update_conversations", request))["results"]
    assert [(one["conversationId"], one["ok"]) for one in results] == [
        (own, True),
        (unknown, False),
        (second, True),
        (other, False),
    ]
    assert {one["error"]["code"] for one in results if not one["ok"]} == {"NOT_FOUND"}
    for one in (own, second):
        assert (await viewer.receives("conversation_assigned", conversationId=one))["assignedTo"] == me
    assert "labels_changed" in [kind for (kind,) in await kinds(account, own)]
    assert "labelIds" not in str(customer.received)

    closed = {"conversationIds": [own, second], "status": "closed"}
    assert [one["ok"] for one in (await agent.do("update_conversations", closed))["results"]] == [True, True]
    for client in (viewer, customer):
        assert (await client.receives("conversation_status_changed", conversationId=own))["newStatus"] == "closed"
    snoozed = {"conversationIds": [second], "snoozedUntil": "2000-01-01T00:00:00Z"}
    [result] = (await agent.do("update_conversations", snoozed))["results"]
    assert result["error"]["code"] == "VALIDATION_ERROR"
    [reopened] = (await agent.do("update_conversations", closed | {"conversationIds": [second], "status": "open"}))[
        "results"
    ]
    assert reopened["ok"]
    [[status]] = await account.execute("SELECT status FROM conversations WHERE id = %(one)s", one=second)
    assert status == "open"


async def kinds(account: Account, conversation: str) -> list[Any]:
    return await account.execute(
        "SELECT kind FROM conversation_events WHERE conversation_id = %(one)s ORDER BY created_at", one=conversation
    )


@pytest.mark.parametrize(
    "change",
    [
        {"conversationIds": []},
        {"conversationIds": [str(new_id()) for _ in range(101)], "status": "closed"},
        {"conversationIds": [str(new_id())]},
        {"conversationIds": [str(new_id())], "reason": "nothing"},
        {"conversationIds": [str(new_id())], "status": "closed", "snoozedUntil": None},
    ],
)
async def test_request_without_a_change_or_with_too_many_ids_is_refused(
    account: Account, change: dict[str, Any]
) -> None:
    assert await (await account.connect("agent")).refused("update_conversations", change) == "VALIDATION_ERROR"


async def test_viewers_and_customers_change_nothing(account: Account) -> None:
    request = {"conversationIds": [str(account.conversation)], "status": "closed"}
    for name in ("viewer", "customer"):
        assert await (await account.connect(name)).refused("update_conversations", request) == "FORBIDDEN"


async def test_conversations_after_an_unavailable_one_are_refused_without_an_attempt(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempts: list[Any] = []

    async def update(_context: Any, _actor: Any, conversation_id: Any, _changes: Any, *, require: Any) -> None:
        attempts.append(conversation_id)
        if len(attempts) == 2:
            raise Unavailable

    agent = await account.connect("agent")
    monkeypatch.setattr(actions, "update", update)
    request = {"conversationIds": [str(new_id()) for _ in range(5)], "status": "closed"}
    results = (await agent.do("update_conversations", request))["results"]
    assert [one["ok"] for one in results] == [True, False, False, False, False]
    assert {one["error"]["code"] for one in results if not one["ok"]} == {Unavailable.code}
    assert len(attempts) == 2


async def test_hundred_conversations_are_closed_by_one_request(account: Account, node: Node) -> None:
    agent = await account.connect("agent")
    ids = await conversations_of(account, 100)
    results = (await agent.do("update_conversations", {"conversationIds": ids, "status": "closed"}))["results"]
    assert {one["conversationId"] for one in results if one["ok"]} == set(ids)
    async with node.context.database.account(account.id) as tx:
        found = await conversations.all_as_staff(tx, ids=[account.conversation])
    assert found[0].status == "open"
