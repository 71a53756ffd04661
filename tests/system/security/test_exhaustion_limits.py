"""No address, person or account exhausts a process: rate limits and limits of connections, over real processes."""

import asyncio
import json
import signal
import sys
import time
from collections.abc import AsyncIterator
from itertools import chain
from typing import Any

import aiohttp
import pytest

from hummdesk.bus.shared_limits import ANSWER_SECONDS
from tests.integration.server.accounts import Account, Client
from tests.running_time import running_seconds, running_timeout
from tests.system.chaos.deployment import WEB, Deployment, deploy

POLL = "/socket.io/?EIO=4&transport=polling"
MESSAGES = 40
"""A minute, of one person."""
BATCHES_AHEAD = MESSAGES // 4 * 2
"""Each of the two processes may spend its first batch before Redis has confirmed it."""
LOCAL_SECONDS = MESSAGES * ANSWER_SECONDS * 0.4
"""The messages of a minute take less, the best of three times, unless each waits for a Redis that is away."""
FLOOD = 20_000
EACH = 1_000
ROUNDS = 6
WINDOW_SECONDS = 2.5
PAUSE_SECONDS = 0.025
MAX_SHIFT = 1.25
MAX_COST = FLOOD / 100
"""In answered requests: a request of a flood costs less than a hundredth of one. It is 10 to 130."""


@pytest.fixture(scope="module")
async def desk() -> AsyncIterator[Deployment]:
    async with deploy(
        starts=(WEB,),
        proxies_count=1,
        rate_limit_events_per_second=50,
        rate_limit_address_events_per_second=500,
        rate_limit_connects_per_minute=120,
        rate_limit_person_messages_per_minute=MESSAGES,
        max_sockets_per_address=100,
        max_sockets_unauthenticated=50,
    ) as made:
        yield made


@pytest.fixture
async def account(desk: Deployment) -> AsyncIterator[Account]:
    made = await desk.account()
    yield made
    await made.close()


async def connect(account: Account, name: str, url: str, address: str) -> Client:
    client = await account.client().connect(token=account.token(name), url=url, headers={"X-Forwarded-For": address})
    await client.receives("authenticated")
    return client


async def answers(clients: list[Client], account: Account, number: int) -> list[dict[str, Any]]:
    """Send so many messages on each client at once."""
    message = {"conversationId": str(account.conversation), "content": "Hello"}
    return await asyncio.gather(*(client.ask("send_message", message) for client in clients for _ in range(number)))


def allowed(found: list[dict[str, Any]]) -> int:
    refused = {(answer["error"]["code"], answer["error"]["details"]["limit"]) for answer in found if not answer["ok"]}
    assert refused <= {("RATE_LIMITED", "person_messages")}
    return sum(answer["ok"] for answer in found)


async def test_two_processes_share_the_limit_of_a_person(desk: Deployment, account: Account) -> None:
    clients = [await connect(account, "agent", url, f"10.1.0.{n}") for n, url in enumerate(desk.addresses)]
    started = time.monotonic()
    number = allowed(await answers(clients, account, 60))
    async with running_timeout(10):
        while number < MESSAGES:  # a process whose Redis was late has not spent its share
            number += allowed(await answers(clients, account, 1))
    refilled = (time.monotonic() - started) * MESSAGES / 60
    assert number <= MESSAGES + BATCHES_AHEAD + 2 + refilled
    colleague = await connect(account, "colleague", desk.addresses[0], "10.1.0.3")
    assert allowed(await answers([colleague], account, 10)) == 10


async def test_without_redis_messages_are_acknowledged_and_the_limits_remain(
    desk: Deployment, account: Account
) -> None:
    people = [
        [await connect(account, name, url, f"10.2.{person}.{n}") for n, url in enumerate(desk.addresses)]
        for person, name in enumerate(("agent", "admin", "customer"))
    ]
    for clients in people:
        assert allowed(await answers(clients, account, 1)) == 2
    taken: list[float] = []
    desk.signal("redis", signal.SIGSTOP)
    try:
        while len(taken) < len(people) and min(taken, default=LOCAL_SECONDS) >= LOCAL_SECONDS:
            clients = people[len(taken)]
            began = running_seconds()
            number = allowed(await answers(clients, account, 60))
            taken.append(running_seconds() - began)
            assert BATCHES_AHEAD - 2 <= number <= 2 * MESSAGES
    finally:
        desk.signal("redis", signal.SIGCONT)
    assert min(taken) < LOCAL_SECONDS, taken
    colleague = await connect(account, "colleague", desk.addresses[0], "10.2.0.3")
    async with asyncio.timeout(60):
        while allowed(await answers([colleague], account, 1)) == 0:
            await asyncio.sleep(0.1)


