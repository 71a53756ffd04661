-- no transaction
-- compatible from: 0036
-- The snoozed conversations of all accounts by time, for the relay. Also checks the constraint of 0074 for existing rows,
-- without blocking readers and writers.

CREATE INDEX CONCURRENTLY IF NOT EXISTS conversations_snoozed ON conversations (snoozed_until, account_id, id)
    WHERE snoozed_until IS NOT NULL;
ALTER TABLE conversations VALIDATE CONSTRAINT conversations_snoozed_pending;
