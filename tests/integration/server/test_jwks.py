"""Keys that an identity provider publishes: accepted tokens, and what a hostile provider can do."""

import asyncio
import json
import ssl
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import get_default_algorithms

from hummdesk.core import jwks
from hummdesk.core.config import Settings
from hummdesk.core.errors import Unauthorized, Unavailable
from hummdesk.core.outbound import RefusedAddress
from hummdesk.server.node import Node
from hummdesk.server.token_verifier import TokenVerifier
from hummdesk.storage.database import operator
from hummdesk.storage.signing_keys import NewSigningKey, add
from tests.integration.server.accounts import Account
from tests.running_time import running_timeout

PRIVATE: dict[str, Any] = {
    "RS256": rsa.generate_private_key(public_exponent=65537, key_size=2048),
    "ES256": ec.generate_private_key(ec.SECP256R1()),
    "EdDSA": ed25519.Ed25519PrivateKey.generate(),
}


def jwk(algorithm: str, kid: str, private: Any = None, **more: Any) -> dict[str, Any]:
    public = (private or PRIVATE[algorithm]).public_key()
    return get_default_algorithms()[algorithm].to_jwk(public, as_dict=True) | {"kid": kid, "use": "sig"} | more


@dataclass
class Provider:
    """Serves a JWKS document; `answer` replaces it."""

    url: str
    keys: list[dict[str, Any]] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    answer: Callable[[BaseHTTPRequestHandler], None] | None = None

    def serve(self, handler: BaseHTTPRequestHandler) -> None:
        self.requests.append(handler.path)
        if self.answer is not None:
            self.answer(handler)
        else:
            self.serve_keys(handler)

    def serve_keys(self, handler: BaseHTTPRequestHandler) -> None:
        send(handler, json.dumps({"keys": self.keys}).encode())


def send(handler: BaseHTTPRequestHandler, body: bytes, status: int = 200, **headers: str) -> None:
    handler.send_response(status)
    for name, value in {"Content-Length": str(len(body)), **headers}.items():
        handler.send_header(name, value)
    handler.end_headers()
    handler.wfile.write(body)


def serving(tls: ssl.SSLContext | None = None) -> Iterator[Provider]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            try:
                served.serve(self)
            except OSError:
                self.close_connection = True

        def log_message(self, *_: Any) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: Any) -> None:
            pass

    with Server(("127.0.0.1", 0), Handler) as server:
        if tls is not None:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        host = "localhost" if tls else "127.0.0.1"
        served = Provider(f"http{'s' if tls else ''}://{host}:{server.server_port}/jwks.json")
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield served
        server.shutdown()
        thread.join()


@pytest.fixture
def provider() -> Iterator[Provider]:
    yield from serving()


Verify = Callable[[str], Awaitable[str | None]]


@pytest.fixture
def verifier(account: Account, node: Node, provider: Provider) -> Callable[..., Awaitable[Verify]]:
    """Add the provider's address to the account, and return what verifies its tokens."""

    async def with_address(algorithm: str = "RS256", **more: Any) -> Verify:
        given: dict[str, Any] = {"kid": "provider", "jwks_url": provider.url} | more
        async with operator(account.settings) as database, database.account(account.id) as tx:
            await add(tx, None, NewSigningKey(account_id=account.id, algorithm=algorithm, **given))
        verifier = TokenVerifier(account.settings, node.context.database)

        async def verify(signed: str) -> str | None:
            return (await verifier.verify(signed)).signed_with

        return verify

    return with_address


def signed(account: Account, kid: str, key: Any = None, *, alg: str = "RS256", **more: Any) -> str:
    claims = account.people["agent"].wire() | {"exp": int(time.time()) + 600} | more
    return jwt.encode(claims, key or PRIVATE[alg], algorithm=alg, headers={"kid": kid})


@pytest.mark.parametrize("algorithm", PRIVATE)
async def test_token_under_a_published_key_is_accepted_with_one_request(
    account: Account, provider: Provider, verifier: Any, algorithm: str
) -> None:
    provider.keys = [jwk(algorithm, "other", alg=algorithm), jwk(algorithm, "one")]
    verify = await verifier(algorithm)
    found = await asyncio.gather(*(verify(signed(account, "one", alg=algorithm)) for _ in range(20)))
    assert set(found) == {"provider"}
    assert provider.requests == ["/jwks.json"]


