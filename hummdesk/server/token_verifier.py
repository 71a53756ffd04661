"""Verification of tokens, with the signing keys of their accounts in memory.

A token chooses its key before it is verified, so looking up that key must be cheap: all keys of an account are
read at once, at most `MOST_READS` accounts at the same time, and kept until the database reports a change of them.
"""

import asyncio
import logging
from collections import OrderedDict
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID
from weakref import WeakValueDictionary

from jwt import PyJWK, PyJWTError
from marshmallow import ValidationError

from hummdesk.contract.resources.contacts import CustomerClaims
from hummdesk.core import jwks, tokens
from hummdesk.core.config import Settings
from hummdesk.core.encryption import Encryption, Undecryptable
from hummdesk.core.errors import Conflict, HummDeskError, Unauthorized, Unavailable
from hummdesk.core.metrics import ERRORS
from hummdesk.core.tokens import NOBODY, Claims, VerificationKey
from hummdesk.server.active_sessions import ActiveSessions
from hummdesk.storage import customers, signing_keys
from hummdesk.storage.customers import Customer
from hummdesk.storage.database import Database
from hummdesk.storage.signing_keys import SigningKey, context_of

log = logging.getLogger(__name__)

CUSTOMER_CLAIMS = CustomerClaims()

MOST_UNKNOWN = 10_000
"""Accounts without keys, which may not exist, that are remembered."""
MOST_READS = 2
MOST_CONFLICTS = 5


@dataclass(frozen=True, slots=True)
class _Address:
    """A JWKS address of an account. The document names the keys, the row of the database limits them."""

    row: SigningKey
    keys: jwks.JwksKeys

    async def find(self, kid: str) -> PyJWK | None:
        """Return the key of a `kid` if it is one of the row's algorithm, and strong enough. Raises Unavailable."""
        found = await self.keys.find(kid)
        if found is None or found.algorithm_name != self.row.algorithm:
            return None
        return None if found.Algorithm.check_key_length(found.key) else found


@dataclass(frozen=True, slots=True)
class _AccountKeys:
    """The keys of an account that are not revoked."""

    by_kid: dict[str, VerificationKey] = field(default_factory=dict)
    addresses: tuple[_Address, ...] = ()
    names: frozenset[str] = frozenset()


NO_KEYS = _AccountKeys()


def customer_of(given: dict[str, Any]) -> Customer:
    """The validated claims about a customer. Raises Unauthorized."""
    try:
        return Customer(**CUSTOMER_CLAIMS.load(given))
    except ValidationError as error:
        raise Unauthorized("Claims of the token are not valid", details=error.messages_dict) from None


