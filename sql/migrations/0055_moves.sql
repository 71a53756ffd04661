-- compatible from: 0036
-- Moves between queues, agents and teams are published from the log: an outbox entry has the id of the logged event. So is
-- what a user leaves behind who moves to another account or is deleted by an operator.

-- A message that reopens a conversation without an agent says in which queue it waits.
GRANT SELECT (assigned_to, assigned_team) ON conversations TO hummdesk_writer;

CREATE OR REPLACE FUNCTION leave_account() RETURNS trigger
    LANGUAGE plpgsql
AS $$
BEGIN
    IF TG_OP = 'DELETE' AND NOT EXISTS (
        SELECT
        FROM conversations
        WHERE account_id = OLD.account_id
          AND assigned_to = OLD.id
    ) THEN
        RETURN OLD; -- also where an account is erased: the eraser may not assign
    END IF;
    DELETE FROM team_members WHERE account_id = OLD.account_id AND user_id = OLD.id;
    WITH unassigned AS (
        UPDATE conversations
        SET assigned_to = NULL, updated_at = GREATEST(clock_timestamp(), updated_at)
        WHERE account_id = OLD.account_id AND assigned_to = OLD.id
        RETURNING account_id, id, assigned_team, status, erased_at, updated_at
    ), event AS (
        INSERT INTO conversation_events (account_id, conversation_id, id, kind, actor_type, details, created_at)
        SELECT
            account_id,
            id,
            gen_random_uuid(),
            'unassigned',
            'system',
            jsonb_strip_nulls(jsonb_build_object(
                'fromAgent', OLD.id,
                'fromTeam', assigned_team,
                'toTeam', assigned_team,
                'rule', 'disabled',
                'queued', CASE WHEN status = 'open' AND erased_at IS NULL THEN true END
            )),
            updated_at
        FROM unassigned
        RETURNING account_id, id, conversation_id
    )
    INSERT INTO outbox (account_id, id, conversation_id, seq)
    SELECT account_id, id, conversation_id, -2
    FROM event;
    IF TG_OP = 'DELETE' THEN
        RETURN OLD;
    END IF;
    RETURN NEW;
END
$$;

CREATE TRIGGER users_leave_account_deleted
    BEFORE DELETE ON users
    FOR EACH ROW EXECUTE FUNCTION leave_account();
