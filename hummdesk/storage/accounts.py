"""Accounts and their settings: AI provider, budget and threshold, pages and look of the widget, retention."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal, NotRequired, Self, TypedDict
from uuid import UUID

import orjson

from hummdesk.core.clock import wire_time
from hummdesk.core.errors import NotFound
from hummdesk.core.models import Person
from hummdesk.storage import audit
from hummdesk.storage.changes import changed_fields
from hummdesk.storage.database import Transaction
from hummdesk.storage.queries import load

queries = load("accounts")

OWN_ORIGIN = "self"
"""Among the origins of an account: the pages of this server, under any address."""

ReadOnView = Literal["off", "assignee"]
"""Whose view of a conversation marks its messages as read."""


class LookTexts(TypedDict, total=False):
    title: str
    greeting: str


class ProactiveRule(TypedDict):
    """A message of the widget's own, before the visitor has written. What is missing applies to all."""

    page: NotRequired[str]
    """How the path of the page begins."""
    afterSeconds: NotRequired[int]
    visitors: NotRequired[Literal["all", "new", "returning"]]
    texts: dict[str, str]
    """By language."""


class Look(TypedDict, total=False):
    """How the widget looks; what is missing has the default."""

    color: str
    position: Literal["left", "right"]
    texts: dict[str, LookTexts]
    """By language."""
    showTeam: bool
    askEmail: bool
    namePage: bool
    recordPages: bool
    preChat: Literal["off", "optional", "required"]
    proactive: list[ProactiveRule]


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    account_id: UUID
    name: str
    ai_provider: str | None
    """None: the default, AI_PROVIDER."""
    ai_daily_tokens: int | None
    """None: the default, AI_DAILY_TOKENS; 0: unlimited. The same holds for the dollars."""
    ai_daily_dollars: Decimal | None
    ai_min_confidence: float | None
    """The least confidence of a draft that is shown, 0 to 1; None: the default, no minimum."""
    ai_company: str
    """What external models receive for their drafts: about the company, its voice and its policies."""
    ai_voice: str
    ai_policies: str
    widget_origins: tuple[str, ...]
    """Origins of the pages that may show the widget; `self` is the server's own."""
    widget_look: Look
    retention_days: int | None
    """Days without activity after which a conversation is erased; None: never."""
    read_on_view: ReadOnView
    created_at: datetime
    disabled_at: datetime | None

    @classmethod
    def from_row(cls, row: dict[str, Any]) -> Self:
        values = {name: row[name] for name in cls.__dataclass_fields__}
        return cls(**values | {"widget_origins": tuple(row["widget_origins"])})

    def settings(self) -> dict[str, Any]:
        """The settings as JSON; null is the default, or no limit."""
        return {
            "name": self.name,
            "aiProvider": self.ai_provider,
            "aiDailyTokens": self.ai_daily_tokens,
            "aiDailyDollars": None if self.ai_daily_dollars is None else float(self.ai_daily_dollars),
            "aiMinConfidence": self.ai_min_confidence,
            "aiCompany": self.ai_company,
            "aiVoice": self.ai_voice,
            "aiPolicies": self.ai_policies,
            "widgetOrigins": list(self.widget_origins),
            "widgetLook": self.widget_look,
            "retentionDays": self.retention_days,
            "readOnView": self.read_on_view,
        }

    def wire(self) -> dict[str, Any]:
        shown = {"id": str(self.account_id)} | self.settings() | {"createdAt": wire_time(self.created_at)}
        return shown if self.disabled_at is None else shown | {"disabledAt": wire_time(self.disabled_at)}


async def accounts(tx: Transaction) -> list[Account]:
    """All accounts by name, for the operator."""
    return [Account.from_row(row) async for row in queries.accounts(tx)]


async def get(tx: Transaction) -> Account:
    """The account of the transaction. Raises NotFound."""
    row = await queries.get(tx)
    if row is None:
        raise NotFound("No account has this id")
    return Account.from_row(row)


async def locked(tx: Transaction) -> Account:
    """The account of the transaction, locked until it ends. Raises NotFound."""
    await queries.lock(tx)
    return await get(tx)


async def create(tx: Transaction, actor: Person | None, *, name: str) -> UUID:
    """Add the account of the transaction, for the operator, unless there is one of this name; return the id of that.

    Concurrent calls make one account.
    """
    await queries.lock_name(tx, name=name)
    known = await queries.id_of(tx, name=name)
    if known is not None:
        known_id: UUID = known["account_id"]
        return known_id
    await queries.add(tx, name=name)
    added = await get(tx)
    await audit.record(tx, actor, "account.created", added.account_id)
    return added.account_id


async def update(tx: Transaction, actor: Person | None, **changes: Any) -> Account:
    """Set fields of the transaction's account that are settings; nothing is written if nothing changes.

    Raises NotFound.
    """
    old = await locked(tx)
    new = replace(old, **changes)
    fields = changed_fields(old, new)
    if fields:
        await queries.change(
            tx,
            name=new.name,
            ai_provider=new.ai_provider,
            ai_daily_tokens=new.ai_daily_tokens,
            ai_daily_dollars=new.ai_daily_dollars,
            ai_min_confidence=new.ai_min_confidence,
            ai_company=new.ai_company,
            ai_voice=new.ai_voice,
            ai_policies=new.ai_policies,
            widget_origins=list(new.widget_origins),
            widget_look=orjson.dumps(new.widget_look).decode(),
            retention_days=new.retention_days,
            read_on_view=new.read_on_view,
        )
        await audit.record(tx, actor, "account.updated", new.account_id, {"fields": fields})
    return new


async def disable(tx: Transaction, actor: Person | None) -> Account:
    """Sign everybody of the transaction's account out, for the operator; its data remain. Raises NotFound."""
    return await _set_disabled(tx, actor, is_disabled=True)


async def enable(tx: Transaction, actor: Person | None) -> Account:
    """Admit the people of the transaction's account again, for the operator. Raises NotFound."""
    return await _set_disabled(tx, actor, is_disabled=False)


async def _set_disabled(tx: Transaction, actor: Person | None, *, is_disabled: bool) -> Account:
    old = await locked(tx)
    if (old.disabled_at is not None) == is_disabled:
        return old
    await (queries.disable(tx) if is_disabled else queries.enable(tx))
    action = "account.disabled" if is_disabled else "account.enabled"
    await audit.record(tx, actor, action, old.account_id)
    return await get(tx)


async def providers(tx: Transaction, account_ids: Iterable[UUID]) -> dict[UUID, str]:
    """The providers chosen by accounts; an account without a choice is left out."""
    rows = queries.providers(tx, account_ids=list(account_ids))
    return {row["account_id"]: row["ai_provider"] async for row in rows}
