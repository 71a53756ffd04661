-- name: lock(lock)^
-- Lock the database against other connections that migrate it, until this one closes; false if it is locked. It does not
-- wait: an index that another connection builds concurrently waits for all statements that have begun before.
SELECT pg_try_advisory_lock(:lock) AS locked;

-- name: backend()^
-- The process id of the connection, which a pooler does not pass to its clients.
SELECT pg_backend_pid() AS pid;

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

-- name: oldest_connected(connected_class)^
-- The newest migration that the oldest connected process knows; NULL without one. Workers are not counted.
SELECT min(objid::bigint)::integer AS newest_known
FROM pg_locks
WHERE locktype = 'advisory'
  AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
  AND classid = :connected_class::bigint::oid
  AND objsubid = 2;

-- name: create_table()!
-- Create the table of applied migrations.
CREATE TABLE IF NOT EXISTS schema_migrations (
    name text NOT NULL,
    checksum text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    compatible_from text,
    CONSTRAINT schema_migrations_pkey PRIMARY KEY (name)
);

-- name: add_compatible_from()!
-- Add the column that the table lacks if version 0.1.0 created it.
ALTER TABLE schema_migrations ADD COLUMN IF NOT EXISTS compatible_from text;

-- name: applied()
-- The applied migrations in order; the table may have no column compatible_from yet.
SELECT
    name,
    checksum,
    to_jsonb(schema_migrations) ->> 'compatible_from' AS compatible_from
FROM schema_migrations
ORDER BY name;

-- name: record(name, checksum, compatible_from)!
-- Record that a migration is applied.
INSERT INTO schema_migrations (name, checksum, compatible_from)
VALUES (:name, :checksum, :compatible_from);

-- name: limit(lock_timeout, timeout)^
-- Limit the waits for locks, the statements, and the pauses of the transaction.
SELECT
    set_config('lock_timeout', :lock_timeout, true),
    set_config('statement_timeout', :timeout, true),
    set_config('idle_in_transaction_session_timeout', :timeout, true);

-- name: own_tables(names)
-- The tables among the names that exist and whose owner the connection is, always in the same order.
SELECT relname::text AS name
FROM pg_class
WHERE relnamespace = 'public'::regnamespace
  AND relkind IN ('r', 'p')
  AND relname = ANY(:names)
  AND pg_has_role(relowner, 'USAGE')
ORDER BY relname;

-- name: invalid_indexes(names)
-- Those of the named indexes whose concurrent build was interrupted.
SELECT relname::text AS name
FROM pg_index
JOIN pg_class ON pg_class.oid = indexrelid
WHERE relnamespace = 'public'::regnamespace
  AND relname = ANY(:names)
  AND NOT indisvalid;

-- name: backup_is_complete()^
-- Whether the role of backups exists and reads every row of every table.
SELECT
    to_regrole('hummdesk_backup') IS NULL OR NOT EXISTS (
        SELECT
        FROM pg_class
        WHERE relnamespace = 'public'::regnamespace
          AND relkind IN ('r', 'p')
          AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = pg_class.oid AND deptype = 'e')
          AND NOT (
              has_table_privilege(to_regrole('hummdesk_backup'), pg_class.oid, 'SELECT')
              AND (
                  NOT relrowsecurity
                  OR EXISTS (SELECT FROM pg_policy WHERE polrelid = pg_class.oid AND polname = 'every_row_backed_up')
              )
          )
    ) AS complete;

-- name: complete_backup()!
-- Grant the role of backups every row of every table.
DO $$
DECLARE
    found record;
BEGIN
    FOR found IN
        SELECT
            oid::regclass AS table_name,
            relrowsecurity AND NOT EXISTS (
                SELECT FROM pg_policy WHERE polrelid = pg_class.oid AND polname = 'every_row_backed_up'
            ) AS lacks_policy
        FROM pg_class
        WHERE relnamespace = 'public'::regnamespace
          AND relkind IN ('r', 'p')
          AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = pg_class.oid AND deptype = 'e')
    LOOP
        EXECUTE 'GRANT SELECT ON ' || found.table_name || ' TO hummdesk_backup';
        IF found.lacks_policy THEN
            EXECUTE 'CREATE POLICY every_row_backed_up ON ' || found.table_name
                || ' FOR SELECT TO hummdesk_backup USING (true)';
        END IF;
    END LOOP;
END
$$;

-- name: eraser_is_complete()^
-- Whether the role that erases may delete from every table of accounts; true before there are erasures.
SELECT
    to_regclass('public.erasures') IS NULL OR NOT EXISTS (
        SELECT
        FROM pg_class
        JOIN pg_attribute ON attrelid = pg_class.oid AND attname = 'account_id'
        WHERE relnamespace = 'public'::regnamespace
          AND relkind = 'r'
          AND relname <> 'erasures'
          AND NOT EXISTS (SELECT FROM pg_policy WHERE polrelid = pg_class.oid AND polname = 'deleted_by_eraser')
    ) AS complete;

-- name: complete_eraser()!
-- Grant the role that erases, in every table, the deletion of an account whose erasure was requested, and of what is
-- derived from erased messages.
DO $$
DECLARE
    found record;
    requested constant text := 'account_id IN (SELECT account_id FROM erasures WHERE subject = ''account'')';
BEGIN
    FOR found IN
        SELECT relname::text AS name, quote_ident(relname) AS quoted
        FROM pg_class
        JOIN pg_attribute ON attrelid = pg_class.oid AND attname = 'account_id'
        WHERE relnamespace = 'public'::regnamespace
          AND relkind = 'r'
          AND relname <> 'erasures'
          AND NOT EXISTS (SELECT FROM pg_policy WHERE polrelid = pg_class.oid AND polname = 'deleted_by_eraser')
    LOOP
        EXECUTE 'GRANT SELECT, DELETE ON ' || found.quoted || ' TO hummdesk_eraser';
        EXECUTE 'CREATE POLICY seen_by_eraser ON ' || found.quoted || ' FOR SELECT TO hummdesk_eraser USING (true)';
        EXECUTE 'CREATE POLICY deleted_by_eraser ON ' || found.quoted || ' FOR DELETE TO hummdesk_eraser USING ('
            || CASE
                WHEN found.name IN (
                    'message_reads', 'outbox', 'ai_results', 'ai_corrections', 'knowledge_passages', 'conversation_subjects'
                )
                THEN 'true'
                WHEN found.name = 'contacts'
                THEN requested || ' OR starts_with(email, ''visitor-'') AND email ~ ''@visitors[.]invalid$'''
                ELSE requested
            END
            || ')';
    END LOOP;
END
$$;

-- name: revoke_temporary()!
-- Let only the database's owner create temporary tables. A restored database has the default privileges again.
DO $$
BEGIN
    EXECUTE 'REVOKE TEMPORARY ON DATABASE ' || quote_ident(current_database()) || ' FROM PUBLIC';
END
$$;

-- name: pgvector()^
-- Whether the database has pgvector, and whether the server offers it.
SELECT
    EXISTS (SELECT FROM pg_extension WHERE extname = 'vector') AS installed,
    EXISTS (SELECT FROM pg_available_extensions WHERE name = 'vector') AS available;

-- name: add_pgvector()!
-- Add pgvector to the database.
CREATE EXTENSION IF NOT EXISTS vector;
