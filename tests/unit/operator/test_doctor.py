"""`hummdesk doctor`: joins the findings of all checks, and prints a line or an object for each."""

import json
from pathlib import Path
from typing import Any
from unittest.mock import AsyncMock

import pytest
from click.testing import CliRunner, Result

from hummdesk.bus import checks as bus
from hummdesk.cli import main
from hummdesk.core.config import Settings
from hummdesk.core.findings import Finding
from hummdesk.operator import proxy_checks, shards
from hummdesk.operator.doctor import price_findings
from hummdesk.storage import checks as storage

WARNING = Finding("REDIS_URL", "redis:6379 has no append-only file", "set appendonly to yes")
ERROR = Finding("PostgreSQL for web", "cannot be used: connection refused", "start it", is_error=True)
MISSING = Finding("REDIS_URL", "Redis has 8 of 16 shards of the event stream", "start a relay")
FATAL = Finding("Role hummdesk_app", "bypasses row-level security", "ALTER ROLE", is_fatal=True)


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)  # no settings of `up`
    monkeypatch.setenv("DATABASE_URL", "postgresql://127.0.0.1:1/none")
    monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:1/0")
    find(monkeypatch)


def find(monkeypatch: pytest.MonkeyPatch, **found: tuple[Finding, ...]) -> None:
    """Replace the checks of the servers, `database`, `redis` and `shards`, by ones with these findings."""
    checks: dict[str, tuple[Any, str]] = {
        "database": (storage, "database_findings"),
        "redis": (bus, "check"),
        "shards": (shards, "shard_findings"),
    }
    for subject, (module, name) in checks.items():
        monkeypatch.setattr(module, name, AsyncMock(return_value=list(found.get(subject, ()))))


def doctor(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["doctor", *arguments], prog_name="hummdesk")


def test_doctor_without_findings_succeeds() -> None:
    result = doctor()
    assert (result.exit_code, result.stdout) == (0, "No problems found.\n")
    assert (doctor("--json").exit_code, doctor("--json").stdout) == (0, "")


def test_doctor_with_warnings_only_exits_with_1(monkeypatch: pytest.MonkeyPatch) -> None:
    find(monkeypatch, redis=(WARNING,))
    result = doctor()
    assert result.exit_code == 1
    assert result.stdout == "warning: REDIS_URL: redis:6379 has no append-only file; set appendonly to yes\n"


def test_doctor_with_errors_prints_them_first_and_exits_with_2(monkeypatch: pytest.MonkeyPatch) -> None:
    find(monkeypatch, database=(WARNING, ERROR, ERROR), redis=(FATAL,), shards=(MISSING,))
    result = doctor()
    assert result.exit_code == 2
    assert [line.partition(":")[0] for line in result.stdout.splitlines()] == ["error", "error", "warning", "warning"]


def test_doctor_as_json_prints_an_object_for_each_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    find(monkeypatch, redis=(FATAL, WARNING))
    result = doctor("--json")
    assert result.exit_code == 2
    assert [json.loads(line) for line in result.stdout.splitlines()] == [
        {"severity": "error", "subject": FATAL.subject, "problem": FATAL.problem, "remedy": FATAL.remedy},
        {"severity": "warning", "subject": WARNING.subject, "problem": WARNING.problem, "remedy": WARNING.remedy},
    ]


def test_doctor_with_a_url_checks_the_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def of_proxy(_: Settings, url: str) -> list[Finding]:
        asked.append(url)
        return [WARNING]

    monkeypatch.setattr(proxy_checks, "proxy_findings", of_proxy)
    assert doctor("--url", "https://Desk.example:443/").exit_code == 1
    assert asked == ["https://desk.example"]


@pytest.mark.parametrize(
    "url", ["desk.example", "https://", "ftp://desk.example", "https://desk.example/console", "https://desk:x", ""]
)
def test_doctor_with_a_url_that_is_no_address_is_refused(url: str) -> None:
    result = doctor("--url", url)
    assert result.exit_code == 2
    assert f"{url!r} is not an address like https://desk.example.com" in " ".join(result.stderr.split())


def test_doctor_with_a_half_configured_topology_is_refused_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_URL", "redis+sentinel://redis-1:26379")
    result = doctor()
    assert result.exit_code == 2
    assert result.stderr.count("\n") == 1
    assert "REDIS_URL: the name of the master is missing" in result.stderr


def test_doctor_with_a_missing_directory_of_files_reports_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FILE_STORE", "/nowhere/files")
    result = doctor()
    assert result.exit_code == 2
    assert result.stdout == (
        "error: FILE_STORE: /nowhere/files cannot be used (No such file or directory); create it, or mount it on this "
        "machine\n"
    )


def test_doctor_with_a_full_disk_reports_the_free_space(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    monkeypatch.setattr("hummdesk.storage.file_checks.MINIMUM_FREE_SHARE", 1.1)
    monkeypatch.setenv("FILE_STORE", str(tmp_path))
    result = doctor()
    assert result.exit_code == 1
    assert "GiB free" in result.stdout


def test_models_of_usable_providers_without_price_are_found() -> None:
    own = Settings(
        openai_base_url="http://localhost:8000/v1", openai_classify_model="llama", openai_draft_model="llama"
    )
    [found] = price_findings(own)
    assert (found.severity, found.subject) == ("warning", "AI prices")
    assert "llama" in found.problem
    assert "AI_PRICES" in found.remedy
    assert price_findings(Settings(openai_draft_model="llama")) == [], "without a key the provider cannot be used"
    assert price_findings(Settings(anthropic_api_key="key", openai_api_key="key")) == []
