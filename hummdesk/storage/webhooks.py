"""The webhooks of accounts, and the leases under which relays deliver to them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal, Self
from uuid import UUID

from hummdesk.core.clock import wire_time
from hummdesk.core.encryption import Encryption
from hummdesk.core.errors import Conflict, Invalid, NotFound
from hummdesk.core.ids import new_id
from hummdesk.core.models import Person
from hummdesk.core.webhooks import context_of, new_secret, shown
from hummdesk.storage import audit, page_cursor
from hummdesk.storage.changes import first_page
from hummdesk.storage.database import Transaction
from hummdesk.storage.queries import load

queries = load("webhooks")

MAX_ENABLED = 50
"""Of one account: each costs the relay memory and connections."""
ROTATION_SECONDS = 24 * 3600
"""How long the previous secret signs as well."""

UNKNOWN = "No webhook of this account has this id"

DisabledReason = Literal["requested", "gone"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    id: UUID
    url: str
    events: list[str]
    enabled: bool
    disabled_reason: DisabledReason | None
    created_by: UUID | None
    """A user or an API key; None: the operator."""
    created_at: datetime

    @classmethod
    def from_row(cls, row: dict[str, Any]) -> Self:
        """Raises NotFound without a row."""
        if row is None:
            raise NotFound(UNKNOWN)
        return cls(**row)

    def wire(self) -> dict[str, Any]:
        optional = {
            "disabledReason": self.disabled_reason,
            "createdBy": self.created_by and str(self.created_by),
        }
        return {
            "id": str(self.id),
            "url": self.url,
            "events": self.events,
            "enabled": self.enabled,
            **{name: value for name, value in optional.items() if value is not None},
            "createdAt": wire_time(self.created_at),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """How far the deliveries of a webhook are."""

    last_number: int
    """The number of the feed up to which there are deliveries."""
    failing_since: datetime | None
    pending: int
    set_aside: int

    def wire(self) -> dict[str, Any]:
        failing = {} if self.failing_since is None else {"failingSince": wire_time(self.failing_since)}
        return {"lastNumber": self.last_number, "pending": self.pending, "setAside": self.set_aside, **failing}


@dataclass(frozen=True, slots=True, kw_only=True)
class LeasedWebhook:
    """A webhook that a relay delivers to. `is_behind`: the feed may have events that it has no deliveries for."""

    account_id: UUID
    id: UUID
    url: str
    events: list[str]
    secret: bytes
    previous_secret: bytes | None
    failing_since: datetime | None
    requeued_at: datetime | None
    last_number: int
    is_behind: bool

    @property
    def key(self) -> tuple[UUID, UUID]:
        return self.account_id, self.id

    @classmethod
    def from_row(cls, row: dict[str, Any]) -> Self:
        return cls(**row)

    def secrets(self, encryption: Encryption) -> list[bytes]:
        """The secrets that sign, the newest first. Raises Undecryptable."""
        context = context_of(self.account_id, self.id)
        stored = [self.secret] + ([] if self.previous_secret is None else [self.previous_secret])
        return [encryption.decrypt(one, context=context) for one in stored]


async def add(
    tx: Transaction,
    encryption: Encryption,
    actor: Person | None,
    account_id: UUID,
    *,
    url: str,
    events: Sequence[str],
    after: int,
    webhook_id: UUID | None = None,
) -> tuple[Webhook, str]:
    """Add a webhook for the events after a number of the feed; return it and its secret, which cannot be read again.

    Raises Conflict if MAX_ENABLED are enabled, and SettingsError without ENCRYPTION_KEYS.
    """
    webhook_id, secret = webhook_id or new_id(), new_secret()
    sealed = encryption.encrypt(secret, context=context_of(account_id, webhook_id))
    await _limit(tx)
    row = await queries.add(
        tx,
        id=webhook_id,
        url=url,
        events=list(events),
        secret=sealed,
        last_number=after,
        created_by=actor and actor.id,
    )
    await audit.record(tx, actor, "webhook.created", webhook_id, {"events": list(events)})
    return Webhook.from_row(row), shown(secret)


async def get(tx: Transaction, webhook_id: UUID) -> Webhook:
    """Raises NotFound."""
    return Webhook.from_row(await queries.get(tx, id=webhook_id))


async def lock(tx: Transaction, webhook_id: UUID) -> Webhook:
    """A webhook that no other transaction changes before this one ends. Raises NotFound."""
    return Webhook.from_row(await queries.lock(tx, id=webhook_id))


async def with_url(tx: Transaction, url: str) -> Webhook | None:
    """The oldest webhook of the account with this address."""
    row = await queries.with_url(tx, url=url)
    return None if row is None else Webhook.from_row(row)


async def state(tx: Transaction, webhook_id: UUID) -> State:
    """Raises NotFound."""
    row = await queries.state(tx, id=webhook_id)
    if row is None:
        raise NotFound(UNKNOWN)
    return State(**row)


async def page(tx: Transaction, *, limit: int, cursor: str | None) -> tuple[list[Webhook], str | None]:
    """Webhooks of the account in the order of their creation, and the cursor of the next page. Raises Invalid."""
    after = UUID(int=0) if cursor is None else page_cursor.id_of(cursor)
    found = [Webhook.from_row(row) async for row in queries.page(tx, after_id=after, limit=limit + 1)]
    return first_page(found, limit)


async def update(
    tx: Transaction,
    actor: Person | None,
    webhook_id: UUID,
    *,
    url: str | None = None,
    events: Sequence[str] | None = None,
    enabled: bool | None = None,
) -> Webhook:
    """Change what is given. An enabled webhook continues where it was disabled. Raises NotFound and Conflict."""
    if enabled and not (await lock(tx, webhook_id)).enabled:
        await _limit(tx)
    row = await queries.update(
        tx,
        id=webhook_id,
        url=url,
        events=None if events is None else list(events),
        enabled=enabled,
        disabled_reason="requested" if enabled is False else None,
    )
    changed = Webhook.from_row(row)
    given = {"url": url, "events": events, "enabled": enabled}
    fields = [name for name, value in given.items() if value is not None]
    await audit.record(tx, actor, "webhook.updated", webhook_id, {"fields": fields})
    return changed


async def rotate_secret(
    tx: Transaction, encryption: Encryption, actor: Person | None, account_id: UUID, webhook_id: UUID
) -> tuple[str, datetime]:
    """Replace the secret; return it, and until when the previous one signs as well.

    Raises NotFound, and SettingsError without ENCRYPTION_KEYS.
    """
    secret = new_secret()
    sealed = encryption.encrypt(secret, context=context_of(account_id, webhook_id))
    row = await queries.rotate(tx, id=webhook_id, secret=sealed, overlap_seconds=ROTATION_SECONDS)
    if row is None:
        raise NotFound(UNKNOWN)
    await audit.record(tx, actor, "webhook.secret_rotated", webhook_id)
    return shown(secret), row["previous_secret_until"]


async def rewind(tx: Transaction, actor: Person | None, webhook_id: UUID, *, after: int) -> None:
    """Deliver the events after a number of the feed again. Raises NotFound, and Invalid for a later number."""
    await lock(tx, webhook_id)
    if await queries.rewind(tx, id=webhook_id, number=after) is None:
        message = "The webhook has not reached this number"
        raise Invalid(message, details={"after": [message]})
    await audit.record(tx, actor, "webhook.replayed", webhook_id, {"after": after})


async def _limit(tx: Transaction) -> None:
    if (await queries.lock_number(tx))["number"] >= MAX_ENABLED:
        raise Conflict(f"The account has {MAX_ENABLED} enabled webhooks, which is the maximum")


async def reencrypt(tx: Transaction, encryption: Encryption) -> int:
    """Encrypt each secret with the newest key; return how many webhooks had another. Raises Undecryptable."""
    changed = 0
    for row in [row async for row in queries.secrets(tx)]:
        context = context_of(row["account_id"], row["id"])
        stored = {name: row[name] for name in ("secret", "previous_secret")}
        renewed = {
            name: encryption.encrypt(encryption.decrypt(value, context=context), context=context)
            for name, value in stored.items()
            if value is not None and not encryption.is_current(value)
        }
        if renewed:
            await queries.replace_secrets(tx, account_id=row["account_id"], id=row["id"], **stored | renewed)
            changed += 1
    return changed


async def renew(tx: Transaction, *, relay: UUID, lease_seconds: float) -> list[LeasedWebhook]:
    """Renew the leases of a relay; return its webhooks that are enabled, also by their account."""
    rows = queries.renew(tx, relay=relay, lease_seconds=lease_seconds)
    return [LeasedWebhook.from_row(row) async for row in rows]


async def has_work(tx: Transaction, *, relay: UUID) -> bool:
    """Whether a webhook has work that no other relay has leased."""
    return await queries.with_work(tx, relay=relay) is not None


async def take(tx: Transaction, *, relay: UUID, lease_seconds: float, limit: int) -> list[LeasedWebhook]:
    """Lease webhooks with work that no other relay has, but those of disabled accounts."""
    rows = queries.take(tx, relay=relay, lease_seconds=lease_seconds, limit=limit)
    return [LeasedWebhook.from_row(row) async for row in rows]


async def release(tx: Transaction, *, relay: UUID, account_id: UUID, webhook_id: UUID) -> None:
    await queries.release(tx, relay=relay, account_id=account_id, id=webhook_id)


async def settle(tx: Transaction, *, account_id: UUID, webhook_id: UUID, is_failing: bool, is_gone: bool) -> None:
    """Record whether the last attempt has failed, and disable the webhook of a receiver that is gone."""
    await queries.settle(tx, account_id=account_id, id=webhook_id, is_failing=is_failing, is_gone=is_gone)


def caught_up(webhook: LeasedWebhook) -> LeasedWebhook:
    """The webhook once it has deliveries for all events of the feed that were known."""
    return replace(webhook, is_behind=False)
