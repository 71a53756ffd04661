"""Fault 39: the primary is killed under load and a standby promoted, with and without synchronous replication."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import replace

import psycopg
import pytest

from hummdesk.core.errors import CommandError
from hummdesk.dev import postgres
from hummdesk.storage import startup
from hummdesk.storage.checks import database_findings
from tests.conftest import make_reachable_directory
from tests.integration.server.accounts import Account, Client
from tests.running_time import running_clock, running_seconds
from tests.system.chaos.client import Client as Sender
from tests.system.chaos.deployment import Deployment, deploy
from tests.system.chaos.load import client_of, load
from tests.system.chaos.report import Row, row
from tests.system.postgresql.standby import Standby, standby_of
from tests.system.security.pooler import PGBOUNCER, move, pgbouncer

pytestmark = [
    pytest.mark.systems,
    pytest.mark.engine("PostgreSQL", kind="with an asynchronous standby"),
    pytest.mark.timeout(120),
]

FAILOVER_SECONDS = 5.0
"""From the promotion to the first acknowledgement."""
CONNECTIONS = 20
"""Of PgBouncer."""
SENT = 3


@asynccontextmanager
async def replicated(*, synchronous: bool) -> AsyncIterator[tuple[Deployment, Standby]]:
    """A deployment that knows a primary and a standby."""
    async with deploy(starts=()) as made, standby_of(made.cluster) as standby:
        if synchronous:
            await standby.make_synchronous()
        made.settings = replace(made.settings, database_url=standby.url)
        await made.start_web()
        await made.start_relay()
        yield made, standby
        await made.stop(*[name for name in made.processes if name.startswith(("web", "relay"))])


@pytest.mark.engine("PostgreSQL", kind="with a synchronous standby")
async def test_failover_to_synchronous_standby_loses_no_message() -> None:
    async with replicated(synchronous=True) as (made, standby):
        with row("39", "primary killed, synchronous standby promoted") as found:
            await fail_over_under_load(made, standby.promote, found)


@pytest.mark.engine("PgBouncer", "PostgreSQL", kind="with a synchronous standby")
@pytest.mark.skipif(PGBOUNCER is None, reason="pgbouncer is not installed")
async def test_failover_behind_pgbouncer_loses_no_message() -> None:
    """PgBouncer is given the promoted server; notifications come over an address that names both servers."""
    async with deploy(starts=()) as made, standby_of(made.cluster) as standby:
        await standby.make_synchronous()
        direct, folder = made.settings.database_url, make_reachable_directory()
        async with pgbouncer(made.cluster, folder, direct, mode="transaction", size=CONNECTIONS) as url:

            async def promote() -> None:
                await standby.promote()
                await move(url, folder, standby.cluster)

            port = psycopg.conninfo.conninfo_to_dict(url)["port"]
            made.settings = replace(made.settings, database_url=standby.url)
            address = f"postgresql://{postgres.NAME}@127.0.0.1:{port}/{postgres.NAME}"
            changed = replace(made.settings, database_url=address, listen_database_url=standby.url)
            behind = replace(made, settings=changed)
            await behind.start_web()
            await behind.start_relay()
            with row("39", "primary behind PgBouncer killed, synchronous standby promoted") as found:
                await fail_over_under_load(made, promote, found)
            await made.stop(*[name for name in made.processes if name.startswith(("web", "relay"))])


async def fail_over_under_load(made: Deployment, promote: Callable[[], Awaitable[None]], found: Row) -> None:
    async with load(made, pause=0.01) as traffic:
        async with traffic.sending():
            await asyncio.sleep(1)
            await made.kill("postgres")
            await promote()
            async with running_clock() as clock:
                promoted, began = running_seconds(), time.time()
                while not any(one.at > promoted for one in traffic.acknowledged.values()):
                    await asyncio.sleep(0.01)
                back = clock.seconds(began, time.time())
            await asyncio.sleep(0.5)
        await traffic.compare(found)
    found.measure("service back after", back, at_most=FAILOVER_SECONDS, unit=" s")
    found.note(f"disconnects {sorted(code for one in traffic.clients for code in one.disconnect_codes)}")
    print(found)


async def test_failover_that_loses_messages_resynchronizes_clients_before_a_seq_occurs_again() -> None:
    async with replicated(synchronous=False) as (made, standby):
        account = await made.account()
        customer = await client_of(made, account, "customer").start()
        agent, epoch = await joined(made, account)
        await send(customer, account, "kept")
        await standby.detach()
        await send(customer, account, "lost")
        await receive(agent, range(1, 2 * SENT + 1))
        await made.kill("postgres")
        await standby.promote()
        assert (await agent.receives("disconnect_reason"))["code"] == "RESYNC"
        await agent.gone.wait()
        returned, new_epoch = await joined(made, account)
        assert new_epoch != epoch
        answer = await returned.do("join_conversation", {"conversationId": str(account.conversation), "afterSeq": 6})
        assert (answer["lastSeq"], answer["hasMore"]) == (SENT, True), "the client has to load everything"
        await send(customer, account, "new")
        assert await receive(returned, range(SENT + 1, 2 * SENT + 1)) == ["new"] * SENT
        assert "new_message" not in agent.names(), "after the reason"
        await made.rows("UPDATE users SET active = false WHERE id = %s", account.people["agent"].id)
        assert (await returned.receives("authentication_error"))["code"] == "UNAUTHORIZED", (
            "it listens to the new server"
        )
        await asyncio.gather(returned.close(), customer.stop())


async def test_process_that_is_given_a_standby_does_not_start() -> None:
    async with deploy(starts=()) as made, standby_of(made.cluster) as standby:
        settings = replace(made.settings, database_url=standby.cluster.url())
        with pytest.raises(CommandError, match="is a standby, which accepts no changes"):
            await startup.check(settings, "web")
        [found] = await database_findings(settings)
        assert found.problem == "is a standby, which accepts no changes"


async def joined(made: Deployment, account: Account) -> tuple[Client, str]:
    """An agent who has joined the conversation, and the epoch."""
    client = await Client(made.addresses[0]).connect(token=account.token("agent"))
    epoch = (await client.receives("authenticated"))["epoch"]
    await client.do("join_conversation", str(account.conversation))
    return client, epoch


async def send(customer: Sender, account: Account, content: str) -> None:
    for number in range(SENT):
        await customer.send(str(account.conversation), content, f"{content} {number}")


async def receive(client: Client, seqs: Iterable[int]) -> list[str]:
    """The contents of the messages with these numbers."""
    return [(await client.receives("new_message", seq=seq))["content"] for seq in seqs]
