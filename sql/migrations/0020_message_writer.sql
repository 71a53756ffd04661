-- The message writer, a role that stores messages of several accounts in one transaction, and the outbox: what such a
-- transaction has changed and nobody has told yet.

DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'hummdesk_writer') THEN
        BEGIN
            CREATE ROLE hummdesk_writer NOLOGIN;
        EXCEPTION WHEN duplicate_object OR unique_violation THEN
            NULL; -- another database of this server is being migrated right now
        END;
    END IF;
    IF NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
        GRANT hummdesk_writer TO CURRENT_USER;
    END IF;
END
$$;

GRANT USAGE ON SCHEMA public TO hummdesk_writer;
GRANT SELECT ON schema_migrations TO hummdesk_writer;

CREATE TABLE untold (
    account_id uuid NOT NULL,
    id uuid NOT NULL,
    conversation_id uuid NOT NULL,
    seq bigint NOT NULL,
    reopened_from text,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT untold_pkey PRIMARY KEY (account_id, id)
) WITH (autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_scale_factor = 0);

ALTER TABLE untold ENABLE ROW LEVEL SECURITY;
ALTER TABLE untold FORCE ROW LEVEL SECURITY;
CREATE POLICY own_account ON untold TO hummdesk_app USING (account_id = current_account());
GRANT SELECT, INSERT ON untold TO hummdesk_app;
CREATE POLICY every_entry ON untold TO hummdesk_relay USING (true);
GRANT SELECT, DELETE ON untold TO hummdesk_relay;

-- A subquery, because it is evaluated once for a statement and not for every row; and IN, because = ANY would be taken
-- for a condition on an index and lead the planner to think that an account has few rows.
DO $$
DECLARE
    table_name text;
BEGIN
    FOREACH table_name IN ARRAY ARRAY[
        'users', 'contacts', 'conversations', 'messages', 'conversation_events', 'ai_jobs', 'untold'
    ] LOOP
        EXECUTE format('CREATE POLICY accounts_of_the_batch ON %I TO hummdesk_writer '
                       'USING (account_id IN (SELECT unnest(current_accounts())))', table_name);
    END LOOP;
END
$$;

CREATE POLICY sender_of_the_account ON messages AS RESTRICTIVE FOR INSERT TO hummdesk_writer WITH CHECK (
    CASE sender_type
        WHEN 'agent' THEN EXISTS (
            SELECT
            FROM users
            WHERE users.account_id = messages.account_id
              AND users.id = messages.sender_id
              AND users.active
              AND users.role IN ('admin', 'agent')
        )
        WHEN 'customer' THEN EXISTS (
            SELECT
            FROM contacts
            WHERE contacts.account_id = messages.account_id
              AND contacts.id = messages.sender_id
              AND contacts.active
        )
        ELSE false
    END
);

GRANT SELECT (account_id, id, role, active) ON users TO hummdesk_writer;
GRANT SELECT (account_id, id, active) ON contacts TO hummdesk_writer;
GRANT SELECT (account_id, id, contact_id, status, last_seq, last_public_seq, unread_staff, unread_customer, updated_at),
    UPDATE (status, last_seq, last_public_seq, unread_staff, unread_customer, updated_at)
    ON conversations TO hummdesk_writer;
GRANT SELECT (account_id, id, conversation_id, seq, sender_id, sender_type, private, client_message_id, created_at), INSERT
    ON messages TO hummdesk_writer;
GRANT INSERT ON conversation_events, ai_jobs TO hummdesk_writer;
GRANT SELECT (account_id, id), INSERT, DELETE ON untold TO hummdesk_writer;
