"""What the commands for webhooks do."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

from hummdesk.contract.resources.webhooks import TYPES
from hummdesk.core.clock import wire_time
from hummdesk.core.config import Settings
from hummdesk.core.encryption import Encryption
from hummdesk.core.errors import CommandError
from hummdesk.core.outbound import RefusedAddress
from hummdesk.core.webhooks import EVERY_EVENT, policy
from hummdesk.operator.records import every
from hummdesk.storage import accounts, feed, webhook_deliveries, webhooks
from hummdesk.storage.database import Transaction, operator
from hummdesk.storage.webhook_deliveries import Status

HEADINGS = ("id", "url", "events", "enabled")
DELIVERY_HEADINGS = ("number", "type", "status", "attempts", "httpStatus", "error", "createdAt", "finishedAt")


async def listed(settings: Settings, account_id: UUID) -> list[Mapping[str, object]]:
    async with _account(settings, account_id) as tx:
        return [webhook.wire() for webhook in await every(webhooks.page, tx)]


async def show(settings: Settings, account_id: UUID, webhook_id: UUID) -> Mapping[str, object]:
    """Raises NotFound."""
    async with _account(settings, account_id) as tx:
        webhook = await webhooks.get(tx, webhook_id)
        return webhook.wire() | (await webhooks.state(tx, webhook_id)).wire()


async def create(settings: Settings, account_id: UUID, url: str, events: Sequence[str]) -> Mapping[str, object]:
    """Create a webhook, or change the events of the one with this address.

    Raises CommandError, Conflict and SettingsError.
    """
    _check(settings, url, events)
    async with _account(settings, account_id) as tx:
        known = await webhooks.with_url(tx, url)
        if known is not None:
            return await _changed(tx, known, events)
        after = await feed.sequence(tx)
        webhook, secret = await webhooks.add(
            tx,
            Encryption.of(settings),
            None,
            account_id,
            url=url,
            events=events or [EVERY_EVENT],
            after=after,
        )
    return webhook.wire() | {"secret": secret}


async def update(
    settings: Settings, account_id: UUID, webhook_id: UUID, changes: Mapping[str, Any], *, rotates: bool = False
) -> Mapping[str, object]:
    """Raises CommandError, NotFound, Conflict and SettingsError."""
    _check(settings, changes.get("url"), changes.get("events", ()))
    async with _account(settings, account_id) as tx:
        webhook = await webhooks.get(tx, webhook_id)
        if changes:
            webhook = await webhooks.update(tx, None, webhook_id, **changes)
        if not rotates:
            return webhook.wire()
        secret, until = await webhooks.rotate_secret(tx, Encryption.of(settings), None, account_id, webhook_id)
    return webhook.wire() | {"secret": secret, "previousSecretUntil": wire_time(until)}


async def test(settings: Settings, account_id: UUID, webhook_id: UUID) -> Mapping[str, object]:
    """Raises NotFound."""
    async with _account(settings, account_id) as tx:
        await webhook_deliveries.add_test(tx, webhook_id)
    return {"id": str(webhook_id), "queued": 1}


async def deliveries(
    settings: Settings, account_id: UUID, webhook_id: UUID, *, status: Status | None, limit: int
) -> list[Mapping[str, object]]:
    """Raises NotFound."""
    async with _account(settings, account_id) as tx:
        await webhooks.get(tx, webhook_id)
        found, _ = await webhook_deliveries.page(tx, webhook_id, status=status, limit=limit, cursor=None)
    return [delivery.wire() for delivery in found]


async def replay(
    settings: Settings, account_id: UUID, webhook_id: UUID, *, number: int | None, after: int | None
) -> Mapping[str, object]:
    """Deliver one event again, those after a number, or all that were set aside. Raises NotFound and Invalid."""
    shown: dict[str, object] = {"id": str(webhook_id)}
    async with _account(settings, account_id) as tx:
        if number is not None:
            return shown | {"queued": await webhook_deliveries.replay(tx, None, webhook_id, number)}
        if after is not None:
            await webhooks.rewind(tx, None, webhook_id, after=after)
            return shown | {"after": after}
        await webhooks.get(tx, webhook_id)
        queued = 0
        while some := await webhook_deliveries.replay_set_aside(tx, None, webhook_id):
            queued += some
    return shown | {"queued": queued}


async def _changed(tx: Transaction, known: webhooks.Webhook, events: Sequence[str]) -> Mapping[str, object]:
    if events and list(events) != known.events:
        known = await webhooks.update(tx, None, known.id, events=events)
    return known.wire()


def _check(settings: Settings, url: str | None, events: Sequence[str]) -> None:
    """Raises CommandError for an address that a relay would not request, and for an unknown event."""
    try:
        if url is not None:
            policy(settings).check_url(url)
    except RefusedAddress as refusal:
        raise CommandError(str(refusal)) from refusal
    for event in events:
        if event not in TYPES and event != EVERY_EVENT:
            raise CommandError(f"{event!r} is not a type of the feed's events: {', '.join(TYPES)}")


@asynccontextmanager
async def _account(settings: Settings, account_id: UUID) -> AsyncIterator[Transaction]:
    """A transaction of the account. Raises CommandError for an unknown one."""
    async with operator(settings) as database, database.account(account_id) as tx:
        if account_id not in {one.account_id for one in await accounts.accounts(tx)}:
            raise CommandError(f"no account has the id {account_id}")
        yield tx
