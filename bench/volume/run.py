"""One run: fill the tables, then measure."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

import psycopg

from bench import history
from bench.volume import active, reads, sends, sizes
from bench.volume.cluster import MEMORY, Server, new_folder, open_server
from bench.volume.generator import Generated, generate
from bench.volume.results import Figure, Result


@dataclass(frozen=True, kw_only=True)
class Effort:
    """Pairs of rounds of sends, the seconds of a round, and whether the plans are compared."""

    pairs: int = 9
    seconds: float = 4.0
    with_plans: bool = True


@dataclass(frozen=True, kw_only=True)
class Run:
    messages: int
    accounts: int
    effort: Effort
    show: Callable[[str], None]

    async def all(self) -> Result:
        """Measure on a server of its own, which is removed at the end."""
        folder = new_folder()
        try:
            async with open_server(folder) as server:
                return await self.on(server)
        finally:
            shutil.rmtree((folder / "postgres").resolve(), ignore_errors=True)
            shutil.rmtree(folder, ignore_errors=True)

    async def on(self, server: Server) -> Result:
        """Measure the plans before and after the tables are filled, and everything else after it."""
        if self.effort.with_plans:
            from bench.volume import plans  # imports the tests

            self.show("plans on 200,000 messages")
            await plans.seed(server.url)
            before = await plans.plans(server.url)
        generated = await generate(server.url, messages=self.messages, accounts=self.accounts, show=self.show)
        await server.restart()
        self.show("VACUUM")
        vacuumed = await sizes.vacuum(server.url)
        figures: list[Figure] = []
        if self.effort.with_plans:
            self.show("plans")
            changes = plans.Changes(before, await plans.plans(server.url))
            for line in (*changes.sequential, *changes.beyond, *changes.other):
                self.show(line)
            figures += changes.figures()
        chosen = await active.choose(server.url, server.empty_url)
        self.show("sends")
        pairs, seconds = self.effort.pairs, self.effort.seconds
        figures += await sends.measure(server.url, server.empty_url, chosen, pairs=pairs, seconds=seconds)
        self.show("reads")
        figures += await reads.measure(server.url, server.empty_url, chosen)
        figures += await sizes.measure(server.url) + vacuumed
        return await _result(server, generated, figures)


async def _result(server: Server, generated: Generated, figures: list[Figure]) -> Result:
    run = history.new_run(rounds=1)
    async with await psycopg.AsyncConnection.connect(server.url) as connection:
        version, size = await active.row(
            connection, "SELECT current_setting('server_version'), pg_database_size(current_database())"
        )
    return Result(
        at=datetime.now(UTC).date().isoformat(),
        commit=run.commit,
        machine=run.machine,
        load=run.load,
        postgres=f"{version} with `shared_buffers = {MEMORY['shared_buffers']}`",
        accounts=generated.accounts,
        conversations=generated.conversations,
        messages=generated.messages,
        largest=generated.largest,
        runs=generated.runs,
        gigabytes=size / 1e9,
        minutes=generated.seconds / 60,
        figures=figures,
    )
