-- compatible from: 0036
-- Follow-up conversations and merges: a conversation whose customer's messages go to another one, and the one that a
-- conversation continues. Without foreign keys, for which an account could not be deleted row by row. No table is
-- rewritten or scanned.

ALTER TABLE conversations
    ADD COLUMN continued_in uuid,
    ADD COLUMN continuation_of uuid,
    ADD CONSTRAINT conversations_continued_closed CHECK (continued_in IS NULL OR status = 'closed') NOT VALID;

CREATE FUNCTION end_continuation() RETURNS trigger
    LANGUAGE plpgsql
AS $$
BEGIN
    NEW.continued_in := NULL;
    RETURN NEW;
END
$$;

CREATE TRIGGER conversations_continuation_ended
    BEFORE UPDATE OF status ON conversations
    FOR EACH ROW WHEN (OLD.continued_in IS NOT NULL AND NEW.status <> 'closed')
    EXECUTE FUNCTION end_continuation();

GRANT UPDATE (continued_in) ON conversations TO hummdesk_app;
GRANT SELECT (continued_in) ON conversations TO hummdesk_writer;
