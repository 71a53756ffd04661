"""The command line: help, refusals in one line, tokens and demo data."""

import json
import os
import re
import socket
import subprocess
import sys
import time
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from click.testing import CliRunner, Result

from hummdesk import __version__
from hummdesk.cli import main
from hummdesk.core import tokens
from hummdesk.core.config import HOME_ENV_FILE, Settings
from hummdesk.core.extras import EXTRAS
from hummdesk.dev import home as homes
from hummdesk.storage.migration_files import Migration

COMMANDS = [
    "up",
    "serve",
    "relay",
    "worker",
    "migrate",
    "demo",
    "token",
    "env",
    "widget",
    "contract",
    "completion",
    "ai",
    "ai classify",
    "ai draft",
    "ai provider",
    "ai costs",
    "knowledge",
    "knowledge import",
    "knowledge list",
    "knowledge remove",
    "skills",
    "skills update",
    "canned",
    "canned import",
    *(f"{noun} {do}" for noun in ("account", "user", "team", "contact") for do in ("create", "list", "show", "update")),
    *(f"{noun} disable" for noun in ("account", "user", "team", "contact", "key")),
    *("account", "user", "team", "contact", "key", "key create", "key rotate"),
]


@pytest.fixture(autouse=True)
def other_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def known(settings: Settings, tmp_path: Path) -> Path:
    """The home of an `up` whose servers are those of the tests."""
    folder = tmp_path / ".hummdesk"
    folder.mkdir()
    values = {
        "DATABASE_URL": settings.postgres,
        "REDIS_URL": settings.redis,
        "JWT_SECRET": settings.jwt_secret,
        "ENCRYPTION_KEYS": "a key of the tests with at least 32 bytes",
        "PORT": "5000",
        "HUMMDESK_ENV": "development",
    }
    homes.write_settings(folder, values)
    return folder


def run(*arguments: str) -> Result:
    """Run a command in this process; synchronous, since commands start their own event loop."""
    return CliRunner().invoke(main, list(arguments), prog_name="hummdesk")


async def typed(*arguments: str, text: str = "") -> tuple[int, str, str]:
    """Code, output and errors of a real process."""
    import asyncio

    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "hummdesk",
        *arguments,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[3])},
    )
    output, errors = await child.communicate(text.encode())
    return child.returncode or 0, output.decode(), errors.decode()


@pytest.mark.parametrize("command", COMMANDS)
def test_command_help_names_the_command(command: str) -> None:
    result = run(*command.split(), "--help")
    assert result.exit_code == 0
    assert "Usage: hummdesk" in result.output
    assert command.split()[-1] in result.output


def loaded_by(source: str) -> str:
    """Run a program, and return the list of the modules that it has imported."""
    source = f"import sys\ntry: {source}\nfinally: print(sorted(sys.modules))"
    env = os.environ | {"PYTHONPATH": str(Path(__file__).parents[3])}
    return subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, env=env, check=True).stdout


def test_help_loads_no_server() -> None:
    loaded = loaded_by("from hummdesk.cli import main; main(['--help'])")
    assert "'hummdesk.cli'" in loaded
    for heavy in ("sanic", "psycopg", "celery", "redis", "prometheus_client", "numpy"):
        assert f"'{heavy}'" not in loaded


def test_up_loads_neither_engine_nor_ai() -> None:
    loaded = loaded_by("import hummdesk.dev.up")
    assert "'hummdesk.dev.up'" in loaded
    for heavy in ("hummdesk.engine", "sanic", "celery", "numpy"):
        assert f"'{heavy}'" not in loaded


def test_version_is_the_package_version() -> None:
    assert run("--version").output == f"hummdesk, version {__version__}\n"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_prints_the_script_of_the_shell(shell: str) -> None:
    result = run("completion", shell)
    assert result.exit_code == 0
    assert f"_HUMMDESK_COMPLETE={shell}_complete" in result.output


async def test_completion_of_a_command_lists_it() -> None:
    source = "from hummdesk.cli import main; main(prog_name='hummdesk')"
    env = os.environ | {"PYTHONPATH": str(Path(__file__).parents[3])}
    env |= {"_HUMMDESK_COMPLETE": "bash_complete", "COMP_WORDS": "hummdesk know", "COMP_CWORD": "1"}
    completed = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, env=env, check=True)
    assert completed.stdout == "plain,knowledge\n"


@pytest.mark.parametrize(
    ("command", "module", "extra"),
    [
        ("ai classify", "numpy", "ai"),
        ("relay", "kombu", "relay"),
        ("up", "psutil", "up"),
    ],
)
def test_command_without_its_extra_names_the_extra(command: str, module: str, extra: str, known: Path) -> None:
    source = (
        "import sys\n"
        "class Missing:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        f"        if name.partition('.')[0] == {module!r}:\n"
        "            raise ModuleNotFoundError(f'No module named {name!r}', name=name)\n"
        "sys.meta_path.insert(0, Missing())\n"
        "from hummdesk.cli import main; main()"
    )
    env = os.environ | {"PYTHONPATH": str(Path(__file__).parents[3])}
    command_line = [sys.executable, "-c", source, *command.split()]
    done = subprocess.run(command_line, capture_output=True, text=True, env=env, input="", check=False)
    assert done.returncode == 2
    assert done.stderr == f"hummdesk: the Python package {module} is not installed: pip install 'hummdesk[{extra}]'\n"


