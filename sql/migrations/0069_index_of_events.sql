-- no transaction
-- compatible from: 0036
-- The entries of the audit log of an account by kind and time, from which reports are computed.

CREATE INDEX CONCURRENTLY IF NOT EXISTS conversation_events_by_time ON conversation_events
    (account_id, kind, created_at) INCLUDE (conversation_id);
