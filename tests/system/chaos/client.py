"""A person's client as a good front end would be: it comes back by itself, recovers or catches up, and sends until it
has an answer. It keeps count of everything that a person would notice.

It speaks Socket.IO on a bare WebSocket, because it has to be cheap, cut at will, and recover its connection state.
"""

import asyncio
import itertools
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

ANSWER_SECONDS = 6.0
BACK_OFF_SECONDS = (0.05, 0.5)
OPEN_SECONDS = 10.0
TRYABLE = {"UNAVAILABLE", "INTERNAL_ERROR", "UNAUTHORIZED"}
"""Answers after which the same send is tried again: an unauthorized one, since the socket may just be coming back."""

LOSS = "RESYNC"
"""The code of a `disconnect_reason`. What Redis lost in an earlier test, too, is told to whoever is there when a
process that had written to a shard writes to it again."""


class Away(Exception):
    """The connection was lost before the answer came."""


class Refused(Exception):
    """The desk has said no, for good."""


@dataclass
class Talk:
    """A conversation as this client has been told it."""

    seen: list[int] = field(default_factory=list)
    """Every `seq` in the order in which it was shown."""
    early: set[int] = field(default_factory=set)
    """Live messages that came while the client was catching up."""
    caught_up_to: int = 0
    """Up to here the last catching up has told of everything."""

    @property
    def last(self) -> int:
        return self.seen[-1] if self.seen else 0


@dataclass
class Faults:
    """What a person would notice."""

    repeated: int = 0
    skipped: int = 0


