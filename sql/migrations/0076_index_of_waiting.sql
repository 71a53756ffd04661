-- no transaction
-- compatible from: 0036
-- may be pending
-- The conversations whose customers wait for an answer, for the list that begins with the longest wait.

CREATE INDEX CONCURRENTLY IF NOT EXISTS conversations_waiting ON conversations (account_id, waiting_since, id)
    WHERE waiting_since IS NOT NULL;
