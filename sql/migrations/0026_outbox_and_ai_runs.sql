-- Rename table untold to outbox and table ai_jobs to ai_runs, with their constraints and indexes.
-- Only the catalogs change: each lock is held for milliseconds. Policies, grants and foreign keys follow their table.

ALTER TABLE untold RENAME TO outbox;
ALTER TABLE ai_jobs RENAME TO ai_runs;
ALTER INDEX ai_jobs_open RENAME TO ai_runs_open;
ALTER INDEX ai_jobs_waiting RENAME TO ai_runs_waiting;

-- A loop, because PostgreSQL 18 also has a named constraint for each NOT NULL column, and earlier versions have none.
DO $$
DECLARE
    old record;
BEGIN
    FOR old IN
        SELECT
            conrelid::regclass AS table_name,
            conname AS name,
            regexp_replace(conname, '^(untold|ai_jobs)_', conrelid::regclass || '_') AS new_name
        FROM pg_constraint
        WHERE conrelid IN ('outbox'::regclass, 'ai_runs'::regclass)
          AND conname ~ '^(untold|ai_jobs)_'
    LOOP
        EXECUTE format('ALTER TABLE %s RENAME CONSTRAINT %I TO %I', old.table_name, old.name, old.new_name);
    END LOOP;
END
$$;
