-- compatible from: 0036
-- A pending conversation may be snoozed until a time: the relay reopens it then, unless a customer's message does before.

ALTER TABLE conversations
    ADD COLUMN snoozed_until timestamptz,
    ADD CONSTRAINT conversations_snoozed_pending CHECK (snoozed_until IS NULL OR status = 'pending') NOT VALID;

CREATE FUNCTION end_snooze() RETURNS trigger
    LANGUAGE plpgsql
AS $$
BEGIN
    NEW.snoozed_until := NULL;
    RETURN NEW;
END
$$;

CREATE TRIGGER conversations_snooze_ended
    BEFORE UPDATE OF status, erased_at ON conversations
    FOR EACH ROW WHEN (NEW.snoozed_until IS NOT NULL AND (NEW.status <> 'pending' OR NEW.erased_at IS NOT NULL))
    EXECUTE FUNCTION end_snooze();

GRANT UPDATE (snoozed_until) ON conversations TO hummdesk_app;

-- The relay finds the conversations that are due, of all accounts, and nothing else of them.
CREATE POLICY snoozed_seen ON conversations FOR SELECT TO hummdesk_relay USING (snoozed_until IS NOT NULL);
GRANT SELECT (account_id, id, snoozed_until) ON conversations TO hummdesk_relay;
