-- compatible from: 0038
-- What changes the order of a queue: the relay publishes positions after it, and expected waits follow from the pace. It is
-- notified on the channel hummdesk_queues with the account's id.

CREATE TABLE queue_moves (
    account_id uuid NOT NULL,
    queue_id uuid NOT NULL,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    queued_since timestamptz,
    CONSTRAINT queue_moves_pkey PRIMARY KEY (account_id, queue_id, at, id)
);
CREATE INDEX queue_moves_recent ON queue_moves (at, account_id);

ALTER TABLE queue_moves ENABLE ROW LEVEL SECURITY;
ALTER TABLE queue_moves FORCE ROW LEVEL SECURITY;
CREATE POLICY own_account ON queue_moves FOR SELECT TO hummdesk_app USING (account_id = current_account());
CREATE POLICY every_account ON queue_moves TO hummdesk_feed, hummdesk_relay USING (true);
GRANT SELECT ON queue_moves TO hummdesk_app;
GRANT INSERT ON queue_moves TO hummdesk_feed;
GRANT SELECT, DELETE ON queue_moves TO hummdesk_relay;

-- For a conversation that enters a queue, leaves it, or changes its place by its priority. `queued_since` only if it leaves
-- because it is assigned.
CREATE FUNCTION note_queue_move() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
    was_queued constant boolean := TG_OP = 'UPDATE' AND OLD.status = 'open' AND OLD.assigned_to IS NULL
        AND OLD.erased_at IS NULL;
    is_queued constant boolean := NEW.status = 'open' AND NEW.assigned_to IS NULL AND NEW.erased_at IS NULL;
BEGIN
    IF was_queued THEN
        INSERT INTO public.queue_moves (account_id, queue_id, queued_since)
        VALUES (
            OLD.account_id,
            COALESCE(OLD.assigned_team, OLD.account_id),
            CASE WHEN NEW.assigned_to IS NOT NULL THEN COALESCE(OLD.queued_since, OLD.created_at) END
        );
    END IF;
    IF is_queued AND (NOT was_queued OR OLD.assigned_team IS DISTINCT FROM NEW.assigned_team) THEN
        INSERT INTO public.queue_moves (account_id, queue_id)
        VALUES (NEW.account_id, COALESCE(NEW.assigned_team, NEW.account_id));
    END IF;
    PERFORM pg_notify('hummdesk_queues', NEW.account_id::text);
    RETURN NULL;
END
$$;
REVOKE ALL ON FUNCTION note_queue_move() FROM PUBLIC;

CREATE TRIGGER conversations_enter_queue
    AFTER INSERT ON conversations
    FOR EACH ROW WHEN (NEW.status = 'open' AND NEW.assigned_to IS NULL)
    EXECUTE FUNCTION note_queue_move();
CREATE TRIGGER conversations_move_in_queue
    AFTER UPDATE OF status, assigned_to, assigned_team, priority, erased_at ON conversations
    FOR EACH ROW WHEN (
        (
            OLD.status = 'open' AND OLD.assigned_to IS NULL AND OLD.erased_at IS NULL
            OR NEW.status = 'open' AND NEW.assigned_to IS NULL AND NEW.erased_at IS NULL
        )
        AND (
            OLD.status <> NEW.status
            OR OLD.priority <> NEW.priority
            OR OLD.assigned_to IS DISTINCT FROM NEW.assigned_to
            OR OLD.assigned_team IS DISTINCT FROM NEW.assigned_team
            OR OLD.erased_at IS DISTINCT FROM NEW.erased_at
        )
    )
    EXECUTE FUNCTION note_queue_move();

GRANT CREATE ON SCHEMA public TO hummdesk_feed;
ALTER FUNCTION note_queue_move() OWNER TO hummdesk_feed;
REVOKE CREATE ON SCHEMA public FROM hummdesk_feed;
