from dataclasses import fields
from pathlib import Path

import pytest

from hummdesk.core import config
from hummdesk.core.broker_address import AMQP_PORTS
from hummdesk.core.config import Settings, SettingsError
from hummdesk.core.redis_address import SCHEMES

GOOD = {
    "DATABASE_URL": "postgresql://hummdesk@/hummdesk?host=%2Frun",
    "REDIS_URL": "redis://127.0.0.1:6379/0",
    "JWT_SECRET": "0123456789abcdef0123456789abcdef",
}

FAULTS = [
    ({"PORT": "five"}, "PORT: 'five' is not a whole number"),
    ({"PORT": "-1"}, "PORT: -1 is below the minimum of 0"),
    ({"PORT": "70000"}, "PORT: 70000 is above the maximum of 65535"),
    ({"DB_TIMEOUT_SECONDS": "soon"}, "DB_TIMEOUT_SECONDS: 'soon' is not a number"),
    ({"DB_TIMEOUT_SECONDS": "nan"}, "DB_TIMEOUT_SECONDS: 'nan' is not a number"),
    ({"LOG_LEVEL": "LOUD"}, "LOG_LEVEL: 'LOUD' is not one of DEBUG, INFO, WARNING, ERROR"),
    ({"DATABASE_URL": "mysql://x"}, "DATABASE_URL: must start with postgresql://"),
    ({"REDIS_URL": "redis://a,b"}, "REDIS_URL: several hosts need redis+sentinel:// or redis+cluster://"),
    (
        {"BROKER_URL": "amqp:x"},
        f"BROKER_URL: must start with {', '.join(f'{name}://' for name in (*SCHEMES, *AMQP_PORTS))}",
    ),
    (
        {"BROKER_URL": "amqp://host"},
        "BROKER_URL: the virtual host is missing: amqp://host/desk, or amqp://host/%2F for RabbitMQ's own",
    ),
    (
        {"BROKER_URL": "redis+cluster://a"},
        "BROKER_URL: Celery cannot use a Redis Cluster; name a standalone Redis, Sentinels or RabbitMQ",
    ),
    (
        {"REDIS_URL": "redis+cluster://a"},
        "BROKER_URL: not set; Celery cannot use a Redis Cluster: name a standalone Redis, Sentinels or RabbitMQ",
    ),
    (
        {"DATABASE_URL": ""},
        "DATABASE_URL (or DB_HOST): not set; set it, or name a running `up` with --home",
    ),
    (
        {"REDIS_URL": ""},
        "REDIS_URL (or REDIS_HOST): not set; set it, or name a running `up` with --home",
    ),
    ({"JWT_SECRET": ""}, "JWT_SECRET: not set; `openssl rand -hex 32` makes one"),
    ({"JWT_SECRET": "short"}, "JWT_SECRET: shorter than 32 bytes; `openssl rand -hex 32` makes a good one"),
    ({"ADMIN_UI_PASSWORD": "admin"}, "ADMIN_UI_PASSWORD: shorter than 16 bytes"),
    ({"METRICS_TOKEN": "short"}, "METRICS_TOKEN: shorter than 16 bytes"),
    ({"CORS_ORIGIN": "desk.example"}, "CORS_ORIGIN: 'desk.example' is not an origin like https://desk.example"),
    ({"WIDGET_ORIGINS": "https://a.example, b"}, "WIDGET_ORIGINS: 'b' is not an origin like https://desk.example"),
    ({"CONSOLE_ORIGINS": "*"}, "CONSOLE_ORIGINS: '*' is not an origin like https://desk.example"),
    ({"JWT_ALGORITHM": "none"}, "JWT_ALGORITHM: 'none' is not one of HS256, RS256, ES256, EdDSA"),
    ({"JWT_ALGORITHM": "RS256"}, "JWT_PUBLIC_KEY: not set; JWT_ALGORITHM=RS256 needs it"),
    ({"AI_PROVIDER": "oracle"}, "AI_PROVIDER: 'oracle' is not one of embedded, anthropic, openai"),
    ({"AI_PROVIDER": "anthropic"}, "ANTHROPIC_API_KEY: not set; AI_PROVIDER=anthropic needs it"),
    ({"AI_PROVIDER": "openai"}, "OPENAI_API_KEY (or OPENAI_BASE_URL): not set; AI_PROVIDER=openai needs it"),
    ({"OPENAI_BASE_URL": "vllm:8000"}, "OPENAI_BASE_URL: must start with http:// or https://"),
    ({"AI_SOFT_LIMIT_SECONDS": "45"}, "AI_HARD_LIMIT_SECONDS: must be greater than AI_SOFT_LIMIT_SECONDS"),
]


