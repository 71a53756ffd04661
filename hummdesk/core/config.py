"""The settings: one table, read once, refused at start with every fault listed."""

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

from dotenv import dotenv_values

HOME_ENV_FILE = "hummdesk.env"
"""The file in the home of a running `up` that tells other commands how to reach it."""

MINIMUM_PASSWORD_BYTES = 16
MINIMUM_SECRET_BYTES = 32
"""RFC 7518, section 3.2: an HS256 key is at least as long as the hash."""


class SettingsError(Exception):
    """One or more settings cannot be used; `faults` has a line for each."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults


def setting(default: Any, meaning: str, *, minimum: float | None = None, choices: tuple[str, ...] = ()) -> Any:
    return field(default=default, metadata={"meaning": meaning, "minimum": minimum, "choices": choices})


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Each field is the environment variable of the same name in capitals. An empty value means the default."""

    hummdesk_env: Literal["production", "development"] = setting(
        "production", "`development` allows a short secret; set by `up`", choices=("production", "development")
    )
    host: str = setting("127.0.0.1", "address that the web process listens on")
    port: int = setting(5000, "port that the web process listens on", minimum=0)
    cors_origin: str = setting("", "origins besides its own that a browser may connect from, by commas; `*` any")

    jwt_secret: str = setting("", "key of HS256 tokens, at least 32 bytes in production")
    jwt_public_key: str = setting("", "PEM key (or a file's path) of RS256, ES256 or EdDSA tokens, instead of a secret")
    jwt_algorithm: str = setting(
        "HS256", "the one algorithm that is accepted", choices=("HS256", "RS256", "ES256", "EdDSA")
    )
    jwt_issuer: str = setting("", "required `iss` claim; empty: not checked")
    jwt_audience: str = setting("", "required `aud` claim; empty: not checked")

    admin_ui_password: str = setting(
        "", "lets Socket.IO's Admin UI see this process, read-only, as `admin`; at least 16 bytes; empty: off"
    )

    database_url: str = setting("", "PostgreSQL, `postgresql://user:password@host:port/name`; or the DB_ settings")
    db_host: str = setting("", "PostgreSQL host, or directory of its unix socket")
    db_port: int = setting(5432, "PostgreSQL port", minimum=1)
    db_name: str = setting("hummdesk", "PostgreSQL database")
    db_user: str = setting("hummdesk", "PostgreSQL user")
    db_password: str = setting("", "PostgreSQL password")
    db_pool_size: int = setting(10, "database connections of one web process", minimum=1)
    db_timeout_seconds: float = setting(5.0, "longest wait for a connection or a statement", minimum=0.1)

    redis_url: str = setting("", "Redis, `redis://:password@host:port/0`; or the REDIS_ settings")
    redis_host: str = setting("", "Redis host")
    redis_port: int = setting(6379, "Redis port", minimum=1)
    redis_password: str = setting("", "Redis password")
    bus_length: int = setting(20_000, "entries that each part of the event stream keeps", minimum=1000)

    recovery_window_seconds: float = setting(
        120.0,
        "a client that comes back within this gets what it missed; 0: none does, and events carry no offsets",
        minimum=0,
    )

    ping_interval_seconds: float = setting(25.0, "Engine.IO heartbeat", minimum=0.1)
    ping_timeout_seconds: float = setting(60.0, "silence after a heartbeat that ends a connection", minimum=0.1)
    auth_timeout_seconds: float = setting(
        30.0, "a socket that has not authenticated by then is disconnected", minimum=0.1
    )
    typing_timeout_seconds: float = setting(5.0, "typing stops by itself this long after its last start", minimum=0.1)
    presence_ttl_seconds: int = setting(
        3600, "expiry of an account's presence in Redis when nobody renews it", minimum=60
    )
    presence_lease_seconds: float = setting(30.0, "an agent of a dead process is offline after this", minimum=1)
    presence_grace_seconds: float = setting(5.0, "an agent is offline this long after the last socket went", minimum=0)
    rate_limit_events_per_second: int = setting(
        50, "requests of one socket a second, twice that at once; 0 is off", minimum=0
    )
    rate_limit_connects_per_minute: int = setting(1200, "connections of one address a minute; 0 is off", minimum=0)
    rate_limit_visitors_per_minute: int = setting(
        60, "sessions of the widget that one address begins or renews a minute; 0 is off", minimum=0
    )
    max_packet_bytes: int = setting(262_144, "bytes in one packet of a client", minimum=1024)
    max_buffered_bytes: int = setting(
        1_048_576, "unread bytes after which a client is sent nothing more and closed", minimum=65_536
    )
    compression: str = setting("off", "permessage-deflate on WebSockets", choices=("off", "on"))
    proxies_count: int = setting(0, "trusted proxies before the web process, who tell a client's address", minimum=0)
    shutdown_seconds: float = setting(10.0, "time that a stopping web process gives to requests in flight", minimum=0)

    ai_provider: str = setting(
        "embedded",
        "who classifies and drafts for accounts that have no provider of their own",
        choices=("embedded", "anthropic", "openai"),
    )
    ai_classify_seconds: float = setting(10.0, "longest wait for a model outside to classify", minimum=0.1)
    ai_draft_seconds: float = setting(30.0, "longest wait for a model outside to draft", minimum=0.1)
    ai_effort: str = setting(
        "low",
        "how much a model of Anthropic or OpenAI thinks first; `default`: as it does unasked, for models without it",
        choices=("default", "low", "medium", "high"),
    )
    ai_prices: str = setting("", "JSON file with prices of models, over those of hummdesk/ai/external/prices.json")
    anthropic_api_key: str = setting("", "key of the provider `anthropic`")
    anthropic_base_url: str = setting("", "address of its API; empty: Anthropic's")
    anthropic_classify_model: str = setting("claude-haiku-5-5", "model that classifies")
    anthropic_draft_model: str = setting("claude-sonnet-5-5", "model that drafts")
    openai_api_key: str = setting("", "key of the provider `openai`")
    openai_base_url: str = setting(
        "", "address of a compatible API, `http://host:port/v1`, such as vLLM, Ollama or llama.cpp; empty: OpenAI's"
    )
    openai_classify_model: str = setting("gpt-6-luna", "model that classifies")
    openai_draft_model: str = setting("gpt-6.1-terra", "model that drafts")
    ai_max_attempts: int = setting(4, "tries of one AI run before `ai_error`", minimum=1)
    ai_retry_base_seconds: float = setting(1.0, "first back-off between tries; doubles, with jitter", minimum=0)
    ai_retry_cap_seconds: float = setting(30.0, "longest back-off between tries", minimum=0)
    ai_soft_limit_seconds: float = setting(35.0, "one try is cancelled after this", minimum=0.1)
    ai_hard_limit_seconds: float = setting(45.0, "one try's process is killed after this", minimum=0.2)
    ai_quiet_seconds: float = setting(
        2.0, "a draft waits this long after a customer's message for the next one", minimum=0
    )
    ai_deadline_seconds: float = setting(60.0, "an AI run that has not ended by then ends with `ai_error`", minimum=1)
    relay_sweep_seconds: float = setting(
        1.0, "how often the relay looks for jobs that no NOTIFY told it of", minimum=0.05
    )
    worker_concurrency: int = setting(
        2, "processes for each kind of AI run, and as many for it at each model outside; bulk work has one", minimum=1
    )

    log_level: str = setting("INFO", "least severe log line", choices=("DEBUG", "INFO", "WARNING", "ERROR"))
    log_format: str = setting("json", "`json`, or `console` for people", choices=("json", "console"))
    metrics_port: int = setting(0, "port on which relay and worker serve /metrics; 0: they do not", minimum=0)
    metrics_accounts: int = setting(100, "accounts with figures of their own; the rest share one", minimum=0)

    @property
    def postgres(self) -> str:
        """The PostgreSQL URL, from DATABASE_URL or else the DB_ settings."""
        if self.database_url:
            return self.database_url
        user = quote(self.db_user, safe="") + (f":{quote(self.db_password, safe='')}" if self.db_password else "")
        if self.db_host.startswith("/"):
            return f"postgresql://{user}@/{self.db_name}?host={quote(self.db_host, safe='')}&port={self.db_port}"
        return f"postgresql://{user}@{self.db_host}:{self.db_port}/{self.db_name}"

    @property
    def redis(self) -> str:
        """The Redis URL, from REDIS_URL or else the REDIS_ settings."""
        if self.redis_url:
            return self.redis_url
        password = f":{quote(self.redis_password, safe='')}@" if self.redis_password else ""
        return f"redis://{password}{self.redis_host}:{self.redis_port}/0"

    @property
    def providers(self) -> tuple[str, ...]:
        """Those that can be asked: the embedded one always, others with what they need."""
        outside = {
            "anthropic": bool(self.anthropic_api_key),
            "openai": bool(self.openai_api_key or self.openai_base_url),
        }
        return ("embedded", *(name for name, usable in outside.items() if usable))

    @property
    def names_postgres(self) -> bool:
        return bool(self.database_url or self.db_host)

    @property
    def names_redis(self) -> bool:
        return bool(self.redis_url or self.redis_host)


