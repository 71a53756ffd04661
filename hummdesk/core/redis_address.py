"""The addresses of Redis, as REDIS_URL and BROKER_URL name them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple
from urllib.parse import parse_qsl, unquote, urlsplit

Topology = Literal["standalone", "sentinel", "cluster"]
Host = tuple[str, int]

SCHEMES: dict[str, Topology] = {
    "redis": "standalone",
    "rediss": "standalone",
    "unix": "standalone",
    "redis+sentinel": "sentinel",
    "rediss+sentinel": "sentinel",
    "redis+cluster": "cluster",
    "rediss+cluster": "cluster",
}
REDIS_PORT, SENTINEL_PORT = 6379, 26379


def _flag(text: str) -> bool:
    if text.lower() not in ("true", "false", "yes", "no", "1", "0"):
        raise ValueError("is neither true nor false")
    return text.lower() in ("true", "yes", "1")


def _verification(text: str) -> str:
    if text not in ("required", "none"):
        raise ValueError("is neither required nor none")
    return text


Value = str | bool | float
TLS_OPTIONS: dict[str, Callable[[str], str | bool]] = {
    "ssl_ca_certs": str,
    "ssl_ca_path": str,
    "ssl_certfile": str,
    "ssl_keyfile": str,
    "ssl_password": str,
    "ssl_cert_reqs": _verification,
    "ssl_check_hostname": _flag,
}
"""Options with the names of redis-py. Certificates are verified unless `ssl_cert_reqs` is `none`."""
CONNECTION_OPTIONS: dict[str, Callable[[str], Value]] = {
    "client_name": str,
    "health_check_interval": float,
    "socket_connect_timeout": float,
    "socket_keepalive": _flag,
}
SENTINEL_OPTIONS = ("sentinel_username", "sentinel_password")
POOL_OPTIONS = ("max_connections", "retry_on_timeout", "socket_timeout", "timeout")
"""Options of redis-py's client, which earlier versions used. They have no effect."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RedisAddress:
    """`scheme://user:password@host:port,host:port/…?option=value`. The path is the database, of a Sentinel address
    the service before it, of `unix://` the socket."""

    topology: Topology
    hosts: tuple[Host, ...] = ()
    path: str = ""
    """Of a Unix socket; then there are no hosts."""
    has_tls: bool = False
    username: str = ""
    password: str = ""
    database: int = 0
    service: str = ""
    """The name under which the Sentinels know the master."""
    tls: Mapping[str, str | bool] = field(default_factory=dict)
    options: Mapping[str, Value] = field(default_factory=dict)
    sentinel_username: str = ""
    sentinel_password: str = ""

    @classmethod
    def parse(cls, url: str) -> "RedisAddress":
        """Raises ValueError with what is wrong, without the password."""
        scheme, separator, rest = url.partition("://")
        topology = SCHEMES.get(scheme)
        if topology is None or not separator:
            raise ValueError(f"must start with {', '.join(f'{name}://' for name in SCHEMES)}")
        location, _, query = rest.partition("?")
        options = dict(parse_qsl(query, keep_blank_values=True))
        userinfo, _, authority = location.rpartition("@")
        username, _, password = (unquote(part) for part in userinfo.partition(":"))
        place = _socket(authority) if scheme == "unix" else _servers(topology, authority)
        has_tls = scheme.startswith("rediss")
        if not has_tls and (unused := sorted(options.keys() & TLS_OPTIONS.keys())):
            raise ValueError(f"{unused[0]} needs rediss:// in place of redis://")
        database = _database(options.pop("db", "") or place.database)
        if topology == "cluster" and database:
            raise ValueError("a Redis Cluster has only database 0")
        sentinel_username, sentinel_password = (options.pop(name, "") for name in SENTINEL_OPTIONS)
        tls, others = _typed(options)
        return cls(
            topology=topology,
            hosts=place.hosts,
            path=place.path,
            has_tls=has_tls,
            username=username,
            password=password,
            database=database,
            service=place.service,
            tls=tls,
            options=others,
            sentinel_username=sentinel_username,
            sentinel_password=sentinel_password,
        )

    @property
    def is_verified(self) -> bool:
        """Whether the certificates of the servers are verified."""
        return self.has_tls and self.tls.get("ssl_cert_reqs", "required") != "none"

    def __str__(self) -> str:
        """The servers, without credentials."""
        return self.path or ", ".join(f"{host}:{port}" for host, port in self.hosts)


class _Place(NamedTuple):
    """What is between the credentials and the options."""

    hosts: tuple[Host, ...] = ()
    path: str = ""
    service: str = ""
    database: str = ""


def _socket(authority: str) -> _Place:
    if not authority.startswith("/"):
        raise ValueError("unix:// needs the absolute path of a socket, unix:///path")
    return _Place(path=unquote(authority))


def _servers(topology: Topology, location: str) -> _Place:
    authority, _, path = location.partition("/")
    hosts = parse_hosts(authority, SENTINEL_PORT if topology == "sentinel" else REDIS_PORT)
    if topology == "standalone" and len(hosts) > 1:
        raise ValueError("several hosts need redis+sentinel:// or redis+cluster://")
    parts = [unquote(part) for part in path.split("/") if part]
    if topology == "sentinel" and not parts:
        raise ValueError("the name of the master is missing: redis+sentinel://host:26379/mymaster")
    service = parts.pop(0) if topology == "sentinel" else ""
    return _Place(hosts=hosts, service=service, database="/".join(parts))


def parse_hosts(text: str, default_port: int) -> tuple[Host, ...]:
    """Parse `host:port,host:port`; an empty text is localhost. Raises ValueError."""
    hosts: list[Host] = []
    for one in text.split(","):
        try:
            parts = urlsplit(f"//{one}")
            host, port = parts.hostname, parts.port
        except ValueError:
            raise ValueError(f"{one!r} is not a host with a port") from None
        if host is None and len(text.split(",")) > 1:
            raise ValueError("a host is empty")
        hosts.append((unquote(host or "localhost"), port or default_port))
    return tuple(hosts)


def _database(text: str) -> int:
    if not text:
        return 0
    if not text.isdecimal():
        raise ValueError(f"{text!r} is not the number of a database")
    return int(text)


def _typed(options: dict[str, str]) -> tuple[dict[str, str | bool], dict[str, Value]]:
    """Return the options of TLS and of the connection. Raises ValueError for an unknown one."""
    tls: dict[str, str | bool] = {}
    others: dict[str, Value] = {}
    for name, text in options.items():
        try:
            if name in TLS_OPTIONS:
                tls[name] = TLS_OPTIONS[name](text)
            elif name in CONNECTION_OPTIONS:
                others[name] = CONNECTION_OPTIONS[name](text)
            elif name not in POOL_OPTIONS:
                raise ValueError("is unknown")
        except ValueError as fault:
            raise ValueError(f"the option {name} {fault}") from None
    return tls, others