def test_read_with_valid_values_returns_settings() -> None:
    settings = config.read(GOOD | {"PORT": "8080", "PING_INTERVAL_SECONDS": "1.5", "CORS_ORIGIN": ""})
    assert (settings.port, settings.ping_interval_seconds, settings.cors_origin) == (8080, 1.5, "")
    assert (settings.postgres, settings.redis) == (GOOD["DATABASE_URL"], GOOD["REDIS_URL"])


@pytest.mark.parametrize(("changes", "fault"), FAULTS, ids=[fault for _, fault in FAULTS])
def test_read_with_one_invalid_value_names_it(changes: dict[str, str], fault: str) -> None:
    with pytest.raises(SettingsError) as refusal:
        config.read(GOOD | changes)
    assert refusal.value.faults == [fault]


def test_read_with_several_invalid_values_reports_all() -> None:
    wrong = {"PORT": "x", "LOG_FORMAT": "xml", "DB_POOL_SIZE": "0", "JWT_SECRET": "short"}
    with pytest.raises(SettingsError) as refusal:
        config.read(wrong)
    named = [fault.split(":")[0] for fault in refusal.value.faults]
    assert named == [
        "PORT", "DB_POOL_SIZE", "LOG_FORMAT", "DATABASE_URL (or DB_HOST)", "REDIS_URL (or REDIS_HOST)", "JWT_SECRET"
    ]  # fmt: skip
    assert str(refusal.value).count("\n") == 5


def test_read_in_development_accepts_missing_servers_and_a_short_secret() -> None:
    assert not config.read({}, needs_servers=False).names_postgres
    assert config.read(GOOD | {"JWT_SECRET": "short", "HUMMDESK_ENV": "development"}).jwt_secret == "short"


def test_read_for_a_process_without_tokens_needs_no_secret() -> None:
    assert config.read(GOOD | {"JWT_SECRET": ""}, needs_secret=False).jwt_secret == ""
    with pytest.raises(SettingsError, match="REDIS_URL"):
        config.read(GOOD | {"JWT_SECRET": "", "REDIS_URL": ""}, needs_secret=False)


def test_read_with_separate_server_settings_builds_urls() -> None:
    settings = config.read(
        {
            "DB_HOST": "db.example.com",
            "DB_PASSWORD": "p@ss/word",
            "REDIS_HOST": "redis.example.com",
            "REDIS_PASSWORD": "a:b",
            "JWT_SECRET": GOOD["JWT_SECRET"],
        }
    )
    assert settings.postgres == "postgresql://hummdesk:p%40ss%2Fword@db.example.com:5432/hummdesk"
    assert settings.redis == "redis://:a%3Ab@redis.example.com:6379/0"
    assert Settings(db_host="/run/pg").postgres == "postgresql://hummdesk@/hummdesk?host=%2Frun%2Fpg&port=5432"
    assert settings.names_postgres
    assert settings.names_redis


def test_read_with_several_servers_builds_one_url() -> None:
    given = GOOD | {"DATABASE_URL": "", "DB_HOST": "one,two", "DB_PORT": "5432,5433"}
    assert config.read(given).postgres == "postgresql://hummdesk@/hummdesk?host=one%2Ctwo&port=5432%2C5433"


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"DB_PORT": "x"}, "DB_PORT: 'x' is not a port, 1 to 65535"),
        ({"DB_PORT": "0"}, "DB_PORT: '0' is not a port, 1 to 65535"),
        (
            {"DB_HOST": "one,two,three", "DB_PORT": "1,2"},
            "DB_PORT: names 2 ports, and DB_HOST 3 hosts; name one port for each or for all",
        ),
        ({"LISTEN_DATABASE_URL": "one:5432"}, "LISTEN_DATABASE_URL: must start with postgresql://"),
    ],
)
def test_read_with_an_invalid_address_of_postgresql_reports_it(changes: dict[str, str], fault: str) -> None:
    with pytest.raises(SettingsError) as refusal:
        config.read(GOOD | changes)
    assert refusal.value.faults == [fault]


def test_collect_prefers_environment_over_env_file_over_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / config.HOME_ENV_FILE).write_text("PORT=1\nHOST=home\nLOG_LEVEL=ERROR\n")
    (tmp_path / ".env").write_text("PORT=2\nHOST=file\nLOG_FORMAT=\n")
    assert config.collect(tmp_path / "home", {"PORT": "3", "HOST": ""}) == {
        "PORT": "3",
        "HOST": "file",
        "LOG_LEVEL": "ERROR",
    }
    assert config.collect(None, {}) == {"PORT": "2", "HOST": "file"}
    assert config.collect(tmp_path / "none", {"PORT": "3"}) == {"PORT": "3", "HOST": "file"}


def test_settings_all_have_a_meaning() -> None:
    assert all(entry.metadata["meaning"] for entry in fields(Settings))
