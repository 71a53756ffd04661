"""Identity providers of accounts (OpenID Connect), and whom they sign in."""

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self
from uuid import UUID

from psycopg.types.json import Jsonb

from hummdesk.core import jwks
from hummdesk.core.config import Settings
from hummdesk.core.encryption import Encryption
from hummdesk.core.errors import Conflict, Invalid, NotFound
from hummdesk.core.models import STAFF_RANKS, Person, Role
from hummdesk.core.oidc import Identity, SignInFailed, redirect_uri
from hummdesk.core.outbound import RefusedAddress
from hummdesk.storage import audit, users
from hummdesk.storage.database import Transaction
from hummdesk.storage.queries import load
from hummdesk.storage.users import User, UserChanges

queries = load("oidc")

SCOPES = ("openid", "email", "profile")
GROUPS_CLAIM = "groups"


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """What a group grants."""

    role: Role | None
    team_ids: tuple[UUID, ...]

    def wire(self) -> dict[str, Any]:
        shown: dict[str, Any] = {"teamIds": [str(one) for one in self.team_ids]}
        return shown if self.role is None else {"role": self.role} | shown

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> Self:
        return cls(role=stored.get("role"), team_ids=tuple(UUID(str(one)) for one in stored.get("teamIds", ())))


@dataclass(frozen=True, slots=True, kw_only=True)
class OidcProvider:
    """The identity provider of an account."""

    issuer: str
    client_id: str
    client_secret: bytes | None
    """Encrypted; None: a public client."""
    scopes: tuple[str, ...] = SCOPES
    groups_claim: str = GROUPS_CLAIM
    groups: Mapping[str, Grant]
    """What each group grants. If it is empty, roles and teams are not changed by a sign-in."""
    email_domains: tuple[str, ...] = ()
    """Of users who may sign in; empty: any."""
    creates_users: bool = False
    default_role: Role = "agent"
    """Of new users, if there are no groups."""

    @classmethod
    def from_row(cls, row: dict[str, Any]) -> Self:
        values = {name: row[name] for name in cls.__dataclass_fields__}
        lists = {name: tuple(row[name]) for name in ("scopes", "email_domains")}
        groups = {name: Grant.of(grant) for name, grant in row["groups"].items()}
        return cls(**values | lists | {"groups": groups})

    def wire(self) -> dict[str, Any]:
        return {
            "issuer": self.issuer,
            "clientId": self.client_id,
            "hasClientSecret": self.client_secret is not None,
            "scopes": list(self.scopes),
            "groupsClaim": self.groups_claim,
            "groups": {name: grant.wire() for name, grant in sorted(self.groups.items())},
            "emailDomains": list(self.email_domains),
            "createsUsers": self.creates_users,
            "defaultRole": self.default_role,
        }

    def role_of(self, groups: Collection[str]) -> Role | None:
        """The highest role that these groups grant."""
        roles = [grant.role for name, grant in self.groups.items() if name in groups and grant.role is not None]
        return max(roles, key=STAFF_RANKS.index, default=None)

    def teams_of(self, groups: Collection[str], current: Collection[UUID]) -> frozenset[UUID]:
        """The teams of a user with these groups: those that no group grants are kept."""
        granted = {team for name, grant in self.groups.items() if name in groups for team in grant.team_ids}
        managed = {team for grant in self.groups.values() for team in grant.team_ids}
        return frozenset(granted | (set(current) - managed))


def context_of(account_id: UUID) -> str:
    """What an encrypted client secret is bound to."""
    return f"oidc_providers/{account_id}"


async def find(tx: Transaction) -> OidcProvider | None:
    """The identity provider of the transaction's account."""
    row = await queries.provider(tx)
    return None if row is None else OidcProvider.from_row(row)


async def locked(tx: Transaction) -> OidcProvider | None:
    await queries.lock(tx)
    return await find(tx)