def gather(home: Path | None = None, environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """What the environment says, then `.env` of this folder, then the home of a running `up`."""
    gathered: dict[str, str] = {}
    sources = [Path(".env")] if home is None else [home / HOME_ENV_FILE, Path(".env")]
    for source in sources:
        gathered |= {name: value for name, value in dotenv_values(source).items() if value}
    return gathered | {name: value for name, value in environ.items() if value}


def read(values: Mapping[str, str], *, needs_servers: bool = True) -> Settings:
    """Read the settings, or raise SettingsError with a line for every fault.

    `needs_servers` is False for `up`, which brings its own PostgreSQL, Redis and secret.
    """
    faults: list[str] = []
    parsed: dict[str, Any] = {}
    for entry in fields(Settings):
        text = values.get(entry.name.upper(), "")
        if text:
            try:
                parsed[entry.name] = _parse(text, entry.default, entry.metadata)
            except ValueError as fault:
                faults.append(f"{entry.name.upper()}: {fault}")
    settings = Settings(**parsed)
    faults += _contradictions(settings, needs_servers=needs_servers)
    if faults:
        raise SettingsError(faults)
    return settings


def _parse(text: str, default: Any, metadata: Mapping[str, Any]) -> Any:
    kind = type(default)
    try:
        value = kind(text)
    except ValueError:
        raise ValueError(f"{text!r} is not {'a whole number' if kind is int else 'a number'}") from None
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{text!r} is not a number")
    if metadata["minimum"] is not None and not value >= metadata["minimum"]:
        raise ValueError(f"{text} is below {metadata['minimum']}")
    if metadata["choices"] and value not in metadata["choices"]:
        raise ValueError(f"{text!r} is none of {', '.join(metadata['choices'])}")
    return value


def _contradictions(settings: Settings, *, needs_servers: bool) -> list[str]:
    faults = _without_a_key(settings)
    if settings.port > 65535:
        faults.append(f"PORT: {settings.port} is above 65535")
    if settings.ai_hard_limit_seconds <= settings.ai_soft_limit_seconds:
        faults.append("AI_HARD_LIMIT_SECONDS: must be above AI_SOFT_LIMIT_SECONDS")
    if settings.database_url and not settings.database_url.startswith(("postgresql://", "postgres://")):
        faults.append("DATABASE_URL: must begin with postgresql://")
    if settings.redis_url and not settings.redis_url.startswith(("redis://", "rediss://", "unix://")):
        faults.append("REDIS_URL: must begin with redis://, rediss:// or unix://")
    for origin in settings.cors_origin.split(",") if settings.cors_origin not in ("", "*") else ():
        if not origin.strip().startswith(("http://", "https://")):
            faults.append(f"CORS_ORIGIN: {origin.strip()!r} is no origin like https://desk.example")
    if 0 < len(settings.admin_ui_password.encode()) < MINIMUM_PASSWORD_BYTES:
        faults.append(f"ADMIN_UI_PASSWORD: shorter than {MINIMUM_PASSWORD_BYTES} bytes")
    if settings.jwt_algorithm != "HS256" and not settings.jwt_public_key:
        faults.append(f"JWT_PUBLIC_KEY: {settings.jwt_algorithm} needs one")
    if needs_servers:
        faults += _missing(settings)
    return faults


def _without_a_key(settings: Settings) -> list[str]:
    faults = [
        f"{name}: must begin with http:// or https://"
        for name, address in (
            ("ANTHROPIC_BASE_URL", settings.anthropic_base_url),
            ("OPENAI_BASE_URL", settings.openai_base_url),
        )
        if address and not address.startswith(("http://", "https://"))
    ]
    if settings.ai_provider != "embedded" and settings.ai_provider not in settings.providers:
        other = " (or OPENAI_BASE_URL)" if settings.ai_provider == "openai" else ""
        faults.append(f"{settings.ai_provider.upper()}_API_KEY{other}: not set; AI_PROVIDER needs it")
    return faults


def _missing(settings: Settings) -> list[str]:
    faults = []
    if not settings.names_postgres:
        faults.append("DATABASE_URL (or DB_HOST): not set; a running `up` has one, see --home")
    if not settings.names_redis:
        faults.append("REDIS_URL (or REDIS_HOST): not set; a running `up` has one, see --home")
    if settings.jwt_algorithm == "HS256" and not settings.jwt_secret:
        faults.append("JWT_SECRET: not set")
    elif settings.jwt_algorithm == "HS256" and _is_weak(settings):
        faults.append(f"JWT_SECRET: shorter than {MINIMUM_SECRET_BYTES} bytes")
    return faults


def _is_weak(settings: Settings) -> bool:
    return settings.hummdesk_env == "production" and len(settings.jwt_secret.encode()) < MINIMUM_SECRET_BYTES
