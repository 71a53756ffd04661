from tests.conftest import Servers


async def test_the_servers_answer(servers: Servers) -> None:
    import psycopg

    async with await psycopg.AsyncConnection.connect(servers.postgres_url) as connection:
        assert await (await connection.execute("SELECT 1")).fetchone() == (1,)
