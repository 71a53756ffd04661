-- compatible from: 0036
-- Messages to a conversation that was reopened after it was continued are stored in batches again. An older version stores
-- them one by one.

ALTER TABLE conversations ADD COLUMN repeats_in uuid[];

CREATE OR REPLACE FUNCTION end_continuation() RETURNS trigger
    LANGUAGE plpgsql
AS $$
BEGIN
    NEW.continued_before := array_remove(OLD.continued_before, OLD.continued_in) || OLD.continued_in;
    NEW.continued_in := NULL;
    NEW.repeats_in := NULL;
    RETURN NEW;
END
$$;

CREATE FUNCTION is_sent(conversation_ids uuid[], account uuid, sender uuid, token text) RETURNS boolean
    LANGUAGE sql STABLE
AS $$
    SELECT EXISTS (
        SELECT
        FROM messages
        WHERE account_id = account
          AND conversation_id = ANY (conversation_ids)
          AND sender_id = sender
          AND client_message_id = token
    )
$$;

GRANT SELECT (repeats_in) ON conversations TO hummdesk_writer;
GRANT UPDATE (repeats_in) ON conversations TO hummdesk_app;
