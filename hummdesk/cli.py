"""The command line. What a command needs is imported when it runs, so that --help answers at once."""

import asyncio
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import click

from hummdesk.core import config
from hummdesk.core.config import Settings, SettingsError
from hummdesk.core.errors import CommandError, HummDeskError, Unavailable

METRICS = "PROMETHEUS_MULTIPROC_DIR"
REFUSED = 2
LONGEST_HOURS = 100_000

home_option = click.option(
    "--home",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path(".hummdesk"),
    show_default=True,
    metavar="DIR",
    help="Where `up` keeps its data, and other commands find it.",
)


class Commands(click.Group):
    """Says what stops a command in a line each, without a traceback, and ends with code 2."""

    def invoke(self, context: click.Context) -> Any:
        try:
            return super().invoke(context)
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except Exception as error:
            lines = _lines(error)
            if lines is None:
                raise
            for line in lines:
                click.echo(f"hummdesk: {' '.join(line.split())}", err=True)
            raise click.exceptions.Exit(REFUSED) from error


def _lines(error: Exception) -> list[str] | None:
    """What to tell of an error that a person can do something about; None for one that is ours."""
    if isinstance(error, SettingsError):
        return [f"wrong setting: {fault}" for fault in error.faults]
    if isinstance(error, Unavailable):
        return [f"PostgreSQL or Redis does not answer ({_cause(error)}): is `up` running, is the address right?"]
    if isinstance(error, HummDeskError):
        return [error.message]
    from hummdesk.storage.migrations import MigrationError

    return [str(error)] if isinstance(error, CommandError | MigrationError) else None


def _cause(error: BaseException) -> str:
    """The driver's own words; it leaves the password out of them."""
    return str(error.__cause__ or error).strip() or type(error.__cause__ or error).__name__


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
def main() -> None:
    """HummDesk, a customer-support desk in real time.

    Settings come from the environment, else from `.env` in this folder, else from the home of a running `up`.
    """


@main.command()
@home_option
@click.option("--port", type=click.IntRange(0, 65535), help="Port of the web processes; 0 chooses a free one.  [5000]")
@click.option("--workers", type=click.IntRange(1, 64), default=1, show_default=True, help="Number of web processes.")
def up(home: Path, port: int | None, workers: int) -> None:
    """Run the whole desk here, with demo data, until Ctrl-C.

    PostgreSQL and Redis are brought along unless DATABASE_URL (or DB_HOST) and REDIS_URL (or REDIS_HOST) name others.
    """
    from hummdesk.dev.up import Up, run

    values = config.gather() | ({} if port is None else {"PORT": str(port)})
    asyncio.run(run(Up(home=home, values=values, workers=workers, say=_say)))


def _say(line: str) -> None:
    with suppress(OSError):  # nobody listens at the other end of the pipe, which is no reason to stop
        click.echo(line)


@main.command()
@home_option
@click.option("--host", help="Address to listen on.  [HOST, or 127.0.0.1]")
@click.option("--port", type=click.IntRange(0, 65535), help="Port to listen on.  [PORT, or 5000]")
@click.option("--workers", type=click.IntRange(1, 64), default=1, show_default=True, help="Number of processes.")
@click.option("--share-port", is_flag=True, help="Join the web processes that listen there already.")
def serve(home: Path, host: str | None, port: int | None, workers: int, share_port: bool) -> None:
    """Run the web process: Socket.IO, health and metrics. Refuses to start when migrations are pending."""
    settings = _settings(home, {"HOST": host, "PORT": port})
    with _metrics_directory():
        from hummdesk.dev import sign_in
        from hummdesk.server import app

        routes = sign_in.routes(settings)
        app.serve(settings, host=settings.host, workers=workers, shares_port=share_port, extra_routes=routes)


@main.command()
@home_option
def relay(home: Path) -> None:
    """Move committed AI jobs from PostgreSQL to the Celery broker."""
    settings = _settings(home)
    with _metrics_directory():
        import uvloop

        from hummdesk.relay import process

        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(process.run(settings))


@main.command()
@home_option
def migrate(home: Path) -> None:
    """Bring the database up to date; refuses to go on past a migration that was edited."""
    from hummdesk.storage.migrations import migrate

    applied = asyncio.run(migrate(_settings(home).postgres))
    click.echo("\n".join(f"applied {name}" for name in applied) or "nothing to do")


