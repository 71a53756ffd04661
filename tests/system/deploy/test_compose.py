"""docker-compose.yml as Compose reads it: against the schema of its specification, and against what it starts."""

import json
import re
from dataclasses import fields
from typing import Any

import pytest

from docs.generate import ROOT
from hummdesk.core.config import Settings
from tests.system.js.script_runner import HERE, ScriptRunner

FILE = ROOT / "docker-compose.yml"
REQUIRED = {
    "POSTGRES_PASSWORD": "superuser's",
    "DB_PASSWORD": "database's",
    "REDIS_PASSWORD": "redis's",
    "JWT_SECRET": "0123456789abcdef0123456789abcdef",
    "FLOWER_BASIC_AUTH": "operator:secret",
}
SETTINGS = {entry.name.upper(): entry.default for entry in fields(Settings)}
OTHER_PROGRAMS = {"FLOWER_BASIC_AUTH", "PROMETHEUS_MULTIPROC_DIR"}
"""What Flower, prometheus_client and Sanic read from the environment themselves."""
WITH_METRICS_PORT = {"relay", "worker"}
"""Web processes tell their figures on their own port."""


@pytest.fixture(scope="module")
async def services(node: ScriptRunner) -> dict[str, Any]:
    composed = json.loads(await node.run(HERE / "compose.mjs", FILE, env=REQUIRED))
    return dict(composed["services"])


def ours(services: dict[str, Any]) -> dict[str, Any]:
    return {name: service for name, service in services.items() if service["image"] == "hummdesk"}


def seconds(duration: str) -> float:
    minutes, rest = re.fullmatch(r"(?:(\d+)m)?(?:(\d+)s)?", duration).groups()  # type: ignore[union-attr]
    return 60 * int(minutes or 0) + int(rest or 0)


def test_what_runs(services: dict[str, Any]) -> None:
    assert set(ours(services)) == {"web-1", "web-2", "worker", "relay", "flower", "migrate"}
    assert set(services) == {*ours(services), "proxy", "postgres", "redis"}


@pytest.mark.parametrize("name", REQUIRED)
async def test_a_secret_that_is_not_set_is_asked_for(name: str, node: ScriptRunner) -> None:
    async with node.running(HERE / "compose.mjs", FILE, env=REQUIRED | {name: ""}) as script:
        assert f"Error: {name}: " in (await script.communicate())[0].decode()
        assert script.returncode != 0


def test_each_of_ours_has_each_setting_and_nothing_that_nobody_reads(services: dict[str, Any]) -> None:
    given = {"DATABASE_URL", "DB_PORT", "DB_NAME", "DB_USER", "REDIS_URL", "REDIS_PORT"}
    """Those whose default is right here, or that the others stand in for."""
    for name, service in ours(services).items():
        own = set() if name in WITH_METRICS_PORT else {"METRICS_PORT"}
        assert set(service["environment"]) - OTHER_PROGRAMS == set(SETTINGS) - given - own


def test_what_is_not_said_is_left_to_the_defaults(services: dict[str, Any]) -> None:
    said = {name for name, value in services["web-1"]["environment"].items() if value}
    assert said & {"SHUTDOWN_SECONDS", "PING_TIMEOUT_SECONDS", "AI_PROVIDER", "LOG_LEVEL"} == set()


def test_every_variable_is_in_the_example() -> None:
    example = (ROOT / ".env.example").read_text()
    for name in set(re.findall(r"\$\{(\w+)", FILE.read_text())):
        assert re.search(rf"^#?{name}=", example, re.MULTILINE), name


def test_each_comes_back_by_itself_and_says_how_it_is(services: dict[str, Any]) -> None:
    for name, service in services.items():
        assert service["restart"] == ("on-failure:3" if name == "migrate" else "unless-stopped")
        assert "no-new-privileges:true" in service["security_opt"]
        assert service["healthcheck"] == {"disable": True} if name == "migrate" else service["healthcheck"]["test"]
        assert re.search(r":[\w.-]+\Z", service["image"]) or service in ours(services).values()


def test_nothing_of_ours_serves_an_unmigrated_database(services: dict[str, Any]) -> None:
    for name in set(ours(services)) - {"migrate"}:
        assert services[name]["depends_on"] == {"migrate": {"condition": "service_completed_successfully"}}
    assert services["migrate"]["depends_on"]["postgres"] == {"condition": "service_healthy"}


def test_who_is_stopped_has_time_to_end_what_it_does(services: dict[str, Any]) -> None:
    assert seconds(services["web-1"]["stop_grace_period"]) > SETTINGS["SHUTDOWN_SECONDS"]
    assert seconds(services["worker"]["stop_grace_period"]) > SETTINGS["AI_HARD_LIMIT_SECONDS"]


def test_only_proxy_and_flower_are_reached_from_outside_and_only_from_this_machine(services: dict[str, Any]) -> None:
    ports = {name: service["ports"] for name, service in services.items() if "ports" in service}
    assert ports == {"proxy": ["127.0.0.1:8080:8080", "127.0.0.1:8443:8443"], "flower": ["127.0.0.1:5555:5555"]}
    assert [name for name, service in services.items() if "edge" in service["networks"]] == [
        "proxy",
        "web-1",
        "web-2",
        "flower",
    ]


def test_what_runs_our_code_can_write_nothing_but_tmp(services: dict[str, Any]) -> None:
    for service in ours(services).values():
        assert service["read_only"]
        assert service["cap_drop"] == ["ALL"]
        assert service["tmpfs"] == ["/tmp", *filter(None, [service["environment"].get("PROMETHEUS_MULTIPROC_DIR")])]
