"""The plans of all named queries, as tests/integration/storage/test_plans.py checks them on 200,000 messages."""

from dataclasses import dataclass

import psycopg

from bench.volume.results import Figure
from tests.integration.storage import test_plans
from tests.integration.storage.test_plans import Plan

Plans = dict[tuple[str, int, str], Plan]
"""By query, number of the case and mode."""


async def seed(url: str) -> None:
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        await connection.execute(test_plans.SEED.encode())


async def plans(url: str) -> Plans:
    async with test_plans.open_roles(url) as roles:
        return {
            (name, number, mode): await test_plans.plan_of(roles, name, parameters, mode)
            for number, (name, parameters, _) in enumerate(test_plans.CASES)
            for mode in test_plans.MODES
        }


@dataclass(frozen=True)
class Changes:
    """What is different from the plans on 200,000 messages; the limit of rows of each case is the same."""

    before: Plans
    after: Plans

    @property
    def sequential(self) -> list[str]:
        """Queries that scan a large table."""
        return [self._name(key) for key, plan in self.after.items() if plan.sequential]

    @property
    def beyond(self) -> list[str]:
        """Queries that read more rows than their limit."""
        limits = [bound for _, _, bound in test_plans.CASES]
        return [
            f"{self._name(key)} ({plan.rows:.0f} > {limits[key[1]]})"
            for key, plan in self.after.items()
            if plan.rows > limits[key[1]]
        ]

    @property
    def other(self) -> list[str]:
        """Queries that read through other indexes."""
        return [
            f"{self._name(key)} ({self.before[key].ways} → {plan.ways})"
            for key, plan in self.after.items()
            if plan.ways != self.before[key].ways
        ]

    def figures(self) -> list[Figure]:
        return [
            Figure(name="plans of named queries, with and without parameters", value=len(self.after), unit=""),
            Figure(name="plans that scan a large table", value=len(self.sequential), unit="", target=0),
            Figure(name="plans that read more rows than their limit", value=len(self.beyond), unit="", target=0),
            Figure(name="plans through other indexes than before", value=len(self.other), unit=""),
        ]

    @staticmethod
    def _name(key: tuple[str, int, str]) -> str:
        return f"{key[0]}-{key[1]} {key[2][6:-5]}"