class Client:
    def __init__(self, addresses: Sequence[str], token: str, conversations: Sequence[str] = ()) -> None:
        """`addresses` of the web processes, of which any is as good; `conversations` are joined and followed."""
        self.addresses = addresses
        self.token = token
        self.talks = {conversation: Talk() for conversation in conversations}
        self.faults = Faults()
        self.received: list[tuple[float, str, Any]] = []
        """(time, event, payload) of everything but messages."""
        self.whole = asyncio.Event()
        """Set while the client is connected and knows all that there is to know."""
        self.outages: list[float] = []
        """Seconds from each loss of the connection until the client was whole again."""
        self.recovered = 0
        self.caught_up = 0
        self.reasons: list[str] = []
        """Codes of `disconnect_reason`."""
        self.sid = ""
        self.pid = ""
        self.offset = ""
        self._connection: ClientConnection | None = None
        self._task: asyncio.Task[None] | None = None
        self._ids = itertools.count()
        self._answers: dict[int, asyncio.Future[Any]] = {}
        self._authenticated = asyncio.Event()
        self._lost_at: float | None = None
        self._address = random.randrange(len(addresses))
        self._is_catching_up = False

    # Coming and going ------------------------------------------------------------------------------------------------

    async def start(self) -> "Client":
        self._task = asyncio.create_task(self._live())
        async with asyncio.timeout(OPEN_SECONDS * 3):
            await self.whole.wait()
        return self

    async def stop(self) -> None:
        """Leave for good, as somebody who closes the page."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
        if self._connection is not None:
            await self._connection.close()

    def cut(self) -> None:
        """Lose the TCP connection without a word."""
        if self._connection is not None:
            self._connection.transport.abort()

    def go_to(self, address: int) -> None:
        """Where to connect to the next time."""
        self._address = address

    async def _live(self) -> None:
        while True:
            try:
                await self._session(self.addresses[self._address % len(self.addresses)])
            except (OSError, WebSocketException, TimeoutError, Away):
                self._address += 1
            self._lost()
            await asyncio.sleep(random.uniform(*BACK_OFF_SECONDS))

    def _lost(self) -> None:
        if self.whole.is_set():
            self._lost_at = time.monotonic()
        self.whole.clear()
        self._authenticated.clear()
        self._connection = None
        answers, self._answers = self._answers, {}
        for answer in answers.values():
            if not answer.done():
                answer.set_exception(Away())

    async def _session(self, address: str) -> None:
        url = f"{address.replace('http', 'ws', 1)}/socket.io/?EIO=4&transport=websocket"
        async with asyncio.timeout(OPEN_SECONDS):
            connection = await connect(url, ping_interval=None, compression=None, max_size=None)
        self._connection = connection
        catching_up: asyncio.Task[None] | None = None
        try:
            async for frame in connection:
                text = frame if isinstance(frame, str) else frame.decode()
                if text == "2":
                    await connection.send("3")
                elif text.startswith("0"):
                    await connection.send("40" + self._hello())
                elif text.startswith("40"):
                    self._enter(orjson.loads(text[2:]))
                    catching_up = asyncio.create_task(self._begin())
                elif text.startswith("42"):
                    self._hear(*orjson.loads(text[2:]))
                elif text.startswith("43"):
                    self._answered(text[2:])
                elif text.startswith(("1", "41", "44")):
                    break
        finally:
            if catching_up is not None:
                catching_up.cancel()
            connection.transport.abort()

    def _hello(self) -> str:
        state = {"pid": self.pid, "offset": self.offset} if self.pid and self.offset else {}
        return orjson.dumps({"token": self.token} | state).decode()

    def _enter(self, welcome: dict[str, str]) -> None:
        """Before anything is heard that follows. Whoever lost the connection while catching up still has to."""
        if self.pid and welcome.get("pid") == self.pid:
            self.recovered += 1
        else:
            self.sid, self.pid, self.offset = welcome["sid"], welcome.get("pid", ""), ""
            self._is_catching_up = True

    async def _begin(self) -> None:
        try:
            if not self._is_catching_up:
                await self._recover()
            else:
                async with asyncio.timeout(OPEN_SECONDS):
                    await self._authenticated.wait()
                if self.talks:
                    await self._catch_up()
                self._is_catching_up = False
            if self._lost_at is not None:
                self.outages.append(time.monotonic() - self._lost_at)
                self._lost_at = None
            self.whole.set()
        except (Away, Refused, TimeoutError):
            self.cut()

    async def _recover(self) -> None:
        """What is to be asked for after a recovery; messages have been replayed."""

    async def _catch_up(self) -> None:
        """Join first, so that nothing falls between; then ask for what was missed."""
        for conversation, talk in self.talks.items():
            await self.ask("join_conversation", {"conversationId": conversation, "afterSeq": talk.last})
        answer = await self.ask("sync", {"conversations": {one: talk.last for one, talk in self.talks.items()}})
        for conversation, told in answer["conversations"].items():
            talk = self.talks[conversation]
            self._show_missed(talk, told["messages"] if "messages" in told else await self._load(conversation, talk))
        self.caught_up += 1

    async def _load(self, conversation: str, talk: Talk) -> list[dict[str, Any]]:
        """All that came after what is known, page by page."""
        found: list[dict[str, Any]] = []
        more = True
        while more:
            after = found[-1]["seq"] if found else talk.last
            page = await self.ask("get_messages", {"conversationId": conversation, "afterSeq": after, "limit": 100})
            found += page["messages"]
            more = page["hasMore"]
        return found

    # Hearing ---------------------------------------------------------------------------------------------------------

    def _hear(self, event: str, payload: Any = None, offset: str = "") -> None:
        if offset:
            self.offset = offset
        if event == "new_message":
            self._message(payload)
            return
        self.received.append((time.monotonic(), event, payload))
        if event == "authenticated":
            self._authenticated.set()
        elif event == "disconnect_reason":
            self.reasons.append(payload["code"])

    def _message(self, message: dict[str, Any]) -> None:
        """Strictly the next one, but for what a catching up client hears twice: by the answer and live."""
        talk = self.talks.get(message["conversationId"])
        if talk is None:
            return
        seq = message["seq"]
        if self._is_catching_up and seq > talk.last + 1:
            talk.early.add(seq)
        elif seq > talk.last:
            self._show(talk, seq)
        else:
            self.faults.repeated += seq > talk.caught_up_to and not self._is_catching_up

    def _show_missed(self, talk: Talk, messages: list[dict[str, Any]]) -> None:
        for message in messages:
            if message["seq"] > talk.last:
                self._show(talk, message["seq"])
        for seq in sorted(talk.early):
            if seq > talk.last:
                self._show(talk, seq)
        talk.early.clear()
        talk.caught_up_to = talk.last

    def _show(self, talk: Talk, seq: int) -> None:
        self.faults.skipped += seq != talk.last + 1
        talk.seen.append(seq)

    # Asking ----------------------------------------------------------------------------------------------------------

    async def ask(self, event: str, payload: Any) -> dict[str, Any]:
        """The answer, which is `ok`; raises Refused, Away or TimeoutError."""
        if self._connection is None:
            raise Away
        number = next(self._ids)
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._answers[number] = answer
        try:
            await self._connection.send(f"42{number}" + orjson.dumps([event, payload]).decode())
            async with asyncio.timeout(ANSWER_SECONDS):
                given = await answer
        except WebSocketException:
            raise Away from None
        finally:
            self._answers.pop(number, None)
        if not given["ok"]:
            raise Refused(given["error"]["code"])
        return dict(given)

    def _answered(self, text: str) -> None:
        number, _, rest = text.partition("[")
        answer = self._answers.get(int(number))
        if answer is not None and not answer.done():
            answer.set_result(orjson.loads("[" + rest)[0])

    async def send(self, conversation: str, content: str, client_message_id: str) -> dict[str, Any]:
        """Send until it is acknowledged, as a front end with an outbox does; the acknowledgement."""
        message = {"conversationId": conversation, "content": content, "clientMessageId": client_message_id}
        while True:
            try:
                await self._authenticated.wait()
                return await self.ask("send_message", message)
            except (Away, TimeoutError):
                await asyncio.sleep(random.uniform(*BACK_OFF_SECONDS))
            except Refused as refusal:
                if str(refusal) not in TRYABLE:
                    raise
                await asyncio.sleep(random.uniform(*BACK_OFF_SECONDS))
