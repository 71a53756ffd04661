"""The commands for one machine: everything started together, demo data, and the settings of a running `up`."""

import asyncio
from pathlib import Path

import click

from hummdesk.core import config
from hummdesk.operator.options import home_option, settings_of


@click.command("up")
@home_option
@click.option("--port", type=click.IntRange(0, 65535), help="Port of the web processes; 0 chooses a free one.  [5000]")
@click.option("--workers", type=click.IntRange(1, 64), default=1, show_default=True, help="Number of web processes.")
@click.option("--reload", is_flag=True, help="Restart when a source file changes; for a checkout with `make dev`.")
def up_command(home: Path, port: int | None, workers: int, reload: bool) -> None:
    """Run everything on this machine, with demo data, until Ctrl-C.

    It starts PostgreSQL and Redis unless DATABASE_URL (or DB_HOST) and REDIS_URL (or REDIS_HOST) name others.
    """
    from hummdesk.dev.up import Up, run

    values = config.collect() | ({} if port is None else {"PORT": str(port)})
    asyncio.run(run(Up(home=home, values=values, workers=workers, say=_say, reload=reload)))


def _say(line: str) -> None:
    click.echo(line)


@click.command("demo")
@home_option
@click.option("--json", "as_json", is_flag=True, help="Print the users and customers, with tokens, as JSON.")
@click.option("--accounts", type=click.IntRange(1), default=2, show_default=True, help="Number of accounts.")
@click.option("--agents", type=click.IntRange(0), default=2, show_default=True, help="Agents of each account.")
@click.option("--customers", type=click.IntRange(0), default=3, show_default=True, help="Customers of each account.")
def demo_command(home: Path, as_json: bool, accounts: int, agents: int, customers: int) -> None:
    """Create missing demo data, and print the users and customers asked for."""
    import orjson

    from hummdesk.dev import demo
    from hummdesk.dev.banner import people

    loading = demo.load(settings_of(home), accounts=accounts, agents=agents, customers=customers, with_results=True)
    loaded = asyncio.run(loading)
    click.echo(orjson.dumps(loaded).decode() if as_json else people(loaded))


@click.command("env")
@home_option
def env_command(home: Path) -> None:
    """Print the settings of a running `up` as lines of a .env file."""
    from hummdesk.dev.home import env_lines

    settings = settings_of(home)
    values = {"DATABASE_URL": settings.postgres, "REDIS_URL": settings.redis}
    click.echo(env_lines(values | {"JWT_SECRET": settings.jwt_secret, "PORT": str(settings.port)}), nl=False)
