"""Which addresses are requested. Requests to hostile servers: tests/integration/server/test_jwks.py."""

from ipaddress import IPv4Network, ip_address
from urllib.parse import urlsplit

import pytest

from hummdesk.core.outbound import Policy, RefusedAddress, is_public, networks_of, requested

PUBLIC = ["8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808", "2002:808:808::1"]
INTERNAL = [
    "127.0.0.1", "127.8.9.1", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0",
    "255.255.255.255", "224.0.0.1", "240.0.0.1", "198.18.0.1", "::", "::1", "fe80::1", "fc00::1", "ff02::1",
    "::ffff:127.0.0.1", "::ffff:169.254.169.254", "64:ff9b::a00:1", "64:ff9b::7f00:1", "2002:7f00:1::1",
    "2002:a00:1::1", "fec0::1", "::127.0.0.1", "64:ff9b:1::7f00:1", "fd00:ec2::254", "168.63.129.16",
    "100.100.100.200", "192.0.0.192", "2001:db8::1",
]  # fmt: skip

PRODUCTION = Policy(setting="ALLOWED")
LOOPBACK = Policy(networks=networks_of("127.0.0.0/8, ::1/128"), setting="ALLOWED")


@pytest.mark.parametrize("ip", PUBLIC)
def test_address_of_the_internet_is_public(ip: str) -> None:
    assert is_public(ip_address(ip))


@pytest.mark.parametrize("ip", INTERNAL)
def test_internal_address_is_not_public_in_any_notation(ip: str) -> None:
    assert not is_public(ip_address(ip))
    with pytest.raises(RefusedAddress, match=r"internal address .*; ALLOWED allows"):
        PRODUCTION.check_ip(urlsplit("https://hooks.example/"), ip_address(ip))


@pytest.mark.parametrize(
    "url",
    [
        "http://hooks.example/",
        "file:///etc/passwd",
        "ftp://hooks.example/",
        "gopher://hooks.example/",
        "hooks.example/",
        "https://",
        "https:///path",
        "https://user:password@hooks.example/",
        "https://hooks.example:99999/",
        "https://hooks.example:0/",
        "https://hooks.example:x/",
        "https://[::1",
        "https://hooks.example/#part",
        "https://hooks.example/a b",
        "https://hooks.example/\r\nX-Header: 1",
        "https://hooks.example\\@internal.example/",
        "https://127.0.0.1/",
        "https://[::ffff:127.0.0.1]/",
        "https://169.254.169.254/latest/meta-data",
        "https://hooks.example/" + "x" * 2048,
    ],
)
def test_url_is_refused(url: str) -> None:
    with pytest.raises(RefusedAddress):
        PRODUCTION.check_url(url)


@pytest.mark.parametrize("url", ["https://hooks.example/desk?key=1", "https://hooks.example:8443/", "https://8.8.8.8/"])
def test_url_of_a_public_host_by_https_is_accepted(url: str) -> None:
    PRODUCTION.check_url(url)


@pytest.mark.parametrize("ip", ["127.0.0.1", "::1", "::ffff:127.0.0.1"])
def test_allowed_network_may_be_requested_by_http(ip: str) -> None:
    LOOPBACK.check_ip(urlsplit("http://hooks.internal/"), ip_address(ip))


def test_allowed_network_allows_neither_other_networks_nor_http_to_the_internet() -> None:
    for url, ip in [("https://hooks.internal/", "10.0.0.1"), ("http://hooks.example/", "8.8.8.8")]:
        with pytest.raises(RefusedAddress):
            LOOPBACK.check_ip(urlsplit(url), ip_address(ip))
    with pytest.raises(RefusedAddress):
        LOOPBACK.check_url("http://10.0.0.1/")


def test_networks_are_parsed_and_invalid_ones_refused() -> None:
    assert networks_of(" 10.1.0.0/16 ,") == (IPv4Network("10.1.0.0/16"),)
    with pytest.raises(ValueError, match="host bits set"):
        networks_of("10.1.0.1/16")


def test_name_that_also_has_an_internal_address_is_refused_before_a_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    def resolve(*_: object, **__: object) -> list[object]:
        return [(0, 0, 0, "", ("8.8.8.8", 443)), (0, 0, 0, "", ("169.254.169.254", 443))]

    monkeypatch.setattr("socket.getaddrinfo", resolve)
    monkeypatch.setattr("socket.create_connection", lambda *_: pytest.fail("connected"))
    with (
        pytest.raises(RefusedAddress, match=r"169\.254\.169\.254"),
        requested("POST", "https://rebinding.example/", PRODUCTION, headers={}, seconds=1, max_bytes=1000),
    ):
        pass


def test_name_is_resolved_once_and_the_checked_address_is_connected_to(monkeypatch: pytest.MonkeyPatch) -> None:
    """A second look-up could return another address: DNS rebinding."""
    resolved, connected = [], []

    def resolve(host: str, *_: object, **__: object) -> list[object]:
        resolved.append(host)
        return [(0, 0, 0, "", (ip, 443)) for ip in ("8.8.8.8", "8.8.4.4")]

    def connect(address: tuple[str, int], *_: object) -> None:
        connected.append(address)
        raise ConnectionRefusedError

    monkeypatch.setattr("socket.getaddrinfo", resolve)
    monkeypatch.setattr("socket.create_connection", connect)
    with (
        pytest.raises(ConnectionRefusedError),
        requested("POST", "https://hooks.example/", PRODUCTION, headers={}, seconds=1, max_bytes=1000),
    ):
        pass
    assert resolved == ["hooks.example"]
    assert connected == [("8.8.8.8", 443), ("8.8.4.4", 443)]
