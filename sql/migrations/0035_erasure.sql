-- compatible from: 0026
-- The erasure of persons and accounts: receipts, the retention of an account, and a role that can erase and do nothing
-- else, for the operator's commands and the relay.
-- Only the catalogs change: each lock is held for milliseconds.

DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'hummdesk_eraser') THEN
        BEGIN
            CREATE ROLE hummdesk_eraser NOLOGIN;
        EXCEPTION WHEN duplicate_object OR unique_violation THEN
            NULL; -- another database of this server is being migrated right now
        END;
    END IF;
    IF (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
        RETURN;
    END IF;
    -- The owner takes the role for a transaction; without it, it must not have its rights: see 0031.
    IF current_setting('server_version_num')::integer < 160000 THEN
        GRANT hummdesk_eraser TO hummdesk_taken;
        REVOKE hummdesk_eraser FROM CURRENT_USER;
    ELSE
        EXECUTE 'GRANT hummdesk_eraser TO CURRENT_USER WITH INHERIT FALSE, SET TRUE'; -- no syntax of PostgreSQL 15
    END IF;
END
$$;

ALTER TABLE accounts
    ADD COLUMN retention_days integer,
    ADD COLUMN erased_before timestamptz,
    ADD CONSTRAINT accounts_retention_days_positive CHECK (retention_days > 0);

ALTER TABLE conversations ADD COLUMN erased_at timestamptz;

CREATE TABLE erasures (
    account_id uuid NOT NULL,
    subject_id uuid NOT NULL,
    subject text NOT NULL,
    requested_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    completed_at timestamptz,
    verified_at timestamptz,
    erased jsonb NOT NULL DEFAULT '{}',
    CONSTRAINT erasures_pkey PRIMARY KEY (account_id, subject_id),
    CONSTRAINT erasures_subject_known CHECK (subject IN ('contact', 'account')),
    CONSTRAINT erasures_erased_object CHECK (jsonb_typeof(erased) = 'object')
);
ALTER TABLE erasures ENABLE ROW LEVEL SECURITY;
ALTER TABLE erasures FORCE ROW LEVEL SECURITY;

-- What the eraser can do: replace the content of messages that it marks as erased, of conversations and contacts; delete
-- what was derived from them, and visitors; and delete an account whose erasure the operator has requested. `migrate`
-- grants what is the same for all tables: see complete_eraser in sql/queries/migrations.sql.
GRANT USAGE ON SCHEMA public TO hummdesk_eraser;

DO $$
DECLARE
    table_name text;
BEGIN
    FOREACH table_name IN ARRAY ARRAY[
        'accounts', 'users', 'contacts', 'conversations', 'messages', 'conversation_events', 'ai_runs', 'past_answers'
    ] LOOP
        EXECUTE format('CREATE POLICY changed_by_eraser ON %I FOR UPDATE TO hummdesk_eraser USING (true)', table_name);
    END LOOP;
END
$$;

GRANT UPDATE (erased_before) ON accounts TO hummdesk_eraser;
GRANT UPDATE (active) ON users TO hummdesk_eraser;
GRANT UPDATE (email, name, avatar_url, active) ON contacts TO hummdesk_eraser;
GRANT UPDATE (subject, metadata, client_message_id, revision, erased_at) ON conversations TO hummdesk_eraser;
GRANT UPDATE (sender_name, content, content_type, attachments, metadata, client_message_id, bytes, revision, erased_at)
    ON messages TO hummdesk_eraser;
GRANT UPDATE (details) ON conversation_events TO hummdesk_eraser;
GRANT UPDATE (status, outcome, last_error, finished_at, announced_at) ON ai_runs TO hummdesk_eraser;
GRANT UPDATE (learned_at, question, answer, indexed_as) ON past_answers TO hummdesk_eraser;

CREATE POLICY only_erased ON messages AS RESTRICTIVE FOR UPDATE TO hummdesk_eraser
    USING (true) WITH CHECK (erased_at IS NOT NULL AND content = '');

CREATE POLICY every_account ON erasures TO hummdesk_operator USING (true);
GRANT SELECT, INSERT, UPDATE ON erasures TO hummdesk_operator;
CREATE POLICY seen_by_eraser ON erasures FOR SELECT TO hummdesk_eraser USING (true);
CREATE POLICY requested_by_eraser ON erasures FOR INSERT TO hummdesk_eraser WITH CHECK (subject = 'contact');
CREATE POLICY changed_by_eraser ON erasures FOR UPDATE TO hummdesk_eraser USING (true);
GRANT SELECT, INSERT, UPDATE (completed_at, verified_at, erased) ON erasures TO hummdesk_eraser;

GRANT SELECT (erased_at) ON conversations TO hummdesk_writer;
