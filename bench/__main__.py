"""`python -m bench [P1 P2 …]` prints one line for each figure. Linux only: CPU affinity and CPU clocks of processes."""

import asyncio
import resource
import signal
import sys
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import replace
from typing import Any

import click
import uvloop

from bench import history
from bench.capacity import FIGURES as CAPACITY
from bench.capacity import many_connections
from bench.connections import connections, connects_one_by_one, idle
from bench.fanout import fan_out, many_receivers, two_processes
from bench.history import Newest
from bench.latency import ai_start, classified, emits
from bench.messages import beside_ai, cost, messages
from bench.report import FIGURES, report_line, result_of
from bench.startup import startup
from bench.study import PEERS, SMOKE, Bench, Round, Size
from bench.testbed import open_testbed

STUDIES: dict[Callable[[Bench], Awaitable[Round]], tuple[str, ...]] = {
    fan_out: ("P1", "P2"),
    messages: ("P3", "P4", "P4b"),
    connections: ("P5", "P6"),
    connects_one_by_one: ("P6b",),
    ai_start: ("P7",),
    many_receivers: ("P8",),
    emits: ("P9",),
    two_processes: ("P10",),
    classified: ("P11", "P12"),
    beside_ai: ("P13", "P13b"),
    idle: ("P14",),
    startup: ("P15", "P15b"),
    cost: ("P16",),
    many_connections: CAPACITY,
}
IGNORED_BY_UVLOOP = ("user", "group", "extra_groups")


class Loop(uvloop.Loop):
    """uvloop refuses the options that run a process as another user, even if they are None, as they are here."""

    async def subprocess_exec(self, protocol_factory: Callable[[], Any], *arguments: Any, **options: Any) -> Any:
        accepted = {name: value for name, value in options.items() if name not in IGNORED_BY_UVLOOP}
        return await super().subprocess_exec(protocol_factory, *arguments, **accepted)


def _parse_peers(_context: click.Context, _option: click.Parameter, names: str) -> list[str]:
    chosen = [name.strip() for name in names.split(",") if name.strip()]
    if unknown := set(chosen) - set(PEERS):
        raise click.BadParameter(f"unknown: {', '.join(sorted(unknown))}. Choose from {', '.join(PEERS)}.")
    return chosen


@click.command()
@click.argument("figures", nargs=-1, metavar="[P1 … P17]", type=click.Choice([figure.name for figure in FIGURES]))
@click.option("--smoke", is_flag=True, help="A tiny load: verifies in seconds that the benchmarks run.")
@click.option("--peers", default=",".join(PEERS), show_default=True, callback=_parse_peers, help="Peers to measure.")
@click.option("--rounds", type=click.IntRange(1), help="Number of rounds; each figure is their median.  [3]")
def main(figures: tuple[str, ...], smoke: bool, peers: list[str], rounds: int | None) -> None:
    """Measure HummDesk and its peers."""
    _, limit = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))  # a descriptor for each connection
    with open_testbed() as testbed, asyncio.Runner(loop_factory=Loop) as runner:
        size = SMOKE if smoke else Size()
        size = replace(size, rounds=rounds or size.rounds)
        bench = Bench(testbed=testbed, size=size, peers=peers)
        run = history.new_run(rounds=size.rounds)
        try:
            before = {} if smoke else history.latest(history.read(), run.machine)
            runner.run(measure(bench, figures or [figure.name for figure in FIGURES], run, before))
        except asyncio.CancelledError:
            click.echo("stopped", err=True)
            sys.exit(1)
    if run.results and not smoke:
        history.append(run)


async def measure(bench: Bench, names: Collection[str], run: history.Run, before: Mapping[str, Newest]) -> None:
    """Print the lines of these figures, each as soon as it is known, and add their results to `run`.

    `before`: the last results, with which these are compared.
    """
    _cancel_on_signals()
    click.echo(f"{run.machine}, load average {run.load} before the start, medians of {run.rounds}")
    for study, its_names in STUDIES.items():
        if not set(its_names) & set(names):
            continue
        rounds = [await study(bench) for _ in range(bench.size.rounds)]
        for figure in FIGURES:
            if figure.name in its_names and figure.name in names:
                _, last = before.get(figure.name, (None, None))
                click.echo(report_line(figure, rounds, last))
                if result := result_of(figure, rounds):
                    run.results[figure.name] = result
    for name, reason in bench.skipped.items():
        click.echo(f"{name} skipped: {reason}")


def _cancel_on_signals() -> None:
    if task := asyncio.current_task():
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, task.cancel)


if __name__ == "__main__":
    main()
