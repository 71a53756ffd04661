-- Changes to stored messages. A conversation counts them in its revision; a changed message has the revision of its last
-- change. An erased message keeps its row and its seq.
-- Only the catalogs change, and the constraint is not checked for existing rows, whose content is present.

ALTER TABLE conversations ADD COLUMN revision bigint NOT NULL DEFAULT 0;

ALTER TABLE messages
    ADD COLUMN revision bigint NOT NULL DEFAULT 0,
    ADD COLUMN erased_at timestamptz,
    DROP CONSTRAINT messages_content_present,
    ADD CONSTRAINT messages_content_present CHECK (content <> '' OR erased_at IS NOT NULL) NOT VALID;
