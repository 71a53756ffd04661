-- compatible from: 0036
-- People, knowledge and settings that companies manage themselves, by commands, the REST API and the tokens that they
-- sign. Web processes may change what belongs to the account of the transaction, column by column.
-- Only the catalogs change: each lock is held for milliseconds. 0045 adds the index and validates the constraints.

-- Nobody of a disabled account can sign in.
ALTER TABLE accounts ADD COLUMN disabled_at timestamptz;

ALTER TABLE teams ADD COLUMN active boolean NOT NULL DEFAULT true;

ALTER TABLE contacts
    ADD COLUMN external_id text,
    ADD COLUMN attributes jsonb NOT NULL DEFAULT '{}',
    ADD CONSTRAINT contacts_external_id_length CHECK (length(external_id) BETWEEN 1 AND 128) NOT VALID,
    ADD CONSTRAINT contacts_attributes_object CHECK (jsonb_typeof(attributes) = 'object') NOT VALID;

ALTER TABLE knowledge_articles ADD COLUMN language text;
ALTER TABLE canned_replies ADD COLUMN language text;

-- Notifies every web process, on the channel hummdesk_people with {"accountId"}, so that everybody of an account that was
-- disabled is disconnected within a second.
CREATE FUNCTION announce_account() RETURNS trigger
    LANGUAGE plpgsql
AS $$
BEGIN
    PERFORM pg_notify('hummdesk_people', json_build_object('accountId', NEW.account_id)::text);
    RETURN NULL;
END
$$;

CREATE TRIGGER accounts_announce
    AFTER UPDATE OF disabled_at ON accounts
    FOR EACH ROW WHEN (OLD.disabled_at IS DISTINCT FROM NEW.disabled_at) EXECUTE FUNCTION announce_account();

GRANT UPDATE (name, ai_provider, widget_origins, retention_days, ai_daily_tokens, ai_daily_dollars)
    ON accounts TO hummdesk_app;
GRANT INSERT (account_id, id, email, name, role, skills), UPDATE (email, name, role, active, skills)
    ON users TO hummdesk_app;
GRANT INSERT (account_id, id, name), UPDATE (name, active) ON teams TO hummdesk_app;
GRANT INSERT, DELETE ON team_members TO hummdesk_app;
GRANT INSERT (avatar_url, external_id, attributes), UPDATE (email, name, avatar_url, active, external_id, attributes)
    ON contacts TO hummdesk_app;
GRANT INSERT (account_id, id, title, body, questions, language), UPDATE (title, body, questions, language), DELETE
    ON knowledge_articles TO hummdesk_app;
GRANT INSERT (account_id, id, title, content, language), UPDATE (title, content, language), DELETE
    ON canned_replies TO hummdesk_app;

-- A web process adds and revokes signing keys, and cannot restore a revoked one.
GRANT INSERT, UPDATE (revoked_at) ON signing_keys TO hummdesk_app;
CREATE POLICY only_revoked ON signing_keys AS RESTRICTIVE FOR UPDATE TO hummdesk_app
    USING (true) WITH CHECK (revoked_at IS NOT NULL);

-- An operator who disables a user leaves the publication of the unassigned conversations to the relay.
CREATE POLICY every_account ON outbox TO hummdesk_operator USING (true);
GRANT SELECT, INSERT ON outbox TO hummdesk_operator;

GRANT UPDATE (external_id, attributes) ON contacts TO hummdesk_eraser;

-- An anonymous visitor who is identified becomes a contact: the conversations are moved, and the visitor is deleted.
GRANT UPDATE (contact_id) ON conversations TO hummdesk_app;
GRANT UPDATE (reader_id) ON message_reads TO hummdesk_app;
GRANT DELETE ON contacts TO hummdesk_app;
CREATE POLICY only_visitors_deleted ON contacts AS RESTRICTIVE FOR DELETE TO hummdesk_app
    USING (starts_with(email, 'visitor-') AND email ~ '@visitors[.]invalid$' AND external_id IS NULL);

GRANT CREATE ON SCHEMA public TO hummdesk_search;
SET LOCAL ROLE hummdesk_search;

-- As search_conversations: under row-level security the index by lower(email) would not be used. NULL: no contact has this
-- address.
CREATE FUNCTION contact_of_email(address text) RETURNS uuid
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path = pg_catalog, public, pg_temp
AS $$
    SELECT id
    FROM public.contacts
    WHERE account_id = public.current_account()
      AND lower(email) = lower(address)
$$;

REVOKE ALL ON FUNCTION contact_of_email(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION contact_of_email(text) TO hummdesk_app, hummdesk_operator;

RESET ROLE;
REVOKE CREATE ON SCHEMA public FROM hummdesk_search;
