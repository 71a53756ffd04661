"""Changes to stored messages, as returning clients learn of them by `join_conversation` and `sync`."""

from typing import Any

import pytest

from hummdesk.storage.messages import MISSED_LIMIT
from tests.integration.server.accounts import Account, Client


async def send(account: Account, sender: Client, content: str, **more: Any) -> dict[str, Any]:
    return await sender.do("send_message", {"conversationId": str(account.conversation), "content": content} | more)


async def erase(account: Account, *seqs: int) -> None:
    """Erase messages, each with the next revision of the conversation."""
    for seq in seqs:
        await account.execute(
            "WITH raised AS (UPDATE conversations SET revision = revision + 1 WHERE id = %(id)s RETURNING revision) "
            "UPDATE messages SET content = '', erased_at = now(), revision = raised.revision FROM raised "
            "WHERE conversation_id = %(id)s AND seq = %(seq)s",
            id=account.conversation,
            seq=seq,
        )


@pytest.fixture
async def agent(account: Account) -> Client:
    """Has sent three messages, the second of them a note; the first two are erased, the note first."""
    agent = await account.connect("agent")
    for content, private in (("one", False), ("two", True), ("three", False)):
        await send(account, agent, content, private=private)
    await erase(account, 2, 1)
    return agent


def seen(updates: list[dict[str, Any]]) -> list[tuple[int, int, Any]]:
    return [(update["seq"], update["revision"], update.get("erased")) for update in updates]


async def sync(client: Client, account: Account, last_seq: int, revision: int | None = None) -> dict[str, Any]:
    known = {} if revision is None else {"revisions": {str(account.conversation): revision}}
    answer = await client.do("sync", {"conversations": {str(account.conversation): last_seq}} | known)
    part: dict[str, Any] = answer["conversations"][str(account.conversation)]
    return part


async def test_sync_with_revision_returns_later_changes_in_order(account: Account, agent: Client) -> None:
    part = await sync(agent, account, 3, revision=0)
    assert seen(part["updates"]) == [(2, 1, True), (1, 2, True)]
    assert part["revision"] == 2
    assert seen((await sync(agent, account, 3, revision=1))["updates"]) == [(1, 2, True)]
    assert (await sync(agent, account, 3, revision=2))["updates"] == []


async def test_sync_without_revision_returns_messages_only(account: Account, agent: Client) -> None:
    part = await sync(agent, account, 1)
    assert part["updates"] == []
    assert [(message["seq"], message.get("erased")) for message in part["messages"]] == [(2, True), (3, None)]


async def test_sync_returns_changes_of_notes_to_staff_only(account: Account, agent: Client) -> None:
    customer = await account.connect("customer")
    assert seen((await sync(customer, account, 3, revision=0))["updates"]) == [(1, 2, True)]


async def test_sync_with_too_many_changes_requires_resync(account: Account, agent: Client) -> None:
    last_seq = 3 + MISSED_LIMIT + 1
    await account.execute(
        "INSERT INTO messages (account_id, id, conversation_id, seq, sender_id, sender_type, sender_name, content, "
        "content_type, revision) "
        "SELECT account_id, gen_random_uuid(), id, seq, contact_id, 'customer', 'A', 'x', 'text', seq "
        "FROM conversations, generate_series(4, %(last)s) AS seq WHERE id = %(id)s",
        id=account.conversation,
        last=last_seq,
    )
    await account.execute(
        "UPDATE conversations SET last_seq = %(last)s, last_public_seq = %(last)s, revision = %(last)s "
        "WHERE id = %(id)s",
        id=account.conversation,
        last=last_seq,
    )
    assert await sync(agent, account, last_seq, revision=0) == {"resyncRequired": True, "lastSeq": last_seq}
    joined = await agent.do(
        "join_conversation", {"conversationId": str(account.conversation), "afterSeq": last_seq, "revision": 0}
    )
    assert (joined["updates"], joined["hasMore"]) == ([], True)


async def test_sync_with_revision_of_another_conversation_is_refused(account: Account, agent: Client) -> None:
    payload = {
        "conversations": {str(account.conversation): 0},
        "revisions": {str(account.other_conversation): 0},
    }
    assert await agent.refused("sync", payload) == "VALIDATION_ERROR"


async def test_join_with_revision_returns_later_changes(account: Account, agent: Client) -> None:
    joined = await agent.do(
        "join_conversation", {"conversationId": str(account.conversation), "afterSeq": 1, "revision": 0}
    )
    assert seen(joined["updates"]) == [(1, 2, True)]  # the note is among the messages
    assert joined["conversation"]["revision"] == 2


async def test_join_with_revision_but_no_seq_is_refused(account: Account, agent: Client) -> None:
    payload = {"conversationId": str(account.conversation), "revision": 0}
    assert await agent.refused("join_conversation", payload) == "VALIDATION_ERROR"


async def test_list_names_the_revision(account: Account, agent: Client) -> None:
    found = (await agent.do("list_conversations"))["conversations"]
    revisions = {one["conversationId"]: one["revision"] for one in found}
    assert revisions == {str(account.conversation): 2, str(account.other_conversation): 0}
