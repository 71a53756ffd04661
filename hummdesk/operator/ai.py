"""The commands for the AI: try it on lines of text, choose an account's provider, limit and see its costs."""

import asyncio
import sys
import tempfile
from decimal import Decimal
from pathlib import Path
from uuid import UUID

import click

from hummdesk.core import config
from hummdesk.core.config import Settings
from hummdesk.operator.options import home_option, settings_of

provider_option = click.option("--provider", help="Provider to ask.  [AI_PROVIDER, or embedded]")


@click.group("ai")
def ai_command() -> None:
    """Try the AI on messages, choose its provider, limit and see its costs.

    `classify` and `draft` read messages from standard input, one a line: as text, or as a JSON object with the
    conversation before it, {"text", "history"} for `classify`, {"question", "history", "language"} for `draft`."""


@ai_command.command("classify")
@provider_option
@click.option(
    "--categories",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    metavar="FILE",
    help="Own categories, in the format of `category import`.  [the built-in ones]",
)
@click.option(
    "--tags",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    metavar="FILE",
    help="Own tags, in the format of `tag import`.  [the built-in ones]",
)
def classify_command(provider: str | None, categories: Path | None, tags: Path | None) -> None:
    """Print category, priority, sentiment, language and tags of each message."""
    from hummdesk.operator import ai_trial, category, tag, terms

    own = () if categories is None else category.valid({"enabled": True, "categories": terms.read(categories)}).used
    own_tags = () if tags is None else tag.valid({"tags": terms.read(tags)})
    ai_trial.classify(sys.stdin, sys.stdout, _with_provider(provider), own, own_tags)


@ai_command.command("draft")
@provider_option
@click.option(
    "--knowledge",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help='Articles to draft from, one {"id", "title", "body", "questions"} a line; of those that contradict each '
    "other, the last one counts.  [those of the demo]",
)
def draft_command(provider: str | None, knowledge: Path | None) -> None:
    """Print a draft reply to each message, as it would be suggested to an agent."""
    from hummdesk.operator import ai_trial

    with tempfile.TemporaryDirectory(prefix="hummdesk-") as folder:
        ai_trial.draft(sys.stdin, sys.stdout, _with_provider(provider), knowledge or _demo_knowledge(Path(folder)))


@ai_command.command("provider")
@home_option
@click.option("--account", type=click.UUID, help="Id of the account.  [all are shown]")
@click.argument("name", required=False, type=click.Choice(["embedded", "anthropic", "openai", "default"]))
def provider_command(home: Path, account: UUID | None, name: str | None) -> None:
    """Show or choose the AI provider of an account; `default` follows AI_PROVIDER."""
    from hummdesk.operator import ai_providers

    if name is not None and account is None:
        raise click.UsageError("give --account to choose a provider")
    for line in asyncio.run(ai_providers.provider(settings_of(home), account, name)):
        click.echo(line)


@ai_command.command("threshold")
@home_option
@click.option("--account", type=click.UUID, help="Id of the account.  [all are shown]")
@click.argument("confidence", required=False, metavar="[0..1|default]")
def threshold_command(home: Path, account: UUID | None, confidence: str | None) -> None:
    """Show or set the least confidence of drafts that an account is shown; `default` is no minimum."""
    from hummdesk.operator import ai_thresholds

    if confidence is not None and account is None:
        raise click.UsageError("give --account to set a threshold")
    for line in asyncio.run(ai_thresholds.threshold(settings_of(home), account, confidence)):
        click.echo(line)


@ai_command.command("profile")
@home_option
@click.option("--account", type=click.UUID, required=True, help="Id of the account.")
@click.option("--company", metavar="TEXT", help="What the company is and does.")
@click.option("--voice", metavar="TEXT", help="How it writes to its customers.")
@click.option("--policies", metavar="TEXT", help="What each reply must follow.")
def profile_command(home: Path, account: UUID, company: str | None, voice: str | None, policies: str | None) -> None:
    """Show or set what external models receive about an account for their drafts; an empty TEXT removes one."""
    from hummdesk.operator import ai_profiles

    texts = {"company": company, "voice": voice, "policies": policies}
    for line in asyncio.run(ai_profiles.profile(settings_of(home), account, **texts)):
        click.echo(line)


