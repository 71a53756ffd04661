"""No answer exceeds MAX_ANSWER_BYTES, whatever conversations hold, and none looks whole that is not."""

from typing import Any
from uuid import UUID

import orjson
import pytest

from hummdesk.core.errors import PayloadTooLarge
from hummdesk.core.ids import new_id
from hummdesk.server import answers, sockets
from hummdesk.server.actions import presence
from hummdesk.server.node import Node
from tests.integration.server.accounts import Account, Client

HEAVY = """
WITH given AS (
    SELECT
        seq,
        repeat('"\\', 10000) AS content,
        jsonb_build_array(jsonb_build_object('url', 'https://h/' || repeat('x', 2000), 'filename', 'f',
            'contentType', 'text/plain', 'size', 1)) AS attachments,
        jsonb_build_object('n', (SELECT jsonb_agg(1e98) FROM generate_series(1, 36))) AS metadata
    FROM generate_series(1, %(count)s) AS seq
)
INSERT INTO messages (account_id, id, conversation_id, seq, sender_id, sender_type, sender_name, content, content_type,
    attachments, metadata, client_message_id, bytes)
SELECT %(account)s, gen_random_uuid(), %(conversation)s, seq, %(sender)s, 'agent', 'Somebody', content, 'text',
    attachments, metadata, 'c' || seq,
    -- those of an earlier version have no size
    CASE WHEN seq %% 2 = 0 THEN message_bytes('Somebody', content, attachments, metadata, 'c' || seq) END
FROM given
"""
TOUCH = """
UPDATE conversations SET last_seq = %(count)s, last_public_seq = %(count)s
WHERE account_id = %(account)s AND id = %(conversation)s
"""


async def fill(account: Account, conversation: UUID, count: int) -> None:
    """Store messages of 46 KB as JSON."""
    values = {"conversation": conversation, "count": count, "sender": account.people["colleague"].id}
    await account.execute(HEAVY, **values)
    await account.execute(TOUCH, **values)


async def fitting(client: Client, node: Node, event: str, payload: Any) -> dict[str, Any]:
    """Send a request and check the size of its answer."""
    answer = await client.do(event, payload)
    size = answers.json_bytes(answer)
    print(f"{event}: {size} bytes")
    assert size <= node.context.settings.max_answer_bytes
    return answer


def seqs(messages: list[dict[str, Any]]) -> list[int]:
    return [message["seq"] for message in messages]


@pytest.fixture
async def agent(account: Account) -> Client:
    await fill(account, account.conversation, 300)
    return await account.connect("agent")


async def test_history_of_heavy_messages_is_paged_without_gaps(account: Account, agent: Client, node: Node) -> None:
    where = {"conversationId": str(account.conversation), "limit": 100}
    found: list[int] = []
    has_more = True
    while has_more:
        before = {"beforeSeq": found[0]} if found else {}
        page = await fitting(agent, node, "get_messages", {**where, **before})
        assert page["messages"]
        found, has_more = seqs(page["messages"]) + found, page["hasMore"]
    assert found == list(range(1, 301))
    page = await fitting(agent, node, "get_messages", {**where, "afterSeq": 0})
    assert 10 < len(page["messages"]) < 100
    assert page["hasMore"]
    assert seqs(page["messages"])[0] == 1


async def test_join_returns_the_newest_messages_that_fit(account: Account, agent: Client, node: Node) -> None:
    joined = await fitting(agent, node, "join_conversation", str(account.conversation))
    assert 10 < len(joined["messages"]) < 50
    assert seqs(joined["messages"])[-1] == joined["lastSeq"] == 300
    assert joined["hasMore"]
    assert "resyncRequired" not in joined


async def test_join_after_more_than_fits_requires_a_resync(account: Account, agent: Client, node: Node) -> None:
    where = {"conversationId": str(account.conversation)}
    joined = await fitting(agent, node, "join_conversation", {**where, "afterSeq": 100})
    assert (joined["messages"], joined["hasMore"], joined["resyncRequired"]) == ([], True, True)
    assert joined["lastSeq"] == 300
    joined = await fitting(agent, node, "join_conversation", {**where, "afterSeq": 290})
    assert seqs(joined["messages"]) == list(range(291, 301))
    assert not joined["hasMore"]


