-- compatible from: 0036
-- Queues: an open conversation without an agent waits in the queue of its team, or of the account. The time since when the
-- customer waits is kept while conversations move, until they are closed. Rows from before have no time: they wait since
-- they were created.

ALTER TABLE conversations
    ADD COLUMN waiting_since timestamptz,
    ADD COLUMN queued_since timestamptz;

CREATE FUNCTION priority_rank(priority text) RETURNS integer
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE priority WHEN 'urgent' THEN 0 WHEN 'high' THEN 1 WHEN 'medium' THEN 2 ELSE 3 END;

CREATE FUNCTION priority_weight(priority text) RETURNS integer
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE priority WHEN 'urgent' THEN 2 ELSE 1 END;

CREATE FUNCTION queue_conversation() RETURNS trigger
    LANGUAGE plpgsql
AS $$
BEGIN
    IF NEW.status = 'closed' THEN
        NEW.waiting_since := NULL;
    END IF;
    NEW.queued_since := CASE
        WHEN NEW.status = 'open' AND NEW.assigned_to IS NULL THEN COALESCE(NEW.waiting_since, clock_timestamp())
    END;
    RETURN NEW;
END
$$;

CREATE TRIGGER conversations_new_in_queue
    BEFORE INSERT ON conversations
    FOR EACH ROW EXECUTE FUNCTION queue_conversation();
CREATE TRIGGER conversations_moved_in_queue
    BEFORE UPDATE OF status, assigned_to ON conversations
    FOR EACH ROW WHEN (OLD.status IS DISTINCT FROM NEW.status OR OLD.assigned_to IS DISTINCT FROM NEW.assigned_to)
    EXECUTE FUNCTION queue_conversation();

GRANT SELECT (waiting_since), UPDATE (waiting_since) ON conversations TO hummdesk_writer;
GRANT UPDATE (waiting_since) ON conversations TO hummdesk_app;

ALTER TABLE conversation_events
    DROP CONSTRAINT conversation_events_kind_known,
    ADD CONSTRAINT conversation_events_kind_known
        CHECK (
            kind IN (
                'created', 'status_changed', 'assigned', 'unassigned', 'priority_changed', 'classification_corrected',
                'draft_used', 'message_sent', 'rated'
            )
        ) NOT VALID;
