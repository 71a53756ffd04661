"""Settings that contradict each other, or that a process cannot work with; one line for each fault."""

import ipaddress
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from hummdesk.core.broker_address import parse_broker
from hummdesk.core.redis_address import RedisAddress

if TYPE_CHECKING:
    from hummdesk.core.config import Settings

MINIMUM_PASSWORD_BYTES = 16
MINIMUM_SECRET_BYTES = 32
"""RFC 7518, section 3.2: an HS256 key is at least as long as the hash."""


def inconsistencies(settings: "Settings") -> list[str]:
    """Return what no process can work with."""
    faults = _provider_faults(settings) + _size_faults(settings)
    if settings.port > 65535:
        faults.append(f"PORT: {settings.port} is above the maximum of 65535")
    if settings.ai_hard_limit_seconds <= settings.ai_soft_limit_seconds:
        faults.append("AI_HARD_LIMIT_SECONDS: must be greater than AI_SOFT_LIMIT_SECONDS")
    faults += _database_faults(settings) + _redis_faults(settings)
    faults += _origin_faults(settings)
    if settings.public_url and not _is_origin(settings.public_url.rstrip("/")):
        faults.append(f"PUBLIC_URL: {settings.public_url!r} is not an address like https://desk.example")
    for name in ("ADMIN_UI_PASSWORD", "METRICS_TOKEN"):
        if 0 < len(getattr(settings, name.lower()).encode()) < MINIMUM_PASSWORD_BYTES:
            faults.append(f"{name}: shorter than {MINIMUM_PASSWORD_BYTES} bytes")
    return faults + _key_faults(settings) + _network_faults(settings) + _file_faults(settings)


def _database_faults(settings: "Settings") -> list[str]:
    faults = [
        f"{name}: must start with postgresql://"
        for name in ("DATABASE_URL", "LISTEN_DATABASE_URL")
        if (url := getattr(settings, name.lower())) and not url.startswith(("postgresql://", "postgres://"))
    ]
    ports = settings.db_port.split(",")
    if wrong := [port for port in ports if not (port.isdecimal() and 0 < int(port) <= 65535)]:
        faults.append(f"DB_PORT: {wrong[0]!r} is not a port, 1 to 65535")
    if len(ports) not in (1, hosts := len(settings.db_host.split(","))):
        faults.append(
            f"DB_PORT: names {len(ports)} ports, and DB_HOST {hosts} hosts; name one port for each or for all"
        )
    return faults


def _redis_faults(settings: "Settings") -> list[str]:
    faults, clusters = [], set[str]()
    for name, url, parse in (
        ("REDIS_URL", settings.redis_url, RedisAddress.parse),
        ("BROKER_URL", settings.broker_url, parse_broker),
    ):
        try:
            address = parse(url) if url else None
        except ValueError as fault:
            faults.append(f"{name}: {fault}")
        else:
            if isinstance(address, RedisAddress) and address.topology == "cluster":
                clusters.add(name)
    other = "name a standalone Redis, Sentinels or RabbitMQ"
    if "BROKER_URL" in clusters:
        faults.append(f"BROKER_URL: Celery cannot use a Redis Cluster; {other}")
    elif "REDIS_URL" in clusters and not settings.broker_url:
        faults.append(f"BROKER_URL: not set; Celery cannot use a Redis Cluster: {other}")
    return faults


def _file_faults(settings: "Settings") -> list[str]:
    faults = []
    if settings.clamav_address and settings.antivirus_command:
        faults.append("ANTIVIRUS_COMMAND: CLAMAV_ADDRESS is set, too; choose one of them")
    if settings.file_store == "s3://":
        faults.append("FILE_STORE: 's3://' names no bucket")
    if settings.s3_endpoint and not _is_origin(settings.s3_endpoint.rstrip("/")):
        faults.append(f"S3_ENDPOINT: {settings.s3_endpoint!r} is not an address like https://s3.example:9000")
    return faults


def _network_faults(settings: "Settings") -> list[str]:
    try:
        for network in filter(None, settings.webhook_allowed_networks.split(",")):
            ipaddress.ip_network(network.strip())
    except ValueError as fault:
        return [f"WEBHOOK_ALLOWED_NETWORKS: {fault}"]
    return []


def _origin_faults(settings: "Settings") -> list[str]:
    """Return a fault for each invalid origin. Any page may connect if it has a token, but not pass the console one."""
    wildcards = {"CORS_ORIGIN": ("", "*"), "WIDGET_ORIGINS": ("", "*"), "CONSOLE_ORIGINS": ("",)}
    return [
        f"{name}: {origin.strip()!r} is not an origin like https://desk.example"
        for name, allowed in wildcards.items()
        if (origins := getattr(settings, name.lower())) not in allowed
        for origin in origins.split(",")
        if not origin.strip().startswith(("http://", "https://"))
    ]


def _is_origin(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:  # of an IPv6 address without its end
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname) and url == f"{parts.scheme}://{parts.netloc}"


def _size_faults(settings: "Settings") -> list[str]:
    if settings.max_answer_bytes <= settings.max_buffered_bytes:
        return []
    return ["MAX_ANSWER_BYTES: must be at most MAX_BUFFERED_BYTES, or a large answer disconnects its client"]


def _key_faults(settings: "Settings") -> list[str]:
    faults = []
    if settings.jwt_algorithm != "HS256" and not settings.jwt_public_key:
        faults.append(f"JWT_PUBLIC_KEY: not set; JWT_ALGORITHM={settings.jwt_algorithm} needs it")
    if any(len(key.strip().encode()) < MINIMUM_SECRET_BYTES for key in settings.encryption_keys.split(",") if key):
        faults.append(f"ENCRYPTION_KEYS: a key is shorter than {MINIMUM_SECRET_BYTES} bytes")
    return faults


def _provider_faults(settings: "Settings") -> list[str]:
    faults = [
        f"{name}: must start with http:// or https://"
        for name, address in (
            ("ANTHROPIC_BASE_URL", settings.anthropic_base_url),
            ("OPENAI_BASE_URL", settings.openai_base_url),
        )
        if address and not address.startswith(("http://", "https://"))
    ]
    if settings.ai_provider != "embedded" and settings.ai_provider not in settings.providers:
        other = " (or OPENAI_BASE_URL)" if settings.ai_provider == "openai" else ""
        faults.append(
            f"{settings.ai_provider.upper()}_API_KEY{other}: not set; AI_PROVIDER={settings.ai_provider} needs it"
        )
    return faults


def missing_servers(settings: "Settings") -> list[str]:
    faults = []
    if not settings.names_postgres:
        faults.append("DATABASE_URL (or DB_HOST): not set; set it, or name a running `up` with --home")
    if not settings.names_redis:
        faults.append("REDIS_URL (or REDIS_HOST): not set; set it, or name a running `up` with --home")
    return faults


def secret_faults(settings: "Settings") -> list[str]:
    faults = []
    if settings.jwt_algorithm == "HS256" and not settings.jwt_secret:
        faults.append("JWT_SECRET: not set; `openssl rand -hex 32` makes one")
    elif settings.jwt_algorithm == "HS256" and _is_weak(settings):
        faults.append(f"JWT_SECRET: shorter than {MINIMUM_SECRET_BYTES} bytes; `openssl rand -hex 32` makes a good one")
    return faults


def _is_weak(settings: "Settings") -> bool:
    return settings.hummdesk_env == "production" and len(settings.jwt_secret.encode()) < MINIMUM_SECRET_BYTES