async def test_sync_answers_whole_conversations_or_requires_a_resync(
    account: Account, agent: Client, node: Node
) -> None:
    """A request of 80 bytes was answered with 14 MB."""
    whole, heavy = str(account.other_conversation), str(account.conversation)
    await fill(account, account.other_conversation, 12)
    answer = await fitting(agent, node, "sync", {"conversations": {heavy: 0, whole: 0}})
    assert answer["conversations"][heavy] == {"resyncRequired": True, "lastSeq": 300}
    assert seqs(answer["conversations"][whole]["messages"]) == list(range(1, 13))
    answer = await fitting(agent, node, "sync", {"conversations": {heavy: 285, whole: 0}})
    assert seqs(answer["conversations"][heavy]["messages"]) == list(range(286, 301))
    assert answer["conversations"][whole] == {"resyncRequired": True, "lastSeq": 12}


async def test_list_of_heavy_conversations_is_paged_without_gaps(account: Account, node: Node) -> None:
    expected = {str(account.conversation), str(account.other_conversation)}
    for _ in range(40):
        conversation = new_id()
        await account.execute(
            "INSERT INTO conversations (account_id, id, contact_id) VALUES (%(account)s, %(id)s, %(contact)s)",
            id=conversation,
            contact=account.people["customer"].id,
        )
        await fill(account, conversation, 1)
        expected.add(str(conversation))
    client = await account.connect("viewer")
    found: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        page = await fitting(client, node, "list_conversations", {"limit": 100, **cursor})
        found += [one["conversationId"] for one in page["conversations"]]
        if "nextCursor" not in page:
            break
        cursor = {"cursor": page["nextCursor"]}
    assert len(found) == len(expected) == 42
    assert set(found) == expected


async def test_conflict_says_that_more_was_missed_than_it_names(account: Account, agent: Client, node: Node) -> None:
    late = {"conversationId": str(account.conversation), "content": "Late", "basedOnSeq": 1}
    answer = await agent.ask("send_message", late)
    assert answer["error"]["code"] == "CONFLICT"
    assert answers.json_bytes(answer) < node.context.settings.max_answer_bytes / 2
    details = answer["error"]["details"]
    assert seqs(details["missed"]) == list(range(2, len(details["missed"]) + 2))
    assert (details["lastSeq"], details["hasMore"]) == (300, True)


async def test_message_over_its_weight_is_refused_and_not_stored(account: Account) -> None:
    agent = await account.connect("agent", joins=True)
    files = [{"url": f"https://h/{'a' * 1000}", "filename": "f", "contentType": "text/plain", "size": 1}] * 10
    heavy = {"conversationId": str(account.conversation), "content": "a" + "\x01" * 9_998 + "b", "attachments": files}
    assert await agent.refused("send_message", heavy) == "PAYLOAD_TOO_LARGE"
    assert (await agent.do("send_message", {**heavy, "attachments": []}))["seq"] == 1


async def test_answer_that_is_too_large_all_the_same_is_replaced_by_an_error(node: Node) -> None:
    answer = {"ok": True, "messages": ["x" * node.context.settings.max_answer_bytes]}
    error = orjson.loads(orjson.dumps(answers.encoded(node.context, answer)))["error"]
    assert error["code"] == "PAYLOAD_TOO_LARGE"


async def test_join_beyond_the_conversations_of_a_socket_is_refused(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sockets, "MAX_JOINED", 1)
    customer = await account.connect("customer", joins=True)
    agent = await account.connect("agent", joins=True)
    assert await agent.refused("join_conversation", str(account.other_conversation)) == "CONFLICT"
    assert await customer.refused("start_conversation", {"content": "More"}) == "CONFLICT"
    await agent.do("join_conversation", str(account.conversation))
    await agent.do("leave_conversation", str(account.conversation))
    await agent.do("join_conversation", str(account.other_conversation))


async def test_event_over_its_limit_is_refused_to_its_publisher(account: Account, node: Node) -> None:
    with pytest.raises(PayloadTooLarge):
        await node.context.broadcast.broadcast_to_account(account.id, "number", {"padding": "x" * 2**20})


async def test_presence_of_more_agents_than_an_answer_has_is_refused_before_they_are_loaded(
    account: Account, node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent = await account.connect("agent")
    found = (await agent.do("get_presence"))["agents"]
    assert min(map(answers.json_bytes, found)) > presence.AGENT_BYTES
    monkeypatch.setattr(presence, "AGENT_BYTES", node.context.settings.max_answer_bytes // (len(found) - 1))
    assert await agent.refused("get_presence") == "PAYLOAD_TOO_LARGE"
