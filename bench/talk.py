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
TEXTS = (
    TEXT,
    "I was charged twice for the same order, please refund one of the payments.",
    "The app crashes every time I open the settings on my phone",
    "How do I reset my password?",
    "thanks, that solved it!",
    "Do you ship to Norway, and what would it cost for a parcel of three kilos?",
    "My invoice from March shows the old address of our company. Could you send a corrected one to our accounting?",
    "cancel my subscription",
    "The zip of the tent broke on the second night. I have pictures if you need them.",
    "Is there a discount for schools? We would need about forty licences until the end of the year.",
    "I still cannot log in, the code by text message never arrives",
    "Your driver left the box in the rain and everything in it is wet. This is the third time!",
    "What are your opening hours on Saturday?",
    "The coupon SPRING10 is not accepted at the checkout",
    "Can I change the size of the boots that I ordered this morning? They have not been sent yet.",
    "Export to CSV gives an empty file since the last update; we need it for the report due on Friday.",
    "Wo bleibt meine Bestellung? Sie sollte schon am Montag da sein.",
    "Je voudrais retourner un article, comment faire ?",
    "No puedo pagar con mi tarjeta, me sale un error.",
    "great service, my compliments to Maria who helped me yesterday",
    "Please delete my account and all data that you keep about me.",
    "How long is the warranty on the stove, and does it cover the igniter?",
    "The video call has no sound on the other side, though the microphone works in other programs. We have tried two"
    " laptops and a phone, with and without a headset, at home and in the office.",
    "Who can I talk to about a partnership?",
)
"""Of several lengths and kinds: what a model reads twice in a batch it may read once."""


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