@main.command()
@home_option
@click.option("--json", "as_json", is_flag=True, help="Print the people, with tokens, as JSON.")
@click.option("--accounts", type=click.IntRange(1), default=2, show_default=True, help="Number of accounts.")
@click.option("--agents", type=click.IntRange(0), default=2, show_default=True, help="Agents of each account.")
@click.option("--customers", type=click.IntRange(0), default=3, show_default=True, help="Customers of each account.")
def demo(home: Path, as_json: bool, accounts: int, agents: int, customers: int) -> None:
    """Make what is missing of the demo data, and print exactly what was asked for."""
    import orjson

    from hummdesk.dev import demo
    from hummdesk.dev.banner import people

    loaded = asyncio.run(demo.load(_settings(home), accounts=accounts, agents=agents, customers=customers))
    click.echo(orjson.dumps(loaded).decode() if as_json else people(loaded))


@main.command()
@home_option
@click.option("--email", help="E-mail of a user.")
@click.option("--contact", help="E-mail or id of a contact, who is a customer.")
@click.option("--account", type=click.UUID, help="Id of the account, where several know the e-mail.")
@click.option("--hours", type=click.FloatRange(0, min_open=True), default=1.0, show_default=True, help="Validity.")
def token(home: Path, email: str | None, contact: str | None, account: Any, hours: float) -> None:
    """Print a token that makes its bearer that person."""
    from hummdesk.core import tokens
    from hummdesk.operator.people import find

    if (email is None) == (contact is None):
        raise click.UsageError("give one of --email and --contact")
    if not hours < LONGEST_HOURS:  # nor a NaN
        raise click.UsageError(f"--hours has to be below {LONGEST_HOURS}")
    settings = _settings(home)
    person = asyncio.run(find(settings, email=email, contact=contact, account_id=account))
    click.echo(tokens.issue(settings, person, hours=hours))


@main.command()
@home_option
def env(home: Path) -> None:
    """Print how to reach the desk, as lines of a .env file."""
    from hummdesk.dev.home import env_lines

    settings = _settings(home)
    values = {"DATABASE_URL": settings.postgres, "REDIS_URL": settings.redis}
    click.echo(env_lines(values | {"JWT_SECRET": settings.jwt_secret, "PORT": str(settings.port)}), nl=False)


@main.command()
@home_option
@click.argument("account", type=click.UUID)
@click.argument("origins", nargs=-1, metavar="[ORIGIN]...")
def widget(home: Path, account: Any, origins: tuple[str, ...]) -> None:
    """Say which pages may show an account's widget: their origins, like https://shop.example, or `self`.

    These take the place of those before; without any, no page may.
    """
    from hummdesk.operator.people import set_widget_origins

    for origin in origins:
        if origin != "self" and not re.fullmatch(r"https?://[^/\s]+", origin):
            raise click.UsageError(f"{origin!r} is no origin like https://shop.example")
    name = asyncio.run(set_widget_origins(_settings(home), account_id=account, origins=list(origins)))
    click.echo(f"{name}: {', '.join(origins) or 'no page'}")
    click.echo(f'<script src="https://your.desk/widget.js" data-account="{account}" defer></script>')


@main.command()
@click.option("--typescript", "form", flag_value="typescript", help="As types for socket.io-client.")
@click.option("--asyncapi", "form", flag_value="asyncapi", help="As an AsyncAPI 3 document.")
def contract(form: str | None) -> None:
    """Print what clients and server say to each other."""
    import orjson

    from hummdesk.contract import asyncapi, typescript

    if form is None:
        raise click.UsageError("give --typescript or --asyncapi")
    if form == "typescript":
        click.echo(typescript.render(), nl=False)
    else:
        click.echo(orjson.dumps(asyncapi.document(), option=orjson.OPT_INDENT_2))


@main.group()
def ai() -> None:
    """Try the AI on messages, one a line on standard input; choose who answers, and see what that costs."""


provider_option = click.option("--provider", help="Who answers.  [AI_PROVIDER, or embedded]")


@ai.command()
@provider_option
def classify(provider: str | None) -> None:
    """Category, priority, sentiment and language of each message."""
    from hummdesk.operator import ai_trial

    ai_trial.classify(sys.stdin, sys.stdout, _with_provider(provider))


@ai.command()
@provider_option
@click.option(
    "--knowledge",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help='Articles to answer from, one {"id", "title", "body", "questions"} a line.  [those of the demo]',
)
def draft(provider: str | None, knowledge: Path | None) -> None:
    """A reply to each message, as an agent would be offered it."""
    from hummdesk.operator import ai_trial

    with tempfile.TemporaryDirectory() as folder:
        ai_trial.draft(sys.stdin, sys.stdout, _with_provider(provider), knowledge or _demo_knowledge(Path(folder)))


