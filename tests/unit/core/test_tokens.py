"""Every way to forge a token that we know of (fault catalogue, row 26)."""

import base64
import hashlib
import hmac
import json
import time
import traceback
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from hummdesk.core import tokens
from hummdesk.core.config import Settings, SettingsError
from hummdesk.core.errors import TokenExpired, Unauthorized
from hummdesk.core.models import Person
from tests.cpu_time import takes_less_cpu_than

SECRET = "a secret of the tests, longer than 32 bytes"
SETTINGS = Settings(jwt_secret=SECRET)
PERSON = Person(
    account_id=UUID("01890000-0000-7000-8000-000000000001"),
    id=UUID("01890000-0000-7000-8000-000000000002"),
    email="ada@example.com",
    name="Ada",
    role="agent",
)


def claims(**changes: Any) -> dict[str, Any]:
    """Good claims with changes; None removes one."""
    changed = PERSON.wire() | {"exp": int(time.time()) + 60} | changes
    return {name: value for name, value in changed.items() if value is not None}


def signed(payload: dict[str, Any] | None = None, headers: dict[str, Any] | None = None, key: str = SECRET) -> str:
    return jwt.encode(payload or claims(), key, algorithm="HS256", headers=headers)


def part(value: object) -> str:
    text = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(text).rstrip(b"=").decode()


def handmade(header: object, payload: object) -> str:
    """Signed with our secret, whatever the header says: only the parsers stand in its way."""
    body = f"{part(header)}.{part(payload)}"
    return f"{body}.{part(hmac.new(SECRET.encode(), body.encode(), hashlib.sha256).digest())}"


GOOD = {"alg": "HS256", "typ": "JWT"}
FORGED: dict[str, Callable[[], object]] = {
    "nothing": lambda: None,
    "empty": lambda: "",
    "an object": lambda: {"token": signed()},
    "bytes": lambda: signed().encode(),
    "a number": lambda: 12345,
    "words": lambda: "let me in",
    "dots": lambda: "..",
    "half a surrogate": lambda: "\ud800" + signed(),
    "zero bytes": lambda: "\x00" * 100,
    "another key": lambda: signed(key="another secret that is also 32 bytes long"),
    "no signature": lambda: signed().rpartition(".")[0] + ".",
    "cut signature": lambda: signed()[:-4],
    "changed payload": lambda: ".".join((signed().split(".")[0], part(claims(role="admin")), signed().split(".")[2])),
    "alg none": lambda: f"{part({'alg': 'none'})}.{part(claims())}.",
    "alg None": lambda: f"{part({'alg': 'None'})}.{part(claims())}.",
    "alg none, signed": lambda: handmade({"alg": "none"}, claims()),
    "no alg": lambda: handmade({"typ": "JWT"}, claims()),
    "alg a list": lambda: handmade({"alg": ["HS256"]}, claims()),
    "HS512": lambda: jwt.encode(claims(), SECRET * 2, algorithm="HS512"),
    "RS256 in name": lambda: handmade({"alg": "RS256"}, claims()),
    "header a list": lambda: handmade([GOOD], claims()),
    "kid a path, keyed with that file": lambda: signed(headers={"kid": "../../../../dev/null"}, key="\x00" * 32),
    "kid an object": lambda: handmade(GOOD | {"kid": {"$ne": 1}}, claims()),
    "kid with SQL, keyed with its result": lambda: signed(headers={"kid": "x' UNION SELECT 'key'--"}, key="key" * 11),
    "kid a URL": lambda: signed(headers={"kid": "https://evil.example/jwks.json"}, key="x" * 32),
    "kid empty": lambda: signed(headers={"kid": ""}, key="\x00"),
    "jku to own keys": lambda: signed(headers={"jku": "https://evil.example/jwks.json", "kid": "1"}, key="x" * 32),
    "x5u to own certificate": lambda: signed(headers={"x5u": "https://evil.example/cert.pem"}, key="x" * 32),
    "own key in the header": lambda: signed(headers={"jwk": {"kty": "oct", "k": part(b"x" * 32)}}, key="x" * 32),
    "unknown crit": lambda: signed(headers={"crit": ["x"], "x": 1}),
    "detached payload": lambda: handmade(GOOD | {"b64": False, "crit": ["b64"]}, claims()),
    "payload a list": lambda: handmade(GOOD, [claims()]),
    "payload not JSON": lambda: handmade(GOOD, b"\xff\xfe"),
    "deep payload": lambda: handmade(GOOD, b"[" * 5000),
    "no exp": lambda: signed(claims(exp=None)),
    "exp in words": lambda: signed(claims(exp="tomorrow")),
    "exp a text": lambda: signed(claims(exp=str(int(time.time()) + 60))),
    "exp a list": lambda: signed(claims(exp=[int(time.time()) + 60])),
    "exp infinite": lambda: signed(claims(exp=float("inf"))),
    "exp no number": lambda: signed(claims(exp=float("nan"))),
    "not yet": lambda: signed(claims(nbf=int(time.time()) + 60)),
    "issued in the future": lambda: signed(claims(iat=int(time.time()) + 60)),
    "nbf in words": lambda: signed(claims(nbf="now")),
    "iat true": lambda: signed(claims(iat=True)),
    "iat infinite": lambda: signed(claims(iat=float("-inf"))),
    "no userId": lambda: signed(claims(userId=None)),
    "no accountId": lambda: signed(claims(accountId=None)),
    "no email": lambda: signed(claims(email=None)),
    "no role": lambda: signed(claims(role=None)),
    "userId a name": lambda: signed(claims(userId="ada")),
    "userId a number": lambda: signed(claims(userId=1)),
    "accountId a list": lambda: signed(claims(accountId=[str(PERSON.account_id)])),
    "accountId with SQL": lambda: signed(claims(accountId=f"{PERSON.account_id}' OR '1'='1")),
    "email an object": lambda: signed(claims(email={"a": 1})),
    "unknown role": lambda: signed(claims(role="root")),
    "role a list": lambda: signed(claims(role=["admin"])),
    "role an object": lambda: signed(claims(role={"admin": True})),
    "a megabyte": lambda: signed(claims(email="a" * 1_000_000)),
    "a megabyte of dots": lambda: "." * 1_000_000,
}


