"""The settings: one table, read once at start; all invalid settings are reported together."""

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal, get_args
from urllib.parse import quote

from dotenv import dotenv_values

from hummdesk.core import config_checks

HOME_ENV_FILE = "hummdesk.env"
"""The file in the data directory of a running `up` from which other commands read its settings."""

ProcessKind = Literal["web", "relay", "worker", "operator", "backup"]
"""The kinds of process with a login of their own in PostgreSQL."""
PROCESS_KINDS: tuple[ProcessKind, ...] = get_args(ProcessKind)


class SettingsError(Exception):
    """One or more settings are invalid; `faults` has a line for each."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults


def setting(default: Any, meaning: str, *, minimum: float | None = None, choices: tuple[str, ...] = ()) -> Any:
    return field(default=default, metadata={"meaning": meaning, "minimum": minimum, "choices": choices})


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Each field is the environment variable of the same name in capitals. An empty value means the default."""

    hummdesk_env: Literal["production", "development"] = setting(
        "production",
        "`development` allows a short JWT_SECRET and the demo sign-in; `up` sets it",
        choices=("production", "development"),
    )
    host: str = setting("127.0.0.1", "address that the web process listens on")
    port: int = setting(5000, "port that the web process listens on", minimum=0)
    public_url: str = setting(
        "",
        "address of the desk as browsers see it, `https://desk.example`, for sign-in links and identity providers; "
        "empty: http://127.0.0.1 with PORT",
    )
    cors_origin: str = setting(
        "",
        "further origins from which browsers may connect, separated by commas; `*`: any; empty: only the server's own",
    )
    widget_origins: str = setting(
        "",
        "origins of the pages that may show the widget, and connect for it, separated by commas; `*`: any; each "
        "account also lists its own",
    )
    console_origins: str = setting(
        "", "origins of the pages that may open the console and pass it a token, separated by commas"
    )

    jwt_secret: str = setting("", "secret that signs and verifies HS256 tokens; at least 32 bytes in production")
    jwt_public_key: str = setting(
        "", "public key that verifies RS256, ES256 or EdDSA tokens: PEM text or the path of a PEM file"
    )
    jwt_algorithm: str = setting(
        "HS256", "only accepted signature algorithm", choices=("HS256", "RS256", "ES256", "EdDSA")
    )
    jwt_issuer: str = setting("", "required value of the `iss` claim; empty: not checked")
    jwt_audience: str = setting("", "required value of the `aud` claim; empty: not checked")
    jwt_leeway_seconds: float = setting(
        30.0, "the `nbf` and `iat` claims may be this far in the future: clocks differ", minimum=0
    )
    jwt_max_hours: float = setting(
        744.0,
        "longest validity of an accepted token, from `iat`, or without it from now, to `exp`; 0: unlimited",
        minimum=0,
    )
    session_idle_hours: float = setting(72.0, "a staff session ends when it was not used for this time", minimum=0.01)
    session_max_hours: float = setting(336.0, "a staff session ends this long after the sign-in", minimum=0.01)
    jwks_internal_hosts: str = setting(
        "",
        "hosts of JWKS addresses that may have an internal IP address, separated by commas; in development all may",
    )
    encryption_keys: str = setting(
        "",
        "keys that encrypt the secrets in the database, separated by commas, the newest first; each at least 32 bytes",
    )

    admin_ui_password: str = setting(
        "", "password of the user `admin` for Socket.IO's Admin UI, which is read-only; at least 16 bytes; empty: off"
    )

    database_url: str = setting(
        "", "PostgreSQL URL, `postgresql://user:password@host:port/name`; if set, DB_HOST to DB_PASSWORD are ignored"
    )
    listen_database_url: str = setting(
        "",
        "URL of PostgreSQL without a pooler, for notifications and `migrate`, whose user and password are those of "
        "DATABASE_URL; empty: that URL",
    )
    db_host: str = setting(
        "",
        "PostgreSQL host, or the directory of its Unix socket; several, separated by commas: the one that accepts "
        "changes is used",
    )
    db_port: str = setting("5432", "PostgreSQL port; several, separated by commas: one for each host")
    db_name: str = setting("hummdesk", "name of the PostgreSQL database")
    db_user: str = setting("hummdesk", "PostgreSQL user")
    db_password: str = setting("", "PostgreSQL password")
    db_web_password: str = setting(
        "",
        "password of the web processes' own login, which `migrate` creates: the database's name + `_web_login`; empty: "
        "they use DB_USER",
    )
    db_relay_password: str = setting("", "password of the relay's own login, likewise")
    db_worker_password: str = setting("", "password of the workers' own login, likewise")
    db_operator_password: str = setting("", "password of the commands' own login, likewise")
    db_backup_password: str = setting("", "password of the login for backups, which `migrate` creates")
    db_pool_size: int = setting(10, "size of the connection pool of one web process", minimum=1)
    db_timeout_seconds: float = setting(5.0, "timeout for getting a connection and for each statement", minimum=0.1)

    redis_url: str = setting(
        "",
        "Redis URL, `redis://:password@host:port/0`, or that of a TLS server, a socket, Sentinels or a cluster, see "
        "docs/redis.md; if set, REDIS_HOST to REDIS_PASSWORD are ignored",
    )
    redis_host: str = setting("", "Redis host")
    redis_port: int = setting(6379, "Redis port", minimum=1)
    redis_password: str = setting("", "Redis password")
    broker_url: str = setting(
        "",
        "URL of Celery's broker: another Redis, in the forms of REDIS_URL except a cluster, or RabbitMQ, "
        "`amqp://user:password@host:5672/vhost` or `amqps://`, see docs/broker.md; empty: that of REDIS_URL",
    )
    bus_length: int = setting(20_000, "maximum number of entries in each shard of the event stream", minimum=1000)

    bus_bytes: int = setting(
        33_554_432, "maximum size of each shard of the event stream in Redis; there are 16, or more", minimum=8_388_608
    )
    backlog_bytes: int = setting(
        67_108_864,
        "maximum size of the events that a process keeps while Redis is unavailable; the oldest are dropped beyond it",
        minimum=1_048_576,
    )
    recovery_bytes: int = setting(
        67_108_864, "maximum size of the events that a web process keeps to recover sessions", minimum=1_048_576
    )

    recovery_window_seconds: float = setting(
        120.0,
        "time within which a disconnected client can recover its session and missed events; 0: recovery is off",
        minimum=0,
    )

    ping_interval_seconds: float = setting(25.0, "interval of the Engine.IO heartbeat", minimum=0.1)
    ping_timeout_seconds: float = setting(
        60.0, "a connection is closed if a heartbeat is not answered within this time", minimum=0.1
    )
    auth_timeout_seconds: float = setting(
        30.0, "a socket that has not authenticated within this time is disconnected", minimum=0.1
    )
    typing_timeout_seconds: float = setting(
        5.0, "typing ends automatically this long after the last `typing_start`", minimum=0.1
    )
    presence_ttl_seconds: int = setting(
        3600, "expiry of an account's presence data in Redis unless it is renewed", minimum=60
    )
    presence_lease_seconds: float = setting(
        30.0, "lease of an agent's presence; if its process dies, the agent goes offline after this time", minimum=1
    )
    presence_grace_seconds: float = setting(
        5.0, "delay before an agent whose last socket disconnected goes offline", minimum=0
    )
    max_sockets_per_process: int = setting(
        20_000, "open connections of one web process; further ones are refused; 0: unlimited", minimum=0
    )
    max_sockets_per_address: int = setting(
        1000, "open connections of one IP address at one web process; 0: unlimited", minimum=0
    )
    max_sockets_per_person: int = setting(
        50, "authenticated connections of one person at one web process; 0: unlimited", minimum=0
    )
    max_sockets_unauthenticated: int = setting(
        5000,
        "open connections of one web process that have not authenticated; beyond it the oldest is closed; 0: unlimited",
        minimum=0,
    )
    rate_limit_events_per_second: int = setting(
        50, "requests per second from one socket, with bursts of twice as many; 0: unlimited", minimum=0
    )
    rate_limit_address_events_per_second: int = setting(
        500, "requests per second from one IP address, with bursts of twice as many; 0: unlimited", minimum=0
    )
    rate_limit_connects_per_minute: int = setting(
        1200, "connections per minute from one IP address; 0: unlimited", minimum=0
    )
    rate_limit_visitors_per_minute: int = setting(
        60, "widget sessions started or renewed per minute from one IP address; 0: unlimited", minimum=0
    )
    rate_limit_sign_ins_per_minute: int = setting(
        30, "sign-ins of staff, also failed ones, per minute from one IP address; 0: unlimited", minimum=0
    )
    rate_limit_person_messages_per_minute: int = setting(
        300, "messages per minute of one person; 0: unlimited", minimum=0
    )
    rate_limit_account_messages_per_minute: int = setting(
        6000, "messages per minute of one account; 0: unlimited", minimum=0
    )
    rate_limit_person_bytes_per_minute: int = setting(
        1_048_576, "bytes of messages per minute of one person; 0: unlimited", minimum=0
    )
    rate_limit_account_bytes_per_minute: int = setting(
        67_108_864, "bytes of messages per minute of one account; 0: unlimited", minimum=0
    )
    rate_limit_person_conversations_per_hour: int = setting(
        60, "conversations per hour that one customer may start; 0: unlimited", minimum=0
    )
    rate_limit_account_conversations_per_hour: int = setting(
        6000, "conversations per hour that the customers of one account may start; 0: unlimited", minimum=0
    )
    rate_limit_person_ai_runs_per_hour: int = setting(
        120,
        "messages per hour of one customer that the AI processes, and AI runs that one agent requests; 0: unlimited",
        minimum=0,
    )
    rate_limit_account_ai_runs_per_hour: int = setting(
        6000,
        "customers' messages per hour of one account that the AI processes, with requested AI runs; 0: unlimited",
        minimum=0,
    )
    rate_limit_person_calls_per_minute: int = setting(
        1200, "REST requests per minute of one API key or user; 0: unlimited", minimum=0
    )
    rate_limit_account_calls_per_minute: int = setting(
        12_000, "REST requests per minute of one account; 0: unlimited", minimum=0
    )
    rate_limit_account_pages_per_minute: int = setting(
        3000, "visited pages per minute that the widgets of one account may report; 0: unlimited", minimum=0
    )
    rate_limit_person_uploads_per_hour: int = setting(
        120, "files per hour that one person may begin to upload; 0: unlimited", minimum=0
    )
    rate_limit_account_uploads_per_hour: int = setting(
        6000, "files per hour that the people of one account may begin to upload; 0: unlimited", minimum=0
    )
    max_packet_bytes: int = setting(262_144, "maximum size of a packet from a client", minimum=1024)
    max_buffered_bytes: int = setting(
        1_048_576, "a client with more unread bytes than this is disconnected", minimum=65_536
    )
    max_buffered_bytes_per_process: int = setting(
        268_435_456,
        "unread bytes of all clients of one web process; beyond it the slowest readers are disconnected",
        minimum=4_194_304,
    )
    max_received_bytes_per_process: int = setting(
        67_108_864,
        "bytes of incomplete and waiting packets of all clients of one web process; beyond it the clients whose "
        "packets have waited for the longest are disconnected",
        minimum=4_194_304,
    )
    max_answer_bytes: int = setting(
        1_000_000,
        "maximum size of an answer to a request; pages end before it. At most MAX_BUFFERED_BYTES",
        minimum=524_288,
    )
    compression: str = setting("off", "permessage-deflate compression of WebSocket messages", choices=("off", "on"))
    proxies_count: int = setting(
        0, "number of trusted proxies in front of the web process; they set X-Forwarded-For", minimum=0
    )
    shutdown_seconds: float = setting(
        10.0, "time that a stopping web process waits for requests in progress", minimum=0
    )

    ai_provider: str = setting(
        "embedded",
        "AI provider of accounts that have not chosen one",
        choices=("embedded", "anthropic", "openai"),
    )
    ai_classify_seconds: float = setting(10.0, "timeout for a classification by an external model", minimum=0.1)
    ai_draft_seconds: float = setting(30.0, "timeout for a draft by an external model", minimum=0.1)
    ai_effort: str = setting(
        "low",
        "reasoning effort requested from an external model; `default`: request none, for models without this option; "
        "`none`: no reasoning, where the model is known to have it, else `low`",
        choices=("default", "none", "low", "medium", "high"),
    )
    ai_classify_effort: str = setting(
        "none", "the same for classifications", choices=("default", "none", "low", "medium", "high")
    )
    ai_streaming: str = setting(
        "on",
        "drafts of external models are shown while they are generated; `off` for servers that cannot stream",
        choices=("on", "off"),
    )
    ai_daily_tokens: int = setting(
        0,
        "tokens of external models that an account may use in a day (UTC), unless it has its own; 0: unlimited",
        minimum=0,
    )
    ai_daily_dollars: float = setting(
        0.0, "the same in US dollars; models without a known price count nothing", minimum=0
    )
    ai_prices: str = setting("", "path of a JSON file with model prices; extends and overrides the built-in ones")
    anthropic_api_key: str = setting("", "API key of the provider `anthropic`")
    anthropic_base_url: str = setting("", "base URL of the Anthropic API; empty: the official one")
    anthropic_classify_model: str = setting("claude-haiku-5-5", "model for classification")
    anthropic_draft_model: str = setting("claude-sonnet-5-5", "model for drafts")
    openai_api_key: str = setting("", "API key of the provider `openai`")
    openai_base_url: str = setting(
        "", "base URL of a compatible API such as vLLM, Ollama or llama.cpp, `http://host:port/v1`; empty: OpenAI's"
    )
    openai_classify_model: str = setting("gpt-6-luna", "model for classification")
    openai_draft_model: str = setting("gpt-6.1-terra", "model for drafts")
    ai_max_attempts: int = setting(4, "attempts of one AI run before it ends with `ai_error`", minimum=1)
    ai_retry_base_seconds: float = setting(
        1.0, "first backoff between attempts; it doubles each time, with jitter", minimum=0
    )
    ai_retry_cap_seconds: float = setting(30.0, "longest backoff between attempts", minimum=0)
    ai_soft_limit_seconds: float = setting(35.0, "an attempt is cancelled after this time", minimum=0.1)
    ai_hard_limit_seconds: float = setting(45.0, "the process of an attempt is killed after this time", minimum=0.2)
    ai_quiet_seconds: float = setting(
        2.0, "a draft waits this long after a customer's message for further ones", minimum=0
    )
    ai_deadline_seconds: float = setting(
        60.0, "an AI run that has not finished after this time ends with `ai_error`", minimum=1
    )
    relay_sweep_seconds: float = setting(
        1.0, "interval at which the relay looks for AI runs that no NOTIFY announced", minimum=0.05
    )
    visitor_retention_days: int = setting(
        30, "anonymous visitors who never wrote are deleted after so many days; 0: never", minimum=0
    )
    feed_days: int = setting(30, "events of the feed are kept for so many days", minimum=1)
    ai_history_days: int = setting(
        730,
        "AI runs with their results, requests to models and learned answers are kept for so many days; 0: no limit",
        minimum=0,
    )
    audit_log_days: int = setting(0, "entries of the audit log are kept for so many days; 0: no limit", minimum=0)
    worker_concurrency: int = setting(
        2,
        "worker processes for classifications and as many for drafts and summaries, and as many again for each "
        "external provider; bulk work has one",
        minimum=1,
    )
    worker_nice: int = setting(
        10,
        "`nice` value of the workers, 0 to 19: how much they yield the processor to the other processes of the machine",
        minimum=0,
    )

    webhook_allowed_networks: str = setting(
        "",
        "internal networks that may receive webhooks, also by HTTP, separated by commas: `10.1.0.0/16`; `up` allows "
        "the own machine",
    )
    webhook_timeout_seconds: float = setting(
        10.0, "timeout of one attempt to deliver a webhook, from the connect to the response", minimum=0.1
    )
    webhook_log_days: int = setting(
        30, "deliveries of webhooks stay in the log for so many days after they have ended", minimum=1
    )

    message_change_minutes: float = setting(
        15.0, "agents can edit and withdraw their own messages for so long after sending; 0: never", minimum=0
    )
    follow_up_days: float = setting(
        14.0,
        "a customer who writes into a conversation that was closed and unchanged for so long starts a new one, linked "
        "with it; 0: reopens it",
        minimum=0,
    )

    file_store: str = setting(
        "",
        "where attached files are stored: a directory that web processes and the relay share, or `s3://bucket/prefix`; "
        "empty: no uploads. `up` uses a directory in its home",
    )
    s3_endpoint: str = setting("", "address of an S3-compatible server, `https://host:port`; empty: that of AWS")
    s3_region: str = setting("us-east-1", "region of the bucket")
    s3_access_key_id: str = setting("", "access key for the bucket; empty: the credentials of the machine")
    s3_secret_access_key: str = setting("", "secret of the access key")
    max_file_bytes: int = setting(104_857_600, "maximum size of an uploaded file", minimum=1)
    file_quota_bytes: int = setting(10_737_418_240, "maximum size of all files of one account; 0: unlimited", minimum=0)
    file_link_seconds: float = setting(300.0, "an address to read a file expires after this time", minimum=1)
    upload_hours: float = setting(
        24.0, "a file that is not completely uploaded, or in no message, is deleted after this time", minimum=0.01
    )
    max_open_uploads_per_person: int = setting(
        10, "uploads of one person that are not complete; further ones are refused", minimum=1
    )
    clamav_address: str = setting(
        "",
        "clamd that scans each file before it can be sent: `host:port` or the path of its socket; empty: not scanned",
    )
    antivirus_command: str = setting(
        "",
        "command that scans each file instead, from its standard input: status 0 for a clean file, 1 for one with a "
        "virus, any other without a result",
    )

    log_level: str = setting("INFO", "minimum severity of log lines", choices=("DEBUG", "INFO", "WARNING", "ERROR"))
    log_format: str = setting("json", "`json` for machines, `console` for reading", choices=("json", "console"))
    metrics_port: int = setting(0, "port on which relay and worker serve /metrics; 0: off", minimum=0)
    metrics_token: str = setting(
        "",
        "bearer token for /metrics of the web process; at least 16 bytes; empty: not found, in development open to the "
        "own machine",
    )
    metrics_accounts: int = setting(
        100, "number of accounts with their own metric label; all others share the label `other`", minimum=0
    )

    @property
    def postgres(self) -> str:
        """The PostgreSQL URL, from DATABASE_URL or else the DB_ settings."""
        if self.database_url:
            return self.database_url
        user = quote(self.db_user, safe="") + (f":{quote(self.db_password, safe='')}" if self.db_password else "")
        if self.db_host.startswith("/") or "," in self.db_host:
            hosts, ports = (quote(text, safe="") for text in (self.db_host, self.db_port))
            return f"postgresql://{user}@/{self.db_name}?host={hosts}&port={ports}"
        return f"postgresql://{user}@{self.db_host}:{self.db_port}/{self.db_name}"

    def login_password(self, kind: ProcessKind) -> str:
        """The password of the login that this kind of process has for itself; empty: it has none."""
        password: str = getattr(self, f"db_{kind}_password")
        return password

    @property
    def public_address(self) -> str:
        """PUBLIC_URL without a slash at the end, or its default."""
        return self.public_url.rstrip("/") or f"http://127.0.0.1:{self.port}"

    @property
    def redis(self) -> str:
        """The Redis URL, from REDIS_URL or else the REDIS_ settings."""
        if self.redis_url:
            return self.redis_url
        password = f":{quote(self.redis_password, safe='')}@" if self.redis_password else ""
        return f"redis://{password}{self.redis_host}:{self.redis_port}/0"

    @property
    def broker(self) -> str:
        """The URL of Celery's broker, from BROKER_URL or else that of Redis."""
        return self.broker_url or self.redis

    @property
    def providers(self) -> tuple[str, ...]:
        """The usable providers: the embedded one always, external ones with their key or URL."""
        external = {
            "anthropic": bool(self.anthropic_api_key),
            "openai": bool(self.openai_api_key or self.openai_base_url),
        }
        return ("embedded", *(name for name, usable in external.items() if usable))

    @property
    def names_postgres(self) -> bool:
        return bool(self.database_url or self.db_host)

    @property
    def names_redis(self) -> bool:
        return bool(self.redis_url or self.redis_host)


def collect(home: Path | None = None, environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Merge the environment, then `.env` of this folder, then the data directory of a running `up`."""
    collected: dict[str, str] = {}
    sources = [Path(".env")] if home is None else [home / HOME_ENV_FILE, Path(".env")]
    for source in sources:
        collected |= {name: value for name, value in dotenv_values(source).items() if value}
    return collected | {name: value for name, value in environ.items() if value}


def read(values: Mapping[str, str], *, needs_servers: bool = True, needs_secret: bool = True) -> Settings:
    """Read the settings, or raise SettingsError with a line for every fault.

    `needs_servers` is False for `up`, which brings its own PostgreSQL, Redis and secret; `needs_secret` is False for
    processes that neither issue nor verify tokens.
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
    faults += config_checks.inconsistencies(settings)
    if needs_servers:
        faults += config_checks.missing_servers(settings)
    if needs_servers and needs_secret:
        faults += config_checks.secret_faults(settings)
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
        raise ValueError(f"{text} is below the minimum of {metadata['minimum']}")
    if metadata["choices"] and value not in metadata["choices"]:
        raise ValueError(f"{text!r} is not one of {', '.join(metadata['choices'])}")
    return value
