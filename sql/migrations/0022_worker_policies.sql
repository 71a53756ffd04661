-- As for the message writer: a subquery, because it is evaluated once for a statement, where the function was for every
-- row; and IN, because = ANY would be taken for a condition on an index and lead the planner to think that an account
-- has few rows.
DO $$
DECLARE
    table_name text;
BEGIN
    FOREACH table_name IN ARRAY ARRAY[
        'accounts', 'users', 'teams', 'team_members', 'conversations', 'messages', 'conversation_events', 'ai_jobs',
        'ai_results', 'ai_corrections'
    ] LOOP
        EXECUTE format('ALTER POLICY named_accounts ON %I USING (account_id IN (SELECT unnest(current_accounts())))',
                       table_name);
    END LOOP;
END
$$;
