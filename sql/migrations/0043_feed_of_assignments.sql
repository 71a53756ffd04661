-- compatible from: 0026
-- A log entry of an unassignment names the team that the conversation keeps, and the feed leaves out the log entry of a
-- sent message, which has an event of its own.

CREATE OR REPLACE FUNCTION leave_account() RETURNS trigger
    LANGUAGE plpgsql
AS $$
BEGIN
    DELETE FROM team_members WHERE account_id = OLD.account_id AND user_id = OLD.id;
    WITH unassigned AS (
        UPDATE conversations
        SET assigned_to = NULL, updated_at = GREATEST(clock_timestamp(), updated_at)
        WHERE account_id = OLD.account_id AND assigned_to = OLD.id
        RETURNING account_id, id, assigned_team, updated_at
    )
    INSERT INTO conversation_events (account_id, conversation_id, id, kind, actor_type, details, created_at)
    SELECT
        account_id,
        id,
        gen_random_uuid(),
        'unassigned',
        'system',
        jsonb_strip_nulls(jsonb_build_object(
            'fromAgent', OLD.id, 'fromTeam', assigned_team, 'toTeam', assigned_team
        )),
        updated_at
    FROM unassigned;
    RETURN NEW;
END
$$;

-- The owner of a function replaces it.
GRANT CREATE ON SCHEMA public TO hummdesk_feed;
SET LOCAL ROLE hummdesk_feed;

CREATE OR REPLACE FUNCTION feed_conversation_events() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, public, pg_temp
AS $$
BEGIN
    INSERT INTO public.feed_changes (account_id, type, conversation_id, subject_id)
    SELECT
        account_id,
        CASE WHEN kind IN ('classification_corrected', 'draft_used') THEN kind ELSE 'conversation_' || kind END,
        conversation_id,
        id
    FROM changed
    WHERE kind NOT IN ('created', 'message_sent');
    RETURN NULL;
END
$$;

RESET ROLE;
REVOKE CREATE ON SCHEMA public FROM hummdesk_feed;
