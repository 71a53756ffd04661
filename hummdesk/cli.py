"""The command line. Each command is imported when it is run, or listed by --help, and imports little itself."""

import importlib
from typing import Any

import click

from hummdesk import __version__
from hummdesk.core.config import SettingsError
from hummdesk.core.errors import CommandError, HummDeskError, Unavailable
from hummdesk.core.extras import explain_missing

REFUSED = 2
"""Exit code of a command that was refused, as click's own for wrong arguments."""

COMMANDS = {
    "up": "development",
    "serve": "processes",
    "relay": "processes",
    "worker": "processes",
    "migrate": "processes",
    "doctor": "doctor",
    "shards": "shards",
    "demo": "development",
    "token": "people",
    "env": "development",
    "signing-key": "signing_keys",
    "encryption": "encryption",
    "webhook": "webhook",
    "widget": "people",
    "visitor": "visitors",
    "contract": "contract",
    "ai": "ai",
    "knowledge": "knowledge",
    "canned": "knowledge",
    "category": "category",
    "tag": "tag",
    "skills": "skills",
    "routing": "routing",
    "account": "account",
    "user": "user",
    "team": "team",
    "contact": "contact",
    "key": "key",
    "session": "session",
    "oidc": "oidc",
    "hours": "hours",
    "completion": "completion",
}
"""The module of `hummdesk.operator` that defines each command, in the order of --help."""


class Commands(click.Group):
    """Imports a command on demand, and reports an expected error in one line without a traceback."""

    def list_commands(self, context: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        module = importlib.import_module(f"hummdesk.operator.{COMMANDS[name]}")
        command: click.Command = getattr(module, f"{name.replace('-', '_')}_command")
        return command

    def invoke(self, context: click.Context) -> Any:
        try:
            with explain_missing():
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
    """Return what to report of an error that the user can correct; None for a defect of HummDesk."""
    if isinstance(error, SettingsError):
        return [f"invalid setting: {fault}" for fault in error.faults]
    if isinstance(error, Unavailable):
        from hummdesk.storage.role import RoleError

        if isinstance(error.__cause__, RoleError):
            return [f"PostgreSQL is not used: {error.__cause__}"]
        return [f"PostgreSQL or Redis does not answer ({_cause(error)}): is `up` running, is the address right?"]
    if isinstance(error, HummDeskError):
        return [error.message]
    return [str(error)] if isinstance(error, CommandError) else None


def _cause(error: BaseException) -> str:
    """Return the driver's own message, which has no password in it."""
    return str(error.__cause__ or error).strip() or type(error.__cause__ or error).__name__


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="hummdesk")
def main() -> None:
    """HummDesk, a customer support desk in real time.

    Settings come from the environment, else from `.env` in the current directory, else from the home of a running `up`.
    """
