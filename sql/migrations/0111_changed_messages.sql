-- compatible from: 0036
-- Agents and API keys edit and withdraw their own messages. The column has a constant default: no table is rewritten.
-- The kinds of log entries include those of follow-up conversations and merges, which later migrations use.

ALTER TABLE messages ADD COLUMN withdrawn boolean NOT NULL DEFAULT false;

DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'hummdesk_author') THEN
        BEGIN
            CREATE ROLE hummdesk_author NOLOGIN;
        EXCEPTION WHEN duplicate_object OR unique_violation THEN
            NULL; -- another database of this server is being migrated right now
        END;
    END IF;
    IF (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
        RETURN;
    END IF;
    -- As for hummdesk_feed: see 0038.
    IF current_setting('server_version_num')::integer < 160000 THEN
        GRANT hummdesk_author TO hummdesk_taken;
        REVOKE hummdesk_author FROM CURRENT_USER;
    ELSE
        EXECUTE 'GRANT hummdesk_author TO CURRENT_USER WITH INHERIT FALSE, SET TRUE'; -- no syntax of PostgreSQL 15
    END IF;
END
$$;

-- Replaces the content of a message that somebody of staff has sent; NULL: the message is withdrawn. Web processes cannot
-- change stored messages otherwise.
CREATE FUNCTION change_message(
    message_id uuid,
    of_sender uuid,
    new_content text,
    new_content_type text,
    new_revision bigint
) RETURNS void
    LANGUAGE sql SECURITY DEFINER
    SET search_path = pg_catalog, public, pg_temp
AS $$
    UPDATE public.messages
    SET
        content = COALESCE(new_content, ''),
        content_type = COALESCE(new_content_type, 'text'),
        attachments = CASE WHEN new_content IS NULL THEN '[]' ELSE attachments END,
        metadata = CASE WHEN new_content IS NULL THEN '{}' ELSE metadata END,
        bytes = CASE
            WHEN new_content IS NOT NULL
            THEN public.message_bytes(sender_name, new_content, attachments, metadata, client_message_id)
        END,
        revision = new_revision,
        erased_at = CASE WHEN new_content IS NULL THEN clock_timestamp() END,
        withdrawn = new_content IS NULL
    WHERE account_id = public.current_account()
      AND id = message_id
      AND sender_id = of_sender
      AND sender_type <> 'customer'
      AND erased_at IS NULL
$$;
REVOKE ALL ON FUNCTION change_message(uuid, uuid, text, text, bigint) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION change_message(uuid, uuid, text, text, bigint) TO hummdesk_app;

GRANT USAGE, CREATE ON SCHEMA public TO hummdesk_author;
ALTER FUNCTION change_message(uuid, uuid, text, text, bigint) OWNER TO hummdesk_author;
REVOKE CREATE ON SCHEMA public FROM hummdesk_author;

CREATE POLICY of_staff ON messages TO hummdesk_author
    USING (account_id = current_account() AND sender_type <> 'customer');
GRANT SELECT (account_id, id, sender_id, sender_type, sender_name, attachments, metadata, client_message_id, erased_at),
    UPDATE (content, content_type, attachments, metadata, bytes, revision, erased_at, withdrawn)
    ON messages TO hummdesk_author;
GRANT UPDATE (revision) ON conversations TO hummdesk_app;
GRANT DELETE ON ai_results TO hummdesk_app;
GRANT UPDATE (withdrawn) ON messages TO hummdesk_eraser;

ALTER TABLE conversation_events
    DROP CONSTRAINT conversation_events_kind_known,
    ADD CONSTRAINT conversation_events_kind_known
        CHECK (
            kind IN (
                'created', 'status_changed', 'assigned', 'unassigned', 'priority_changed', 'classification_corrected',
                'draft_used', 'message_sent', 'rated', 'labels_changed', 'message_edited', 'message_withdrawn', 'continued',
                'merged'
            )
        ) NOT VALID;

-- A changed message has a change of its own in the feed.
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
    WHERE kind NOT IN ('created', 'message_sent', 'message_edited', 'message_withdrawn');
    RETURN NULL;
END
$$;

RESET ROLE;
REVOKE CREATE ON SCHEMA public FROM hummdesk_feed;
