"""Faults 17 to 19: PostgreSQL restarted, its connections terminated, a table locked."""

import asyncio
import time

import psutil
import psycopg
import pytest

from tests.running_time import running_clock, running_seconds
from tests.system.chaos.client import Refused
from tests.system.chaos.deployment import Deployment
from tests.system.chaos.load import client_of, load
from tests.system.chaos.report import row, size

pytestmark = pytest.mark.timeout(size(240, 900))

WAIT_SECONDS = 60
"""For an answer, whose time is measured: more than the time in which the process is run."""

TERMINATE = """SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()"""


async def test_postgres_restart_loses_no_message(deployment: Deployment) -> None:
    times = size(1, 4)
    with row("17", f"PostgreSQL killed and restarted {times}x") as found:
        started = [psutil.Process(deployment.processes[f"web-{number}"].pid).create_time() for number in range(2)]
        async with load(deployment, pause=0.005) as traffic:
            outages = []
            async with traffic.sending():
                for _ in range(times):
                    await asyncio.sleep(1)
                    await deployment.restart("postgres")
                    began = running_seconds()
                    while not any(one.at > began for one in traffic.acknowledged.values()):
                        await asyncio.sleep(0.01)
                    outages.append(running_seconds() - began)
            await traffic.compare(found)
        same = [psutil.Process(deployment.processes[f"web-{number}"].pid).create_time() for number in range(2)]
        found.measure("web processes that were restarted", sum(a != b for a, b in zip(started, same, strict=True)))
        found.measure("service back after", max(outages), at_most=5, unit=" s")


async def test_terminated_postgres_connections_lose_no_message(deployment: Deployment) -> None:
    times = size(3, 20)
    with row("18", f"all connections to PostgreSQL terminated {times}x") as found:
        async with load(deployment) as traffic:
            async with traffic.sending():
                for _ in range(times):
                    await asyncio.sleep(0.3)
                    await deployment.rows(TERMINATE)
            await traffic.compare(found)
            slowest = max(one.seconds for one in traffic.acknowledged.values())
            found.measure("slowest response", slowest, at_most=2, unit=" s")


async def test_send_to_locked_table_is_refused_as_unavailable(deployment: Deployment) -> None:
    senders = size(40, 200)
    limit = deployment.settings.db_timeout_seconds
    with row("19", f"the messages table locked, {senders} concurrent sends, 10 connections") as found:
        account = await deployment.account()
        conversation = str(account.conversation)
        clients = [await client_of(deployment, account, "agent").start() for _ in range(senders)]
        for client in clients:
            client.response_seconds = WAIT_SECONDS
        async with await psycopg.AsyncConnection.connect(deployment.settings.postgres) as holder:
            await holder.execute("LOCK TABLE messages IN ACCESS EXCLUSIVE MODE")
            message = {"conversationId": conversation, "content": "held"}
            requests = [client.request("send_message", message) for client in clients]
            async with running_clock() as clock:
                began = time.time()
                responses = await asyncio.gather(*requests, return_exceptions=True)
                took = clock.seconds(began, time.time())
            await holder.rollback()
        refused = [str(response) for response in responses if isinstance(response, Refused)]
        found.measure("responses other than UNAVAILABLE", len(responses) - refused.count("UNAVAILABLE"))
        found.measure("slowest refusal", took, at_most=limit + 1.5, unit=" s")
        async with running_clock() as clock:
            began = time.time()
            assert (await clients[0].request("send_message", message))["seq"] == 1
            found.measure("first response after", clock.seconds(began, time.time()), at_most=1, unit=" s")
        await asyncio.gather(*(client.stop() for client in clients))
