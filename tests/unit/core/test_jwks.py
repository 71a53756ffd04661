"""Which JWKS addresses are requested. The requests themselves: tests/integration/server/test_jwks.py."""

from ipaddress import ip_address

import pytest

from hummdesk.core import jwks
from hummdesk.core.config import Settings
from hummdesk.core.jwks import Policy, RefusedAddress, is_public

PUBLIC = ["8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808", "2002:808:808::1"]
INTERNAL = [
    "127.0.0.1", "127.8.9.1", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0",
    "255.255.255.255", "224.0.0.1", "240.0.0.1", "198.18.0.1", "::", "::1", "fe80::1", "fc00::1", "ff02::1",
    "::ffff:127.0.0.1", "::ffff:169.254.169.254", "64:ff9b::a00:1", "64:ff9b::7f00:1", "2002:7f00:1::1",
    "2002:a00:1::1",
]  # fmt: skip


@pytest.mark.parametrize("ip", PUBLIC)
def test_address_of_the_internet_is_public(ip: str) -> None:
    assert is_public(ip_address(ip))


@pytest.mark.parametrize("ip", INTERNAL)
def test_internal_address_is_not_public_in_any_notation(ip: str) -> None:
    assert not is_public(ip_address(ip))
    with pytest.raises(RefusedAddress, match="internal address"):
        Policy(Settings()).check_ip("id.example", ip_address(ip))


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
        Policy(Settings()).check_url(url)


def test_address_of_a_host_by_https_is_accepted() -> None:
    Policy(Settings()).check_url("https://id.example/.well-known/jwks.json?tenant=1")
    Policy(Settings()).check_url("https://id.example:8443/jwks.json")


def test_named_host_may_have_an_internal_address() -> None:
    policy = Policy(Settings(jwks_internal_hosts="id.internal, other.internal"))
    policy.check_ip("ID.internal", ip_address("10.0.0.1"))
    with pytest.raises(RefusedAddress):
        policy.check_ip("id.example", ip_address("10.0.0.1"))
    with pytest.raises(RefusedAddress):
        policy.check_url("http://id.internal/jwks.json")


def test_development_allows_http_and_internal_addresses() -> None:
    Policy(Settings(hummdesk_env="development")).check_url("http://127.0.0.1:8000/jwks.json")


def test_name_with_an_internal_address_is_refused_before_a_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name of a tenant may resolve to an internal address, alone or beside a public one."""

    def resolve(*_: object, **__: object) -> list[object]:
        return [(0, 0, 0, "", ("8.8.8.8", 443)), (0, 0, 0, "", ("127.0.0.1", 443))]

    monkeypatch.setattr("socket.getaddrinfo", resolve)
    monkeypatch.setattr("socket.create_connection", lambda *_: pytest.fail("connected"))
    with pytest.raises(RefusedAddress, match=r"127\.0\.0\.1"):
        jwks.fetch("https://rebinding.example/jwks.json", Policy(Settings()))
