"""Sign-in of staff at the identity provider of their account (OpenID Connect).

`POST /session/oidc` finds the account by a short name, an e-mail address or its id, and returns the address at its
provider. The provider sends the browser back to `/sign-in/callback/ACCOUNT`, which starts a session. Each account has
its own address, so that an answer of one provider is never taken for that of another.
"""

import hmac
import logging
from typing import Any
from uuid import UUID

from sanic import Blueprint, Request
from sanic.response import HTTPResponse, json, redirect

from hummdesk.core import jwks
from hummdesk.core.account_secrets import AccountSecret
from hummdesk.core.config import Settings
from hummdesk.core.encryption import Encryption, Undecryptable
from hummdesk.core.errors import HummDeskError, Invalid, NotFound, Unavailable
from hummdesk.core.metrics import SIGN_INS
from hummdesk.core.oidc import (
    ATTEMPT_SECONDS,
    CALLBACK,
    Attempt,
    Client,
    Provider,
    SignInFailed,
    redirect_uri,
)
from hummdesk.server.context import ServerContext
from hummdesk.server.http.staff_sessions import answered, body_of, end_session, is_secure, set_cookie, start_session
from hummdesk.server.node import Node
from hummdesk.storage import oidc as providers
from hummdesk.storage import people
from hummdesk.storage.oidc import OidcProvider

COOKIE = "hummdesk_sign_in"
LONGEST_NAME = 320

log = logging.getLogger(__name__)


def blueprint(node: Node) -> Blueprint:
    routes = Blueprint("oidc")
    context = node.context

    @routes.post("/session/oidc")
    @answered(context.settings)
    async def begin(request: Request[Any, Any]) -> HTTPResponse:
        await context.rate_limits.require_sign_in(request.client_ip)
        return await _begin(context, request)

    @routes.get(f"{CALLBACK}/<account_id:uuid>")
    async def finish(request: Request[Any, Any], account_id: UUID) -> HTTPResponse:
        try:
            await context.rate_limits.require_sign_in(request.client_ip)
            secret = await _finish(context, request, account_id)
        except (HummDeskError, SignInFailed) as refusal:
            response = _refused(account_id, refusal)
        else:
            await end_session(context, request)
            response = redirect("/", status=303)
            set_cookie(context.settings, response, secret)
        response.delete_cookie(COOKIE, path=CALLBACK)
        response.headers.update({"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"})
        return response

    return routes


async def _begin(context: ServerContext, request: Request[Any, Any]) -> HTTPResponse:
    account_id = await _account_of(context, body_of(request).get("account"))
    attempt = Attempt.new(account_id)
    try:
        _, client = await _provider(context, account_id)
        found = await Provider.discover(client, jwks.policy(context.settings))
    except SignInFailed as failure:
        _log(account_id, failure)
        raise Unavailable("The identity provider does not answer as expected; try again") from failure
    response = json({"url": found.authorization_url(attempt)})
    response.add_cookie(
        COOKIE,
        attempt.sealed(context.settings),
        path=CALLBACK,
        httponly=True,
        secure=is_secure(context.settings),
        samesite="Lax",
        max_age=ATTEMPT_SECONDS,
    )
    return response


async def _account_of(context: ServerContext, name: object) -> UUID:
    if not isinstance(name, str) or not 0 < len(name) <= LONGEST_NAME or "\0" in name:
        raise Invalid("The body must be JSON: {account}")
    try:
        return UUID(name)
    except ValueError:
        pass
    async with context.database.all_accounts() as tx:
        account_id = await providers.account_of(tx, name.rpartition("@")[2].strip().lower())
    if account_id is None:
        raise NotFound("No company signs in by this name")
    return account_id


async def _provider(context: ServerContext, account_id: UUID) -> tuple[OidcProvider, Client]:
    async with context.database.account(account_id) as tx:
        stored = await providers.require(tx)
    return stored, client_of(context.settings, account_id, stored)


def client_of(settings: Settings, account_id: UUID, stored: OidcProvider) -> Client:
    """Raises SignInFailed if ENCRYPTION_KEYS lacks the key of the client secret."""
    context, secret = providers.context_of(account_id), stored.client_secret
    try:
        opened = None if secret is None else Encryption.of(settings).decrypt(secret, context=context).decode()
    except Undecryptable as error:
        raise SignInFailed("provider", "the client secret cannot be decrypted") from error
    return Client(
        issuer=stored.issuer,
        client_id=stored.client_id,
        client_secret=opened,
        scopes=stored.scopes,
        redirect_uri=redirect_uri(settings, account_id),
    )


async def _finish(context: ServerContext, request: Request[Any, Any], account_id: UUID) -> AccountSecret:
    """Return the secret of a new session. Raises SignInFailed, NotFound, or Unavailable."""
    attempt = Attempt.opened(context.settings, request.cookies.get(COOKIE))
    state = request.args.get("state", "")
    if attempt is None or attempt.account_id != account_id:
        raise SignInFailed("state", "no attempt of this browser")
    if not hmac.compare_digest(attempt.state.encode(), state.encode()):
        raise SignInFailed("state", "another attempt")
    if error := request.args.get("error"):
        raise SignInFailed("denied" if error == "access_denied" else "provider", error[:100])
    stored, client = await _provider(context, account_id)
    if request.args.get("iss", client.issuer) != client.issuer:  # RFC 9207
        raise SignInFailed("provider", "an answer of another issuer")
    provider = await Provider.discover(client, jwks.policy(context.settings))
    identity = await provider.identify(request.args.get("code", ""), attempt, groups_claim=stored.groups_claim)
    async with context.database.account(account_id) as tx:
        user_id = await providers.sign_in(tx, stored, identity)
        person = await people.find_person(tx, person_id=user_id, customer=False)
        return await start_session(context.settings, tx, request, person, "oidc")


def _refused(account_id: UUID, refusal: HummDeskError | SignInFailed) -> HTTPResponse:
    """Lead back to the sign-in page, which explains the reason."""
    if isinstance(refusal, SignInFailed):
        _log(account_id, refusal)
        return redirect(f"/sign-in?refused={refusal.reason}", status=303)
    return redirect(f"/sign-in?refused={'limited' if refusal.code == 'RATE_LIMITED' else 'unavailable'}", status=303)


def _log(account_id: UUID, failure: SignInFailed) -> None:
    SIGN_INS.labels("oidc", failure.reason).inc()
    log.warning(
        "oidc.sign_in_failed",
        extra={"account_id": str(account_id), "reason": failure.reason, "cause": str(failure.cause or "")},
    )
