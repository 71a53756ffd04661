"""Creates the components of a web process from its settings and connects them. None of them is started."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from uuid import UUID, uuid4

from hummdesk.bus.assist_requests import AssistRequests
from hummdesk.bus.client import connect
from hummdesk.bus.commands import Commands
from hummdesk.bus.draft_progress import DraftProgress
from hummdesk.bus.envelope import Envelope, Event, OrderKey
from hummdesk.bus.presence import Presence
from hummdesk.bus.recovery_store import RecoveryStore
from hummdesk.bus.shared_limits import ANSWER_SECONDS, SharedLimits
from hummdesk.bus.socket_counts import SocketCounts
from hummdesk.bus.stream_reader import StreamReader
from hummdesk.bus.stream_writer import StreamWriter
from hummdesk.bus.task_queues import QueueLengths
from hummdesk.bus.viewers import ViewerLeases
from hummdesk.core.config import Settings
from hummdesk.core.epochs import Epochs
from hummdesk.core.metrics import AccountLabels
from hummdesk.engine import SocketIOServer
from hummdesk.publish.broadcast import BroadcastService
from hummdesk.publish.events.messages import MessageUpdated, NewMessage
from hummdesk.publish.presence import PresencePublisher
from hummdesk.publish.publisher import Publisher
from hummdesk.publish.receipts import Receipts
from hummdesk.routing.router import Router
from hummdesk.routing.watch import Watch
from hummdesk.server.api_key_verifier import ApiKeyVerifier
from hummdesk.server.availability import HoursCache
from hummdesk.server.connection_counts import ConnectionCounts
from hummdesk.server.context import ServerContext
from hummdesk.server.feed_polls import FeedPolls
from hummdesk.server.inbox_counts import InboxCounts
from hummdesk.server.introductions import Introductions
from hummdesk.server.rate_limits import RateLimits
from hummdesk.server.readiness import Readiness
from hummdesk.server.recovery_saver import RecoverySaver
from hummdesk.server.sockets import SocketRegistry
from hummdesk.server.token_verifier import TokenVerifier
from hummdesk.server.typing_indicators import TypingIndicators
from hummdesk.storage import messages, outbox
from hummdesk.storage.database import Database
from hummdesk.storage.file_store import FileStore
from hummdesk.storage.logins import listen_url_of, url_of
from hummdesk.storage.message_writer import MessageWriter
from hummdesk.storage.outbox import EntryKey
from hummdesk.storage.people import People
from hummdesk.storage.writer_connection import WriterConnection

log = logging.getLogger(__name__)

WRITE_SECONDS = 2.0
"""Longest transaction of the message writer; all senders wait for it."""
ROUTED = 2
"""Accounts that routing decides on at a time."""
REQUEST_SECONDS = 2.0
"""Longest wait of a request for an answer of Redis; then the request is repeated once."""


@dataclass(frozen=True, kw_only=True)
class Components:
    """The context of the handlers, and what only starting and stopping the process needs."""

    context: ServerContext
    stream_writer: StreamWriter
    writer_connection: WriterConnection
    routing_database: Database


def compose(settings: Settings, server: SocketIOServer) -> Components:
    url, epochs = url_of(settings, "web"), Epochs()
    database = Database(
        url,
        role="hummdesk_app",
        size=settings.db_pool_size,
        timeout=settings.db_timeout_seconds,
        listen_url=listen_url_of(settings, "web"),
        epochs=epochs,
    )
    write_seconds = min(WRITE_SECONDS, settings.db_timeout_seconds)
    writer_connection = WriterConnection(url, timeout=write_seconds, epochs=epochs)
    stream_writer = StreamWriter(
        connect(settings.redis),
        length=settings.bus_length,
        shard_bytes=settings.bus_bytes,
        backlog_bytes=settings.backlog_bytes,
        fetch=partial(_fetch_messages, database),
    )
    receipts = Receipts()
    writer = MessageWriter(writer_connection, database, timeout=write_seconds, take_published=receipts.take_confirmed)
    routed = Database(
        url,
        role="hummdesk_app",
        size=ROUTED,
        timeout=settings.db_timeout_seconds,
        pipelined=True,
        epochs=epochs,
    )
    context = _context(settings, server, database, routed, writer, Publisher(stream_writer), receipts, epochs)
    stream_writer.on_appended = context.reader.deliver_appended
    epochs.subscribe(partial(_resynchronize, context.sockets))
    epochs.subscribe(stream_writer.enter)
    context.reader.on_reconnected = stream_writer.verify
    return Components(
        context=context, stream_writer=stream_writer, writer_connection=writer_connection, routing_database=routed
    )


def _context(
    settings: Settings,
    server: SocketIOServer,
    database: Database,
    routed: Database,
    writer: MessageWriter,
    publisher: Publisher,
    receipts: Receipts,
    epochs: Epochs,
) -> ServerContext:
    node, lease_seconds = uuid4().hex, settings.presence_lease_seconds
    commands, saves, reports = (Commands.of(settings.redis, timeout=REQUEST_SECONDS) for _ in range(3))
    shared_limits = SharedLimits(Commands.of(settings.redis, timeout=ANSWER_SECONDS))
    presence = Presence(commands, settings)
    socket_counts = SocketCounts(reports, lease_seconds=lease_seconds)
    recovery_store = RecoveryStore(
        saves,  # of all sockets at once: no other command waits for them
        node=node,
        window_seconds=settings.recovery_window_seconds,
        report_seconds=lease_seconds / 3,
    )
    labels = AccountLabels(settings.metrics_accounts)
    polls = FeedPolls()
    sockets, reader, counts = _delivery(settings, server, database, labels, polls)
    return ServerContext(
        node=node,
        settings=settings,
        database=database,
        epochs=epochs,
        writer=writer,
        people=People(database),
        tokens=TokenVerifier(settings, database),
        api_keys=ApiKeyVerifier(database),
        presence=presence,
        viewers=ViewerLeases(commands, lease_seconds=lease_seconds),
        draft_progress=DraftProgress(commands),
        assists=AssistRequests(commands),
        socket_counts=socket_counts,
        queue_lengths=QueueLengths(commands),
        publisher=publisher,
        receipts=receipts,
        presence_publisher=PresencePublisher(publisher, presence, database),
        broadcast=BroadcastService(publisher, presence, socket_counts),
        reader=reader,
        sockets=sockets,
        readiness=Readiness(database, presence, reader),
        rate_limits=RateLimits(settings, shared_limits, labels),
        account_labels=labels,
        recovery_store=recovery_store,
        recovery_saver=RecoverySaver(recovery_store if settings.recovery_window_seconds else None, sockets),
        typing=TypingIndicators(publisher, timeout=settings.typing_timeout_seconds),
        feed_polls=polls,
        inbox_counts=counts,
        hours=HoursCache(database),
        introductions=Introductions(database, presence),
        router=Router(routed, presence, publisher, confirm=partial(_confirm, receipts)),
        routing_watch=Watch(routed, presence),
        file_store=FileStore(settings),
    )


def _delivery(
    settings: Settings, server: SocketIOServer, database: Database, labels: AccountLabels, polls: FeedPolls
) -> tuple[SocketRegistry, StreamReader, InboxCounts]:
    """Return the sockets, the reader that delivers events to them and wakes polls of the feed, and the counts."""

    def deliver(event: Event) -> None:
        if event.event == MessageUpdated.event_name and event.data.get("erased"):
            reader.forget(event.data["conversationId"])
        sockets.deliver(event)
        polls.deliver(event)
        inbox_counts.deliver(event)

    reader = StreamReader(
        connect(settings.redis),
        deliver=deliver,
        drain=server.eio.drain,
        on_loss=lambda shard: sockets.resynchronize(shard),
        keep_seconds=settings.recovery_window_seconds,
        keep_bytes=settings.recovery_bytes,
    )
    sockets = SocketRegistry(
        server,
        position=reader.position if settings.recovery_window_seconds else None,
        shard_of=reader.shard_of,
        counts=ConnectionCounts(labels),
    )
    inbox_counts = InboxCounts(database, sockets)
    return sockets, reader, inbox_counts


def _resynchronize(sockets: SocketRegistry, _epoch: int, has_earlier: bool) -> None:
    """Close all sockets before their clients receive anything of a new epoch, in which `seq`s are given again."""
    if has_earlier:
        log.warning("database.epoch_changed")
        sockets.resynchronize()


async def _confirm(receipts: Receipts, entries: Sequence[EntryKey]) -> None:
    receipts.confirm(entries)


async def _fetch_messages(database: Database, account_id: UUID, held: OrderKey, after_seq: int) -> list[Envelope]:
    """Return the committed messages before a held one: their process may not have published them."""
    async with database.account(account_id) as tx:
        found = await messages.between(
            tx, conversation_id=held.conversation_id, after_seq=after_seq, before_seq=held.seq
        )
        unpublished = await outbox.unpublished(tx, [message.id for message in found])
    pending = [message.seq > 1 for message in found[:1]]
    pending += [messages.is_pending(*pair, unpublished=unpublished) for pair in pairwise(found)]
    events = [
        NewMessage(account_id=account_id, message=one, has_pending_predecessor=is_pending)
        for one, is_pending in zip(found, pending, strict=True)
    ]
    return [envelope for event in events for envelope in event.envelopes()]