@ai.command()
@home_option
@click.option("--account", type=click.UUID, help="Id of the account; without one all are shown.")
@click.argument("name", required=False, type=click.Choice(["embedded", "anthropic", "openai", "default"]))
def provider(home: Path, account: Any, name: str | None) -> None:
    """Show, or choose, who answers for an account; `default`: whoever AI_PROVIDER says."""
    from hummdesk.operator import ai_providers

    if name is not None and account is None:
        raise click.UsageError("--account says for whom")
    for line in asyncio.run(ai_providers.provider(_settings(home), account, name)):
        click.echo(line)


@ai.command()
@home_option
@click.option("--days", type=click.IntRange(1, 3650), default=30, show_default=True, help="How far to look back.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def costs(home: Path, days: int, as_json: bool) -> None:
    """What models outside were asked and have cost, by account and model."""
    from hummdesk.operator import ai_providers

    for line in asyncio.run(ai_providers.costs(_settings(home), days=days, as_json=as_json)):
        click.echo(line)


@main.group()
def knowledge() -> None:
    """The articles and canned replies that an account's drafts are made from."""


account_option = click.option("--account", type=click.UUID, required=True, help="Id of the account.")
canned_option = click.option(
    "--canned", "kind", flag_value="canned_reply", default="article", help="Canned replies in place of articles."
)


@knowledge.command("import")
@home_option
@account_option
@canned_option
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
def import_(home: Path, account: Any, kind: Any, file: Path) -> None:
    """Add or change articles: one {"id", "title", "body", "questions"} a line. Canned replies have no questions."""
    from hummdesk.operator import knowledge as articles

    click.echo(asyncio.run(articles.put(_settings(home), account, file, kind)))


@knowledge.command("list")
@home_option
@account_option
@canned_option
def list_(home: Path, account: Any, kind: Any) -> None:
    """Print the articles as `import` reads them."""
    from hummdesk.operator import knowledge as articles

    for line in asyncio.run(articles.show(_settings(home), account, kind)):
        click.echo(line)


@knowledge.command()
@home_option
@account_option
@canned_option
@click.argument("article", type=str)
def remove(home: Path, account: Any, kind: Any, article: str) -> None:
    """Remove an article, by its id."""
    from hummdesk.operator import knowledge as articles

    asyncio.run(articles.remove(_settings(home), account, article, kind))


@main.command()
@home_option
@account_option
@click.option("--email", required=True, help="E-mail of a user.")
@click.argument("skills", nargs=-1, metavar="[SKILL]...")
def skills(home: Path, account: Any, email: str, skills: tuple[str, ...]) -> None:
    """Say what an agent can do, for the AI to suggest whom: categories of messages, and languages like `de`.

    These take the place of those before.
    """
    from hummdesk.operator.people import set_skills

    name = asyncio.run(set_skills(_settings(home), account_id=account, email=email, skills=list(skills)))
    click.echo(f"{name}: {', '.join(skills) or 'no skills'}")


def _with_provider(name: str | None) -> Settings:
    values = config.gather() | ({} if name is None else {"AI_PROVIDER": name})
    return config.read(values, needs_servers=False)


def _demo_knowledge(folder: Path) -> Path:
    import orjson

    from hummdesk.dev.demo_companies import company

    articles = [{"id": page["title"], **page} for page in company(0).content["articles"]]
    file = folder / "articles.jsonl"
    file.write_bytes(b"\n".join(orjson.dumps(article) for article in articles))
    return file


def _settings(home: Path, given: dict[str, object] | None = None) -> Settings:
    """The settings with what the command line gives instead, all faults of both told at once."""
    from hummdesk.core import tokens

    changes = {name: str(value) for name, value in (given or {}).items() if value is not None}
    settings = config.read(config.gather(home) | changes)
    tokens.check(settings)
    return settings


@contextmanager
def _metrics_directory() -> Iterator[None]:
    """The directory in which processes share their metrics has to be known before prometheus_client is imported."""
    if os.environ.get(METRICS):
        yield
        return
    os.environ[METRICS] = folder = tempfile.mkdtemp(prefix="hummdesk-metrics-")
    try:
        yield
    finally:
        shutil.rmtree(folder, ignore_errors=True)