def test_extras_of_the_command_line_are_those_of_the_project() -> None:
    project = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text())["project"]
    for module, extra in EXTRAS.items():
        owners = packages_distributions().get(module)
        assert owners is None or any(
            re.match(rf"{re.escape(owner)}\b", requirement, re.IGNORECASE)
            for owner in (*owners, "celery")
            for requirement in project["optional-dependencies"][extra]
        ), module


@pytest.mark.parametrize("command", ["serve", "demo", "token --email a@example.com", "env"])
def test_command_without_settings_reports_all_missing_ones(command: str) -> None:
    result = run(*command.split())
    assert result.exit_code == 2
    assert result.stderr.splitlines() == [
        "hummdesk: invalid setting: DATABASE_URL (or DB_HOST): not set; set it, or name a running `up` with --home",
        "hummdesk: invalid setting: REDIS_URL (or REDIS_HOST): not set; set it, or name a running `up` with --home",
        "hummdesk: invalid setting: JWT_SECRET: not set; `openssl rand -hex 32` makes one",
    ]


@pytest.mark.parametrize(
    "command",
    [
        "relay",
        "migrate",
        "signing-key list",
        "encryption rotate",
        "visitor revoke --all --account 01890000-0000-7000-8000-000000000001",
    ],
)
def test_command_without_tokens_needs_no_secret(command: str) -> None:
    result = run(*command.split())
    assert result.exit_code == 2
    assert [line.split(": ")[2] for line in result.stderr.splitlines()] == [
        "DATABASE_URL (or DB_HOST)",
        "REDIS_URL (or REDIS_HOST)",
    ]


