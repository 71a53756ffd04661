-- compatible from: 0036
-- An assignment starts the draft of a conversation whose customer waits for an answer.

ALTER TABLE ai_runs
    ADD CONSTRAINT ai_runs_repetition_key UNIQUE USING INDEX ai_runs_repetition_key,
    DROP CONSTRAINT ai_runs_message_key;

CREATE FUNCTION new_id() RETURNS uuid
    LANGUAGE sql VOLATILE
    RETURN encode(
        set_bit(
            set_bit(
                overlay(
                    uuid_send(gen_random_uuid())
                    PLACING substring(int8send((EXTRACT(epoch FROM clock_timestamp()) * 1000)::bigint) FROM 3)
                    FROM 1 FOR 6
                ),
                52,
                1
            ),
            53,
            1
        ),
        'hex'
    )::uuid;

CREATE FUNCTION start_draft(of_account uuid, of_conversation uuid, newest_public_seq bigint) RETURNS void
    LANGUAGE plpgsql
AS $$
BEGIN
    INSERT INTO ai_runs (account_id, id, conversation_id, message_id, seq, kind)
    SELECT account_id, new_id(), conversation_id, id, seq, 'draft'
    FROM messages
    WHERE account_id = of_account
      AND conversation_id = of_conversation
      AND seq = newest_public_seq
      AND sender_type = 'customer'
      AND erased_at IS NULL
      AND EXISTS (
          SELECT
          FROM ai_runs
          WHERE ai_runs.account_id = messages.account_id
            AND ai_runs.message_id = messages.id
            AND ai_runs.kind = 'classification'
      )
    ON CONFLICT (account_id, message_id, kind, repetition) DO NOTHING;
    IF FOUND THEN
        PERFORM pg_notify('hummdesk_runs', '');
    END IF;
END
$$;

CREATE FUNCTION draft_for_assignee() RETURNS trigger
    LANGUAGE plpgsql
AS $$
BEGIN
    PERFORM start_draft(NEW.account_id, NEW.id, NEW.last_public_seq);
    RETURN NULL;
END
$$;

CREATE TRIGGER conversations_draft
    AFTER UPDATE OF assigned_to ON conversations
    FOR EACH ROW WHEN (
        NEW.assigned_to IS NOT NULL
        AND NEW.assigned_to IS DISTINCT FROM OLD.assigned_to
        AND NEW.status <> 'closed'
    ) EXECUTE FUNCTION draft_for_assignee();