@pytest.mark.parametrize("forge", FORGED.values(), ids=FORGED.keys())
@pytest.mark.filterwarnings("ignore::jwt.InsecureKeyLengthWarning")
def test_a_forged_token_is_refused_and_never_quoted(forge: Callable[[], object]) -> None:
    token = forge()

    def verify() -> None:
        with pytest.raises(Unauthorized) as raised:
            tokens.verify(SETTINGS, token)
        refusals.append(raised.value)

    refusals: list[Unauthorized] = []
    assert takes_less_cpu_than(0.1, verify)
    [refusal, *_] = refusals
    assert refusal.payload()["message"] == tokens.REFUSED
    if isinstance(token, str) and len(token) > 20:
        assert token not in "".join(traceback.format_exception(refusal))


def test_a_good_token_says_who_its_bearer_is() -> None:
    claimed = tokens.verify(SETTINGS, tokens.issue(SETTINGS, PERSON, hours=2))
    assert (claimed.user_id, claimed.account_id, claimed.email, claimed.role) == (
        PERSON.id,
        PERSON.account_id,
        PERSON.email,
        PERSON.role,
    )
    assert 7190 < claimed.expires_at - time.time() <= 7201


def test_an_expired_token_is_told_apart() -> None:
    for expired in (int(time.time()) - 1, 0, -1e9):
        with pytest.raises(TokenExpired):
            tokens.verify(SETTINGS, signed(claims(exp=expired)))


def test_claims_that_are_not_ours_do_not_matter() -> None:
    tokens.verify(SETTINGS, signed(claims(aud="other", iss="other", sub=7, jti=7, iat=int(time.time()) + 2, x="y")))


@pytest.mark.parametrize("wrong", [{"aud": "other"}, {"aud": None}, {"iss": "other"}, {"iss": None}, {"aud": []}])
def test_audience_and_issuer_are_checked_when_configured(wrong: dict[str, Any]) -> None:
    settings = replace(SETTINGS, jwt_audience="desk", jwt_issuer="https://id.example.com")
    good = {"aud": ["shop", "desk"], "iss": "https://id.example.com"}
    tokens.verify(settings, signed(claims(**good)))
    tokens.verify(settings, tokens.issue(settings, PERSON))
    with pytest.raises(Unauthorized):
        tokens.verify(settings, signed(claims(**good | wrong)))


def test_clock_of_the_issuer_may_be_ahead_by_the_leeway() -> None:
    ahead = int(time.time()) + 20
    for claim in ("nbf", "iat"):
        tokens.verify(SETTINGS, signed(claims(**{claim: ahead})))
        with pytest.raises(Unauthorized):
            tokens.verify(replace(SETTINGS, jwt_leeway_seconds=10), signed(claims(**{claim: ahead})))


def test_leeway_does_not_extend_the_validity() -> None:
    with pytest.raises(TokenExpired):
        tokens.verify(SETTINGS, signed(claims(exp=int(time.time()) - 1)))


