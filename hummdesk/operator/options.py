"""Options that several commands share, and the settings that they lead to."""

from collections.abc import Mapping
from pathlib import Path

import click

from hummdesk.core import config
from hummdesk.core.config import Settings

home_option = click.option(
    "--home",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path(".hummdesk"),
    show_default=True,
    metavar="DIR",
    help="Directory in which `up` keeps its data; other commands read its settings there.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
account_option = click.option("--account", type=click.UUID, required=True, help="Id of the account.")


def settings_of(home: Path, given: Mapping[str, object] | None = None, *, needs_secret: bool = True) -> Settings:
    """Read the settings, with those of the command line first; all invalid ones are reported together.

    `needs_secret` is False for processes that neither issue nor verify tokens.
    """
    from hummdesk.core import tokens

    changes = {name: str(value) for name, value in (given or {}).items() if value is not None}
    settings = config.read(config.collect(home) | changes, needs_secret=needs_secret)
    if needs_secret:
        tokens.check(settings)
    return settings
