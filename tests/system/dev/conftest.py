"""Servers that a test starts itself."""

import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import psycopg
import pytest

from hummdesk.dev import postgres
from hummdesk.dev.process import Process
from tests.conftest import make_reachable_directory


@pytest.fixture
def folder() -> Iterator[Path]:
    path = make_reachable_directory()
    yield path
    shutil.rmtree(path)


@asynccontextmanager
async def running(cluster: postgres.Cluster, folder: Path) -> AsyncIterator[Process]:
    process = await postgres.start(cluster, folder, durable=False)
    try:
        yield process
    finally:
        await process.stop()
        cluster.tidy()


async def ask(url: str, question: str) -> object:
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        cursor = await connection.execute(question.encode())
        row = await cursor.fetchone() if cursor.description is not None else None
        return row and row[0]
