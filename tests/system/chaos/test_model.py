"""After any requests on two web processes, also killed ones, state built from events equals that of a new client."""

import asyncio
import secrets
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.integration.server.accounts import Account
from tests.running_time import running_seconds
from tests.system.chaos.client import Client, Disconnected, Refused
from tests.system.chaos.deployment import Deployment, deploy
from tests.system.chaos.load import client_of
from tests.system.chaos.mirror import Mirror, fetch_state
from tests.system.chaos.report import row, size

PEOPLE = ("customer", "agent", "colleague")
STAFF = ("agent", "colleague")
TOGETHER = 4
"""Histories at the same time, each of an account of its own."""
AGREE_SECONDS = 30.0
"""After the last kill. Includes the lease of a killed process and its sweep."""

PERSONAL = {"unreadCount", "counted", "countedTo"}
"""An agent's count and what the client remembers of it: another viewer has none of them."""

people = st.sampled_from(PEOPLE)
staff = st.sampled_from(STAFF)
actions = st.one_of(
    st.tuples(st.just("send"), people),
    st.tuples(st.just("note"), staff),
    st.tuples(st.just("read"), people),
    st.tuples(st.just("mark"), staff),
    st.tuples(st.just("join"), people),
    st.tuples(st.just("leave"), people),
    st.tuples(st.just("type"), people),
    st.tuples(st.just("assign"), staff, staff),
    st.tuples(st.just("unassign"), staff),
    st.tuples(st.just("status"), staff, st.sampled_from(("open", "pending", "closed"))),
    st.tuples(st.just("presence"), staff, st.sampled_from(("online", "away", "busy", "offline"))),
    st.tuples(st.just("cut"), people),
    st.tuples(st.just("move"), people),
)
kills = st.tuples(st.just("kill"), st.sampled_from((0, 1)))
rounds = st.lists(
    st.tuples(st.lists(actions, max_size=4), st.lists(kills, max_size=1)).map(lambda both: [*both[0], *both[1]]),
    max_size=8,
)
"""The actions of one round are concurrent."""


@dataclass
class Kills:
    """Of a deployment: one process is killed and started at a time."""

    deployment: Deployment
    ended_at: float = 0.0
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def kill(self, number: int) -> None:
        async with self.lock:
            await self.deployment.kill(f"web-{number}")
            await self.deployment.start_web(number)
            self.ended_at = running_seconds()


@dataclass
class World:
    account: Account
    clients: dict[str, Client]
    fresh: Client
    """A viewer that loads the state for every comparison."""
    kills: Kills

    @property
    def conversation(self) -> str:
        return str(self.account.conversation)

    async def do(self, action: tuple[Any, ...]) -> None:
        verb, name, *rest = action
        if verb == "kill":
            await self.kills.kill(name)
            return
        client = self.clients[name]
        with suppress(Disconnected, TimeoutError, Refused):  # done or not: all clients must agree
            await self._perform(client, verb, rest)

    async def _perform(self, client: Client, verb: str, rest: list[Any]) -> None:
        if verb in ("cut", "move"):
            client.use_address(verb == "move")
            client.cut()
        elif verb == "read":
            await self._read(client)
        else:
            await client.request(*self._request(verb, rest))

    def _request(self, verb: str, rest: list[Any]) -> tuple[str, dict[str, Any]]:
        conversation, token = {"conversationId": self.conversation}, secrets.token_hex(8)
        agent = self.account.people.get("".join(rest), self.account.people["agent"])
        sent = conversation | {"content": token, "clientMessageId": token}
        requests: dict[str, tuple[str, dict[str, Any]]] = {
            "send": ("send_message", sent),
            "note": ("send_message", sent | {"private": True}),
            "mark": ("mark_unread", conversation),
            "join": ("join_conversation", conversation),
            "leave": ("leave_conversation", conversation),
            "type": ("typing_start", conversation),
            "assign": ("assign_conversation", conversation | {"agentId": str(agent.id)}),
            "unassign": ("unassign_conversation", conversation),
            "status": ("update_conversation_status", conversation | {"status": "".join(rest)}),
            "presence": ("set_agent_status", {"status": "".join(rest)}),
        }
        return requests[verb]

    async def _read(self, client: Client) -> None:
        page = await client.request("get_messages", {"conversationId": self.conversation, "limit": 1})
        for message in page["messages"]:
            read = {"conversationId": self.conversation, "messageId": message["messageId"]}
            await client.request("message_read", read)

    async def agree(self) -> None:
        """Wait until the state of all clients equals that of a new client."""
        began = running_seconds()
        while (differences := await self._differences()) and self._is_in_time(began):
            await asyncio.sleep(0.05)
        assert not differences, "\n".join(differences)

    def _is_in_time(self, began: float) -> bool:
        return running_seconds() < max(began, self.kills.ended_at) + AGREE_SECONDS

    async def _differences(self) -> list[str]:
        try:
            expected = await fetch_state(self.fresh)
            unread = {name: await self._unread(name) for name in STAFF}
        except (Disconnected, TimeoutError, Refused, aiohttp.ClientError):
            return ["the new client is disconnected"]
        found = []
        for name, client in self.clients.items():
            if not client.synchronized.is_set():
                found.append(f"{name} is disconnected")
            elif isinstance(client, Mirror):
                found += [f"{name}: {line}" for line in differences(client.state, expected)]
                counts = {one: row["unreadCount"] for one, row in client.state["conversations"].items()}
                found += [f"{name}: unread {line}" for line in differences(counts, unread.get(name, counts))]
        return found

    async def _unread(self, name: str) -> dict[str, int]:
        """The unread counts of an agent by the REST API: a second socket would change the agent's presence."""
        headers, at = (
            {"Authorization": f"Bearer {self.account.token(name)}"},
            f"{self.account.url}/api/v1/conversations",
        )
        async with (
            aiohttp.ClientSession(headers=headers, raise_for_status=True) as session,
            session.get(at) as response,
        ):
            listed = (await response.json())["conversations"]
        return {one["id"]: one["unreadCount"] for one in listed}


