"""A web process stays within its documented buffers under messages of the largest size, with and without Redis."""

import asyncio
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from hummdesk.bus.shards import shard_of
from hummdesk.storage.messages import MAX_MESSAGE_BYTES
from tests.integration.server.accounts import Account, Client
from tests.system.chaos.deployment import WEB, Deployment, deploy

pytestmark = pytest.mark.systems  # its figures are the memory of a process

MIB = 1 << 20
BYTES = 8 * MIB
"""Of each buffer here; the defaults are larger."""

SENDERS = 6
MESSAGES = 900
"""Six times as large together as each buffer."""

READ_BYTES = 16 * (256 * 1024 + MAX_MESSAGE_BYTES)
"""An answer of Redis to the reader of a shard."""

WORST_CASE_MIB = (BYTES * 9 / 8 + BYTES * 5 / 4 + READ_BYTES) / MIB
"""The buffers of events in docs/limits.md: backlog and held messages, recovery and its loading, one shard read."""

ALLOCATOR_MIB = 24
"""What requests in progress and fragmentation take beside the buffers."""

COPIES = 6
"""Of an answer that is made: as received from PostgreSQL, as rows, as JSON, as frames."""

EMOJI = "\N{GRINNING FACE}"
HEAVY = {
    "content": EMOJI * 10_000,
    "attachments": [
        {"url": f"https://h/{'a' * 2_000}", "filename": "f", "contentType": "text/plain", "size": 1} for _ in range(10)
    ],
}


@pytest.fixture(scope="module")
async def desk() -> AsyncIterator[Deployment]:
    async with deploy(
        web_processes=1,
        starts=(WEB,),
        forks=False,
        backlog_bytes=BYTES,
        recovery_bytes=BYTES,
        bus_bytes=BYTES,
        ping_interval_seconds=20.0,
        ping_timeout_seconds=20.0,
    ) as made:
        yield made


@pytest.fixture
async def account(desk: Deployment) -> AsyncIterator[Account]:
    made = await desk.account()
    yield made
    await made.close()


async def senders(account: Account) -> list[Client]:
    """Sockets of the customer that have not joined the conversation, so that they receive nothing."""
    return [await account.connect("customer") for _ in range(SENDERS)]


async def send(account: Account, clients: list[Client], number: int) -> list[str]:
    """Send so many messages of nearly 64 KiB; return the ids that were acknowledged."""

    async def send_some(client: Client) -> list[str]:
        message = {"conversationId": str(account.conversation), **HEAVY}
        return [(await client.do("send_message", message))["messageId"] for _ in range(number // SENDERS)]

    found = await asyncio.gather(*(send_some(client) for client in clients))
    return [message for some in found for message in some]


async def stored(desk: Deployment, account: Account) -> list[Any]:
    rows = await desk.rows("SELECT id::text, seq FROM messages WHERE account_id = %s ORDER BY seq", account.id)
    assert [seq for _, seq in rows] == list(range(1, len(rows) + 1))
    return [message for message, _ in rows]


async def test_process_stays_within_its_buffers_and_loses_nothing_that_it_acknowledged(
    desk: Deployment, account: Account
) -> None:
    clients = await senders(account)
    acknowledged = await send(account, clients, 60)  # the process has grown to its usual size
    watching = await account.connect("viewer")
    before = desk.resident_mib("web-0")

    acknowledged += await send(account, clients, MESSAGES)
    kept = desk.resident_mib("web-0") - before
    async with desk.redis() as redis:
        stream = await redis.memory_usage(shard_of(account.id).stream, samples=0)
    assert stream is not None
    assert stream < 1.2 * BYTES

    desk.signal("redis", signal.SIGSTOP)
    try:
        acknowledged += await send(account, clients, MESSAGES)
        waiting = desk.resident_mib("web-0") - before
    finally:
        desk.signal("redis", signal.SIGCONT)
    print(f"grown by {kept:.0f} MiB, without Redis {waiting:.0f} MiB, stream {stream / MIB:.1f} MiB")
    assert max(kept, waiting) < WORST_CASE_MIB + ALLOCATOR_MIB

    assert (await watching.receives("disconnect_reason"))["code"] == "RESYNC"
    assert sorted(await stored(desk, account)) == sorted(acknowledged)
    [(unpublished,)] = await desk.rows("SELECT count(*) FROM outbox WHERE account_id = %s", account.id)
    assert unpublished > MESSAGES / 2  # the relay publishes those that were dropped


def peak_mib(pid: int) -> float:
    """The most memory that a process has ever had."""
    (line,) = (line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) / 1024


async def test_requests_for_heavy_conversations_take_no_more_memory_than_their_answers(
    desk: Deployment, account: Account
) -> None:
    await send(account, await senders(account), 540)
    where = str(account.conversation)
    requests = [
        ("sync", {"conversations": {where: 0}}),
        ("join_conversation", {"conversationId": where, "afterSeq": 0}),
        ("get_messages", {"conversationId": where, "limit": 100}),
    ]
    await desk.stop("web-0")
    await desk.start_web()  # a process that has never had more
    agents = [await account.connect("agent") for _ in range(10)]
    before = desk.resident_mib("web-0")
    await asyncio.gather(*(agent.do(*request) for agent in agents for request in requests))
    grown = peak_mib(desk.processes["web-0"].pid) - before
    print(f"grown by {grown:.0f} MiB at most")
    assert grown < 10 * COPIES * desk.settings.max_answer_bytes / MIB + ALLOCATOR_MIB
