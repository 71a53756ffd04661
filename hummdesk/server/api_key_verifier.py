"""Verification of API keys, with those in use in memory until the database reports a change."""

import logging
import time
from collections import OrderedDict
from dataclasses import dataclass
from uuid import UUID

from hummdesk.core import api_keys
from hummdesk.core.api_keys import ROLES, ParsedKey
from hummdesk.core.background import soon
from hummdesk.core.errors import Unauthorized, Unavailable
from hummdesk.core.models import Person
from hummdesk.storage import api_keys as stored
from hummdesk.storage.database import Database

log = logging.getLogger(__name__)

MOST_KEPT = 10_000
USED_SECONDS = 60.0
"""Precision of a key's last use."""


@dataclass(slots=True)
class _Kept:
    person: Person
    secret_hash: bytes
    used_at: float


class ApiKeyVerifier:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._kept: OrderedDict[UUID, _Kept] = OrderedDict()
        self._changes = 0
        """The number of reported changes."""

    async def verify(self, text: str) -> Person:
        """Return the key as the person who acts. Raises Unauthorized and Unavailable."""
        parsed = api_keys.parse(text)
        if parsed is None:
            raise Unauthorized("The API key is not valid")
        kept = self._kept.get(parsed.id)
        if kept is None or kept.person.account_id != parsed.account_id:
            kept = await self._read(parsed)
        elif not parsed.matches(kept.secret_hash):
            raise Unauthorized("The API key is not valid")
        self._record_use(parsed.id, kept)
        return kept.person

    def forget(self, key_id: UUID | None) -> None:
        """Read a key again when it is used, or all of them (None)."""
        self._changes += 1
        if key_id is None:
            self._kept.clear()
        else:
            self._kept.pop(key_id, None)

    async def _read(self, parsed: ParsedKey) -> _Kept:
        while True:
            changes = self._changes
            async with self._database.account(parsed.account_id) as tx:
                found = await stored.verified(tx, parsed)
            if changes == self._changes:
                break
        if found is None:
            raise Unauthorized("The API key is not valid")
        name, scope = found
        person = Person(account_id=parsed.account_id, id=parsed.id, email="", name=name, role=ROLES[scope], is_key=True)
        kept = self._kept[parsed.id] = _Kept(person, parsed.secret_hash, time.monotonic() - USED_SECONDS)
        if len(self._kept) > MOST_KEPT:
            self._kept.popitem(last=False)
        return kept

    def _record_use(self, key_id: UUID, kept: _Kept) -> None:
        now = time.monotonic()
        if now - kept.used_at >= USED_SECONDS:
            kept.used_at = now
            soon(self._store_use(kept.person.account_id, key_id))

    async def _store_use(self, account_id: UUID, key_id: UUID) -> None:
        try:
            async with self._database.account(account_id) as tx:
                await stored.used(tx, key_id)
        except Unavailable:
            log.warning("api_keys.use_not_recorded", extra={"key_id": str(key_id)})