async def test_socket_authenticates_with_a_published_key(account: Account, provider: Provider, verifier: Any) -> None:
    await verifier()
    provider.keys = [jwk("RS256", "one")]
    async with asyncio.timeout(20):
        while True:
            client = await account.client().connect(token=signed(account, "one"))
            if (await client.ask("get_teams"))["ok"]:
                break
            await asyncio.sleep(0.02)


async def test_key_of_another_kind_strength_or_use_is_refused(
    account: Account, provider: Provider, verifier: Any
) -> None:
    weak = rsa.generate_private_key(public_exponent=65537, key_size=1024)  # noqa: S505
    secret = {"kty": "oct", "kid": "secret", "k": "eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHg", "alg": "HS256"}
    provider.keys = [
        jwk("ES256", "curve"),
        jwk("RS256", "pss", alg="PS256"),
        jwk("RS256", "weak", weak),
        jwk("RS256", "encrypts", use="enc"),
        secret,
        {"kty": "RSA", "kid": "broken", "n": "AA", "e": "AQAB"},
        jwk("RS256", "good"),
    ]
    verify = await verifier("RS256")
    forged = [
        signed(account, "curve", alg="ES256"),
        signed(account, "pss", PRIVATE["RS256"]),
        jwt.encode({}, PRIVATE["RS256"], algorithm="PS256", headers={"kid": "good"}),
        signed(account, "encrypts"),
        signed(account, "secret", "x" * 32, alg="HS256"),
        signed(account, "good", "x" * 32, alg="HS256"),
        signed(account, "broken"),
        signed(account, "unknown"),
    ]
    with pytest.warns(jwt.InsecureKeyLengthWarning):
        forged.append(signed(account, "weak", weak))
    for token in forged:
        with pytest.raises(Unauthorized):
            await verify(token)
    assert await verify(signed(account, "good")) == "provider"


async def test_address_of_an_account_signs_for_no_other_account(
    account: Account, foreign: Account, provider: Provider, verifier: Any
) -> None:
    provider.keys = [jwk("RS256", "one")]
    verify = await verifier(issuer="https://id.example", audience="desk")
    good = {"iss": "https://id.example", "aud": "desk"}
    assert await verify(signed(account, "one", **good)) == "provider"
    for token in (signed(foreign, "one", **good), signed(account, "one"), signed(account, "one", iss="x", aud="desk")):
        with pytest.raises(Unauthorized):
            await verify(token)


async def test_unknown_kids_cause_one_request(account: Account, provider: Provider, verifier: Any) -> None:
    provider.keys = [jwk("RS256", "one")]
    verify = await verifier()
    for number in range(50):
        with pytest.raises(Unauthorized):
            await verify(signed(account, f"unknown {number}"))
    assert len(provider.requests) == 1


async def test_request_is_shared_by_tokens_whose_sockets_close(
    account: Account, provider: Provider, verifier: Any
) -> None:
    provider.keys = [jwk("RS256", "one"), jwk("RS256", "two")]
    is_released = threading.Event()

    def late(handler: BaseHTTPRequestHandler) -> None:
        is_released.wait(5)
        provider.serve_keys(handler)

    provider.answer = late
    verify = await verifier()
    waiting = [asyncio.ensure_future(verify(signed(account, kid))) for kid in ("one", "one", "two", "three")]
    async with asyncio.timeout(20):
        while not provider.requests:
            await asyncio.sleep(0.01)
    waiting[0].cancel()
    is_released.set()
    found = await asyncio.gather(*waiting, return_exceptions=True)
    assert found[1:3] == ["provider", "provider"]
    assert isinstance(found[3], Unauthorized)
    assert len(provider.requests) == 1


async def test_new_key_of_the_document_is_fetched(
    account: Account, provider: Provider, verifier: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jwks, "UNKNOWN_KEY_SECONDS", 0)
    provider.keys = [jwk("RS256", "old")]
    verify = await verifier()
    await verify(signed(account, "old"))
    new = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    provider.keys = [jwk("RS256", "new", new)]
    assert await verify(signed(account, "new", new)) == "provider"
    with pytest.raises(Unauthorized):
        await verify(signed(account, "old"))


def redirect(handler: BaseHTTPRequestHandler) -> None:
    send(handler, b"", 302, Location="/elsewhere")