@pytest.mark.parametrize("issued", [None, 0])
def test_token_valid_for_longer_than_the_maximum_is_refused(issued: int | None) -> None:
    hour = replace(SETTINGS, jwt_max_hours=1.0)
    now = int(time.time())
    times = {} if issued is None else {"iat": now}
    tokens.verify(hour, signed(claims(exp=now + 3600, **times)))
    for more in (3700, 10**10):
        with pytest.raises(Unauthorized, match="JWT_MAX_HOURS"):
            tokens.verify(hour, signed(claims(exp=now + more, **times)))
    tokens.verify(replace(SETTINGS, jwt_max_hours=0.0), signed(claims(exp=now + 10**9, **times)))


def test_validity_counts_from_the_issue() -> None:
    now = int(time.time())
    with pytest.raises(Unauthorized, match="JWT_MAX_HOURS"):
        tokens.verify(replace(SETTINGS, jwt_max_hours=1.0), signed(claims(iat=now - 7200, exp=now + 60)))


def test_issued_token_is_accepted_up_to_the_maximum() -> None:
    day = replace(SETTINGS, jwt_max_hours=24.0, jwt_leeway_seconds=0.0)
    tokens.verify(replace(day, jwt_leeway_seconds=2.0), tokens.issue(day, PERSON, hours=24))


OTHER_ACCOUNT = UUID("01890000-0000-7000-8000-000000000009")


def account_key(algorithm: str = "HS256", key: Any = b"k" * 32, **more: Any) -> tokens.VerificationKey:
    return tokens.VerificationKey(algorithm=algorithm, key=key, account_id=PERSON.account_id, name="one", **more)


def test_key_of_an_account_verifies_its_tokens() -> None:
    claimed = tokens.verify(SETTINGS, signed(key="k" * 32), account_key())
    assert (claimed.user_id, claimed.signed_with) == (PERSON.id, "one")
    assert tokens.verify(SETTINGS, signed()).signed_with is None


def test_key_of_an_account_verifies_no_token_of_another_account() -> None:
    with pytest.raises(Unauthorized):
        tokens.verify(SETTINGS, signed(claims(accountId=str(OTHER_ACCOUNT)), key="k" * 32), account_key())


def test_key_of_an_account_accepts_neither_the_secret_of_the_settings_nor_another_algorithm() -> None:
    for forged in (
        signed(),
        jwt.encode(claims(), "k" * 64, algorithm="HS512"),
        f"{part({'alg': 'none'})}.{part(claims())}.",
    ):
        with pytest.raises(Unauthorized):
            tokens.verify(SETTINGS, forged, account_key())


def test_public_key_of_an_account_is_no_secret() -> None:
    """The public key is known: a token that is signed with its text by HMAC must not pass."""
    for algorithm, private in ASYMMETRIC.items():
        pem = public_pem(private)
        key = account_key(algorithm, tokens.parsed_pem(algorithm, pem))
        good = jwt.encode(claims(), private, algorithm=algorithm, headers={"kid": "one"})
        assert tokens.verify(SETTINGS, good, key).signed_with == "one"
        for header in (GOOD, GOOD | {"alg": algorithm}, GOOD | {"kid": "one"}):
            body = f"{part(header)}.{part(claims())}"
            confused = f"{body}.{part(hmac.new(pem.encode(), body.encode(), hashlib.sha256).digest())}"
            with pytest.raises(Unauthorized):
                tokens.verify(SETTINGS, confused, key)


def test_key_of_an_account_has_issuer_and_audience_of_its_own() -> None:
    settings = replace(SETTINGS, jwt_issuer="https://desk.example", jwt_audience="desk")
    key = account_key(issuer="https://tenant.example", audience="tenant")
    good = {"iss": "https://tenant.example", "aud": "tenant"}
    tokens.verify(settings, signed(claims(**good), key="k" * 32), key)
    for wrong in ({"iss": "https://desk.example"}, {"aud": "desk"}, {"iss": None}, {"aud": None}):
        with pytest.raises(Unauthorized):
            tokens.verify(settings, signed(claims(**good | wrong), key="k" * 32), key)


def test_external_id_counts_only_under_a_key_of_the_account() -> None:
    named = {"accountId": str(PERSON.account_id), "exp": time.time() + 60, "externalId": "c-7", "name": "Cleo"}
    found = tokens.verify(SETTINGS, jwt.encode(named, "k" * 32, algorithm="HS256"), account_key())
    assert (found.user_id, found.role, found.signed_with) == (tokens.NOBODY, "customer", "one")
    assert found.customer is not None
    assert found.customer["externalId"] == "c-7"
    with pytest.raises(Unauthorized):
        tokens.verify(SETTINGS, jwt.encode(named, SETTINGS.jwt_secret, algorithm="HS256"))
    whole = tokens.verify(SETTINGS, signed(claims(externalId="c-7")))
    assert (whole.user_id, whole.customer) == (PERSON.id, None)


