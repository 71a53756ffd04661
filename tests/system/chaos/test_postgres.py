"""Faults 17 to 19: PostgreSQL restarted, its connections ended, a table locked."""

import asyncio
import time

import psutil
import psycopg
import pytest

from tests.system.chaos.client import Refused
from tests.system.chaos.deployment import Arena
from tests.system.chaos.load import client_of, load
from tests.system.chaos.report import row, size

pytestmark = pytest.mark.timeout(size(60, 900))

TERMINATE = """SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()"""


async def test_postgres_is_restarted(desk: Arena) -> None:
    times = size(1, 4)
    with row("17", f"PostgreSQL killed and restarted {times}x") as found:
        started = [psutil.Process(desk.processes[f"web-{number}"].pid).create_time() for number in range(2)]
        async with load(desk, pause=0.005) as talk:
            back = []
            async with talk.speaking():
                for _ in range(times):
                    await asyncio.sleep(1)
                    await desk.restart("postgres")
                    began = time.monotonic()
                    while not any(one.at > began for one in talk.acknowledged.values()):
                        await asyncio.sleep(0.01)
                    back.append(time.monotonic() - began)
            await talk.compare(found)
        same = [psutil.Process(desk.processes[f"web-{number}"].pid).create_time() for number in range(2)]
        found.measure("web processes that were restarted", sum(a != b for a, b in zip(started, same, strict=True)))
        found.measure("service back after", max(back), at_most=5, unit=" s")


async def test_connections_to_postgres_are_ended(desk: Arena) -> None:
    times = size(3, 20)
    with row("18", f"all connections to PostgreSQL ended {times}x") as found:
        async with load(desk) as talk:
            async with talk.speaking():
                for _ in range(times):
                    await asyncio.sleep(0.3)
                    await desk.rows(TERMINATE)
            await talk.compare(found)
            slowest = max(one.seconds for one in talk.acknowledged.values())
            found.measure("slowest answer", slowest, at_most=2, unit=" s")


async def test_a_table_is_locked(desk: Arena) -> None:
    asking = size(40, 200)
    limit = desk.settings.db_timeout_seconds
    with row("19", f"the messages locked, {asking} sends at once, connections for 10") as found:
        account = await desk.account()
        conversation = str(account.conversation)
        clients = [await client_of(desk, account, "agent").start() for _ in range(asking)]
        async with await psycopg.AsyncConnection.connect(desk.settings.postgres) as holder:
            await holder.execute("LOCK TABLE messages IN ACCESS EXCLUSIVE MODE")
            began = time.monotonic()
            message = {"conversationId": conversation, "content": "held"}
            asks = [client.ask("send_message", message) for client in clients]
            answers = await asyncio.gather(*asks, return_exceptions=True)
            took = time.monotonic() - began
            await holder.rollback()
        refused = [str(answer) for answer in answers if isinstance(answer, Refused)]
        found.measure("other answers than UNAVAILABLE", len(answers) - refused.count("UNAVAILABLE"))
        found.measure("slowest refusal", took, at_most=limit + 1.5, unit=" s")
        began = time.monotonic()
        assert (await clients[0].ask("send_message", message))["seq"] == 1
        found.measure("first answer after", time.monotonic() - began, at_most=1, unit=" s")
        await asyncio.gather(*(client.stop() for client in clients))