async def flood(url: str, address: str, *, each: int) -> dict[str, int]:
    """Send FLOOD requests from a process of its own, at most so many on each socket."""
    command = (sys.executable, "-m", "tests.system.security.flood", url, address, str(FLOOD), str(each))
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    output, _ = await process.communicate()
    found: dict[str, int] = json.loads(output)
    return found


async def test_flood_of_refused_requests_is_cut_off(desk: Deployment) -> None:
    """Fewer than 50 of 20,000 requests on an unauthenticated socket are answered."""
    found = await flood(desk.addresses[0], "10.3.0.1", each=FLOOD)
    assert found["connections"] == found["reasons"] > 0, "each closed with a reason; a slow client opens another one"
    assert found["answers"] < 50 * found["connections"]
    async with aiohttp.ClientSession() as session:
        other = await session.get(desk.addresses[0] + POLL, headers={"X-Forwarded-For": "10.3.0.2"})
        assert other.status == 200


async def durations(client: Client) -> list[float]:
    """Send requests one after the other, below the limit of a socket."""
    found = []
    end = time.perf_counter() + WINDOW_SECONDS
    while time.perf_counter() < end:
        started = time.perf_counter()
        await client.do("get_presence")
        found.append(time.perf_counter() - started)
        await asyncio.sleep(PAUSE_SECONDS)
    return found


async def durations_of_all(clients: list[Client]) -> list[float]:
    return list(chain.from_iterable(await asyncio.gather(*map(durations, clients))))


def p99(found: list[float]) -> float:
    return sorted(found)[-len(found) // 100]  # rounded up: the longest one of fewer than 200


async def effect_of_flood(
    desk: Deployment, attacked: list[Client], others: list[Client], number: int
) -> tuple[float, float]:
    """Flood one process; return what others notice of it, and what the flood costs.

    The first is the p99 of clients of this process by that of equal clients of another one. Both are measured at the
    same time: the flood's client and whatever else runs on this machine delay both. The second is the CPU time that
    the process used more than the other one, by that of an answered request.
    """
    flooded, other = number % 2, 1 - number % 2
    before = desk.cpu_seconds(f"web-{flooded}"), desk.cpu_seconds(f"web-{other}")
    attack = asyncio.create_task(flood(desk.addresses[flooded], f"10.4.1.{number}", each=EACH))
    found, reference = await asyncio.gather(durations_of_all(attacked), durations_of_all(others))
    assert (await attack)["answers"] < FLOOD / 20
    used = desk.cpu_seconds(f"web-{flooded}") - before[0]
    used_by_other = desk.cpu_seconds(f"web-{other}") - before[1]
    request = used_by_other / len(reference)
    return p99(found) / p99(reference), (used - len(found) * request) / request


@pytest.mark.systems
@pytest.mark.alone
async def test_flood_of_one_address_does_not_delay_others_of_its_process(desk: Deployment, account: Account) -> None:
    """The shift of one of ROUNDS floods is enough: a p99 is the third longest of 300 times, and so varies by chance."""
    names = ("admin", "agent", "colleague", "viewer")
    sides = [
        [await connect(account, name, url, f"10.4.0.{number}") for name in names]
        for number, url in enumerate(desk.addresses)
    ]
    shifts: list[float] = []
    costs: list[float] = []
    while len(shifts) < ROUNDS and (min(shifts, default=MAX_SHIFT) >= MAX_SHIFT or min(costs) >= MAX_COST):
        attacked, others = sides
        shift, cost = await effect_of_flood(desk, attacked, others, len(shifts))
        shifts.append(shift)
        costs.append(cost)
        sides.reverse()
    print(f"p99 of others by that at another process: {shifts}; cost in answered requests: {costs}")
    assert min(costs) < MAX_COST, costs
    assert min(shifts) < MAX_SHIFT, shifts
