-- compatible from: 0036
-- What the REST API needs: keys, stored answers of repeated requests, and an audit log of changes that belong to no
-- conversation.

CREATE TABLE api_keys (
    account_id uuid NOT NULL,
    id uuid NOT NULL,
    name text NOT NULL,
    scope text NOT NULL,
    secret_hash bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    last_used_at timestamptz,
    revoked_at timestamptz,
    CONSTRAINT api_keys_pkey PRIMARY KEY (account_id, id),
    CONSTRAINT api_keys_account_fkey FOREIGN KEY (account_id) REFERENCES accounts (account_id),
    CONSTRAINT api_keys_name_present CHECK (name <> ''),
    CONSTRAINT api_keys_scope_known CHECK (scope IN ('read', 'write', 'admin'))
);
CREATE UNIQUE INDEX api_keys_name_key ON api_keys (account_id, name) WHERE revoked_at IS NULL;

CREATE FUNCTION announce_api_key() RETURNS trigger
    LANGUAGE plpgsql
AS $$
BEGIN
    PERFORM pg_notify('hummdesk_api_keys', json_build_object('accountId', OLD.account_id, 'keyId', OLD.id)::text);
    RETURN NULL;
END
$$;

CREATE TRIGGER api_keys_announce
    AFTER DELETE OR UPDATE OF name, scope, secret_hash, revoked_at ON api_keys
    FOR EACH ROW EXECUTE FUNCTION announce_api_key();

CREATE TABLE idempotency_keys (
    account_id uuid NOT NULL,
    id uuid NOT NULL,
    request_hash bytea NOT NULL,
    status smallint,
    answer bytea,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT idempotency_keys_pkey PRIMARY KEY (account_id, id),
    CONSTRAINT idempotency_keys_account_fkey FOREIGN KEY (account_id) REFERENCES accounts (account_id)
);
CREATE INDEX idempotency_keys_by_time ON idempotency_keys (account_id, created_at);

CREATE TABLE audit_log (
    account_id uuid NOT NULL,
    id uuid NOT NULL,
    actor_id uuid,
    actor_type text NOT NULL,
    action text NOT NULL,
    subject_id text NOT NULL,
    details jsonb NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT audit_log_pkey PRIMARY KEY (account_id, id),
    CONSTRAINT audit_log_account_fkey FOREIGN KEY (account_id) REFERENCES accounts (account_id),
    CONSTRAINT audit_log_actor_type_known CHECK (actor_type IN ('agent', 'customer', 'key', 'system')),
    CONSTRAINT audit_log_actor_named CHECK ((actor_type = 'system') = (actor_id IS NULL)),
    CONSTRAINT audit_log_action_of_subject CHECK (action ~ '^[a-z_]+[.][a-z_]+$')
);

DO $$
DECLARE
    table_name text;
BEGIN
    FOREACH table_name IN ARRAY ARRAY['api_keys', 'idempotency_keys', 'audit_log'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', table_name);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', table_name);
        EXECUTE format('CREATE POLICY own_account ON %I TO hummdesk_app USING (account_id = current_account())',
                       table_name);
        EXECUTE format('CREATE POLICY every_account ON %I TO hummdesk_operator USING (true)', table_name);
        EXECUTE format('GRANT SELECT, INSERT ON %I TO hummdesk_app, hummdesk_operator', table_name);
    END LOOP;
END
$$;
GRANT UPDATE (name, scope, secret_hash, last_used_at, revoked_at) ON api_keys TO hummdesk_app, hummdesk_operator;
GRANT UPDATE (status, answer), DELETE ON idempotency_keys TO hummdesk_app;

-- Stored answers may name a contact who is erased.
CREATE POLICY changed_by_eraser ON idempotency_keys FOR UPDATE TO hummdesk_eraser USING (true);
GRANT UPDATE (answer) ON idempotency_keys TO hummdesk_eraser;

-- An API key can change a conversation.
ALTER TABLE conversation_events
    DROP CONSTRAINT conversation_events_actor_type_known,
    ADD CONSTRAINT conversation_events_actor_type_known
        CHECK (actor_type IN ('agent', 'customer', 'key', 'system')) NOT VALID;
