import pytest

from hummdesk.core.redis_address import RedisAddress

GOOD = [
    ("redis://:pw@host:1/2", {"hosts": (("host", 1),), "password": "pw", "database": 2}),
    ("redis://host", {"hosts": (("host", 6379),)}),
    ("redis://:6379/0", {"hosts": (("localhost", 6379),)}),
    ("redis://user:a%2Fb%40c@[::1]:7?db=3", {"hosts": (("::1", 7),), "username": "user", "password": "a/b@c"}),
    ("redis://host?max_connections=5&client_name=a", {"options": {"client_name": "a"}}),
    ("unix:///run/redis.sock?db=1", {"path": "/run/redis.sock", "database": 1, "hosts": ()}),
    ("unix://:pw@/run/redis.sock", {"path": "/run/redis.sock", "password": "pw"}),
    ("rediss://host?ssl_ca_certs=/ca.pem", {"has_tls": True, "is_verified": True, "tls": {"ssl_ca_certs": "/ca.pem"}}),
    ("rediss://host?ssl_cert_reqs=none", {"has_tls": True, "is_verified": False}),
    (
        "redis+sentinel://:pw@a:1,b/mymaster/4?sentinel_password=s",
        {
            "topology": "sentinel",
            "hosts": (("a", 1), ("b", 26379)),
            "service": "mymaster",
            "database": 4,
            "sentinel_password": "s",
        },
    ),
    ("rediss+cluster://a,b:2", {"topology": "cluster", "hosts": (("a", 6379), ("b", 2)), "has_tls": True}),
]


@pytest.mark.parametrize(("url", "fields"), GOOD)
def test_address_of_each_form_has_its_parts(url: str, fields: dict[str, object]) -> None:
    address = RedisAddress.parse(url)
    assert {name: getattr(address, name) for name in fields} == fields


@pytest.mark.parametrize(
    ("url", "fault"),
    [
        ("http://host", r"must start with redis://, rediss://, unix://, redis\+sentinel://"),
        ("redis:host", "must start with redis://"),
        ("redis://a,b", r"several hosts need redis\+sentinel:// or redis\+cluster://"),
        ("redis://host:port", "'host:port' is not a host with a port"),
        ("redis://host/db", "'db' is not the number of a database"),
        ("redis://host?ssl_ca_certs=/ca.pem", "ssl_ca_certs needs rediss:// in place of redis://"),
        ("rediss://host?ssl_cert_reqs=maybe", "the option ssl_cert_reqs is neither required nor none"),
        ("rediss://host?ssl_check_hostname=maybe", "the option ssl_check_hostname is neither true nor false"),
        ("redis://host?colour=red", "the option colour is unknown"),
        ("redis+sentinel://a:1,b:2", r"the name of the master is missing: redis\+sentinel://host:26379/mymaster"),
        ("redis+sentinel://a:1,/mymaster", "a host is empty"),
        ("redis+cluster://a:1/1", "a Redis Cluster has only database 0"),
        ("unix://redis.sock", "unix:// needs the absolute path of a socket, unix:///path"),
    ],
)
def test_invalid_address_is_refused_with_its_fault(url: str, fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        RedisAddress.parse(url)


def test_text_of_an_address_names_the_servers_without_credentials() -> None:
    assert str(RedisAddress.parse("redis+cluster://user:secret@a:1,b:2")) == "a:1, b:2"
    assert str(RedisAddress.parse("unix://:secret@/run/redis.sock")) == "/run/redis.sock"
