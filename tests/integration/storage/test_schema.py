"""sql/schema.sql equals the result of the migrations, by comparison of the catalogs."""

from typing import Any

import psycopg

from hummdesk.storage.queries import SQL

CATALOGS = {
    "tables": """
        SELECT relname, relkind, relrowsecurity, relforcerowsecurity, reloptions, relacl::text,
               pg_get_userbyid(relowner)
        FROM pg_class WHERE relnamespace = 'public'::regnamespace
    """,
    "columns": """
        SELECT relname, attnum, attname, format_type(atttypid, atttypmod), attnotnull, attacl::text,
               pg_get_expr(adbin, adrelid)
        FROM pg_attribute
        JOIN pg_class ON pg_class.oid = attrelid AND relnamespace = 'public'::regnamespace AND relkind = 'r'
        LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
        WHERE attnum > 0 AND NOT attisdropped
    """,
    "constraints": """
        SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid)
        FROM pg_constraint WHERE connamespace = 'public'::regnamespace
    """,
    "indexes": "SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'",
    "policies": """
        SELECT tablename, policyname, permissive, roles::text, cmd, qual, with_check
        FROM pg_policies WHERE schemaname = 'public'
    """,
    "functions": """
        SELECT proname, pg_get_functiondef(oid), proacl::text
        FROM pg_proc WHERE pronamespace = 'public'::regnamespace
        AND NOT EXISTS (
            SELECT FROM pg_depend WHERE classid = 'pg_proc'::regclass AND objid = pg_proc.oid AND deptype = 'e'
        )
    """,
    "statistics": "SELECT stxname, pg_get_statisticsobjdef(oid) FROM pg_statistic_ext",
    "extensions": "SELECT extname, extnamespace::regnamespace::text FROM pg_extension WHERE extname <> 'plpgsql'",
    "triggers": "SELECT tgname, pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal",
    "schema": "SELECT nspname, nspacl::text FROM pg_namespace WHERE nspname = 'public'",
}


async def describe(url: str) -> dict[str, set[tuple[Any, ...]]]:
    async with await psycopg.AsyncConnection.connect(url) as connection:
        return {
            name: {tuple(map(str, row)) for row in await (await connection.execute(query.encode())).fetchall()}
            for name, query in CATALOGS.items()
        }


async def test_schema_equals_the_result_of_the_migrations(empty_database_url: str, fresh_database_url: str) -> None:
    async with await psycopg.AsyncConnection.connect(empty_database_url, autocommit=True) as connection:
        await connection.execute((SQL / "schema.sql").read_bytes())
    written, migrated = await describe(empty_database_url), await describe(fresh_database_url)
    for name in CATALOGS:
        assert written[name] == migrated[name], name
        assert written[name], name
