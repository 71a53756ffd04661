"""The commands that run the processes of a deployment, and the one that prepares its database."""

import asyncio
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from hummdesk.core import config, garbage, unused_packages
from hummdesk.operator.options import home_option, settings_of

METRICS = "PROMETHEUS_MULTIPROC_DIR"


@click.command("serve")
@home_option
@click.option("--host", help="Address to listen on.  [HOST, or 127.0.0.1]")
@click.option("--port", type=click.IntRange(0, 65535), help="Port to listen on.  [PORT, or 5000]")
@click.option("--workers", type=click.IntRange(1, 64), default=1, show_default=True, help="Number of processes.")
@click.option("--share-port", is_flag=True, help="Join web processes that already listen on this port.")
def serve_command(home: Path, host: str | None, port: int | None, workers: int, share_port: bool) -> None:
    """Run the web process: Socket.IO, pages, health and metrics. Refused while migrations are pending."""
    settings = settings_of(home, {"HOST": host, "PORT": port})
    with _metrics_directory():
        with garbage.uncollected(), unused_packages.skipped():
            from hummdesk.dev import sign_in
            from hummdesk.server import app

        routes = sign_in.routes(settings)
        app.serve(settings, host=settings.host, workers=workers, shares_port=share_port, extra_routes=routes)


@click.command("relay")
@home_option
def relay_command(home: Path) -> None:
    """Run the relay: hand AI runs to Celery, and publish the outbox."""
    settings = settings_of(home, needs_secret=False)
    with _metrics_directory():
        with garbage.uncollected(), unused_packages.skipped():
            import uvloop

            from hummdesk.relay import process

        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(process.run(settings))


@click.command("worker")
@home_option
def worker_command(home: Path) -> None:
    """Run the workers: Celery processes that carry out AI runs.

    With all settings in the environment, `python -m tasks` does the same.
    """
    settings_of(home, needs_secret=False)
    os.environ.update(config.collect(home))  # read by tasks.app, when it is imported
    from tasks.__main__ import main

    main()


@click.command("migrate")
@home_option
@click.option("--offline", is_flag=True, help="No process is running: hold locks as long as a migration takes.")
def migrate_command(home: Path, offline: bool) -> None:
    """Apply pending migrations, and create the logins whose passwords are set.

    Processes of compatible versions may run meanwhile. Refused if an applied migration was edited, or if the schema is
    that of a newer version which this one does not work with.
    """
    from hummdesk.core import logs
    from hummdesk.storage import logins
    from hummdesk.storage.migrations import HOLD_SECONDS, migrate

    settings = settings_of(home, needs_secret=False)
    logs.configure(settings, process="migrate")
    hold_seconds = None if offline else min(HOLD_SECONDS, settings.db_timeout_seconds / 2)
    applied = asyncio.run(migrate(logins.migrate_url_of(settings), hold_seconds=hold_seconds))
    click.echo("\n".join(f"applied {name}" for name in applied) or "nothing to do")
    for name in asyncio.run(logins.provision(settings)):
        click.echo(f"login {name}")


@contextmanager
def _metrics_directory() -> Iterator[None]:
    """Set the directory in which processes share their metrics, before prometheus_client is imported."""
    if os.environ.get(METRICS):
        yield
        return
    from hummdesk.core import temporary

    with temporary.directory("metrics") as folder:
        os.environ[METRICS] = str(folder)
        yield
