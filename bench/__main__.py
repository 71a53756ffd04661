"""`python -m bench [P1 P2 …]`: one line a target. Linux only: cores and CPU clocks are the kernel's."""

import asyncio
import os
import resource
import signal
import sys
from collections.abc import Collection
from dataclasses import replace
from typing import Any

import click
import uvloop

from bench.connections import connections
from bench.fanout import fan_out, many_receivers, two_processes
from bench.latency import ai_start, classified, emits
from bench.messages import messages
from bench.report import FIGURES, line
from bench.rounds import PEERS, SMOKE, Bench, Size
from bench.world import opened

STUDIES = {
    fan_out: ("P1", "P2"),
    messages: ("P3", "P4"),
    connections: ("P5", "P6"),
    ai_start: ("P7",),
    many_receivers: ("P8",),
    emits: ("P9",),
    two_processes: ("P10",),
    classified: ("P11", "P12"),
}


class Loop(uvloop.Loop):
    """uvloop refuses to start a process as another user; our servers run as ourselves."""

    async def subprocess_exec(
        self, *arguments: Any, user: None, group: None, extra_groups: None, **options: Any
    ) -> Any:
        return await super().subprocess_exec(*arguments, **options)


def _by_commas(_context: click.Context, _option: click.Parameter, names: str) -> list[str]:
    chosen = [name.strip() for name in names.split(",") if name.strip()]
    if strangers := set(chosen) - set(PEERS):
        raise click.BadParameter(f"{', '.join(sorted(strangers))}: none of {', '.join(PEERS)}")
    return chosen


@click.command()
@click.argument("figures", nargs=-1, metavar="[P1 … P12]", type=click.Choice([figure.name for figure in FIGURES]))
@click.option("--smoke", is_flag=True, help="Tiny numbers, in seconds: shows that it works, measures nothing.")
@click.option("--peers", default=",".join(PEERS), show_default=True, callback=_by_commas, help="Those beside ours.")
@click.option("--rounds", type=click.IntRange(1), help="Measure each so often; the figure is the median.  [3]")
def main(figures: tuple[str, ...], smoke: bool, peers: list[str], rounds: int | None) -> None:
    """Measure HummDesk beside its peers."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))  # a descriptor for each connection
    with opened() as world, asyncio.Runner(loop_factory=Loop) as runner:
        size = SMOKE if smoke else Size()
        size = replace(size, rounds=rounds or size.rounds)
        bench = Bench(world=world, size=size, wanted=peers)
        try:
            runner.run(measure(bench, figures or [figure.name for figure in FIGURES]))
        except asyncio.CancelledError:
            click.echo("stopped", err=True)
            sys.exit(1)


async def measure(bench: Bench, names: Collection[str]) -> None:
    """Print the lines of these figures, each as soon as it is known."""
    task = asyncio.current_task()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    load = ", ".join(f"{average:.1f}" for average in os.getloadavg())
    click.echo(f"{os.cpu_count()} cores, load {load} before we began, medians of {bench.size.rounds}")
    for study, its_names in STUDIES.items():
        if not set(its_names) & set(names):
            continue
        rounds = [await study(bench) for _ in range(bench.size.rounds)]
        for figure in FIGURES:
            if figure.name in its_names and figure.name in names:
                click.echo(line(figure, rounds))
    for name, reason in bench.skipped.items():
        click.echo(f"{name} left out: {reason}")


if __name__ == "__main__":
    main()
