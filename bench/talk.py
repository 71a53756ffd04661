"""Customers who send messages, and agents who hear of them."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import chain

from bench.contenders import Server
from bench.sockets import PATIENCE_SECONDS, Crowd, Lost, SocketIOReceiver
from bench.world import Customer, World

TEXT = "Hello, the parcel has not arrived yet. Where is it?"


class Sender(SocketIOReceiver):
    """A customer in a conversation; `answered` gets what comes back for each request."""

    def __init__(self, crowd: Crowd, customer: Customer, answered: Callable[["Sender", bytes], None]) -> None:
        super().__init__(crowd, customer.token)
        self._answered = answered
        self._conversation = customer.conversation
        self._number = 0

    def join(self) -> None:
        self._request("join_conversation", self._conversation)

    def say(self, content: str) -> None:
        self._request("send_message", {"conversationId": self._conversation, "content": content})

    def other(self, payload: bytes) -> None:
        if payload.startswith(b"43"):
            if b'"ok":true' in payload:
                self._answered(self, payload)
            else:
                self.crowd.lost(self, Lost(f"a request was refused: {payload.decode()[:200]}"))

    def _request(self, event: str, argument: object) -> None:
        self._number += 1
        self.send(f"42{self._number}{json.dumps([event, argument])}".encode())


class Agent(SocketIOReceiver):
    """Gives each event to `heard`."""

    def __init__(self, crowd: Crowd, token: str, heard: Callable[[bytes], None]) -> None:
        super().__init__(crowd, token)
        self._heard = heard

    def take(self, payload: bytes) -> int:
        if payload.startswith(b"42"):
            self._heard(payload)
        return super().take(payload)


class Talk:
    """One agent of each account, and customers of all accounts, each in a conversation."""

    def __init__(self, world: World, server: Server) -> None:
        self.on_answer: Callable[[Sender, bytes], None] = lambda *_: None
        self.on_event: Callable[[bytes], None] = lambda _: None
        agents = iter([account.agents[0] for account in world.accounts])
        in_turn = zip(*(account.customers for account in world.accounts), strict=True)
        customers = chain.from_iterable(in_turn)
        self.agents = Crowd(server.port, lambda crowd: Agent(crowd, next(agents), self._heard))
        self.senders = Crowd(server.port, lambda crowd: Sender(crowd, next(customers), self._answered))

    def _heard(self, event: bytes) -> None:
        self.on_event(event)

    def _answered(self, sender: Sender, answer: bytes) -> None:
        self.on_answer(sender, answer)

    async def stays(self, seconds: float) -> None:
        """Let time pass; Lost if the server drops anybody."""
        await asyncio.sleep(seconds)
        self.check()

    def check(self) -> None:
        """Raises Lost if the server has dropped anybody."""
        self.senders.check()
        self.agents.check()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait for what happens at a socket; Lost if it does not."""
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                while not condition():
                    await self.stays(0.005)
        except TimeoutError:
            raise Lost("something that was sent had no effect") from None


@asynccontextmanager
async def talking(world: World, server: Server, *, senders: int) -> AsyncIterator[Talk]:
    talk = Talk(world, server)
    try:
        await talk.agents.grow(len(world.accounts))
        await talk.senders.grow(senders)
        joined = set()
        talk.on_answer = lambda sender, _: joined.add(sender)
        for sender in talk.senders:
            sender.join()
        await talk.until(lambda: len(joined) == senders)
        yield talk
    finally:
        talk.senders.close()
        talk.agents.close()
