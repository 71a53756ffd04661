"""Customers that send messages, and agents that receive the events."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import chain

from bench.contenders import Server
from bench.sockets import TIMEOUT_SECONDS, LoadError, ReceiverGroup, ReceiverPool, SocketIOReceiver
from bench.testbed import Customer, Testbed

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
"""Messages of several lengths and topics: a model with a cache would classify a single repeated text faster."""


class Sender(SocketIOReceiver):
    """A customer in a conversation. `on_acknowledged` gets each successful acknowledgement."""

    def __init__(
        self, group: ReceiverGroup, customer: Customer, on_acknowledged: Callable[["Sender", bytes], None]
    ) -> None:
        super().__init__(group, customer.token)
        self._on_acknowledged = on_acknowledged
        self._conversation = customer.conversation
        self._requests = 0

    def join(self) -> None:
        self._request("join_conversation", self._conversation)

    def send_message(self, content: str) -> None:
        self._request("send_message", {"conversationId": self._conversation, "content": content})

    def on_other_packet(self, payload: bytes) -> None:
        if payload.startswith(b"43"):
            if b'"ok":true' in payload:
                self._on_acknowledged(self, payload)
            else:
                self.group.fail(self, LoadError(f"a request was refused: {payload.decode()[:200]}"))

    def _request(self, event: str, argument: object) -> None:
        self._requests += 1
        self.send(f"42{self._requests}{json.dumps([event, argument])}".encode())


class Agent(SocketIOReceiver):
    """Passes each event to `on_event`."""

    def __init__(self, group: ReceiverGroup, token: str, on_event: Callable[[bytes], None]) -> None:
        super().__init__(group, token)
        self._on_event = on_event

    def count_deliveries(self, payload: bytes) -> int:
        if payload.startswith(b"42"):
            self._on_event(payload)
        return super().count_deliveries(payload)


class Load:
    """One agent of each account, and customers of all accounts, each in a conversation of its own."""

    def __init__(self, testbed: Testbed, server: Server) -> None:
        self.on_acknowledged: Callable[[Sender, bytes], None] = lambda *_: None
        self.on_event: Callable[[bytes], None] = lambda _: None
        agents = iter([account.agents[0] for account in testbed.accounts])
        by_turns = zip(*(account.customers for account in testbed.accounts), strict=True)
        customers = chain.from_iterable(by_turns)
        self.agents: ReceiverPool[Agent] = ReceiverPool(
            server.port, lambda group: Agent(group, next(agents), self._handle_event)
        )
        self.senders: ReceiverPool[Sender] = ReceiverPool(
            server.port, lambda group: Sender(group, next(customers), self._handle_acknowledgement)
        )

    def _handle_event(self, event: bytes) -> None:
        self.on_event(event)

    def _handle_acknowledgement(self, sender: Sender, acknowledgement: bytes) -> None:
        self.on_acknowledged(sender, acknowledgement)

    async def run_for(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
        self.raise_error()

    def raise_error(self) -> None:
        """Raise LoadError if the server has closed a connection or refused a request."""
        self.senders.raise_error()
        self.agents.raise_error()

    async def wait_until(self, condition: Callable[[], bool]) -> None:
        """Wait for a condition that packets fulfil. Raises LoadError after a timeout."""
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                while not condition():
                    await self.run_for(0.005)
        except TimeoutError:
            raise LoadError("an expected event or acknowledgement did not arrive") from None


@asynccontextmanager
async def conversations(testbed: Testbed, server: Server, *, senders: int) -> AsyncIterator[Load]:
    """Connect the agents and the customers, and join each customer to a conversation."""
    load = Load(testbed, server)
    try:
        await load.agents.connect(len(testbed.accounts))
        await load.senders.connect(senders)
        joined = set()
        load.on_acknowledged = lambda sender, _: joined.add(sender)
        for sender in load.senders:
            sender.join()
        await load.wait_until(lambda: len(joined) == senders)
        yield load
    finally:
        load.senders.close()
        load.agents.close()
