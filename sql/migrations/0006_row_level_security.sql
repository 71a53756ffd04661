-- Who may do what, and on which rows: the application on those of its transaction's account, the relay on AI runs
-- only, the operator's commands on all. Forced, so that the owner of the tables is held by it as well.

DO $$
DECLARE
    table_name text;
BEGIN
    FOREACH table_name IN ARRAY ARRAY[
        'accounts', 'users', 'contacts', 'teams', 'team_members', 'conversations', 'messages', 'message_reads',
        'conversation_events', 'ai_jobs', 'ai_results', 'knowledge_articles', 'canned_replies'
    ] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', table_name);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', table_name);
        EXECUTE format('CREATE POLICY own_account ON %I TO hummdesk_app USING (account_id = current_account())',
                       table_name);
        EXECUTE format('CREATE POLICY every_account ON %I TO hummdesk_operator USING (true)', table_name);
        EXECUTE format('GRANT SELECT ON %I TO hummdesk_app', table_name);
        EXECUTE format('GRANT SELECT, INSERT ON %I TO hummdesk_operator', table_name);
    END LOOP;
END
$$;

-- Messages and the audit log only ever grow; people, teams and knowledge are the operator's.
GRANT UPDATE ON accounts, users, contacts, teams, conversations, knowledge_articles, canned_replies
    TO hummdesk_operator;
GRANT DELETE ON team_members TO hummdesk_operator;
GRANT UPDATE (last_seen_at) ON users TO hummdesk_app;
GRANT INSERT ON conversations, messages, message_reads, conversation_events, ai_jobs, ai_results TO hummdesk_app;
GRANT UPDATE (status, priority, assigned_to, assigned_team, last_seq, last_public_seq, staff_read_seq, unread_staff,
    unread_customer, updated_at) ON conversations TO hummdesk_app;
GRANT UPDATE (seq, read_at) ON message_reads TO hummdesk_app;
GRANT UPDATE (status, outcome, attempts, available_at, lease_until, started_at, last_error, finished_at, announced_at)
    ON ai_jobs TO hummdesk_app;

CREATE POLICY every_run ON ai_jobs TO hummdesk_relay USING (true);
GRANT SELECT ON ai_jobs TO hummdesk_relay;
GRANT UPDATE (status, published_at, lease_until, deadline_at, last_error, finished_at, announced_at)
    ON ai_jobs TO hummdesk_relay;

-- A web process or relay with a login of its own asks at its start whether migrations are pending.
GRANT SELECT ON schema_migrations TO hummdesk_app, hummdesk_relay;
