-- compatible from: 0026
-- Staff sign in by a one-time link or an identity provider, and stay signed in by a session.

CREATE TABLE sign_in_links (
    account_id uuid NOT NULL,
    secret_hash bytea NOT NULL,
    user_id uuid NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    expires_at timestamptz NOT NULL,
    used_at timestamptz,
    CONSTRAINT sign_in_links_pkey PRIMARY KEY (account_id, secret_hash),
    CONSTRAINT sign_in_links_user_fkey FOREIGN KEY (account_id, user_id)
        REFERENCES users (account_id, id) ON DELETE CASCADE
);

CREATE TABLE staff_sessions (
    account_id uuid NOT NULL,
    id uuid NOT NULL,
    user_id uuid NOT NULL,
    secret_hash bytea NOT NULL,
    signed_in_by text NOT NULL,
    user_agent text NOT NULL,
    network text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    last_used_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    expires_at timestamptz NOT NULL,
    revoked_at timestamptz,
    CONSTRAINT staff_sessions_pkey PRIMARY KEY (account_id, id),
    CONSTRAINT staff_sessions_user_fkey FOREIGN KEY (account_id, user_id)
        REFERENCES users (account_id, id) ON DELETE CASCADE,
    CONSTRAINT staff_sessions_secret_key UNIQUE (account_id, secret_hash),
    CONSTRAINT staff_sessions_signed_in_by_known CHECK (signed_in_by IN ('link', 'oidc'))
);
CREATE INDEX staff_sessions_by_user ON staff_sessions (account_id, user_id);

CREATE FUNCTION announce_staff_session() RETURNS trigger
    LANGUAGE plpgsql
AS $$
BEGIN
    PERFORM pg_notify('hummdesk_staff_sessions', json_build_object(
        'accountId', NEW.account_id, 'sessionId', NEW.id)::text);
    RETURN NULL;
END
$$;

CREATE TRIGGER staff_sessions_announce
    AFTER UPDATE OF revoked_at ON staff_sessions
    FOR EACH ROW EXECUTE FUNCTION announce_staff_session();

ALTER TABLE sign_in_links ENABLE ROW LEVEL SECURITY;
ALTER TABLE sign_in_links FORCE ROW LEVEL SECURITY;
CREATE POLICY own_account ON sign_in_links TO hummdesk_app USING (account_id = current_account());
CREATE POLICY every_account ON sign_in_links TO hummdesk_operator USING (true);
CREATE POLICY expired_deleted_by_eraser ON sign_in_links FOR DELETE TO hummdesk_eraser
    USING (expires_at < clock_timestamp());
GRANT SELECT, INSERT, UPDATE (used_at) ON sign_in_links TO hummdesk_app;
GRANT SELECT, INSERT ON sign_in_links TO hummdesk_operator;

ALTER TABLE staff_sessions ENABLE ROW LEVEL SECURITY;
ALTER TABLE staff_sessions FORCE ROW LEVEL SECURITY;
CREATE POLICY own_account ON staff_sessions TO hummdesk_app USING (account_id = current_account());
CREATE POLICY every_account ON staff_sessions TO hummdesk_operator USING (true);
CREATE POLICY expired_deleted_by_eraser ON staff_sessions FOR DELETE TO hummdesk_eraser
    USING (expires_at < clock_timestamp());
GRANT SELECT, INSERT, UPDATE (last_used_at, revoked_at) ON staff_sessions TO hummdesk_app;
GRANT SELECT, UPDATE (revoked_at) ON staff_sessions TO hummdesk_operator;