def test_up_with_invalid_settings_reports_all_of_them(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("LOG_LEVEL", "LOUD")
    monkeypatch.setenv("BUS_LENGTH", "1")
    result = run("up", "--home", str(tmp_path / "home"))
    assert result.exit_code == 2
    assert [line.split(": ")[2] for line in result.stderr.splitlines()] == ["BUS_LENGTH", "LOG_LEVEL"]
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize(
    "arguments",
    ["serve --port 70000", "up --workers 0", "demo --accounts 0", "token", "token --email a --contact b", "dance"],
)
def test_command_with_invalid_arguments_is_refused(arguments: str, known: Path) -> None:
    result = run(*arguments.split())
    assert result.exit_code == 2
    assert "Error: " in result.stderr


def test_env_prints_lines_of_an_env_file(known: Path, settings: Settings) -> None:
    result = run("env", "--home", str(known))
    assert result.output.splitlines() == [
        f"DATABASE_URL={settings.postgres}",
        f"REDIS_URL={settings.redis}",
        f"JWT_SECRET={settings.jwt_secret}",
        "PORT=5000",
    ]
    assert (known / HOME_ENV_FILE).stat().st_mode & 0o077 == 0


def test_command_with_unreachable_database_is_refused_in_one_line(monkeypatch: pytest.MonkeyPatch, known: Path) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://hummdesk:verysecret@127.0.0.1:1/hummdesk")
    monkeypatch.setenv("DB_TIMEOUT_SECONDS", "0.5")
    for command in ("migrate", "serve", "token --email a@example.com"):
        result = run(*command.split())
        assert result.exit_code == 2
        assert len(result.stderr.splitlines()) == 1
        assert "verysecret" not in result.stderr


def test_migrate_without_pending_migrations_reports_nothing_to_do(
    known: Path, fresh_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", fresh_database_url)
    assert run("migrate").output == "nothing to do\n"


def test_serve_with_pending_migrations_is_refused(
    known: Path, fresh_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", fresh_database_url)
    with psycopg.connect(fresh_database_url) as connection:
        required = max(one.name for one in Migration.released() if not one.may_be_pending)
        connection.execute("DELETE FROM schema_migrations WHERE name >= %s", (required,))
    result = run("serve", "--port", "0")
    assert result.exit_code == 2
    assert "migrate" in result.stderr
    with psycopg.connect(fresh_database_url) as connection:
        connection.execute("UPDATE schema_migrations SET checksum = 'edited'")
    result = run("migrate")
    assert result.exit_code == 2
    assert "edited" in result.stderr


def test_serve_on_a_port_in_use_is_refused(known: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        result = run("serve", "--port", str(taken.getsockname()[1]), "--home", str(known))
    assert result.exit_code == 2
    assert "is in use: choose another with --port N" in result.stderr


def test_ai_commands_answer_each_line() -> None:
    text = "My parcel never arrived, where is it?\nMERCI, tout va bien\n"
    classified = CliRunner().invoke(main, ["ai", "classify"], input=text)
    assert classified.exit_code == 0, classified.stderr
    assert [json.loads(line)["language"] for line in classified.output.splitlines()] == ["en", "fr"]
    drafted = CliRunner().invoke(main, ["ai", "draft"], input="How long does delivery take?\n")
    assert json.loads(drafted.output)["sources"]
    refused = CliRunner().invoke(main, ["ai", "draft", "--knowledge", "none.jsonl"], input=text)
    assert (refused.exit_code, refused.stderr) == (2, "hummdesk: none.jsonl: No such file or directory\n")
    unknown = CliRunner().invoke(main, ["ai", "classify", "--provider", "oracle"], input=text)
    assert (unknown.exit_code, unknown.stderr) == (
        2,
        "hummdesk: invalid setting: AI_PROVIDER: 'oracle' is not one of embedded, anthropic, openai\n",
    )


class TestToken:
    @pytest.fixture
    def people(self, database_url: str) -> dict[str, str]:
        """Ada in two accounts, Grace in the first only, and a customer in both."""
        ids = {name: str(uuid4()) for name in ("first", "second", "ada", "ada2", "grace", "cus", "cus2", "gone")}
        mark = ids["first"][:8]
        with psycopg.connect(database_url) as connection:
            for account in ("first", "second"):
                connection.execute("INSERT INTO accounts (account_id, name) VALUES (%s, 'House')", [ids[account]])
            for account, person, name, role in (
                ("first", "ada", "ada", "agent"),
                ("second", "ada2", "ada", "admin"),
                ("first", "grace", "grace", "viewer"),
            ):
                connection.execute(
                    "INSERT INTO users (account_id, id, email, name, role) VALUES (%s, %s, %s, 'A', %s)",
                    [ids[account], ids[person], f"{name}.{mark}@example.com", role],
                )
            for account, person, active in (("first", "cus", True), ("second", "cus2", True), ("first", "gone", False)):
                connection.execute(
                    "INSERT INTO contacts (account_id, id, email, name, active) VALUES (%s, %s, %s, 'C', %s)",
                    [ids[account], ids[person], f"{person[:3]}.{mark}@example.com", active],
                )
        return ids | {"mark": mark}

    def claims(self, settings: Settings, *arguments: str) -> tokens.Claims:
        result = run("token", *arguments)
        assert result.exit_code == 0, result.stderr
        return tokens.verify(settings, result.output.removesuffix("\n"))

    def test_token_of_a_user_has_its_claims(self, known: Path, settings: Settings, people: dict[str, str]) -> None:
        claims = self.claims(settings, "--email", f"GRACE.{people['mark']}@example.com", "--hours", "2")
        assert (str(claims.user_id), str(claims.account_id), claims.role) == (
            people["grace"],
            people["first"],
            "viewer",
        )
        assert 7000 < claims.expires_at - time.time() < 7300

    def test_token_of_a_user_in_several_accounts_needs_the_account(
        self, known: Path, settings: Settings, people: dict[str, str]
    ) -> None:
        email = f"ada.{people['mark']}@example.com"
        result = run("token", "--email", email)
        assert result.exit_code == 2
        assert result.stderr.count("\n") == 1
        assert people["first"] in result.stderr
        assert people["second"] in result.stderr
        assert str(self.claims(settings, "--email", email, "--account", people["second"]).user_id) == people["ada2"]

    def test_token_of_a_customer_by_id_or_email(self, known: Path, settings: Settings, people: dict[str, str]) -> None:
        email = f"cus.{people['mark']}@example.com"
        by_id = self.claims(settings, "--contact", people["cus2"])
        by_email = self.claims(settings, "--contact", email, "--account", people["second"])
        assert str(by_id.user_id) == str(by_email.user_id) == people["cus2"]
        assert by_id.role == "customer"

    def test_token_of_an_unknown_person_is_refused(self, known: Path, people: dict[str, str]) -> None:
        for arguments in (
            ["--email", "nobody@example.com"],
            ["--email", f"cus.{people['mark']}@example.com"],
            ["--email", ""],
            ["--contact", str(uuid4())],
            ["--contact", people["gone"]],
            ["--contact", f"grace.{people['mark']}@example.com"],
            ["--contact", "nul\x01; DROP TABLE users"],
            ["--email", f"grace.{people['mark']}@example.com", "--account", people["second"]],
        ):
            result = run("token", *arguments)
            assert result.exit_code == 2
            assert result.stderr.startswith("hummdesk: no active ")
            assert result.stderr.count("\n") == 1


def test_demo_prints_exactly_the_people_asked_for(
    known: Path, fresh_database_url: str, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", fresh_database_url)
    result = run("demo", "--json", "--accounts", "1", "--agents", "1", "--customers", "2")
    assert result.exit_code == 0, result.stderr
    (account,) = json.loads(result.output)["accounts"]
    assert [user["role"] for user in account["users"]].count("agent") == 1
    assert len(account["customers"]) == 2
    people = [*account["users"], *account["customers"]]
    assert [str(tokens.verify(settings, one["token"]).user_id) for one in people] == [one["id"] for one in people]
    for_people = run("demo", "--accounts", "1", "--agents", "1", "--customers", "2").output
    assert all(one["email"] in for_people for one in people)
    assert "eyJ" not in for_people
    agent = next(user for user in account["users"] if user["role"] == "agent")
    assert run("token", "--email", agent["email"]).output.count(".") == 2