async def put(tx: Transaction, actor: Person | None, account_id: UUID, provider: OidcProvider) -> None:
    """Set the identity provider of the transaction's account."""
    old = await locked(tx)
    if old == provider:
        return
    row = asdict(provider) | {
        "scopes": list(provider.scopes),
        "email_domains": list(provider.email_domains),
        "groups": Jsonb({name: grant.wire() for name, grant in provider.groups.items()}),
    }
    await queries.put(tx, **row)
    changed = [name for name in provider.__dataclass_fields__ if getattr(old, name, None) != getattr(provider, name)]
    await audit.record(tx, actor, "oidc.updated", account_id, {"fields": sorted(changed)})


async def put_body(
    tx: Transaction, actor: Person | None, account_id: UUID, body: Mapping[str, Any], settings: Settings
) -> OidcProvider:
    """Set the identity provider as a valid body of the contract describes it. Raises Invalid."""
    old = await locked(tx)
    issuer = _checked_issuer(settings, body["issuer"])
    groups = {name: Grant.of(grant) for name, grant in body["groups"].items()}
    await _require_teams(tx, {team for grant in groups.values() for team in grant.team_ids})
    provider = OidcProvider(
        issuer=issuer,
        client_id=body["clientId"],
        client_secret=_secret_of(old, account_id, body, settings),
        scopes=tuple(dict.fromkeys(body["scopes"] or SCOPES)),
        groups_claim=body["groupsClaim"] or GROUPS_CLAIM,
        groups=groups,
        email_domains=tuple(sorted({domain.lower() for domain in body["emailDomains"]})),
        creates_users=body["createsUsers"],
        default_role=body["defaultRole"],
    )
    await put(tx, actor, account_id, provider)
    return provider


def _checked_issuer(settings: Settings, issuer: str) -> str:
    try:
        jwks.policy(settings).check_url(issuer)
    except RefusedAddress as error:
        raise Invalid(details={"issuer": [str(error)]}) from error
    if "?" in issuer:
        raise Invalid(details={"issuer": ["Must have no query."]})
    return issuer


def _secret_of(old: OidcProvider | None, account_id: UUID, body: Mapping[str, Any], settings: Settings) -> bytes | None:
    """The encrypted client secret. That of another issuer is not kept: it would be sent to the new one."""
    if "clientSecret" in body:
        secret = body["clientSecret"]
        if secret is None:
            return None
        encryption, context = Encryption.of(settings), context_of(account_id)
        return encryption.encrypt(secret.encode(), context=context)
    if old is None or old.client_secret is None:
        return None
    if (old.issuer, old.client_id) == (body["issuer"], body["clientId"]):
        return old.client_secret
    raise Invalid(details={"clientSecret": ["Must be given with another issuer or client."]})


async def _require_teams(tx: Transaction, wanted: Collection[UUID]) -> None:
    known = {row["id"] async for row in queries.known_teams(tx, team_ids=list(wanted))}
    if missing := sorted(set(wanted) - known):
        raise Invalid(details={"groups": [f"No team has the id {one}." for one in missing]})


async def remove(tx: Transaction, actor: Person | None, account_id: UUID) -> bool:
    """Remove the identity provider; False if the account has none. Sessions go on until they end."""
    if await queries.remove(tx) is None:
        return False
    await audit.record(tx, actor, "oidc.removed", account_id)
    return True


async def account_of(tx: Transaction, name: str) -> UUID | None:
    """The account with a sign-in name; the transaction needs no account."""
    account_id: UUID | None = (await queries.account_of(tx, name=name))["account_id"]
    return account_id


async def names(tx: Transaction) -> list[str]:
    return [row["name"] async for row in queries.names(tx)]


