"""The life of one web process: its parts started and stopped in order, and what it does every second."""

import asyncio
import json
import logging
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from hummdesk.bus.client import connect
from hummdesk.bus.envelope import Envelope
from hummdesk.bus.presence import Presence
from hummdesk.bus.recovery_store import RecoveryStore
from hummdesk.bus.shards import Shard, shard_of
from hummdesk.bus.socket_counts import SocketCounts
from hummdesk.bus.stream_reader import StreamReader
from hummdesk.bus.stream_writer import StreamWriter
from hummdesk.bus.viewers import ViewerLeases
from hummdesk.core.background import end, soon
from hummdesk.core.config import Settings
from hummdesk.core.errors import HummDeskError, Unavailable
from hummdesk.core.metrics import ERRORS
from hummdesk.core.periodic import Periodic
from hummdesk.engine import Recovery, RecoveryRequest, SocketIOServer
from hummdesk.publish.broadcast import BroadcastService
from hummdesk.publish.events.messages import NewMessage
from hummdesk.publish.presence import PresencePublisher
from hummdesk.publish.publisher import Publisher
from hummdesk.publish.receipts import Receipts
from hummdesk.server.admin_ui import AdminUi
from hummdesk.server.context import ServerContext, Typing
from hummdesk.server.dispatch import dispatch
from hummdesk.server.handlers import connection, recovery, viewers
from hummdesk.server.readiness import Readiness
from hummdesk.server.recovery_state import RecoverySaver
from hummdesk.server.sockets import SocketRegistry
from hummdesk.storage import messages, people
from hummdesk.storage.database import Database
from hummdesk.storage.message_writer import MessageWriter
from hummdesk.storage.writer_connection import WriterConnection

log = logging.getLogger(__name__)

SWEEP_SECONDS = 0.5
FORGET_SECONDS = 0.25
"""How often what the outbox may forget is removed, when no send takes it along. The relay waits longer than this."""
WRITE_SECONDS = 2.0
"""The longest wait for a transaction that stores messages; one that takes so long holds up all of them."""
REST_SECONDS = 30.0
READINESS_SECONDS = 5.0
CENSUS_SECONDS = 1.0
RETRY_SECONDS = 0.5
PRESENCE_SECONDS = 2.0
"""Longest wait of a request for Redis; presence is made good at the next renewal."""
PEOPLE_CHANNEL = "hummdesk_people"


