"""The socket client: connection, authentication, reconnects, missed messages."""

import asyncio
import inspect
import logging
import math
import random
import uuid
from collections.abc import Callable, Coroutine
from contextlib import suppress
from functools import partial
from types import TracebackType
from typing import Any, Self

import socketio

from hummdesk_client.errors import ClientError, NoResponseError, RequestError
from hummdesk_client.socket.contract import (
    ErrorReport,
    Joined,
    Message,
    PersonIdentity,
    Receipt,
    Requests,
    SendMessage,
)
from hummdesk_client.socket.conversations import JoinedConversation
from hummdesk_client.tokens import Token, lifetime_seconds, text_of

FIRST_BACKOFF_SECONDS = 0.5
LONGEST_BACKOFF_SECONDS = 10.0
RETRIED_AFTER_NEW_TOKEN = frozenset({"UNAUTHORIZED", "TOKEN_EXPIRED"})
PAGE = 100
RENEW_AFTER = 0.8
"""Of the life of a token."""

log = logging.getLogger(__name__)


class DeskClient(Requests):
    """A connection of one user to the server, as an async context manager.

    It reconnects with backoff. Joined conversations are joined again, and the messages that were missed are passed to
    the handlers of `new_message`, each once and in order. `token` is a text, or a function that returns it: it is
    called for each connection, and to renew a token when four fifths of its life have passed, or it has expired.

    Entering waits for the server, and raises RequestError if it rejects the token. Handlers are called one after
    another, so that a slow one delays the others. Their exceptions are logged.
    """

    identity: PersonIdentity
    """The authenticated user."""

    def __init__(self, url: str, *, token: Token, timeout: float = 10.0) -> None:
        self._url = url
        self._token = token
        self._timeout = timeout
        self._epoch: str | None = None
        self._socket: Any = None
        self._lost = asyncio.Event()
        self._ready = asyncio.Event()
        self._ended: ClientError | None = None
        self._pending: set[asyncio.Future[Any]] = set()
        self._conversations: dict[str, JoinedConversation] = {}
        self._handlers: dict[str, list[Callable[[Any], object]]] = {}
        self._events: asyncio.Queue[tuple[str, Any]] = asyncio.Queue()
        self._tasks: set[asyncio.Task[None]] = set()
        self._current_token = ""
        self._renewal: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._start(self._stay_connected())
        self._start(self._call_handlers())
        try:
            await self._until_ready()
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Disconnect permanently. Events that no handler has received are dropped."""
        self._end(ClientError("The client is closed"))
        tasks = [task for task in self._tasks if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._disconnect()

    async def request(self, name: str, payload: object = None) -> Any:
        """Send a request and return the fields of its answer.

        Raises RequestError if the server answered with an error, and NoResponseError without an answer.
        """
        answer: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._pending.add(answer)
        try:
            if self._socket is None:
                raise NoResponseError
            async with asyncio.timeout(self._timeout):
                await self._socket.emit(name, payload, callback=partial(_settle, answer))
                fields = dict(await answer)
        except (TimeoutError, socketio.exceptions.SocketIOError):
            raise NoResponseError from None
        finally:
            self._pending.discard(answer)
        if not fields.pop("ok"):
            raise RequestError(fields["error"])
        return fields

    async def join(self, conversation_id: str) -> Joined:
        """Join a conversation. It stays joined through every reconnect until `leave` is called."""
        known = self._conversations.get(conversation_id)
        conversation = self._conversations.setdefault(conversation_id, JoinedConversation())
        try:
            joined = await self.join_conversation(conversation_id)
        except ClientError:
            if known is None:
                self._conversations.pop(conversation_id, None)
            raise
        if known is None:
            conversation.last_seq = joined["lastSeq"]
            self._pass_on(conversation.open(joined, ()))
        return joined

    async def leave(self, conversation_id: str) -> None:
        """Leave a conversation."""
        self._conversations.pop(conversation_id, None)
        await self.leave_conversation(conversation_id)

    async def send(self, message: SendMessage) -> Receipt:
        """Send a message, again after every reconnect until the server acknowledges it. The server stores it once."""
        message = {"clientMessageId": str(uuid.uuid4()), **message}
        backoff = FIRST_BACKOFF_SECONDS
        while True:
            await self._until_ready()
            try:
                return await self.send_message(message)
            except NoResponseError:
                pass
            except RequestError as refusal:
                if not refusal.is_transient and refusal.code not in RETRIED_AFTER_NEW_TOKEN:
                    raise
            await asyncio.sleep(_jittered(backoff))
            backoff = min(2 * backoff, LONGEST_BACKOFF_SECONDS)

    def _on(self, name: str, handler: Callable[[Any], object]) -> None:
        self._handlers.setdefault(name, []).append(handler)

    # Connection -------------------------------------------------------------------------------------------------------

    async def _stay_connected(self) -> None:
        backoff = FIRST_BACKOFF_SECONDS
        while self._ended is None:
            self._lost.clear()
            await self._connect()
            await self._lost.wait()
            backoff = FIRST_BACKOFF_SECONDS if self._ready.is_set() else min(2 * backoff, LONGEST_BACKOFF_SECONDS)
            await self._disconnect()
            await asyncio.sleep(_jittered(backoff))

    async def _connect(self) -> None:
        socket = socketio.AsyncClient(reconnection=False, handle_sigint=False)
        socket.on("*", lambda name, payload=None, *_: self._receive(socket, name, payload))
        socket.on("disconnect", lambda *_: self._lose(socket))
        self._socket = socket
        try:
            self._current_token = await text_of(self._token)
            auth = {"token": self._current_token}
            await socket.connect(self._url, auth=auth, transports=["websocket"], wait_timeout=self._timeout)
        except Exception as error:
            log.warning("socket.connect_failed: %r", error)
            self._lost.set()

    async def _disconnect(self) -> None:
        socket, self._socket = self._socket, None
        self._suspend()
        for answer in self._pending:
            if not answer.done():
                answer.set_exception(NoResponseError())
        if socket is not None:
            await socket.disconnect()

    def _suspend(self) -> None:
        """Hold the messages of joined conversations until they are joined again."""
        if self._renewal is not None:
            self._renewal.cancel()
        if self._ended is None:
            self._ready.clear()
        for conversation in self._conversations.values():
            conversation.hold()

    def _lose(self, socket: object) -> None:
        if socket is self._socket:
            self._lost.set()

    def _end(self, reason: ClientError) -> None:
        self._ended = self._ended or reason
        self._ready.set()  # waiting requests raise the reason
        self._lost.set()

    async def _until_ready(self) -> None:
        await self._ready.wait()
        if self._ended is not None:
            raise self._ended

    # Events -----------------------------------------------------------------------------------------------------------

    def _receive(self, socket: object, name: str, payload: Any) -> None:
        if socket is not self._socket:
            return
        if name == "authenticated":
            if self._epoch not in (None, payload.get("epoch")):
                for conversation in self._conversations.values():
                    conversation.forget()
            self.identity, self._epoch = payload, payload.get("epoch")
            self._start(self._resume())
            self._schedule_renewal()
        elif name == "authentication_error":
            self._suspend()
            self._start(self._reauthenticate(payload))
        elif name == "disconnect_reason" and not payload["reconnect"]:
            self._end(RequestError(payload))
        elif name == "new_message" and payload["conversationId"] in self._conversations:
            self._pass_on(self._conversations[payload["conversationId"]].receive([payload]))
            return
        self._events.put_nowait((name, payload))

    async def _resume(self) -> None:
        """Join the conversations of the session before, and pass on what was missed."""
        if self._ready.is_set():
            return
        try:
            for conversation_id, conversation in list(self._conversations.items()):
                await self._catch_up(conversation_id, conversation)
        except ClientError as error:
            log.debug("socket.resume_failed", exc_info=error)
            self._lost.set()
        else:
            self._ready.set()

    async def _catch_up(self, conversation_id: str, conversation: JoinedConversation) -> None:
        position = {"conversationId": conversation_id, "afterSeq": conversation.last_seq}
        known = {} if conversation.revision is None else {"revision": conversation.revision}
        joined = await self.request("join_conversation", position | known)
        missed: list[Message] = [] if joined["hasMore"] else joined["messages"]
        has_more = joined["hasMore"]
        while has_more:
            after = missed[-1]["seq"] if missed else conversation.last_seq
            page = await self.get_messages({"conversationId": conversation_id, "afterSeq": after, "limit": PAGE})
            missed += page["messages"]
            has_more = page["hasMore"]
        self._pass_on(conversation.open(joined, missed))
        for change in joined.get("updates", ()):
            self._events.put_nowait(("message_updated", change))

    def _schedule_renewal(self) -> None:
        seconds = lifetime_seconds(self._current_token) * RENEW_AFTER
        if self._renewal is not None:
            self._renewal.cancel()
        if callable(self._token) and seconds < math.inf:
            self._renewal = self._start(self._renew(seconds))

    async def _renew(self, delay: float) -> None:
        """Authenticate with another token before the last one expires. The server reports if that is too late."""
        await asyncio.sleep(delay)
        with suppress(ClientError):
            token = await text_of(self._token)
            if token != self._current_token:
                self._current_token = token
                await self.request("authenticate", token)

    async def _reauthenticate(self, error: ErrorReport) -> None:
        """Authenticate with another token if the last one has expired."""
        try:
            if error["code"] == "TOKEN_EXPIRED" and not callable(self._token):
                raise RequestError(error)
            if error["code"] == "TOKEN_EXPIRED":
                self._current_token = await text_of(self._token)
                await self.request("authenticate", self._current_token)
            elif error["code"] == "UNAVAILABLE":
                self._lost.set()
            else:
                raise RequestError(error)
        except RequestError as refusal:
            self._end(refusal)
        except NoResponseError:
            self._lost.set()

    def _pass_on(self, messages: list[Message]) -> None:
        for message in messages:
            self._events.put_nowait(("new_message", message))

    async def _call_handlers(self) -> None:
        while True:
            name, payload = await self._events.get()
            for handler in self._handlers.get(name, ()):
                try:
                    result = handler(payload)
                    if inspect.isawaitable(result):
                        await result
                except Exception:
                    log.exception("socket.handler_failed")

    def _start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


def _settle(answer: asyncio.Future[Any], given: Any) -> None:
    if not answer.done():
        answer.set_result(given)


def _jittered(seconds: float) -> float:
    return seconds * (0.5 + random.random())
