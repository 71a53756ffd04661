"""The command that checks a deployment, and says what to change."""

import asyncio
from collections.abc import Awaitable
from dataclasses import asdict
from pathlib import Path
from urllib.parse import urlsplit

import click

from hummdesk.core.config import Settings
from hummdesk.core.findings import Finding
from hummdesk.operator.options import home_option, json_option, settings_of
from hummdesk.operator.records import print_records

WARNINGS, ERRORS = 1, 2
"""Exit codes, as those of monitoring plugins. A command that is refused has the second one, too."""


def _address(_: click.Context, __: click.Parameter, text: str | None) -> str | None:
    """Return the address without a slash at the end. Raises BadParameter."""
    if text is None:
        return None
    try:
        parts = urlsplit(text)
        is_address = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port)
    except ValueError:  # of a port or an IPv6 address
        is_address = False
    if not is_address or parts.path.strip("/") or parts.query or parts.fragment or "@" in parts.netloc:
        raise click.BadParameter(f"{text!r} is not an address like https://desk.example.com")
    return f"{parts.scheme}://{parts.netloc.lower()}".removesuffix(":443" if parts.scheme == "https" else ":80")


@click.command("doctor")
@home_option
@json_option
@click.option("--url", callback=_address, help="Also check the proxy at this address, https://desk.example.com.")
@click.pass_context
def doctor_command(context: click.Context, home: Path, as_json: bool, url: str | None) -> None:
    """Check a deployment, and print what to change: one line a finding.

    Checks PostgreSQL, Redis, the broker and the store of files with the settings of this machine; run it on each
    machine. Exit code 0: nothing found; 1: warnings only; 2: errors, or invalid settings.
    """
    found = asyncio.run(findings(settings_of(home, needs_secret=False), url))
    if as_json:
        print_records([record(finding) for finding in found], as_json=True)
    else:
        click.echo("\n".join(f"{finding.severity}: {finding}" for finding in found) or "No problems found.")
    context.exit(exit_code(found))


async def findings(settings: Settings, url: str | None) -> list[Finding]:
    """Run all checks, each against other servers, at the same time; return errors before warnings."""
    from hummdesk.bus import checks as bus
    from hummdesk.operator.proxy_checks import proxy_findings
    from hummdesk.operator.shards import shard_findings
    from hummdesk.storage import checks as storage
    from hummdesk.storage.file_checks import file_findings

    checks: list[Awaitable[list[Finding]]] = [asyncio.to_thread(price_findings, settings)]
    checks += [storage.database_findings(settings), bus.check(settings), file_findings(settings)]
    checks += [shard_findings(settings)]
    if url is not None:
        checks.append(asyncio.to_thread(proxy_findings, settings, url))
    found = [finding for group in await asyncio.gather(*checks) for finding in group]
    return sorted(dict.fromkeys(found), key=lambda finding: finding.severity)


def price_findings(settings: Settings) -> list[Finding]:
    """Check that the models of usable external providers have prices: without one, budgets in dollars do not hold."""
    from hummdesk.ai.external.pricing import load_prices, unpriced

    prices = load_prices(settings.ai_prices)
    return [
        Finding(
            "AI prices",
            f"the price of {', '.join(kinds)} tokens of {model} is unknown, so that its cost counts towards no budget",
            "add it to the file of AI_PRICES; it is 0 for an own server",
        )
        for name in settings.providers[1:]
        for model, kinds in unpriced(prices, name, settings).items()
    ]


def record(finding: Finding) -> dict[str, object]:
    """The finding as an object for machines."""
    parts = asdict(finding)
    return {"severity": finding.severity} | {name: parts[name] for name in ("subject", "problem", "remedy")}


def exit_code(found: list[Finding]) -> int:
    if any(finding.severity == "error" for finding in found):
        return ERRORS
    return WARNINGS if found else 0
