-- no transaction
-- compatible from: 0036
-- The conversations of each queue in the order in which they are assigned. Also checks the constraint of 0052 for existing
-- rows, without blocking readers and writers.

CREATE INDEX CONCURRENTLY IF NOT EXISTS conversations_queued ON conversations
    (account_id, assigned_team, priority_rank(priority), COALESCE(queued_since, created_at), id)
    WHERE status = 'open' AND assigned_to IS NULL AND erased_at IS NULL;
ALTER TABLE conversation_events VALIDATE CONSTRAINT conversation_events_kind_known;
