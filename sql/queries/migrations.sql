-- name: lock(lock)^
-- Wait until no other connection migrates this database; the lock is held until this one closes.
SELECT pg_advisory_lock(:lock);

-- name: state()^
-- Whether the table of migrations exists, and all tables that belong to no extension.
SELECT
    EXISTS (
        SELECT
        FROM pg_attribute
        WHERE attrelid = to_regclass('public.schema_migrations')
          AND attname = 'checksum'
    ) AS ours,
    ARRAY(
        SELECT relname::text
        FROM pg_class
        WHERE relnamespace = 'public'::regnamespace
          AND relkind IN ('r', 'p', 'v', 'm', 'f')
          AND NOT EXISTS (
              SELECT
              FROM pg_depend
              WHERE classid = 'pg_class'::regclass
                AND objid = pg_class.oid
                AND deptype = 'e'
          )
        ORDER BY relname
    ) AS tables;

-- name: create_table()!
-- Create the table of applied migrations.
CREATE TABLE IF NOT EXISTS schema_migrations (
    name text NOT NULL,
    checksum text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT schema_migrations_pkey PRIMARY KEY (name)
);

-- name: applied()
-- The applied migrations in order.
SELECT name, checksum
FROM schema_migrations
ORDER BY name;

-- name: record(name, checksum)!
-- Record that a migration is applied.
INSERT INTO schema_migrations (name, checksum)
VALUES (:name, :checksum);

-- name: pgvector()^
-- Whether the database has pgvector, and whether the server offers it.
SELECT
    EXISTS (SELECT FROM pg_extension WHERE extname = 'vector') AS installed,
    EXISTS (SELECT FROM pg_available_extensions WHERE name = 'vector') AS available;

-- name: add_pgvector()!
-- Add pgvector to the database.
CREATE EXTENSION IF NOT EXISTS vector;
