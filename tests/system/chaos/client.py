"""A client that reconnects, recovers or catches up, retries its sends, and counts gaps and repetitions.

It speaks Socket.IO on a bare WebSocket, so that it is cheap, can be cut, and can recover its connection state.
"""

import asyncio
import itertools
import random
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import orjson
from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

from tests.running_time import running_seconds

RESPONSE_SECONDS = 6.0
BACKOFF_SECONDS = (0.05, 0.5)
OPEN_SECONDS = 30.0
TRANSIENT = {"UNAVAILABLE", "INTERNAL_ERROR", "UNAUTHORIZED"}
"""Error codes after which a send is retried. UNAUTHORIZED: the socket may be reconnecting."""

RESYNC = "RESYNC"
"""The code of a `disconnect_reason` after Redis has lost events, also those of an earlier test: the loss is detected
when a process writes to the shard again."""


class Disconnected(Exception):
    """The connection was lost before the response."""


class Refused(Exception):
    """The response is an error; its text is the code."""


class Transport(Protocol):
    def abort(self) -> None: ...


class Connection(Protocol):
    """What the client needs of a WebSocket, or of what stands for one."""

    @property
    def transport(self) -> Transport: ...

    def __aiter__(self) -> AsyncIterator[str | bytes]: ...

    async def send(self, message: str) -> None: ...

    async def close(self) -> None: ...


@dataclass
class ConversationView:
    """The messages of a conversation that a client has received."""

    seen: list[int] = field(default_factory=list)
    """Every `seq` in order of display."""
    early: set[int] = field(default_factory=set)
    """Live messages received during a catch-up."""
    caught_up_to: int = 0
    """The last `seq` of the last catch-up."""

    @property
    def last(self) -> int:
        return self.seen[-1] if self.seen else 0


@dataclass
class Faults:
    """Faults that a user would notice."""

    repeated: int = 0
    skipped: int = 0


