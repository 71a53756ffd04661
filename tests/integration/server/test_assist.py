"""Texts that agents have translated and rewritten; `tests/system/tasks` runs them."""

import asyncio
from typing import Any
from uuid import UUID

import pytest

from hummdesk.core.ids import new_id
from hummdesk.publish.events.ai import AIAssist
from hummdesk.server.node import Node
from tests.integration.server.accounts import Account

RUNS = (
    "SELECT id, message_id, status FROM ai_runs WHERE account_id = %(account)s AND kind = 'assist' ORDER BY repetition"
)


def of(account: Account) -> dict[str, Any]:
    return {"conversationId": str(account.conversation)}


def rewriting(account: Account, text: str = "We have sent it.") -> dict[str, Any]:
    return of(account) | {"kind": "shorter", "text": text}


async def choose_model(account: Account) -> None:
    await account.execute("UPDATE accounts SET ai_provider = 'openai' WHERE account_id = %(account)s")


async def message_of_customer(account: Account) -> str:
    customer = await account.connect("customer", joins=True)
    return str((await customer.do("send_message", of(account) | {"content": "Wo ist mein Paket?"}))["messageId"])


async def test_without_an_external_model_nothing_is_available(account: Account) -> None:
    await message_of_customer(account)
    agent = await account.connect("agent")
    found = await agent.do("get_assistance")
    assert (found["available"], found["reason"]) == (False, "no_model")
    assert "de" in found["languages"]
    answer = await agent.ask("request_assist", rewriting(account))
    assert (answer["error"]["code"], answer["error"]["details"]) == ("CONFLICT", {"reason": "no_model"})
    assert await account.execute(RUNS) == []


async def test_beyond_the_daily_budget_nothing_is_available(account: Account) -> None:
    await choose_model(account)
    await message_of_customer(account)
    await account.execute(
        "INSERT INTO ai_usage (account_id, day, tokens, dollars) "
        "SELECT account_id, (clock_timestamp() AT TIME ZONE 'UTC')::date + extra, 100, 0 "
        "FROM accounts, generate_series(0, 1) AS extra WHERE account_id = %(account)s"
    )
    await account.execute("UPDATE accounts SET ai_daily_tokens = 100 WHERE account_id = %(account)s")
    agent = await account.connect("agent")
    assert (await agent.do("get_assistance"))["reason"] == "budget_exhausted"
    assert await agent.refused("request_assist", rewriting(account)) == "CONFLICT"
    await account.execute("UPDATE accounts SET ai_daily_tokens = 0 WHERE account_id = %(account)s")
    assert (await agent.do("get_assistance"))["available"]


async def test_each_request_starts_a_run_of_its_own_with_its_text_in_redis_only(account: Account, node: Node) -> None:
    await choose_model(account)
    message_id = await message_of_customer(account)
    agent = await account.connect("agent")
    longest = "x" * 10_000
    wanted = [rewriting(account, text) for text in ("One.", "One.", longest)]
    wanted.append(of(account) | {"kind": "translate", "messageId": message_id, "language": "en"})
    answers = await asyncio.gather(*(agent.do("request_assist", one) for one in wanted))
    ids = [UUID(answer["runId"]) for answer in answers]
    assert len(set(ids)) == 4
    assert await account.execute(RUNS) == [(run_id, UUID(message_id), "pending") for run_id in ids]
    stored = [await node.context.assists.find(account.id, run_id) for run_id in ids]
    assert [request and request.wanted.text for request in stored] == ["One.", "One.", longest, ""]
    assert {request and request.requested_by for request in stored} == {account.people["agent"].id}
    await node.context.assists.delete(account.id, ids[0])
    assert await node.context.assists.find(account.id, ids[0]) is None


@pytest.mark.parametrize(
    "changes",
    [
        {"text": ""},
        {"text": " \n "},
        {"text": "x" * 10_001},
        {"text": None},
        {"kind": "funnier"},
        {"kind": "translate"},
        {"language": "de"},
        {"kind": "translate", "language": "tlh"},
        {"kind": "translate", "language": "DE"},
        {"messageId": str(UUID(int=1))},
    ],
    ids=["empty", "blank", "long", "none", "kind", "no language", "needless language", "language", "case", "both"],
)
async def test_invalid_request_is_refused(account: Account, changes: dict[str, Any]) -> None:
    await choose_model(account)
    await message_of_customer(account)
    agent = await account.connect("agent")
    payload = {name: value for name, value in (rewriting(account) | changes).items() if value is not None}
    assert await agent.refused("request_assist", payload) == "VALIDATION_ERROR"


async def test_message_can_only_be_translated(account: Account) -> None:
    await choose_model(account)
    agent = await account.connect("agent")
    message = of(account) | {"kind": "shorter", "messageId": await message_of_customer(account)}
    assert await agent.refused("request_assist", message) == "VALIDATION_ERROR"


async def test_withdrawn_unknown_and_foreign_messages_are_not_found(account: Account, foreign: Account) -> None:
    await choose_model(account)
    await choose_model(foreign)
    agent = await account.connect("agent", joins=True)
    assert await agent.refused("request_assist", rewriting(account)) == "CONFLICT"  # the conversation has no messages
    sent = await agent.do("send_message", of(account) | {"content": "Wrong"})
    translation = of(account) | {"kind": "translate", "language": "de", "messageId": sent["messageId"]}
    await agent.do("request_assist", translation)
    await agent.do("withdraw_message", of(account) | {"messageId": sent["messageId"]})
    assert await agent.refused("request_assist", translation) == "NOT_FOUND"
    assert await agent.refused("request_assist", translation | {"messageId": str(new_id())}) == "NOT_FOUND"
    theirs = await message_of_customer(foreign)
    assert await agent.refused("request_assist", translation | {"messageId": theirs}) == "NOT_FOUND"
    assert await agent.refused("request_assist", rewriting(foreign)) == "NOT_FOUND"
    [(_, _, status)] = await account.execute(RUNS)
    assert status == "done", "the run about the withdrawn message has ended"


async def test_viewers_and_customers_are_refused(account: Account) -> None:
    for name in ("viewer", "customer"):
        client = await account.connect(name)
        assert await client.refused("request_assist", rewriting(account)) == "FORBIDDEN"
        assert await client.refused("get_assistance") == "FORBIDDEN"


async def test_result_reaches_the_sockets_of_the_agent_who_asked_only(account: Account, node: Node) -> None:
    agent, again, colleague, admin, viewer = [
        await account.connect(name, joins=True) for name in ("agent", "agent", "colleague", "admin", "viewer")
    ]
    result = AIAssist(
        account_id=account.id,
        conversation_id=account.conversation,
        message_id=new_id(),
        requested_by=account.people["agent"].id,
        run_id=new_id(),
        text="Sent.",
        cost={"tokens": 10, "dollars": 0.5},
        provider="openai",
    )
    await node.context.publisher.publish(result)
    for client in (agent, again):
        received = await client.receives("ai_assist")
        assert (received["text"], received["cost"]) == ("Sent.", {"tokens": 10, "dollars": 0.5})
        assert "requestedBy" not in received
    sent = await agent.do("send_message", of(account) | {"content": "Sent."})
    for client in (colleague, admin, viewer):
        await client.receives("new_message", messageId=sent["messageId"])
        assert "ai_assist" not in client.names()