def too_large(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.end_headers()
    for _ in range(64 * 1024):
        handler.wfile.write(b" " * 1024)


def slow(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    for _ in range(100):
        handler.wfile.write(b" ")
        handler.wfile.flush()
        time.sleep(0.05)


def silent(_: BaseHTTPRequestHandler) -> None:
    time.sleep(4)


def rubbish(handler: BaseHTTPRequestHandler) -> None:
    send(handler, b"[1, 2")


def no_object(handler: BaseHTTPRequestHandler) -> None:
    send(handler, b"[]")


def no_keys(handler: BaseHTTPRequestHandler) -> None:
    send(handler, b'{"keys": []}')


def deep(handler: BaseHTTPRequestHandler) -> None:
    send(handler, b"[" * 200_000)


@pytest.mark.parametrize("answer", [redirect, too_large, slow, silent, rubbish, no_object, no_keys, deep])
async def test_hostile_provider_is_unavailable_once_and_delays_nobody_else(
    account: Account,
    provider: Provider,
    verifier: Any,
    monkeypatch: pytest.MonkeyPatch,
    answer: Callable[[BaseHTTPRequestHandler], None],
) -> None:
    monkeypatch.setattr(jwks, "FETCH_SECONDS", 1.0)
    fetch_data, threads = jwks.JwksClient.fetch_data, list[threading.Thread]()

    def fetch(client: jwks.JwksClient) -> Any:
        threads.append(threading.current_thread())
        return fetch_data(client)

    monkeypatch.setattr(jwks.JwksClient, "fetch_data", fetch)
    provider.answer = answer
    verify = await verifier()
    colleague = await account.connect("colleague")
    began = time.process_time()
    waiting = [asyncio.ensure_future(verify(signed(account, "one"))) for _ in range(20)]
    async with running_timeout(3):
        while not all(one.done() for one in waiting):
            await colleague.do("get_teams")
            await asyncio.sleep(0.01)
    assert time.process_time() - began < 3
    assert len(threads) == 1
    assert threads[0] is not threading.main_thread(), "the event loop was blocked"
    assert all(isinstance(one.exception(), Unavailable) for one in waiting)
    assert provider.requests == ["/jwks.json"], "neither a redirect nor a second attempt"


async def test_keys_fetched_before_are_accepted_while_the_provider_is_away(
    account: Account, provider: Provider, verifier: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider.keys = [jwk("RS256", "one")]
    verify = await verifier()
    await verify(signed(account, "one"))
    monkeypatch.setattr(jwks, "FRESH_SECONDS", 0)
    monkeypatch.setattr(jwks, "UNKNOWN_KEY_SECONDS", 0)
    provider.answer = rubbish
    for _ in range(5):
        assert await verify(signed(account, "one")) == "provider"
    assert len(provider.requests) == 2
    with pytest.raises(Unavailable):
        await verify(signed(account, "new"))
    monkeypatch.setattr(jwks, "STALE_SECONDS", 0)
    with pytest.raises(Unavailable):
        await verify(signed(account, "one"))


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A certificate of `localhost` that is its own authority."""
    key = PRIVATE["ES256"]
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (tmp_path / "localhost.pem").write_bytes(pem + made.public_bytes(serialization.Encoding.PEM))
    return tmp_path / "localhost.pem"


@pytest.fixture
def tls_provider(certificate: Path) -> Iterator[Provider]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    yield from serving(context)


def test_certificate_is_verified_for_the_name(
    tls_provider: Provider, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    policy = jwks.policy(Settings(hummdesk_env="development"))
    with pytest.raises(ssl.SSLCertVerificationError):
        jwks.fetch(tls_provider.url, policy)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    assert jwks.fetch(tls_provider.url, policy) == b'{"keys": []}'
    with pytest.raises(ssl.SSLCertVerificationError):
        jwks.fetch(tls_provider.url.replace("localhost", "127.0.0.1"), policy)


def test_host_with_an_internal_address_is_requested_only_if_it_is_named(
    tls_provider: Provider, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with pytest.raises(RefusedAddress, match="localhost has the internal address"):
        jwks.fetch(tls_provider.url, jwks.policy(Settings()))
    assert tls_provider.requests == []
    jwks.fetch(tls_provider.url, jwks.policy(Settings(jwks_internal_hosts="localhost")))
    assert tls_provider.requests == ["/jwks.json"]


def test_proxy_of_the_environment_is_not_used(provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    jwks.fetch(provider.url, jwks.policy(Settings(hummdesk_env="development")))
    assert provider.requests == ["/jwks.json"]
