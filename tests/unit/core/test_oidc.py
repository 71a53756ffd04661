"""ID tokens and answers of identity providers that are forged, expired, or meant for others."""

import time
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm

from hummdesk.core import oidc
from hummdesk.core.config import Settings
from hummdesk.core.jwks import policy
from hummdesk.core.oidc import Attempt, Client, Identity, Provider, SignInFailed

ISSUER, CLIENT_ID = "https://id.example", "hummdesk"
KEY, OTHER_KEY = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
SETTINGS = Settings(jwt_secret="s" * 32)
PRODUCTION = policy(SETTINGS)
ATTEMPT = Attempt.new(uuid4())


def jwk(key: Any, kid: str, **more: Any) -> dict[str, Any]:
    return ECAlgorithm.to_jwk(key.public_key(), as_dict=True) | {"kid": kid} | more


KEYS = {"keys": [jwk(KEY, "k", use="sig"), jwk(OTHER_KEY, "encryption", use="enc")]}


def id_token(
    key: Any = KEY, *, alg: str = "ES256", kid: str | None = "k", leave_out: tuple[str, ...] = (), **more: Any
) -> str:
    claims: dict[str, Any] = {
        "iss": ISSUER,
        "sub": "ada",
        "aud": CLIENT_ID,
        "nonce": ATTEMPT.nonce,
        "email": "ada@acme.example",
    }
    claims |= {"iat": int(time.time()), "exp": int(time.time()) + 60, "groups": ["support"]} | more
    kept = {name: value for name, value in claims.items() if name not in leave_out}
    return jwt.encode(kept, key, algorithm=alg, headers=None if kid is None else {"kid": kid})


async def identify(
    monkeypatch: pytest.MonkeyPatch, token: object, *, keys: Any = KEYS, userinfo: dict[str, Any] | None = None
) -> Identity:
    answers = {
        "https://id.example/token": {"id_token": token, "access_token": "a"},
        "https://id.example/jwks": keys,
        "https://id.example/me": userinfo,
    }

    async def answer(url: str, *_: object, **__: object) -> Any:
        return answers[url]

    monkeypatch.setattr(oidc, "_json", answer)
    client = Client(
        issuer=ISSUER, client_id=CLIENT_ID, client_secret="x", scopes=("openid",), redirect_uri="https://desk.example/"
    )
    provider = Provider(
        client=client,
        policy=PRODUCTION,
        authorization_endpoint="https://id.example/authorize",
        token_endpoint="https://id.example/token",
        jwks_uri="https://id.example/jwks",
        userinfo_endpoint="https://id.example/me" if userinfo else None,
        auth_methods=("client_secret_basic",),
    )
    return await provider.identify("code", ATTEMPT, groups_claim="groups")


async def reason(monkeypatch: pytest.MonkeyPatch, token: object, **more: Any) -> str:
    with pytest.raises(SignInFailed) as failure:
        await identify(monkeypatch, token, **more)
    return failure.value.reason


async def test_valid_token_names_its_user(monkeypatch: pytest.MonkeyPatch) -> None:
    identity = await identify(monkeypatch, id_token(email_verified="true", aud=[CLIENT_ID]))
    assert (identity.subject, identity.email, identity.email_verified) == ("ada", "ada@acme.example", True)
    assert identity.groups == ("support",)
    assert (await identify(monkeypatch, id_token(kid=None), keys={"keys": [jwk(KEY, "k")]})).subject == "ada"
    several = id_token(aud=[CLIENT_ID, "other"], azp=CLIENT_ID)
    assert (await identify(monkeypatch, several)).subject == "ada"


async def test_claims_of_wrong_types_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong: object
    for wrong in (
        7,
        ["ada@acme.example"],
        {},
        "ada",
        "a b@acme.example",
        "a\0@acme.example",
        "x" * 250 + "@acme.example",
    ):
        token = id_token(email=wrong, email_verified="yes", name=wrong, groups={"support": True})
        identity = await identify(monkeypatch, token)
        assert (identity.email, identity.email_verified, identity.groups) == (None, None, None)
    assert (await identify(monkeypatch, id_token(name="  Ada\0\n"))).name == "Ada"
    assert (await identify(monkeypatch, id_token(groups=["a", 7, None]))).groups == ("a",)


