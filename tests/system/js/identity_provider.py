"""A real OpenID Connect provider, npm's oidc-provider, and the settings of an account for it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

import aiohttp

from hummdesk.core.config import Settings
from hummdesk.core.encryption import Encryption
from hummdesk.core.oidc import redirect_uri
from hummdesk.storage import oidc
from hummdesk.storage.database import operator
from hummdesk.storage.oidc import OidcProvider
from tests.system.js.script_runner import HERE, install_packages

CLIENT_ID, CLIENT_SECRET = "hummdesk", "a secret: with % and +"


@dataclass
class IdentityProvider:
    settings: Settings
    account_id: UUID
    issuer: str
    users: dict[str, dict[str, Any]] = field(default_factory=dict)

    async def configure(self, **changes: Any) -> None:
        """Let the account's staff sign in here."""
        context = oidc.context_of(self.account_id)
        secret = Encryption.of(self.settings).encrypt(CLIENT_SECRET.encode(), context=context)
        provider = OidcProvider(issuer=self.issuer, client_id=CLIENT_ID, client_secret=secret, groups={})
        async with operator(self.settings) as database, database.account(self.account_id) as tx:
            await oidc.put(tx, None, self.account_id, replace(provider, **changes))

    async def set_user(self, subject: str, **claims: Any) -> None:
        self.users[subject] = claims
        await self._control(users=self.users)

    async def rotate_key(self) -> None:
        await self._control(rotate=True)

    async def move_claims(self, *, to_user_info: bool) -> None:
        """Send e-mail, name and groups in the user info in place of the ID token."""
        await self._control(userInfo=to_user_info)

    async def _control(self, **wanted: Any) -> None:
        async with aiohttp.ClientSession() as session, session.post(f"{self.issuer}/test", json=wanted) as answer:
            assert answer.status == 200


@asynccontextmanager
async def identity_provider(settings: Settings, account_id: UUID) -> AsyncIterator[IdentityProvider]:
    env = {"CLIENT_ID": CLIENT_ID, "CLIENT_SECRET": CLIENT_SECRET, "REDIRECT_URI": redirect_uri(settings, account_id)}
    async with install_packages().running(HERE / "oidc-provider.mjs", env=env) as process:
        assert process.stdout is not None
        while not (line := (await process.stdout.readline()).decode()).startswith("ISSUER "):
            assert line, "the provider has ended"
        yield IdentityProvider(settings, account_id, line.split()[1])