class TokenVerifier:
    def __init__(self, settings: Settings, database: Database) -> None:
        self._settings = settings
        self._database = database
        self._encryption = Encryption.of(settings)
        self._policy = jwks.policy(settings)
        self.sessions = ActiveSessions(database)
        self._accounts: dict[UUID, _AccountKeys] = {}
        self._without_keys: OrderedDict[UUID, None] = OrderedDict()
        self._reading = asyncio.Semaphore(MOST_READS)
        self._locks: WeakValueDictionary[UUID, asyncio.Lock] = WeakValueDictionary()
        """One for each account that is read now or waits for it: all wait for one answer."""
        self.changes = 0
        """The number of reported changes. A token that was verified before the last one is verified again."""

    async def verify(self, token: object) -> Claims:
        """Return the claims of a valid token. Raises TokenExpired, Unauthorized, or Unavailable."""
        named = tokens.named_key(token)
        key = None if named is None else await self._find(*named)
        claims = tokens.verify(self._settings, token, key)
        if claims.staff_session_id is not None:
            await self.sessions.require(claims.account_id, claims.staff_session_id)
        return claims if claims.customer is None else await self._of_customer(claims, claims.customer)

    async def _of_customer(self, claims: Claims, given: dict[str, Any]) -> Claims:
        """Create or update the contact of a customer's claims. Raises Unauthorized and Unavailable."""
        customer = customer_of(given)
        for _ in range(MOST_CONFLICTS):
            with suppress(Conflict):  # another transaction has taken the e-mail address or the contact meanwhile
                async with self._database.account(claims.account_id) as tx:
                    contact_id = await customers.contact_of(
                        tx, claims.account_id, customer, known_id=None if claims.user_id == NOBODY else claims.user_id
                    )
                return replace(claims, user_id=contact_id)
        raise Unavailable

    def forget(self, account_id: UUID | None) -> None:
        """Read the keys of an account again, or of all of them (None), when a token names one."""
        self.changes += 1
        if account_id is None:
            self._accounts.clear()
            self._without_keys.clear()
        else:
            self._accounts.pop(account_id, None)
            self._without_keys.pop(account_id, None)

    def forget_session(self, session_id: UUID | None) -> None:
        """Check a staff session again, or all of them (None), when a token names it."""
        self.changes += 1
        self.sessions.forget(session_id)

    async def active(self, account_id: UUID) -> frozenset[str]:
        """Return the names of the account's keys that are not revoked. Raises Unavailable."""
        return (await self._keys_of(account_id)).names

    async def _find(self, account_id: UUID, kid: str) -> VerificationKey | None:
        """Return the account's key of this `kid`; None: the key of the settings verifies the token, or no key."""
        known = await self._keys_of(account_id)
        if kid in known.by_kid:
            return known.by_kid[kid]
        for address in known.addresses:
            if found := await address.find(kid):
                return self._key(address.row, found.key)
        return None

    async def _keys_of(self, account_id: UUID) -> _AccountKeys:
        known = self._known(account_id)
        if known is not None:
            return known
        async with self._locks.setdefault(account_id, asyncio.Lock()), self._reading:
            while (known := self._known(account_id)) is None:
                changes = self.changes
                read = await self._read(account_id)
                if changes == self.changes:
                    self._keep(account_id, read)
        return known

    def _known(self, account_id: UUID) -> _AccountKeys | None:
        if account_id in self._without_keys:
            self._without_keys.move_to_end(account_id)
            return NO_KEYS
        return self._accounts.get(account_id)

    def _keep(self, account_id: UUID, keys: _AccountKeys) -> None:
        if keys.names:
            self._accounts[account_id] = keys
            return
        self._without_keys[account_id] = None
        if len(self._without_keys) > MOST_UNKNOWN:
            self._without_keys.popitem(last=False)

    async def _read(self, account_id: UUID) -> _AccountKeys:
        async with self._database.account(account_id) as tx:
            rows = await signing_keys.active(tx)
        if not rows:
            return NO_KEYS
        by_kid = {row.kid: key for row in rows if row.jwks_url is None and (key := self._parsed(row)) is not None}
        addresses = [_Address(row, jwks.JwksKeys(row.jwks_url, self._policy)) for row in rows if row.jwks_url]
        return _AccountKeys(by_kid, tuple(addresses), frozenset(row.kid for row in rows))

    def _parsed(self, row: SigningKey) -> VerificationKey | None:
        """Return the key of a row, or None if it is unusable here: ENCRYPTION_KEYS may be incomplete."""
        try:
            if row.secret is not None:
                return self._key(row, self._encryption.decrypt(row.secret, context=context_of(row.account_id, row.kid)))
            return self._key(row, tokens.parsed_pem(row.algorithm, row.public_key or ""))
        except (Undecryptable, PyJWTError, ValueError, TypeError) as error:
            reason = type(error).__name__
            ERRORS.labels("signing_keys", HummDeskError.code).inc()
            log.error(
                "signing_keys.unusable", extra={"account_id": str(row.account_id), "kid": row.kid, "reason": reason}
            )
            return None

    def _key(self, row: SigningKey, key: object) -> VerificationKey:
        return VerificationKey(
            algorithm=row.algorithm,
            key=key,
            issuer=row.issuer or "",
            audience=row.audience or self._settings.jwt_audience,
            account_id=row.account_id,
            name=row.kid,
        )
