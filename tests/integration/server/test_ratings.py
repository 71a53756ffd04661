"""Ratings of closed conversations by their customers."""

from typing import Any

from hummdesk.relay.erasure import open_eraser
from hummdesk.server.node import Node
from tests.integration.server.accounts import Account, Client


async def set_status(account: Account, status: str) -> Client:
    agent = await account.connect("agent")
    await agent.do("update_conversation_status", {"conversationId": str(account.conversation), "status": status})
    return agent


def rating(account: Account, stars: int, **more: Any) -> dict[str, Any]:
    return {"conversationId": str(account.conversation), "rating": stars} | more


async def stored(account: Account) -> list[Any]:
    return await account.execute(
        "SELECT rating, comment, agent_id FROM conversation_ratings WHERE account_id = %(account)s ORDER BY rated_at"
    )


async def shown(client: Client, account: Account) -> Any:
    joined = await client.do("join_conversation", str(account.conversation))
    return joined["conversation"].get("rating")


async def test_rating_of_closed_conversation_is_stored_logged_and_shown(account: Account) -> None:
    agent = await set_status(account, "closed")
    viewer, customer = await account.connect("viewer"), await account.connect("customer")
    answer = await customer.do("rate_conversation", rating(account, 4, comment="  Quick help  "))
    assert (answer["rating"], answer["comment"]) == (4, "Quick help")
    event = await viewer.receives("conversation_rated")
    assert event == {name: value for name, value in answer.items() if name != "ok"}
    assert (await agent.receives("conversation_updated", rating=4))["status"] == "closed"
    assert await shown(customer, account) == await shown(agent, account) == 4
    log = await account.execute(
        "SELECT kind, actor_type, actor_id, details FROM conversation_events "
        "WHERE account_id = %(account)s AND kind = 'rated'"
    )
    details = {"rating": 4, "comment": "Quick help"}
    assert log == [("rated", "customer", account.people["customer"].id, details)]


async def test_later_rating_replaces_the_earlier_one_until_the_conversation_is_reopened(account: Account) -> None:
    await set_status(account, "closed")
    customer = await account.connect("customer")
    await customer.do("rate_conversation", rating(account, 1, comment="Slow"))
    await customer.do("rate_conversation", rating(account, 5))
    assert await stored(account) == [(5, None, None)]
    await customer.do("send_message", {"conversationId": str(account.conversation), "content": "One more thing"})
    assert await shown(customer, account) is None
    assert await customer.refused("rate_conversation", rating(account, 3)) == "CONFLICT"
    await set_status(account, "closed")
    assert await shown(customer, account) is None
    await customer.do("rate_conversation", rating(account, 2))
    assert [stars for stars, *_ in await stored(account)] == [5, 2]


async def test_rating_of_open_conversation_is_refused_as_are_ratings_that_do_not_exist(account: Account) -> None:
    customer = await account.connect("customer")
    assert await customer.refused("rate_conversation", rating(account, 3)) == "CONFLICT"
    await set_status(account, "closed")
    for stars in (0, 6, 4.5, "5", True, None):
        assert await customer.refused("rate_conversation", rating(account, 1) | {"rating": stars}) == "VALIDATION_ERROR"
    assert await customer.refused("rate_conversation", rating(account, 1, comment="x" * 1001)) == "VALIDATION_ERROR"
    assert await stored(account) == []


async def test_rating_names_the_agent_to_whom_the_conversation_is_assigned(account: Account) -> None:
    agent = await set_status(account, "closed")
    colleague = account.people["colleague"].id
    await agent.do("assign_conversation", {"conversationId": str(account.conversation), "agentId": str(colleague)})
    customer = await account.connect("customer")
    await customer.do("rate_conversation", rating(account, 5))
    assert await stored(account) == [(5, None, colleague)]


async def test_erasure_of_contact_removes_comments_and_keeps_ratings(account: Account, node: Node) -> None:
    await set_status(account, "closed")
    customer = await account.connect("customer")
    await customer.do("rate_conversation", rating(account, 2, comment="planted secret"))
    async with open_eraser(node.context.settings) as eraser:
        await eraser.erase_contact(account.people["customer"].id)
    assert await stored(account) == [(2, None, None)]
    left = await account.execute(
        "SELECT FROM conversation_events WHERE account_id = %(account)s AND details::text LIKE '%%planted%%'"
    )
    assert left == []
