import ssl

import pytest

from hummdesk.core.broker import connection
from hummdesk.core.broker_address import AmqpAddress, parse_broker
from hummdesk.core.config import Settings
from hummdesk.core.redis_address import RedisAddress

GOOD = [
    ("amqp://host/desk", {"hosts": (("host", 5672),), "vhost": "desk", "username": "guest", "password": "guest"}),
    ("amqp://user:a%2Fb%40c@host:1/desk", {"hosts": (("host", 1),), "username": "user", "password": "a/b@c"}),
    ("amqp://host/%2F", {"vhost": "/"}),
    ("amqp://host//", {"vhost": "/"}),
    ("amqp://a:1,b/desk", {"hosts": (("a", 1), ("b", 5672)), "has_tls": False, "is_verified": False}),
    ("amqps://host/desk", {"hosts": (("host", 5671),), "has_tls": True, "is_verified": True}),
    ("amqps://host/desk?ssl_cert_reqs=none", {"is_verified": False}),
    ("amqps://a,b/desk?ssl_check_hostname=false", {"hosts": (("a", 5671), ("b", 5671)), "is_verified": True}),
]


@pytest.mark.parametrize(("url", "fields"), GOOD)
def test_address_of_rabbitmq_has_its_parts(url: str, fields: dict[str, object]) -> None:
    address = parse_broker(url)
    assert isinstance(address, AmqpAddress)
    assert {name: getattr(address, name) for name in fields} == fields
    assert "a/b@c" not in repr(address) + str(address)


@pytest.mark.parametrize(
    ("url", "fault"),
    [
        ("rabbitmq://host/desk", "must start with redis://, .*, amqp://, amqps://"),
        ("amqp://user:secret@host", "the virtual host is missing: amqp://host/desk, or amqp://host/%2F"),
        ("amqps://host/", "the virtual host is missing: amqps://host/desk"),
        ("amqp://host:port/desk", "'host:port' is not a host with a port"),
        ("amqp://a,/desk", "a host is empty"),
        ("amqp://host/desk?ssl_ca_certs=/ca.pem", "ssl_ca_certs needs amqps:// in place of amqp://"),
        ("amqps://host/desk?ssl_cert_reqs=maybe", "the option ssl_cert_reqs is neither required nor none"),
        ("amqp://host/desk?heartbeat=5", "the option heartbeat is unknown"),
        ("amqps://a,b/desk", "several hosts need amqp://"),
    ],
)
def test_invalid_address_of_a_broker_is_refused_with_its_fault(url: str, fault: str) -> None:
    with pytest.raises(ValueError, match=fault) as raised:
        parse_broker(url)
    assert "secret" not in str(raised.value)


def test_address_of_redis_is_an_address_of_a_broker() -> None:
    assert isinstance(parse_broker("redis://host"), RedisAddress)


def test_connection_to_several_hosts_names_each_of_them() -> None:
    given = connection(Settings(broker_url="amqp://user:a%40b@[::1]:1,b/%2F"))
    assert given["broker_url"] == "amqp://user:a%40b@[::1]:1/%2F;amqp://user:a%40b@b:5672/%2F"
    assert "broker_use_ssl" not in given


@pytest.mark.parametrize(
    ("query", "tls"),
    [
        ("", {"cert_reqs": ssl.CERT_REQUIRED, "server_hostname": "host"}),
        (
            "?ssl_ca_certs=/ca.pem",
            {"cert_reqs": ssl.CERT_REQUIRED, "ca_certs": "/ca.pem", "server_hostname": "host"},
        ),
        ("?ssl_check_hostname=no", {"cert_reqs": ssl.CERT_REQUIRED}),
        ("?ssl_cert_reqs=none", {"cert_reqs": ssl.CERT_NONE}),
    ],
)
def test_connection_over_tls_verifies_the_certificate_unless_an_option_forbids_it(
    query: str, tls: dict[str, object]
) -> None:
    assert connection(Settings(broker_url=f"amqps://host/desk{query}"))["broker_use_ssl"] == tls
