-- no transaction
-- For clients that ask which messages have changed. Unchanged messages are not in the index, so that a send does not
-- touch it.

CREATE INDEX CONCURRENTLY IF NOT EXISTS messages_changed ON messages (account_id, conversation_id, revision)
    WHERE revision > 0;
ALTER TABLE messages VALIDATE CONSTRAINT messages_content_present;
