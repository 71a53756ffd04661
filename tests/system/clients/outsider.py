"""A program that uses the installed package hummdesk-client, and nothing else of this repository."""

import asyncio
import os
import sys

from hummdesk_client.rest import ProblemError, RestClient
from hummdesk_client.socket import DeskClient
from hummdesk_client.socket.contract import Message

URL = os.environ["DESK_URL"]
CONVERSATION_ID = os.environ["CONVERSATION_ID"]


async def use_rest() -> None:
    async with RestClient(URL, token=os.environ["ADMIN_TOKEN"]) as admin:
        created = await admin.create_key({"name": "outsider", "scope": "read"})
        async with RestClient(URL, token=created["key"]) as reader:
            try:
                await reader.create_key({"name": "another", "scope": "admin"})
            except ProblemError as refusal:
                print(refusal.status, refusal.code)
        await admin.revoke_key(created["id"])
        revoked = [key["name"] async for key in admin.all_keys() if "revokedAt" in key]
        print("revoked", *revoked)


async def use_socket() -> None:
    received = asyncio.Queue[Message]()
    async with (
        DeskClient(URL, token=os.environ["CUSTOMER_TOKEN"]) as customer,
        DeskClient(URL, token=os.environ["AGENT_TOKEN"]) as agent,
    ):
        agent.on("new_message", received.put_nowait)
        await agent.join(CONVERSATION_ID)
        await customer.send({"conversationId": CONVERSATION_ID, "content": "Hello"})
        message = await received.get()
        print(message["seq"], message["senderType"], message["content"])


asyncio.run(use_rest())
asyncio.run(use_socket())
print("hummdesk" in sys.modules)
