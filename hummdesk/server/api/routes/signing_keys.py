"""The keys with which an account signs tokens."""

import secrets

from hummdesk.core.config import Settings, SettingsError
from hummdesk.core.encryption import Encryption
from hummdesk.core.errors import Conflict
from hummdesk.server.api.call import Answer, Call, page_of
from hummdesk.server.context import ServerContext
from hummdesk.storage import new_signing_keys, signing_keys
from hummdesk.storage.new_signing_keys import KeyName
from hummdesk.storage.signing_keys import NewSigningKey, SigningKey, context_of

SECRET_BYTES = 48


async def create_signing_key(context: ServerContext, call: Call) -> Answer:
    body, settings = call.body, context.settings
    name = KeyName(
        account_id=call.account_id,
        kid=body["kid"] or call.new_id.hex,
        issuer=body["issuer"],
        audience=body["audience"],
    )
    secret = None
    if body["publicKey"] is not None:
        key = new_signing_keys.of_public_key(name, body["publicKey"])
    elif body["jwksUrl"] is not None:
        key = new_signing_keys.of_address(settings, name, body["jwksUrl"], body["algorithm"] or "RS256")
    else:
        secret = secrets.token_urlsafe(SECRET_BYTES)
        key = _of_secret(settings, name, secret)
    async with context.database.account(call.account_id) as tx:
        is_new = await signing_keys.add(tx, call.actor, key)
        added = await signing_keys.key(tx, account_id=call.account_id, kid=key.kid)
    if not is_new:
        if body["kid"] is not None:
            raise Conflict("The account has or had a key of this kid: choose another one")
        secret = _secret_of(settings, added)  # an earlier attempt of this request has added it
    return Answer(added.wire() if secret is None else added.wire() | {"secret": secret})


def _of_secret(settings: Settings, name: KeyName, secret: str) -> NewSigningKey:
    try:
        return new_signing_keys.of_secret(settings, name, secret.encode())
    except SettingsError:
        raise Conflict("The server stores no secrets, as ENCRYPTION_KEYS is not set: add a public key") from None


def _secret_of(settings: Settings, key: SigningKey) -> str | None:
    if key.secret is None:
        return None
    return Encryption.of(settings).decrypt(key.secret, context=context_of(key.account_id, key.kid)).decode()


async def list_signing_keys(context: ServerContext, call: Call) -> Answer:
    async with context.database.account(call.account_id) as tx:
        found = await signing_keys.keys(tx, account_id=call.account_id)
    return page_of("signingKeys", [key.wire() for key in found], None)


async def revoke_signing_key(context: ServerContext, call: Call) -> Answer:
    kid = call.path["kid"]
    async with context.database.account(call.account_id) as tx:
        await signing_keys.revoke(tx, call.actor, account_id=call.account_id, kid=kid)
        return Answer((await signing_keys.key(tx, account_id=call.account_id, kid=kid)).wire())