async def test_claims_that_the_token_lacks_are_requested(monkeypatch: pytest.MonkeyPatch) -> None:
    userinfo = {"sub": "ada", "email": "ada@acme.example", "groups": "support"}
    token = id_token(leave_out=("email", "groups"))
    identity = await identify(monkeypatch, token, userinfo=userinfo)
    assert (identity.email, identity.groups) == ("ada@acme.example", ("support",))
    assert await reason(monkeypatch, token, userinfo=userinfo | {"sub": "eve"}) == "provider"


FORGED: dict[str, Callable[[], str]] = {
    "nonce": lambda: id_token(nonce="of another attempt"),
    "no nonce": lambda: id_token(leave_out=("nonce",)),
    "issuer": lambda: id_token(iss="https://evil.example"),
    "audience": lambda: id_token(aud="another client"),
    "audiences without azp": lambda: id_token(aud=[CLIENT_ID, "another client"]),
    "azp": lambda: id_token(azp="another client"),
    "expired": lambda: id_token(exp=int(time.time()) - 60),
    "no exp": lambda: id_token(leave_out=("exp",)),
    "no iat": lambda: id_token(leave_out=("iat",)),
    "no sub": lambda: id_token(leave_out=("sub",)),
    "empty sub": lambda: id_token(sub=""),
    "long sub": lambda: id_token(sub="x" * 256),
    "sub with NUL": lambda: id_token(sub="a\0b"),
    "key": lambda: id_token(OTHER_KEY),
    "unknown kid": lambda: id_token(kid="?"),
    "encryption key": lambda: id_token(OTHER_KEY, kid="encryption"),
    "unsigned": lambda: jwt.encode({"sub": "ada"}, "", algorithm="none"),
    "client secret": lambda: id_token("x" * 32, alg="HS256"),
    "no token": lambda: "x.y.z",
}


@pytest.mark.parametrize("fault", FORGED)
async def test_forged_token_is_refused(monkeypatch: pytest.MonkeyPatch, fault: str) -> None:
    assert await reason(monkeypatch, FORGED[fault]()) == "id_token"


@pytest.mark.parametrize("keys", [{}, {"keys": []}, {"keys": "x"}, {"keys": [{}]}, {"keys": [jwk(KEY, "k")] * 2}])
async def test_unusable_keys_are_refused(monkeypatch: pytest.MonkeyPatch, keys: Any) -> None:
    assert await reason(monkeypatch, id_token(), keys=keys) == "id_token"


@pytest.mark.parametrize("token", [None, 7, []])
async def test_answer_without_a_token_is_refused(monkeypatch: pytest.MonkeyPatch, token: object) -> None:
    assert await reason(monkeypatch, token) == "provider"


@pytest.mark.parametrize("issuer", ["https://127.0.0.1:1", "https://169.254.169.254", "http://id.example", "ftp://x"])
async def test_internal_and_plain_addresses_are_not_requested(issuer: str) -> None:
    client = Client(issuer=issuer, client_id="c", client_secret=None, scopes=("openid",), redirect_uri="https://d/")
    with pytest.raises(SignInFailed) as failure:
        await Provider.discover(client, PRODUCTION)
    assert "RefusedAddress" in str(failure.value.cause)


def test_attempt_is_sealed_and_expires(monkeypatch: pytest.MonkeyPatch) -> None:
    attempt = Attempt.new(uuid4())
    sealed = attempt.sealed(SETTINGS)
    assert Attempt.opened(SETTINGS, sealed) == attempt
    assert attempt.verifier not in sealed
    other = Settings(jwt_secret="t" * 32)
    for forged in (None, "", "x", sealed[:-4], attempt.sealed(other)):
        assert Attempt.opened(SETTINGS, forged) is None
    monkeypatch.setattr(time, "time", lambda: attempt.expires_at + 1)
    assert Attempt.opened(SETTINGS, sealed) is None
