"""Whatever people do on two web processes, and whichever of these dies: what a client has built from events is what a
fresh client is told.
"""

import asyncio
import secrets
import time
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.integration.server.accounts import Account
from tests.system.chaos.client import Away, Client, Refused
from tests.system.chaos.deployment import Arena, arena
from tests.system.chaos.load import client_of
from tests.system.chaos.mirror import Mirror, ask_state
from tests.system.chaos.report import row, size

PEOPLE = ("customer", "agent", "colleague")
STAFF = ("agent", "colleague")
AGREE_SECONDS = 12.0
"""The lease of a killed process and its sweep are in it."""

people = st.sampled_from(PEOPLE)
staff = st.sampled_from(STAFF)
acts = st.one_of(
    st.tuples(st.just("send"), people),
    st.tuples(st.just("note"), staff),
    st.tuples(st.just("read"), people),
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
    st.tuples(st.lists(acts, max_size=4), st.lists(kills, max_size=1)).map(lambda both: [*both[0], *both[1]]),
    max_size=8,
)
"""The acts of one round happen at once."""


@dataclass
class World:
    desk: Arena
    account: Account
    clients: dict[str, Client]
    fresh: Client
    """A viewer that keeps nothing and is asked anew each time."""

    @property
    def conversation(self) -> str:
        return str(self.account.conversation)

    async def do(self, act: tuple[Any, ...]) -> None:
        verb, who, *rest = act
        if verb == "kill":
            await self.desk.kill(f"web-{who}")
            await self.desk.start_web(who)
            return
        client = self.clients[who]
        with suppress(Away, TimeoutError, Refused):  # it was done or it was not: what counts is that everybody agrees
            await self._act(client, verb, rest)

    async def _act(self, client: Client, verb: str, rest: list[Any]) -> None:
        if verb in ("cut", "move"):
            client.go_to(verb == "move")
            client.cut()
        elif verb == "read":
            await self._read(client)
        else:
            await client.ask(*self._request(verb, rest))

    def _request(self, verb: str, rest: list[Any]) -> tuple[str, dict[str, Any]]:
        talk, token = {"conversationId": self.conversation}, secrets.token_hex(8)
        agent = self.account.people.get("".join(rest), self.account.people["agent"])
        sent = talk | {"content": token, "clientMessageId": token}
        requests: dict[str, tuple[str, dict[str, Any]]] = {
            "send": ("send_message", sent),
            "note": ("send_message", sent | {"private": True}),
            "join": ("join_conversation", talk),
            "leave": ("leave_conversation", talk),
            "type": ("typing_start", talk),
            "assign": ("assign_conversation", talk | {"agentId": str(agent.id)}),
            "unassign": ("unassign_conversation", talk),
            "status": ("update_conversation_status", talk | {"status": "".join(rest)}),
            "presence": ("set_agent_status", {"status": "".join(rest)}),
        }
        return requests[verb]

    async def _read(self, client: Client) -> None:
        page = await client.ask("get_messages", {"conversationId": self.conversation, "limit": 1})
        for message in page["messages"]:
            read = {"conversationId": self.conversation, "messageId": message["messageId"]}
            await client.ask("message_read", read)

    async def agree(self) -> None:
        """Everybody's state becomes that which a fresh client is told."""
        until = time.monotonic() + AGREE_SECONDS
        while (differences := await self._differences()) and time.monotonic() < until:
            await asyncio.sleep(0.05)
        assert not differences, "\n".join(differences)

    async def _differences(self) -> list[str]:
        try:
            truth = await ask_state(self.fresh)
        except (Away, TimeoutError, Refused):
            return ["the fresh client is away"]
        found = []
        for name, client in self.clients.items():
            if not client.whole.is_set():
                found.append(f"{name} is away")
            elif isinstance(client, Mirror):
                found += [f"{name}: {line}" for line in differences(client.state, truth)]
        return found


def differences(built: Any, told: Any, path: str = "") -> list[str]:
    if isinstance(built, dict) and isinstance(told, dict):
        return [
            line
            for key in sorted(built.keys() | told.keys(), key=str)
            for line in differences(built.get(key), told.get(key), f"{path}/{key}")
        ]
    return [] if built == told else [f"{path}: built {built!r}, told {told!r}"]


async def play(desk: Arena, acts: list[list[tuple[Any, ...]]]) -> None:
    account = await desk.account()
    both = (str(account.conversation), str(account.other_conversation))
    clients: dict[str, Client] = {
        "customer": client_of(desk, account, "customer", both[:1]),
        **{name: Mirror(desk.addresses, account.token(name), both) for name in (*STAFF, "viewer")},
    }
    fresh = client_of(desk, account, "viewer", both)
    everybody = [*clients.values(), fresh]
    for number, client in enumerate(everybody):
        client.go_to(number)
    try:
        await asyncio.gather(*(client.start() for client in everybody))
        world = World(desk, account, clients, fresh)
        for together in acts:
            await asyncio.gather(*(world.do(act) for act in together))
            await world.agree()
    finally:
        await asyncio.gather(*(client.stop() for client in everybody))
        await desk.heal()


@pytest.mark.timeout(size(180, 900))
def test_what_events_build_is_what_a_fresh_client_is_told() -> None:
    """Hypothesis is not async: the desk lives on a loop of the test's own."""
    examples = size(8, 60)
    with asyncio.Runner() as runner, row("9+", f"a model of the desk, {examples} random stories") as found:
        held = AsyncExitStack()
        desk = runner.run(held.enter_async_context(arena()))

        @settings(max_examples=examples, deadline=None, suppress_health_check=list(HealthCheck), derandomize=False)
        @given(rounds)
        def stories(acts: list[list[tuple[Any, ...]]]) -> None:
            runner.run(play(desk, acts))

        try:
            stories()
        finally:
            runner.run(held.aclose())
        found.measure("stories after which somebody was wrong", 0)
