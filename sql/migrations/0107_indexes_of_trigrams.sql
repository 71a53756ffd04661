-- no transaction
-- compatible from: 0036
-- Parts of words in subjects, and in names and addresses of customers. Both change rarely: without a list of pending
-- entries, each search takes the same time.

CREATE INDEX CONCURRENTLY IF NOT EXISTS conversations_trigrams ON conversations
    USING gin (account_id, subject gin_trgm_ops) WITH (fastupdate = off) WHERE subject IS NOT NULL;
CREATE INDEX CONCURRENTLY IF NOT EXISTS contacts_trigrams ON contacts
    USING gin (account_id, (name || ' ' || email) gin_trgm_ops) WITH (fastupdate = off);
