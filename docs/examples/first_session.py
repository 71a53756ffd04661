"""A customer asks a question, the AI drafts a reply, an agent answers. Needs two tokens in the environment."""

import asyncio
import os
import uuid

import socketio

DESK_URL = os.environ.get("DESK_URL", "http://127.0.0.1:5000")


async def connect(token):
    client = socketio.AsyncClient()
    identity = asyncio.get_running_loop().create_future()
    # Every event has one more argument after its payload, an offset that this client does not use.
    client.on("authenticated", lambda person, *_: identity.set_result(person))
    client.on("authentication_error", lambda error, *_: print(f"{error['code']}: {error['message']}"))
    await client.connect(DESK_URL, auth={"token": token}, transports=["websocket"])
    return client, await identity


async def request(client, event, payload):
    """Return the fields of a successful acknowledgement, or raise an error."""
    answer = await client.call(event, payload, timeout=5)
    if not answer.pop("ok"):
        raise RuntimeError(f"{event}: {answer['error']['code']}: {answer['error']['message']}")
    return answer


async def main():
    customer, customer_identity = await connect(os.environ["CUSTOMER_TOKEN"])
    agent, agent_identity = await connect(os.environ["AGENT_TOKEN"])
    draft_finished = asyncio.Event()

    customer.on("typing_start", lambda typing, *_: print(f"{typing['userName']} is typing"))
    customer.on("new_message", lambda message, *_: print("{seq}. {senderName}: {content}".format(**message)))
    agent.on("ai_classification", lambda found, *_: print(f"AI category: {found['classification']['category']}"))
    agent.on("ai_draft", lambda found, *_: print(f"AI draft: {' '.join(found['draft']['content'].split())[:70]} …"))
    # Each AI run ends with ai_processing_completed or ai_error. Drafts are made for assigned conversations only.
    agent.on("ai_processing_completed", lambda run, *_: run["processingType"] == "draft" and draft_finished.set())
    agent.on("ai_error", lambda *_: draft_finished.set())

    started = await request(customer, "start_conversation", {"subject": "My order"})
    conversation = {"conversationId": started["conversation"]["conversationId"]}
    await request(customer, "join_conversation", conversation)
    await request(agent, "join_conversation", conversation)
    await request(agent, "assign_conversation", conversation | {"agentId": agent_identity["userId"]})

    question = "Hello, where is my parcel? It should have come on Monday."
    await request(customer, "send_message", conversation | {"content": question})
    await request(agent, "typing_start", conversation)
    await draft_finished.wait()

    # A retry with the same clientMessageId, for example after a timeout, returns the first receipt.
    reply = conversation | {"content": "I am looking into it.", "clientMessageId": str(uuid.uuid4())}
    receipt = await request(agent, "send_message", reply)
    retry = await request(agent, "send_message", reply)
    print("sent once" if receipt["messageId"] == retry["messageId"] else "sent twice")

    await request(customer, "message_read", conversation | {"messageId": receipt["messageId"]})
    await request(agent, "update_conversation_status", conversation | {"status": "closed"})
    print(f"{customer_identity['email']} and {agent_identity['email']} are done")
    await customer.disconnect()
    await agent.disconnect()


asyncio.run(main())
