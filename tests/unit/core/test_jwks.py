"""Which JWKS addresses are requested. The requests themselves: tests/integration/server/test_jwks.py."""

from ipaddress import ip_address
from urllib.parse import urlsplit

import pytest

from hummdesk.core import jwks
from hummdesk.core.config import Settings
from hummdesk.core.jwks import policy
from hummdesk.core.outbound import RefusedAddress


@pytest.mark.parametrize(
    "url",
    [
        "http://id.example/jwks.json",
        "file:///etc/passwd",
        "ftp://id.example/jwks.json",
        "data:application/json,{}",
        "id.example/jwks.json",
        "https://",
        "https:///jwks.json",
        "https://user:password@id.example/jwks.json",
        "https://id.example:99999/jwks.json",
        "https://id.example:x/jwks.json",
        "https://[::1",
        "https://id.example/jwks.json#key",
        "https://127.0.0.1/jwks.json",
        "https://[::1]/jwks.json",
        "https://169.254.169.254/latest/meta-data",
    ],
)
def test_address_is_refused(url: str) -> None:
    with pytest.raises(RefusedAddress):
        policy(Settings()).check_url(url)


def test_address_of_a_host_by_https_is_accepted() -> None:
    policy(Settings()).check_url("https://id.example/.well-known/jwks.json?tenant=1")
    policy(Settings()).check_url("https://id.example:8443/jwks.json")


def test_named_host_may_have_an_internal_address() -> None:
    given = policy(Settings(jwks_internal_hosts="id.internal, other.internal"))
    given.check_ip(urlsplit("https://ID.internal/jwks.json"), ip_address("10.0.0.1"))
    with pytest.raises(RefusedAddress):
        given.check_ip(urlsplit("https://id.example/jwks.json"), ip_address("10.0.0.1"))
    with pytest.raises(RefusedAddress):
        given.check_url("http://id.internal/jwks.json")


def test_development_allows_http_and_internal_addresses() -> None:
    policy(Settings(hummdesk_env="development")).check_url("http://127.0.0.1:8000/jwks.json")


def test_name_with_an_internal_address_is_refused_before_a_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name of a tenant may resolve to an internal address, alone or beside a public one."""

    def resolve(*_: object, **__: object) -> list[object]:
        return [(0, 0, 0, "", ("8.8.8.8", 443)), (0, 0, 0, "", ("127.0.0.1", 443))]

    monkeypatch.setattr("socket.getaddrinfo", resolve)
    monkeypatch.setattr("socket.create_connection", lambda *_: pytest.fail("connected"))
    with pytest.raises(RefusedAddress, match=r"127\.0\.0\.1"):
        jwks.fetch("https://rebinding.example/jwks.json", policy(Settings()))
