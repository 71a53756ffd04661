"""A message through all processes that `make run` starts: PostgreSQL, Redis, web, relay, Celery, AI."""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import aiohttp

from tests.integration.server.accounts import Client

QUESTION = "Hello, my tent has a broken pole. How do I send it back, and when do I get my refund?"


async def demo(home: Path, *arguments: str) -> dict[str, Any]:
    command = (sys.executable, "-m", "hummdesk", "demo", "--json", "--home", str(home), *arguments)
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    output, _ = await process.communicate()
    assert process.returncode == 0
    loaded: dict[str, Any] = json.loads(output)
    return loaded


async def handle_a_conversation(home: Path, url: str) -> tuple[str, str]:
    """Handle a conversation of the demo data until it is closed, and check who receives what.

    Returns what must not be logged: a part of its text, and a token.
    """
    shop, other = (await demo(home))["accounts"]
    agents = [user for user in shop["users"] if user["role"] == "agent"]
    agent = await connect(url, agents[0], transports=("websocket",))
    viewer = await connect(url, next(user for user in shop["users"] if user["role"] == "viewer"))
    foreigner = await connect(url, other["users"][0])
    customer = await connect(url, shop["customers"][0], transports=("polling", "websocket"))
    conversation = await ask_and_be_answered(agent, viewer, customer, agents[0]["id"])
    await close(agent, viewer, customer, conversation)
    assert not {"new_message", "conversation_created", "ai_draft"} & set(foreigner.names())
    assert not any(name.startswith("ai_") for name in customer.names())
    await everything_is_counted(url)
    for client in (agent, viewer, foreigner, customer):
        await client.close()
    return "broken pole", agents[0]["token"]


async def connect(url: str, person: dict[str, Any], transports: tuple[str, ...] = ("websocket",)) -> Client:
    client = await Client(url).connect(token=person["token"], transports=transports)
    assert (await client.receives("authenticated"))["userId"] == person["id"]
    return client


async def ask_and_be_answered(agent: Client, viewer: Client, customer: Client, agent_id: str) -> str:
    started = await customer.do("start_conversation", {"subject": "Broken pole"})
    conversation = str(started["conversation"]["conversationId"])
    for staff in (agent, viewer):
        await staff.receives("conversation_created", conversationId=conversation)
    await agent.do("join_conversation", conversation)
    await agent.do("assign_conversation", {"conversationId": conversation, "agentId": agent_id})
    await customer.receives("conversation_assigned", assignedTo=agent_id)
    await customer.do("typing_start", {"conversationId": conversation})
    await agent.receives("typing_start")
    sent = await customer.do("send_message", {"conversationId": conversation, "content": QUESTION})
    await agent.receives("typing_stop")
    message = await viewer.receives("new_message", messageId=sent["messageId"])
    assert message["content"] == QUESTION

    about = {"conversationId": conversation, "messageId": sent["messageId"]}
    for staff in (agent, viewer):
        begun = await staff.receives("ai_processing_started", processingType="classification", **about)
        found = await staff.receives("ai_classification", **about)
        assert found["classification"]["category"] in ("refund_cancellation", "order_shipping")
        assert 0 < found["confidence"] <= 1
        ended = await staff.receives("ai_processing_completed", processingType="classification", **about)
        assert (ended["outcome"], ended["runId"]) == ("done", begun["runId"])
        await staff.receives("ai_processing_completed", processingType="draft", outcome="done", **about)
    draft = await agent.receives("ai_draft", **about)
    assert draft["draft"]["content"]
    assert draft["sources"]
    assert draft["basedOnSeq"] == sent["seq"]

    reply = {"conversationId": conversation, "content": draft["draft"]["content"], "basedOnSeq": draft["basedOnSeq"]}
    answered = await agent.do("send_message", reply)
    received = await customer.receives("new_message", senderType="agent")
    assert received["seq"] == answered["seq"] == sent["seq"] + 1
    await customer.do("message_read", {"conversationId": conversation, "messageId": received["messageId"]})
    await agent.receives("message_read", readByType="customer", seq=received["seq"])
    return conversation


async def close(agent: Client, viewer: Client, customer: Client, conversation: str) -> None:
    change = {"conversationId": conversation, "status": "closed", "reason": "pole sent"}
    await agent.do("update_conversation_status", change)
    assert "reason" not in await customer.receives("conversation_status_changed", newStatus="closed")
    await viewer.receives("conversation_status_changed", newStatus="closed", reason="pole sent")
    listed = await viewer.do("list_conversations", {"status": "closed"})
    assert [item["conversationId"] for item in listed["conversations"]] == [conversation]
    history = await customer.do("get_messages", {"conversationId": conversation})
    assert [message["seq"] for message in history["messages"]] == [1, 2]


async def everything_is_counted(url: str) -> None:
    """One process exposes what web, relay and worker have counted; they count after they have published."""
    lines = (
        'hummdesk_messages_total{sender_type="customer"} 1.0',
        'hummdesk_ai_seconds_count{outcome="done",provider="embedded",type="classification"} 1.0',
        'hummdesk_ai_seconds_count{outcome="done",provider="embedded",type="draft"} 1.0',
        'hummdesk_connections{role="customer",state="authenticated"} 1.0',
        "hummdesk_ai_oldest_run_seconds",
        "hummdesk_ai_runs{",
    )
    async with aiohttp.ClientSession() as session:
        while True:
            figures = await (await session.get(f"{url}/metrics")).text()
            if all(line in figures for line in lines):
                return
            await asyncio.sleep(0.05)
