"""`python -m bench.volume` prints the figures on tables of years. Linux only."""

import asyncio
import os
import time

import click

from bench.volume import results
from bench.volume.run import Effort, Run

FULL = 20_000_000


@click.command()
@click.option("--messages", default=FULL, show_default=True, help="About so many.")
@click.option("--accounts", default=10_000, show_default=True)
@click.option("--store", is_flag=True, help="Store the figures in bench/volume/result.json, for the documentation.")
def main(messages: int, accounts: int, store: bool) -> None:
    """Measure HummDesk on tables of years. 20 million messages take about 20 GB in /var/tmp."""
    os.nice(5)
    run = Run(messages=messages, accounts=accounts, effort=Effort(), show=_show)
    result = asyncio.run(run.all())
    click.echo(results.table(result))
    if store:
        results.write(result)


def _show(line: str) -> None:
    click.echo(f"{time.strftime('%H:%M:%S')} {line}", err=True)


if __name__ == "__main__":
    main()
