"""The components that request handlers use."""

import asyncio
from dataclasses import dataclass, field
from typing import Any

from hummdesk.bus.assist_requests import AssistRequests
from hummdesk.bus.draft_progress import DraftProgress
from hummdesk.bus.presence import Presence
from hummdesk.bus.recovery_store import RecoveryStore
from hummdesk.bus.socket_counts import SocketCounts
from hummdesk.bus.stream_reader import StreamReader
from hummdesk.bus.task_queues import QueueLengths
from hummdesk.bus.viewers import ViewerLeases
from hummdesk.core.config import Settings
from hummdesk.core.epochs import Epochs
from hummdesk.core.metrics import AccountLabels
from hummdesk.publish.broadcast import BroadcastService
from hummdesk.publish.presence import PresencePublisher
from hummdesk.publish.publisher import Publisher
from hummdesk.publish.receipts import Receipts
from hummdesk.routing.router import Router
from hummdesk.routing.watch import Watch
from hummdesk.server.api_key_verifier import ApiKeyVerifier
from hummdesk.server.availability import HoursCache
from hummdesk.server.feed_polls import FeedPolls
from hummdesk.server.inbox_counts import InboxCounts
from hummdesk.server.introductions import Introductions
from hummdesk.server.person_locks import PersonLocks
from hummdesk.server.rate_limits import RateLimits
from hummdesk.server.readiness import Readiness
from hummdesk.server.recovery_saver import RecoverySaver
from hummdesk.server.sockets import SocketRegistry
from hummdesk.server.token_verifier import TokenVerifier
from hummdesk.server.typing_indicators import TypingIndicators
from hummdesk.storage.database import Database
from hummdesk.storage.file_store import FileStore
from hummdesk.storage.message_writer import MessageWriter
from hummdesk.storage.people import People

Payload = dict[str, Any]

SEARCHES = 2
"""Searches at a time: further ones wait, so that connections of the pool remain for other requests."""

REPORTS = 2
"""Reports at a time, as SEARCHES."""


@dataclass(frozen=True, kw_only=True)
class ServerContext:
    node: str
    """The name of this process."""
    settings: Settings
    database: Database
    epochs: Epochs
    writer: MessageWriter
    people: People
    tokens: TokenVerifier
    api_keys: ApiKeyVerifier
    presence: Presence
    viewers: ViewerLeases
    draft_progress: DraftProgress
    assists: AssistRequests
    socket_counts: SocketCounts
    queue_lengths: QueueLengths
    publisher: Publisher
    receipts: Receipts
    presence_publisher: PresencePublisher
    broadcast: BroadcastService
    reader: StreamReader
    sockets: SocketRegistry
    readiness: Readiness
    rate_limits: RateLimits
    account_labels: AccountLabels
    recovery_store: RecoveryStore
    recovery_saver: RecoverySaver
    typing: TypingIndicators
    feed_polls: FeedPolls
    inbox_counts: InboxCounts
    hours: HoursCache
    introductions: Introductions
    router: Router
    routing_watch: Watch
    file_store: FileStore
    searching: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(SEARCHES))
    reporting: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(REPORTS))
    person_locks: PersonLocks = field(default_factory=PersonLocks)