async def set_names(tx: Transaction, account_id: UUID, wanted: Collection[str]) -> None:
    """Set the sign-in names of an account, for the operator. Raises Conflict for one of another account."""
    before = set(await names(tx))
    await queries.remove_names(tx, names=list(wanted))
    [_ async for _ in queries.add_names(tx, names=list(wanted))]
    if missing := sorted(set(wanted) - set(await names(tx))):
        raise Conflict(f"Another account has the sign-in name {', '.join(missing)}")
    if before != set(wanted):
        await audit.record(tx, None, "oidc.updated", account_id, {"fields": ["names"]})


async def unlink(tx: Transaction, user_id: UUID) -> None:
    """Forget how providers know a user, for the operator: the next sign-in finds the user by e-mail."""
    await queries.unlink(tx, user_id=user_id)
    await audit.record(tx, None, "oidc.unlinked", user_id)


async def reencrypt(tx: Transaction, encryption: Encryption) -> int:
    """Encrypt each client secret with the newest key; return how many had another. Raises Undecryptable."""
    old = [row async for row in queries.secrets(tx) if not encryption.is_current(row["client_secret"])]
    for row in old:
        context = context_of(row["account_id"])
        secret = encryption.encrypt(encryption.decrypt(row["client_secret"], context=context), context=context)
        await queries.replace_secret(tx, account_id=row["account_id"], client_secret=secret)
    return len(old)


async def sign_in(tx: Transaction, provider: OidcProvider, identity: Identity) -> UUID:
    """Return the user of an identity, with the role and the teams that the provider's groups grant.

    An identity is known by its subject. An unknown one is linked to the user with its e-mail address, or to a new one.
    Raises SignInFailed.
    """
    _require_domain(provider, identity)
    role = provider.role_of(identity.groups or ())
    if provider.groups and role is None:
        raise SignInFailed("groups")
    row = await queries.user_of(tx, issuer=identity.issuer, subject=identity.subject)
    user = await users.locked(tx, row["user_id"]) if row else await _linked(tx, provider, identity, role)
    if not user.active:
        raise SignInFailed("disabled")
    if role is not None:
        teams = provider.teams_of(identity.groups or (), user.team_ids)
        await users.update(tx, None, user.id, UserChanges(role=role, team_ids=teams))
    return user.id


def _require_domain(provider: OidcProvider, identity: Identity) -> None:
    """Raise SignInFailed unless the account lets users with this e-mail address sign in."""
    domain = (identity.email or "").rpartition("@")[2].lower()
    if provider.email_domains and domain not in provider.email_domains:
        raise SignInFailed("domain")


async def _linked(tx: Transaction, provider: OidcProvider, identity: Identity, role: Role | None) -> User:
    """Link an unknown subject to the user with its e-mail address, or to a new user. Raises SignInFailed.

    The address decides only if the provider has verified it. Of a provider that does not say so, the account must trust
    the domain: otherwise any user of the provider could have chosen the address.
    """
    is_verified = identity.email_verified or (identity.email_verified is None and provider.email_domains)
    if identity.email is None or not is_verified:
        raise SignInFailed("email")
    user = await users.find(tx, email=identity.email)
    if user is None:
        if not provider.creates_users:
            raise SignInFailed("unknown")
        name = identity.name or identity.email.partition("@")[0]
        user, _ = await users.create(tx, None, email=identity.email, name=name, role=role or provider.default_role)
    await queries.link(tx, issuer=identity.issuer, subject=identity.subject, user_id=user.id)
    row = await queries.user_of(tx, issuer=identity.issuer, subject=identity.subject)
    if row is None or row["user_id"] != user.id:
        raise SignInFailed("linked")
    return user


async def described(tx: Transaction, account_id: UUID, settings: Settings) -> dict[str, Any]:
    """The identity provider as admins see it. Raises NotFound."""
    found = await require(tx)
    return found.wire() | {"redirectUri": redirect_uri(settings, account_id), "names": await names(tx)}


async def require(tx: Transaction) -> OidcProvider:
    """Raises NotFound."""
    found = await find(tx)
    if found is None:
        raise NotFound("This account has no identity provider")
    return found
