-- no transaction
-- compatible from: 0036
-- Parts of words in subjects, and in names and addresses of customers. Customers change rarely: without a list of pending
-- entries, each search takes the same time. Each message adds a version of its conversation to all indexes: with the list,
-- that takes a quarter of the time.

CREATE INDEX CONCURRENTLY IF NOT EXISTS conversations_trigrams ON conversations
    USING gin (account_id, subject gin_trgm_ops) WHERE subject IS NOT NULL;
CREATE INDEX CONCURRENTLY IF NOT EXISTS contacts_trigrams ON contacts
    USING gin (account_id, (name || ' ' || email) gin_trgm_ops) WITH (fastupdate = off);
