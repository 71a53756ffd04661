"""The addresses of Celery's broker, as BROKER_URL names them: those of Redis, and of RabbitMQ, which speaks AMQP."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote

from hummdesk.core.redis_address import SCHEMES, TLS_OPTIONS, Host, RedisAddress, parse_hosts

AMQP_PORTS = {"amqp": 5672, "amqps": 5671}
AMQP_TLS_OPTIONS = ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile", "ssl_cert_reqs", "ssl_check_hostname")


@dataclass(frozen=True, slots=True, kw_only=True)
class AmqpAddress:
    """`amqp://user:password@host:port,host:port/vhost`: the hosts are tried in turn."""

    hosts: tuple[Host, ...]
    vhost: str
    has_tls: bool = False
    username: str = "guest"
    password: str = field(default="guest", repr=False)
    """The defaults are those of RabbitMQ, which admits this user only from its own machine."""
    tls: Mapping[str, str | bool] = field(default_factory=dict)

    @classmethod
    def parse(cls, url: str) -> "AmqpAddress":
        """Raises ValueError with what is wrong, without the password."""
        scheme, _, rest = url.partition("://")
        location, _, query = rest.partition("?")
        userinfo, _, location = location.rpartition("@")
        username, _, password = (unquote(part) for part in userinfo.partition(":"))
        authority, _, path = location.partition("/")
        if not path:
            forms = f"{scheme}://host/desk, or {scheme}://host/%2F for RabbitMQ's own"
            raise ValueError(f"the virtual host is missing: {forms}")
        hosts, has_tls = parse_hosts(authority, AMQP_PORTS[scheme]), scheme == "amqps"
        tls = _tls_options(query, has_tls=has_tls)
        if has_tls and len(hosts) > 1 and tls.get("ssl_check_hostname", True):
            raise ValueError("several hosts need amqp://, or ssl_check_hostname=false: a certificate is for one host")
        user = {"username": username, "password": password} if userinfo else {}
        return cls(hosts=hosts, vhost=unquote(path), has_tls=has_tls, tls=tls, **user)

    @property
    def is_verified(self) -> bool:
        """Whether the certificate of the server is verified."""
        return self.has_tls and self.tls.get("ssl_cert_reqs", "required") != "none"

    def __str__(self) -> str:
        """The servers, without credentials."""
        return ", ".join(f"{host}:{port}" for host, port in self.hosts)


def is_amqp(url: str) -> bool:
    return url.startswith(tuple(f"{name}://" for name in AMQP_PORTS))


def parse_broker(url: str) -> RedisAddress | AmqpAddress:
    """Raises ValueError with what is wrong, without the password."""
    if is_amqp(url):
        return AmqpAddress.parse(url)
    if not url.startswith(tuple(f"{name}://" for name in SCHEMES)):
        raise ValueError(f"must start with {', '.join(f'{name}://' for name in (*SCHEMES, *AMQP_PORTS))}")
    return RedisAddress.parse(url)


def _tls_options(query: str, *, has_tls: bool) -> dict[str, str | bool]:
    options: dict[str, str | bool] = {}
    for name, text in parse_qsl(query, keep_blank_values=True):
        if name not in AMQP_TLS_OPTIONS:
            raise ValueError(f"the option {name} is unknown")
        if not has_tls:
            raise ValueError(f"{name} needs amqps:// in place of amqp://")
        try:
            options[name] = TLS_OPTIONS[name](text)
        except ValueError as fault:
            raise ValueError(f"the option {name} {fault}") from None
    return options