@pytest.mark.parametrize("role", ["agent", "admin", "viewer"])
def test_external_id_of_staff_is_ignored(role: str) -> None:
    found = tokens.verify(SETTINGS, signed(claims(role=role, externalId="c-7"), key="k" * 32), account_key())
    assert (found.user_id, found.role, found.customer) == (PERSON.id, role, None)


def test_named_key_is_read_from_any_token() -> None:
    assert tokens.named_key(signed(headers={"kid": "one"}, key="anything of 32 bytes, it is unknown")) == (
        PERSON.account_id,
        "one",
    )


@pytest.mark.parametrize("forge", FORGED.values(), ids=FORGED.keys())
@pytest.mark.filterwarnings("ignore::jwt.InsecureKeyLengthWarning")
def test_named_key_of_a_forged_token_raises_nothing(forge: Callable[[], object]) -> None:
    token = forge()
    named = tokens.named_key(token)
    assert named is None or named[0] == PERSON.account_id
    assert takes_less_cpu_than(0.1, lambda: tokens.named_key(token))


@pytest.mark.parametrize("kid", ["", "k" * 129])
def test_kid_of_another_length_names_no_key(kid: str) -> None:
    assert tokens.named_key(signed(headers={"kid": kid})) is None


def public_pem(key: Any) -> str:
    return str(
        key.public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        .decode()
    )


ASYMMETRIC: dict[str, Any] = {
    "RS256": rsa.generate_private_key(public_exponent=65537, key_size=2048),
    "ES256": ec.generate_private_key(ec.SECP256R1()),
    "EdDSA": ed25519.Ed25519PrivateKey.generate(),
}


@pytest.mark.parametrize("algorithm", ASYMMETRIC)
def test_a_public_key_verifies_its_own_algorithm_only(algorithm: str, tmp_path: Path) -> None:
    pem = public_pem(ASYMMETRIC[algorithm])
    (tmp_path / "key.pem").write_text(pem)
    settings = Settings(jwt_algorithm=algorithm, jwt_public_key=pem, jwt_secret=SECRET)
    for given in (pem, pem.replace("\n", "\\n"), str(tmp_path / "key.pem")):
        token = jwt.encode(claims(), ASYMMETRIC[algorithm], algorithm=algorithm)
        assert tokens.verify(replace(settings, jwt_public_key=given), token).user_id == PERSON.id
    body = f"{part(GOOD)}.{part(claims())}"
    confused = f"{body}.{part(hmac.new(pem.encode(), body.encode(), hashlib.sha256).digest())}"
    for forged in (confused, signed(), f"{part({'alg': 'none'})}.{part(claims())}."):
        with pytest.raises(Unauthorized):
            tokens.verify(settings, forged)
    with pytest.raises(SettingsError, match="private key"):
        tokens.issue(settings, PERSON)


def test_a_key_that_cannot_be_used_is_a_fault_of_the_settings(tmp_path: Path) -> None:
    wrong = {
        str(tmp_path / "none.pem"): "No such file",
        "-----BEGIN PUBLIC KEY-----\nxx\n-----END PUBLIC KEY-----": "not a PEM key of RS256",
        public_pem(ASYMMETRIC["ES256"]): "not a PEM key of RS256",
        "x" * 5000: "too long",
    }
    for key, reason in wrong.items():
        with pytest.raises(SettingsError, match=reason):
            tokens.check(Settings(jwt_algorithm="RS256", jwt_public_key=key))
    tokens.check(SETTINGS)


def test_claim_of_a_staff_session_counts_in_own_tokens_only() -> None:
    session_id = UUID("01890000-0000-7000-8000-000000000003")
    own = tokens.verify(SETTINGS, tokens.issue(SETTINGS, PERSON, staff_session_id=session_id))
    assert (own.staff_session_id, own.is_revocable) == (session_id, True)
    plain = tokens.verify(SETTINGS, tokens.issue(SETTINGS, PERSON))
    assert (plain.staff_session_id, plain.is_revocable) == (None, False)
    key = tokens.VerificationKey(algorithm="HS256", key=SECRET, account_id=PERSON.account_id, name="main")
    value: object
    for value in (str(session_id), "of the application", 7):
        foreign = tokens.verify(SETTINGS, signed(claims(**{tokens.SESSION: value})), key)
        assert foreign.staff_session_id is None
    for value in ("x", 7, [], {}):
        with pytest.raises(Unauthorized):
            tokens.verify(SETTINGS, signed(claims(**{tokens.SESSION: value})))
