-- compatible from: 0036
-- Each agent has an unread count. A read position can be put back, which is not a receipt: `seq` stays, and is NULL for an
-- agent who has read nothing. What staff had read before this migration stays read for everybody.
-- No table is scanned: the columns are nullable or have a constant default, and the CHECK of accounts, a small table, is
-- validated in milliseconds.

ALTER TABLE users ADD COLUMN unread_since timestamptz NOT NULL DEFAULT now();
ALTER TABLE users ALTER COLUMN unread_since SET DEFAULT clock_timestamp();

ALTER TABLE message_reads
    ALTER COLUMN seq DROP NOT NULL,
    ADD COLUMN unread_after bigint;

ALTER TABLE accounts
    ADD COLUMN read_on_view text NOT NULL DEFAULT 'off'
        CONSTRAINT accounts_read_on_view_known CHECK (read_on_view IN ('off', 'assignee'));

-- A position that is put back is no event of the feed. Only the owner of the function lets another role make a trigger of it.
SET LOCAL ROLE hummdesk_feed;
GRANT EXECUTE ON FUNCTION feed_part() TO SESSION_USER;
RESET ROLE;
DROP TRIGGER message_reads_feed ON message_reads;
CREATE TRIGGER message_reads_feed
    AFTER INSERT ON message_reads
    FOR EACH ROW WHEN (NEW.seq IS NOT NULL) EXECUTE FUNCTION feed_part('message_read', 'reader_id');
CREATE TRIGGER message_reads_feed_updated
    AFTER UPDATE ON message_reads
    FOR EACH ROW WHEN (OLD.seq IS DISTINCT FROM NEW.seq OR OLD.reader_id <> NEW.reader_id)
    EXECUTE FUNCTION feed_part('message_read', 'reader_id');
SET LOCAL ROLE hummdesk_feed;
REVOKE EXECUTE ON FUNCTION feed_part() FROM SESSION_USER;
RESET ROLE;

GRANT UPDATE (unread_after) ON message_reads TO hummdesk_app;
GRANT UPDATE (read_on_view) ON accounts TO hummdesk_app;

-- A reply marks what its agent has answered as read, in the statement that stores it.
CREATE POLICY accounts_of_the_batch ON message_reads TO hummdesk_writer
    USING (account_id IN (SELECT unnest(current_accounts())));
GRANT SELECT (account_id, conversation_id, reader_id, seq, read_at, unread_after), INSERT, UPDATE (seq, read_at, unread_after)
    ON message_reads TO hummdesk_writer;
GRANT SELECT (staff_read_seq), UPDATE (staff_read_seq) ON conversations TO hummdesk_writer;