class Client:
    def __init__(self, addresses: Sequence[str], token: str, conversations: Sequence[str] = ()) -> None:
        """`addresses`: of the web processes. `conversations`: joined, and their messages tracked."""
        self.addresses = addresses
        self.token = token
        self.views = {conversation: ConversationView() for conversation in conversations}
        self.faults = Faults()
        self.received: list[tuple[float, str, Any]] = []
        """(time, event, payload) of all events but `new_message`."""
        self.synchronized = asyncio.Event()
        """Set while the client is connected and up to date."""
        self.outages: list[float] = []
        """Seconds from each disconnect until the client was up to date again."""
        self.recoveries = 0
        self.catch_ups = 0
        self.refusals: list[str] = []
        """Error codes of all requests, also of those that were retried."""
        self.disconnect_codes: list[str] = []
        """Codes of `disconnect_reason`."""
        self.response_seconds = RESPONSE_SECONDS
        self.sid = ""
        self.pid = ""
        self.offset = ""
        self._connection: Connection | None = None
        self._task: asyncio.Task[None] | None = None
        self._ids = itertools.count()
        self._responses: dict[int, asyncio.Future[Any]] = {}
        self._authenticated = asyncio.Event()
        self._lost_at: float | None = None
        self._address = random.randrange(len(addresses))
        self._is_catching_up = False

    # Connection ------------------------------------------------------------------------------------------------------

    async def start(self) -> "Client":
        self._task = asyncio.create_task(self._run())
        async with asyncio.timeout(OPEN_SECONDS * 3):
            await self.synchronized.wait()
        return self

    async def stop(self) -> None:
        """Disconnect without reconnecting."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
        if self._connection is not None:
            await self._connection.close()

    def cut(self) -> None:
        """Abort the TCP connection."""
        if self._connection is not None:
            self._connection.transport.abort()

    def use_address(self, address: int) -> None:
        """Connect to this address at the next connect."""
        self._address = address

    async def _run(self) -> None:
        while True:
            try:
                await self._use_connection(self.addresses[self._address % len(self.addresses)])
            except (OSError, WebSocketException, TimeoutError, Disconnected):
                self._address += 1
            self._disconnected()
            await asyncio.sleep(random.uniform(*BACKOFF_SECONDS))

    def _disconnected(self) -> None:
        if self.synchronized.is_set():
            self._lost_at = running_seconds()
        self.synchronized.clear()
        self._authenticated.clear()
        self._connection = None
        responses, self._responses = self._responses, {}
        for response in responses.values():
            if not response.done():
                response.set_exception(Disconnected())

    async def _open(self, address: str) -> Connection:
        url = f"{address.replace('http', 'ws', 1)}/socket.io/?EIO=4&transport=websocket"
        return await connect(url, ping_interval=None, compression=None, max_size=None)

    async def _use_connection(self, address: str) -> None:
        async with asyncio.timeout(OPEN_SECONDS):
            connection = await self._open(address)
        self._connection = connection
        catching_up: asyncio.Task[None] | None = None
        try:
            async for frame in connection:
                text = frame if isinstance(frame, str) else frame.decode()
                if text == "2":
                    await connection.send("3")
                elif text.startswith("0"):
                    await connection.send("40" + self._connect_payload())
                elif text.startswith("40"):
                    self._connected(orjson.loads(text[2:]))
                    catching_up = asyncio.create_task(self._synchronize())
                elif text.startswith("42"):
                    self._receive(*orjson.loads(text[2:]))
                elif text.startswith("43"):
                    self._resolve(text[2:])
                elif text.startswith(("1", "41", "44")):
                    break
        finally:
            if catching_up is not None:
                catching_up.cancel()
            connection.transport.abort()

    def _connect_payload(self) -> str:
        state = {"pid": self.pid, "offset": self.offset} if self.pid and self.offset else {}
        return orjson.dumps({"token": self.token} | state).decode()

    def _connected(self, session: dict[str, str]) -> None:
        """Note whether the session is recovered, before any event; an interrupted catch-up is still due."""
        if self.pid and session.get("pid") == self.pid:
            self.recoveries += 1
        else:
            self.sid, self.pid, self.offset = session["sid"], session.get("pid", ""), ""
            self._is_catching_up = True

    async def _synchronize(self) -> None:
        try:
            if not self._is_catching_up:
                await self._recover()
            else:
                async with asyncio.timeout(OPEN_SECONDS):
                    await self._authenticated.wait()
                if self.views:
                    await self._catch_up()
                self._is_catching_up = False
            if self._lost_at is not None:
                self.outages.append(running_seconds() - self._lost_at)
                self._lost_at = None
            self.synchronized.set()
        except (Disconnected, Refused, TimeoutError):
            self.cut()

    async def _recover(self) -> None:
        """Request state that recovery does not replay; messages are replayed."""

    async def _catch_up(self) -> None:
        """Join first, so that no message is missed; then request the missed ones."""
        for conversation, view in self.views.items():
            await self.request("join_conversation", {"conversationId": conversation, "afterSeq": view.last})
        response = await self.request("sync", {"conversations": {one: view.last for one, view in self.views.items()}})
        for conversation, missed in response["conversations"].items():
            view = self.views[conversation]
            self._show_missed(
                view, missed["messages"] if "messages" in missed else await self._load(conversation, view)
            )
        self.catch_ups += 1

    async def _load(self, conversation: str, view: ConversationView) -> list[dict[str, Any]]:
        """Load all later messages, page by page."""
        found: list[dict[str, Any]] = []
        more = True
        while more:
            after = found[-1]["seq"] if found else view.last
            page = await self.request("get_messages", {"conversationId": conversation, "afterSeq": after, "limit": 100})
            found += page["messages"]
            more = page["hasMore"]
        return found

    # Events ----------------------------------------------------------------------------------------------------------

    def _receive(self, event: str, payload: Any = None, offset: str = "") -> None:
        if offset:
            self.offset = offset
        if event == "new_message":
            self._message(payload)
            return
        self.received.append((running_seconds(), event, payload))
        if event == "authenticated":
            self._authenticated.set()
        elif event == "disconnect_reason":
            self.disconnect_codes.append(payload["code"])

    def _message(self, message: dict[str, Any]) -> None:
        """Expect the next `seq`; during a catch-up a message may arrive twice, in the response and live."""
        view = self.views.get(message["conversationId"])
        if view is None:
            return
        seq = message["seq"]
        if self._is_catching_up and seq > view.last + 1:
            view.early.add(seq)
        elif seq > view.last:
            self._show(view, seq)
        else:
            self.faults.repeated += seq > view.caught_up_to and not self._is_catching_up

    def _show_missed(self, view: ConversationView, messages: list[dict[str, Any]]) -> None:
        for message in messages:
            if message["seq"] > view.last:
                self._show(view, message["seq"])
        for seq in sorted(view.early):
            if seq > view.last:
                self._show(view, seq)
        view.early.clear()
        view.caught_up_to = view.last

    def _show(self, view: ConversationView, seq: int) -> None:
        self.faults.skipped += seq != view.last + 1
        view.seen.append(seq)

    # Requests --------------------------------------------------------------------------------------------------------

    async def request(self, event: str, payload: Any) -> dict[str, Any]:
        """Return the successful response; raise Refused, Disconnected or TimeoutError."""
        if self._connection is None:
            raise Disconnected
        number = next(self._ids)
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._responses[number] = future
        try:
            await self._connection.send(f"42{number}" + orjson.dumps([event, payload]).decode())
            async with asyncio.timeout(self.response_seconds):
                response = await future
        except WebSocketException:
            raise Disconnected from None
        finally:
            self._responses.pop(number, None)
        if not response["ok"]:
            self.refusals.append(response["error"]["code"])
            raise Refused(response["error"]["code"])
        return dict(response)

    def _resolve(self, text: str) -> None:
        number, _, rest = text.partition("[")
        future = self._responses.get(int(number))
        if future is not None and not future.done():
            future.set_result(orjson.loads("[" + rest)[0])

    async def send(self, conversation: str, content: str, client_message_id: str) -> dict[str, Any]:
        """Retry a send until it is acknowledged, and return the acknowledgement."""
        message = {"conversationId": conversation, "content": content, "clientMessageId": client_message_id}
        return await self.retry("send_message", message)

    async def retry(self, event: str, payload: Any) -> dict[str, Any]:
        """Repeat a request until it succeeds, and return the response; raise Refused if it never can."""
        while True:
            try:
                await self._authenticated.wait()
                return await self.request(event, payload)
            except (Disconnected, TimeoutError):
                await asyncio.sleep(random.uniform(*BACKOFF_SECONDS))
            except Refused as refusal:
                if str(refusal) not in TRANSIENT:
                    raise
                await asyncio.sleep(random.uniform(*BACKOFF_SECONDS))
