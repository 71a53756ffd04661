"""docker-compose.yml: valid by the schema of the Compose specification, and consistent with the processes it starts."""

import json
import re
from dataclasses import fields
from typing import Any

import pytest

from docs.generate import ROOT
from hummdesk.bus.shards import SHARDS
from hummdesk.core import config
from hummdesk.core.config import PROCESS_KINDS, Settings
from tests.system.js.script_runner import HERE, ScriptRunner

FILE = ROOT / "docker-compose.yml"
REQUIRED = {
    "POSTGRES_PASSWORD": "superuser's",
    "DB_PASSWORD": "database's",
    **{f"DB_{kind.upper()}_PASSWORD": f"{kind}'s" for kind in PROCESS_KINDS},
    "REDIS_PASSWORD": "redis's",
    "JWT_SECRET": "0123456789abcdef0123456789abcdef",
    "FLOWER_BASIC_AUTH": "operator:secret",
}
SETTINGS: dict[str, Any] = {entry.name.upper(): entry.default for entry in fields(Settings)}
COMMANDS = {"operator", "backup"}
"""Services that run only when they are named."""
OTHER_PROGRAMS = {"FLOWER_BASIC_AUTH", "PROMETHEUS_MULTIPROC_DIR"}
"""Variables that Flower and prometheus_client read themselves."""
SECRETS = {
    "web-1": {
        "DB_WEB_PASSWORD",
        "REDIS_PASSWORD",
        "JWT_SECRET",
        "ENCRYPTION_KEYS",
        "ADMIN_UI_PASSWORD",
        "METRICS_TOKEN",
        "S3_SECRET_ACCESS_KEY",
    },
    "relay": {"DB_RELAY_PASSWORD", "REDIS_PASSWORD", "ENCRYPTION_KEYS", "S3_SECRET_ACCESS_KEY"},
    "worker": {"DB_WORKER_PASSWORD", "REDIS_PASSWORD", "ANTHROPIC_API_KEY", "OPENAI_API_KEY"},
    "flower": {"REDIS_PASSWORD"},
    "migrate": {"REDIS_PASSWORD", "DB_PASSWORD", *(f"DB_{kind.upper()}_PASSWORD" for kind in PROCESS_KINDS)},
    "operator": {
        *("DB_OPERATOR_PASSWORD", "REDIS_PASSWORD", "JWT_SECRET", "ENCRYPTION_KEYS"),
        *("ANTHROPIC_API_KEY", "OPENAI_API_KEY"),
    },
}
SECRETS["web-2"] = SECRETS["web-1"]
"""The secrets that each of our services needs and has."""
NEED_JWT_SECRET = {"web-1", "web-2", "operator"}
WEB_ONLY = {"CORS_ORIGIN", "WIDGET_ORIGINS", "CONSOLE_ORIGINS"}
TOKENS = {name for name in SETTINGS if name.startswith(("JWT_", "JWKS_"))}
MODELS = {name for name in SETTINGS if name.startswith(("ANTHROPIC_", "OPENAI_"))} | {
    "AI_PROVIDER",
    "AI_CLASSIFY_EFFORT",
    "AI_EFFORT",
    "AI_STREAMING",
    "AI_PRICES",
}
FILES = {name for name in SETTINGS if name.startswith(("S3_", "FILE_"))} | {
    "MAX_FILE_BYTES",
    "UPLOAD_HOURS",
    "MAX_OPEN_UPLOADS_PER_PERSON",
    "CLAMAV_ADDRESS",
    "ANTIVIRUS_COMMAND",
}
WITH_METRICS_PORT = {"relay", "worker"}
"""Web processes serve their metrics on their own port."""


@pytest.fixture(scope="module")
async def services(node: ScriptRunner) -> dict[str, Any]:
    composed = json.loads(await node.run(HERE / "compose.mjs", FILE, env=REQUIRED))
    return dict(composed["services"])


def ours(services: dict[str, Any]) -> dict[str, Any]:
    return {name: service for name, service in services.items() if service["image"] == "hummdesk"}


def seconds(duration: str) -> float:
    minutes, rest = re.fullmatch(r"(?:(\d+)m)?(?:(\d+)s)?", duration).groups()  # type: ignore[union-attr]
    return 60 * int(minutes or 0) + int(rest or 0)


def test_services_are_ours_and_three_servers(services: dict[str, Any]) -> None:
    assert set(ours(services)) == {"web-1", "web-2", "worker", "relay", "flower", "migrate", "operator"}
    assert set(services) == {*ours(services), "proxy", "postgres", "redis", "backup"}
    assert {name for name, service in services.items() if "profiles" in service} == COMMANDS


@pytest.mark.parametrize("name", REQUIRED)
async def test_missing_secret_is_refused_by_name(name: str, node: ScriptRunner) -> None:
    async with node.running(HERE / "compose.mjs", FILE, env=REQUIRED | {name: ""}) as script:
        assert f"Error: {name}: " in (await script.communicate())[0].decode()
        assert script.returncode != 0


def is_secret(name: str) -> bool:
    return name.endswith(("_SECRET", "_KEY", "_KEYS", "_PASSWORD", "_TOKEN")) and name != "JWT_PUBLIC_KEY"


def test_each_of_our_services_has_only_the_secrets_that_it_needs(services: dict[str, Any]) -> None:
    for name, service in ours(services).items():
        assert set(filter(is_secret, service["environment"])) == SECRETS[name], name