def differences(built: Any, loaded: Any, path: str = "") -> list[str]:
    if isinstance(built, dict) and isinstance(loaded, dict):
        return [
            line
            for key in sorted((built.keys() | loaded.keys()) - PERSONAL, key=str)
            for line in differences(built.get(key), loaded.get(key), f"{path}/{key}")
        ]
    return [] if built == loaded else [f"{path}: built {built!r}, loaded {loaded!r}"]


async def play(deployment: Deployment, kills: Kills, actions: list[list[tuple[Any, ...]]]) -> None:
    account = await deployment.account()
    both = (str(account.conversation), str(account.other_conversation))
    clients: dict[str, Client] = {
        "customer": client_of(deployment, account, "customer", both[:1]),
        **{name: Mirror(deployment.addresses, account.token(name), both) for name in (*STAFF, "viewer")},
    }
    fresh = client_of(deployment, account, "viewer", both)
    all_clients = [*clients.values(), fresh]
    for number, client in enumerate(all_clients):
        client.use_address(number)
    try:
        await asyncio.gather(*(client.start() for client in all_clients))
        world = World(account, clients, fresh, kills)
        for together in actions:
            await asyncio.gather(*(world.do(action) for action in together))
            await world.agree()
    finally:
        await asyncio.gather(*(client.stop() for client in all_clients))


async def play_together(deployment: Deployment, histories: list[list[list[tuple[Any, ...]]]]) -> None:
    """Play histories of several accounts at the same time: the kills of one are faults of the others as well."""
    kills = Kills(deployment)
    try:
        async with asyncio.TaskGroup() as group:
            for actions in histories:
                group.create_task(play(deployment, kills, actions))
    finally:
        await deployment.restart_missing()


@pytest.mark.systems
@pytest.mark.timeout(size(400, 900))
def test_state_from_events_equals_state_of_new_client() -> None:
    """Hypothesis is synchronous: the deployment runs in an event loop of the test."""
    examples = size(8, 60)
    with (
        asyncio.Runner() as runner,
        row("9+", f"state model, {examples} random histories, {TOGETHER} at once") as found,
    ):
        stack = AsyncExitStack()
        deployment = runner.run(stack.enter_async_context(deploy()))

        # Hypothesis begins with the shortest example, in which nothing happens.
        rounds_of_examples = 1 + examples // TOGETHER

        @settings(
            max_examples=rounds_of_examples,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            derandomize=False,
        )
        @given(st.lists(rounds, min_size=TOGETHER, max_size=TOGETHER))
        def histories(together: list[list[list[tuple[Any, ...]]]]) -> None:
            runner.run(play_together(deployment, together))

        try:
            histories()
        finally:
            runner.run(stack.aclose())
        found.measure("histories with a differing client", 0)