class Node:
    def __init__(self, settings: Settings, *, max_http_bytes: int, peers_directory: Path | None) -> None:
        self.name = uuid4().hex
        self.is_stopping = False
        self._settings = settings
        self.server = SocketIOServer(
            on_event=self._on_event,
            on_recover=self._on_recover if settings.recovery_window_seconds else None,
            max_packet_bytes=settings.max_packet_bytes,
            kept_environ=("QUERY_STRING", "HTTP_AUTHORIZATION", "REMOTE_ADDR"),
            always_connect=True,
            handover_directory=peers_directory,
            max_http_buffer_size=max_http_bytes,
            max_buffered_bytes=settings.max_buffered_bytes,
            compression=settings.compression == "on",
            ping_interval=settings.ping_interval_seconds,
            ping_timeout=settings.ping_timeout_seconds,
            **_origins(settings.cors_origin),
        )
        password = settings.admin_ui_password
        self._admin_ui = AdminUi(self.server, password=password, node=self.name) if password else None
        self.server.on("connect", self._on_connect)
        self.server.on("disconnect", self._on_disconnect)
        self.emitter = StreamWriter(connect(settings.redis), length=settings.bus_length, fetch=self._missing)
        presence_store = Presence(connect(settings.redis, timeout=PRESENCE_SECONDS), settings)
        publisher = Publisher(self.emitter)
        receipts = Receipts()
        self.absences = RecoveryStore(
            connect(settings.redis, timeout=PRESENCE_SECONDS),
            node=self.name,
            window_seconds=settings.recovery_window_seconds,
            report_seconds=settings.presence_lease_seconds / 3,
        )
        recovers = settings.recovery_window_seconds > 0
        sockets = SocketRegistry(
            self.server,
            position=self._position if recovers else None,
            labelled_accounts=settings.metrics_accounts,
        )
        self.reader = StreamReader(
            connect(settings.redis),
            deliver=sockets.deliver,
            drained=self.server.eio.drain,
            lost=self._tell_loss,
            keep_seconds=settings.recovery_window_seconds,
        )
        database = Database(
            settings.postgres, role="hummdesk_app", size=settings.db_pool_size, timeout=settings.db_timeout_seconds
        )
        write_seconds = min(WRITE_SECONDS, settings.db_timeout_seconds)
        self._batches = WriterConnection(settings.postgres, timeout=write_seconds)
        self.context = ServerContext(
            settings=settings,
            database=database,
            people=people.People(database),
            writer=MessageWriter(
                self._batches, database, timeout=write_seconds, take_published=receipts.take_confirmed
            ),
            presence=presence_store,
            viewers=ViewerLeases(
                connect(settings.redis, timeout=PRESENCE_SECONDS), lease_seconds=settings.presence_lease_seconds
            ),
            census=SocketCounts(
                connect(settings.redis, timeout=PRESENCE_SECONDS),
                node=self.name,
                lease_seconds=settings.presence_lease_seconds,
            ),
            publisher=publisher,
            receipts=receipts,
            presence_publisher=PresencePublisher(publisher, presence_store, database),
            broadcast=BroadcastService(publisher, presence_store),
            reader=self.reader,
            sockets=sockets,
            readiness=Readiness(database, presence_store, self.reader),
            departures=RecoverySaver(self.absences if recovers else None, sockets),
            typing=Typing(publisher, timeout=settings.typing_timeout_seconds),
        )
        self._periodic: list[Periodic] = []
        self._watcher: asyncio.Task[None] | None = None

    async def start(self) -> None:
        await self.context.database.open()
        await self._batches.open()
        renewal_seconds = self._settings.presence_lease_seconds / 3
        self._periodic = [
            Periodic(step, interval=interval, on_failure=_report)
            for interval, step in (
                (SWEEP_SECONDS, self._sweep_presence),
                (FORGET_SECONDS, self.context.writer.remove_published),
                (renewal_seconds, self._renew_presence),
                (renewal_seconds, self._renew_viewers),
                (renewal_seconds, self._renew_census),
                (CENSUS_SECONDS, self._tell_census),
                (REST_SECONDS, self._rest),
                (READINESS_SECONDS, self._check_readiness),
            )
        ]
        for runner in self._periodic:
            runner.start()
        self._watcher = asyncio.create_task(self._watch_people())

    async def say_goodbye(self) -> None:
        """Handle what has arrived, tell every client to come back elsewhere, and close its connection."""
        self.is_stopping = True
        with suppress(TimeoutError):
            async with asyncio.timeout(self._settings.shutdown_seconds):
                await self.server.wait_handled()
                for session in list(self.context.sockets.sessions.values()):
                    self.context.sockets.close(
                        session,
                        code="SERVER_SHUTDOWN",
                        message="This server is stopping, reconnect",
                        reconnect=True,
                        may_return=True,
                    )
                await self.server.wait_handled()
                await self.server.eio.wait_closed()

    async def stop(self) -> None:
        await asyncio.gather(*(runner.stop() for runner in self._periodic))
        await end(*([self._watcher] if self._watcher else []), *(self._admin_ui.tasks if self._admin_ui else ()))
        await self.server.shutdown()
        await self.context.writer.drain()
        await self.emitter.drain(timeout=self._settings.shutdown_seconds)
        with suppress(Unavailable):
            await self.context.writer.remove_published()
        with suppress(Unavailable):
            await self.context.presence.forget(self.name)
            await self._tell_census()
        await self.reader.stop()
        await self.emitter.close()
        await self.absences.close()
        await self.context.presence.close()
        await self.context.viewers.close()
        await self.context.census.close()
        await self._batches.close()
        await self.context.database.close()

    def _position(self, account_id: UUID) -> str:
        return self.reader.position(account_id)

    def _tell_loss(self, shard: Shard) -> None:
        """Redis has lost events before they were delivered here: who may have missed one begins anew."""
        for session in list(self.context.sockets.sessions.values()):
            if session.person is not None and shard_of(session.person.account_id) == shard:
                self.context.sockets.close(
                    session, code="RESYNC", message="Events were lost, reconnect and load anew", reconnect=True
                )

    async def _rest(self) -> None:
        """Stop reading for accounts that nobody here belongs to any more."""
        await self.reader.rest(
            s.person.account_id for s in self.context.sockets.sessions.values() if s.person is not None
        )

    async def _missing(self, held: Envelope, after_seq: int) -> list[Envelope]:
        """The messages before `held` that were committed and perhaps not published."""
        last = held.order
        if last is None:
            return []
        async with self.context.database.account(held.account_id) as tx:
            found = await messages.between(
                tx, conversation_id=last.conversation_id, after_seq=after_seq, before_seq=last.seq
            )
        events = [
            NewMessage(account_id=held.account_id, message=message, has_recent_predecessor=True) for message in found
        ]
        return [envelope for event in events for envelope in event.envelopes()]

    async def _check_readiness(self) -> None:
        await self.context.readiness.checks()

    async def _renew_presence(self) -> None:
        sockets = self.context.sockets
        await self.context.presence.report(self.name, sockets.connections())
        present = {
            connection.lease_of(session, session.person): session.person
            for session in sockets.sessions.values()
            if session.person is not None and session.has_presence()
        }
        for lease in await self.context.presence.renew(list(present)):
            await self.context.presence_publisher.publish(present[lease], "online")
        await self.context.departures.renew()

    async def _renew_census(self) -> None:
        await self.context.census.tell(self.context.sockets.census(whole=True))

    async def _tell_census(self) -> None:
        await self.context.census.tell(self.context.sockets.census(whole=False))

    async def _renew_viewers(self) -> None:
        await viewers.renew(self.context)

    async def _sweep_presence(self) -> None:
        """Publish the departure of agents whose last lease has run out; each is returned to one process."""
        for lease in await self.context.presence.expire():
            await self.context.presence_publisher.publish_status(lease.account_id, lease.agent_id)

    async def _watch_people(self) -> None:
        """Hear of people that the database changed. After a silence everybody connected is looked at again."""
        async for _, payload in self.context.database.listen(PEOPLE_CHANNEL):
            for account_id, person_id in self._changed(payload):
                soon(self._look_at(account_id, person_id))

    def _changed(self, payload: str) -> Iterable[tuple[UUID, UUID]]:
        """Whom it is about, as (account, person): everybody here if it does not say, since anyone may notify."""
        try:
            change = json.loads(payload)
            return [(UUID(change["accountId"]), UUID(change["personId"]))]
        except (ValueError, TypeError, KeyError, AttributeError):
            known = (session.person for session in self.context.sockets.sessions.values())
            return {(person.account_id, person.id) for person in known if person is not None}

    async def _look_at(self, account_id: UUID, person_id: UUID) -> None:
        """One after the other for each person, so that the last look wins."""
        while not self.is_stopping:
            try:
                async with self.context.turns.of(person_id):
                    await connection.person_changed(self.context, account_id, person_id)
                return
            except Unavailable:
                await asyncio.sleep(RETRY_SECONDS)

    async def _on_connect(self, sid: str, environ: dict[str, str], auth: object = None) -> None:
        token = connection.find_token(auth, environ.get("HTTP_AUTHORIZATION", ""), environ["QUERY_STRING"])
        pid, address = self.server.private_ids.get(sid), environ["REMOTE_ADDR"]
        environ.clear()  # it is kept for as long as the socket, a token with it
        session = connection.new_session(self.context, sid=sid, pid=pid, address=address)
        await connection.connected(self.context, session, token)

    async def _on_recover(self, claim: RecoveryRequest) -> Recovery | None:
        return await recovery.recover(self.context, self.absences, claim)

    async def _on_disconnect(self, sid: str, reason: str) -> None:
        await connection.disconnected(self.context, sid, for_good=reason == self.server.reason.CLIENT_DISCONNECT)

    async def _on_event(
        self, sid: str, event: object, arguments: list[object], acknowledges: bool
    ) -> dict[str, object]:
        session = self.context.sockets.sessions[sid]
        return await dispatch(self.context, session, event, arguments, acknowledges=acknowledges)


def _report(error: Exception) -> None:
    code = error.code if isinstance(error, HummDeskError) else HummDeskError.code
    ERRORS.labels("node", code).inc()
    if not isinstance(error, HummDeskError):
        log.error("periodic.step_failed", exc_info=error)


def _origins(cors_origin: str) -> dict[str, Any]:
    """CORS_ORIGIN as the server's options; nothing: its own origin only."""
    if not cors_origin:
        return {}
    if cors_origin == "*":
        return {"cors_allowed_origins": "*", "cors_credentials": False}
    return {"cors_allowed_origins": named_origins(cors_origin)}


def named_origins(cors_origin: str) -> list[str]:
    """Those that CORS_ORIGIN names; none if it is empty or takes any."""
    named = [origin.strip().rstrip("/") for origin in cors_origin.split(",")]
    return [origin for origin in named if origin not in ("", "*")]