def test_each_of_our_services_has_exactly_the_known_settings(services: dict[str, Any]) -> None:
    given = {
        "DATABASE_URL",
        "LISTEN_DATABASE_URL",
        "DB_PORT",
        "DB_NAME",
        "DB_USER",
        "REDIS_URL",
        "REDIS_PORT",
        "BROKER_URL",
    }
    """Settings whose default is correct here, or that others replace."""
    for name, service in ours(services).items():
        absent = given | set(filter(is_secret, SETTINGS)) - SECRETS[name]
        absent |= set() if name in WITH_METRICS_PORT else {"METRICS_PORT"}
        absent |= set() if name.startswith("web") else WEB_ONLY
        absent |= set() if name in NEED_JWT_SECRET else TOKENS
        absent |= set() if name in {"worker", "operator"} else MODELS
        absent |= set() if name in {"web-1", "web-2", "relay"} else FILES
        assert set(service["environment"]) - OTHER_PROGRAMS == set(SETTINGS) - absent, name


def test_each_of_our_services_starts_with_its_settings(services: dict[str, Any]) -> None:
    for name, service in ours(services).items():
        environment = {key: str(value) for key, value in service["environment"].items()}
        assert config.read(environment, needs_secret=name in NEED_JWT_SECRET).hummdesk_env == "production"


def test_workers_reach_external_models_and_nothing_reaches_the_data_from_outside(services: dict[str, Any]) -> None:
    outside = {name: set(service["networks"]) - {"data"} for name, service in services.items()}
    assert {name for name, networks in outside.items() if networks == {"models"}} == {"worker", "operator"}
    assert {name for name, networks in outside.items() if networks == {"webhooks"}} == {"relay"}
    assert {name for name, networks in outside.items() if not networks} == {"migrate", "postgres", "redis", "backup"}


async def test_only_the_network_of_the_data_is_internal(node: ScriptRunner) -> None:
    composed = json.loads(await node.run(HERE / "compose.mjs", FILE, env=REQUIRED))
    assert composed["networks"] == {"data": {"internal": True}, "edge": None, "models": None, "webhooks": None}


async def test_proxy_receives_each_variable_of_its_configuration(node: ScriptRunner) -> None:
    for given in (dict[str, str](), {"IPV6": "on"}, {"TLS_CERTIFICATE": "desk.pem"}):
        composed = json.loads(await node.run(HERE / "compose.mjs", FILE, env=REQUIRED | given))
        expected = {"TLS": "on" if "TLS_CERTIFICATE" in given else "", "IPV6": given.get("IPV6", "")}
        assert composed["services"]["proxy"]["environment"] == expected
    read = set(re.findall(r'"\$(\w+)"', (ROOT / "deploy" / "haproxy.cfg").read_text()))
    assert read == {"TLS", "IPV6"}


def test_setting_without_a_value_keeps_its_default(services: dict[str, Any]) -> None:
    said = {name for name, value in services["web-1"]["environment"].items() if value}
    assert said & {"SHUTDOWN_SECONDS", "PING_TIMEOUT_SECONDS", "AI_PROVIDER", "LOG_LEVEL"} == set()


def test_every_variable_is_in_env_example() -> None:
    example = (ROOT / ".env.example").read_text()
    for name in set(re.findall(r"\$\{(\w+)", FILE.read_text())):
        assert re.search(rf"^#?{name}=", example, re.MULTILINE), name


def test_each_service_restarts_and_has_a_health_check(services: dict[str, Any]) -> None:
    for name, service in services.items():
        ends = "no" if name in COMMANDS else "on-failure:3" if name == "migrate" else None
        assert service["restart"] == (ends or "unless-stopped")
        assert "no-new-privileges:true" in service["security_opt"]
        assert service["healthcheck"] == {"disable": True} if ends else service["healthcheck"]["test"]
        assert re.search(r":[\w.-]+\Z", service["image"]) or service in ours(services).values()


def test_our_services_wait_for_the_migrations(services: dict[str, Any]) -> None:
    for name in set(ours(services)) - {"migrate"}:
        assert services[name]["depends_on"] == {"migrate": {"condition": "service_completed_successfully"}}
    assert services["migrate"]["depends_on"]["postgres"] == {"condition": "service_healthy"}


def test_stop_grace_period_exceeds_the_work_in_progress(services: dict[str, Any]) -> None:
    assert seconds(services["web-1"]["stop_grace_period"]) > SETTINGS["SHUTDOWN_SECONDS"]
    assert seconds(services["worker"]["stop_grace_period"]) > SETTINGS["AI_HARD_LIMIT_SECONDS"]


def test_only_proxy_and_flower_publish_ports_and_only_on_loopback(services: dict[str, Any]) -> None:
    ports = {name: service["ports"] for name, service in services.items() if "ports" in service}
    assert ports == {"proxy": ["127.0.0.1:8080:8080", "127.0.0.1:8443:8443"], "flower": ["127.0.0.1:5555:5555"]}
    assert [name for name, service in services.items() if "edge" in service["networks"]] == [
        "proxy",
        "web-1",
        "web-2",
        "flower",
    ]


def test_our_services_can_write_only_to_tmpfs(services: dict[str, Any]) -> None:
    for service in ours(services).values():
        assert service["read_only"]
        assert service["cap_drop"] == ["ALL"]
        assert service["tmpfs"] == ["/tmp", *filter(None, [service["environment"].get("PROMETHEUS_MULTIPROC_DIR")])]


def test_redis_has_memory_for_the_event_stream_and_evicts_nothing(services: dict[str, Any]) -> None:
    command = services["redis"]["command"]
    options = dict(zip(command[1::2], command[2::2], strict=True))
    assert options["--maxmemory"] == "1gb"
    assert options["--maxmemory-policy"] == "noeviction"
    assert 2 * SHARDS * SETTINGS["BUS_BYTES"] <= 2**30