@ai_command.command("budget")
@home_option
@click.option("--account", type=click.UUID, help="Id of the account.  [all are shown]")
@click.option("--tokens", metavar="N|default", help="Tokens in a day; 0: unlimited; default: AI_DAILY_TOKENS.")
@click.option("--dollars", metavar="X|default", help="US dollars in a day; 0: unlimited; default: AI_DAILY_DOLLARS.")
def budget_command(home: Path, account: UUID | None, tokens: str | None, dollars: str | None) -> None:
    """Show today's use of external models (UTC), or set an account's daily budget.

    Beyond it, the embedded provider answers until the next day."""
    from hummdesk.operator import ai_budgets

    if account is None and (tokens is not None or dollars is not None):
        raise click.UsageError("give --account to set a budget")
    for line in asyncio.run(ai_budgets.budget(settings_of(home), account, tokens=tokens, dollars=dollars)):
        click.echo(line)


@ai_command.command("costs")
@home_option
@click.option("--days", type=click.IntRange(1, 3650), default=30, show_default=True, help="Days to look back.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def costs_command(home: Path, days: int, as_json: bool) -> None:
    """Print the calls to external models and their costs, by account and model."""
    from hummdesk.operator import ai_providers

    for line in asyncio.run(ai_providers.costs(settings_of(home), days=days, as_json=as_json)):
        click.echo(line)


@ai_command.command("simulate")
@home_option
@click.option("--account", type=click.UUID, required=True, help="Id of the account.")
@click.option("--since", default="30d", show_default=True, metavar="30d|DATE", help="Closed not before this.")
@click.option(
    "--conversations", type=click.IntRange(1, 1000), default=200, show_default=True, help="Most conversations."
)
@click.option(
    "--dollars", type=click.FloatRange(0, 1000), default=5.0, show_default=True, help="Most cost of an external model."
)
@click.option(
    "--provider",
    type=click.Choice(["embedded", "anthropic", "openai"]),
    help="Provider to ask.  [that of the account]",
)
@click.option("--show", type=click.UUID, metavar="ID", help="Show a simulation instead of starting one.")
@click.option("--cancel", type=click.UUID, metavar="ID", help="End a simulation instead of starting one.")
@click.option("--json", "as_json", is_flag=True, help="The result as one JSON object.")
def simulate_command(
    home: Path,
    account: UUID,
    since: str,
    conversations: int,
    dollars: float,
    provider: str | None,
    show: UUID | None,
    cancel: UUID | None,
    as_json: bool,
) -> None:
    """Draft the answers of closed conversations, and compare them with what agents have sent.

    A worker does it beside live work; the command waits for the result. Nothing is sent to customers."""
    from hummdesk.operator import simulations

    settings = settings_of(home)
    if cancel is not None:
        asyncio.run(simulations.cancel(settings, account, cancel, echo=click.echo))
    elif show is not None:
        asyncio.run(simulations.show(settings, account, show, as_json=as_json, echo=click.echo))
    else:
        asyncio.run(
            simulations.simulate(
                settings,
                account,
                since=since,
                conversations=conversations,
                dollars=Decimal(str(dollars)),
                provider=provider,
                as_json=as_json,
                echo=click.echo,
                progress=lambda line: click.echo(line, err=True),
            )
        )


def _with_provider(name: str | None) -> Settings:
    values = config.collect() | ({} if name is None else {"AI_PROVIDER": name})
    return config.read(values, needs_servers=False)


def _demo_knowledge(folder: Path) -> Path:
    """Write the articles of the first demo company to a file in `folder`."""
    import orjson

    from hummdesk.dev.demo_companies import company

    articles = [{"id": page["title"], **page} for page in company(0).content["articles"]]
    file = folder / "articles.jsonl"
    file.write_bytes(b"\n".join(orjson.dumps(article) for article in articles))
    return file
