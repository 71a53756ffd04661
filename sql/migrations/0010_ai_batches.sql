-- Workers take and end the runs of several accounts in one statement, as a role that sees the accounts that its
-- transaction names and no others.

DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'hummdesk_worker') THEN
        BEGIN
            CREATE ROLE hummdesk_worker NOLOGIN;
        EXCEPTION WHEN duplicate_object OR unique_violation THEN
            NULL;
        END;
    END IF;
    IF NOT pg_has_role('hummdesk_worker', 'hummdesk_app', 'MEMBER') THEN
        GRANT hummdesk_app TO hummdesk_worker;
    END IF;
    IF NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
        GRANT hummdesk_worker TO CURRENT_USER;
    END IF;
END
$$;

CREATE FUNCTION current_accounts() RETURNS uuid[]
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN string_to_array(NULLIF(current_setting('app.account_ids', true), ''), ',')::uuid[];

CREATE POLICY named_accounts ON conversations TO hummdesk_worker USING (account_id = ANY (current_accounts()));
CREATE POLICY named_accounts ON messages TO hummdesk_worker USING (account_id = ANY (current_accounts()));
CREATE POLICY named_accounts ON conversation_events TO hummdesk_worker USING (account_id = ANY (current_accounts()));
CREATE POLICY named_accounts ON ai_jobs TO hummdesk_worker USING (account_id = ANY (current_accounts()));
CREATE POLICY named_accounts ON ai_results TO hummdesk_worker USING (account_id = ANY (current_accounts()));
CREATE POLICY named_accounts ON teams TO hummdesk_worker USING (account_id = ANY (current_accounts()));
CREATE POLICY named_accounts ON team_members TO hummdesk_worker USING (account_id = ANY (current_accounts()));
CREATE POLICY named_accounts ON users TO hummdesk_worker USING (account_id = ANY (current_accounts()));

-- Which delivery of the broker has claimed a run: one that comes again knows that its worker is gone.
ALTER TABLE ai_jobs ADD COLUMN claimed_by uuid;
GRANT UPDATE (published_at, claimed_by) ON ai_jobs TO hummdesk_app;
-- To end the drafts that the answer to a newer message makes idle, and to wait for what is due next.
DROP INDEX ai_jobs_open;
CREATE INDEX ai_jobs_open ON ai_jobs (account_id, conversation_id) WHERE announced_at IS NULL;
CREATE INDEX ai_jobs_waiting ON ai_jobs (account_id, id) WHERE published_at IS NULL;
