-- no transaction
-- compatible from: 0036
-- Copies the subjects of 0187, and makes their indexes.

SET ROLE hummdesk_search;
-- Less than deadlock_timeout: of a deadlock, the copying is what gives way.
SET lock_timeout = '500ms';
CALL copy_subjects();
RESET lock_timeout;
RESET ROLE;
CREATE INDEX CONCURRENTLY IF NOT EXISTS conversation_subjects_words ON conversation_subjects
    USING gin (account_id, to_tsvector('simple', subject)) WITH (fastupdate = off);
CREATE INDEX CONCURRENTLY IF NOT EXISTS conversation_subjects_trigrams ON conversation_subjects
    USING gin (account_id, subject gin_trgm_ops) WITH (fastupdate = off);
