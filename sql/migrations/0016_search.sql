-- Conversations found by words of their messages, subject or customer, and those that nobody has, listed.

-- Keys of an account beside keys of text in one index: what other accounts wrote costs a search nothing.
CREATE EXTENSION IF NOT EXISTS btree_gin;

CREATE INDEX messages_words ON messages USING gin (account_id, to_tsvector('simple', content));
CREATE INDEX conversations_words ON conversations USING gin (account_id, to_tsvector('simple', subject))
    WHERE subject IS NOT NULL;
-- An address is one word to the parser; taken apart it is found by its beginnings, too.
CREATE INDEX contacts_words ON contacts
    USING gin (account_id, to_tsvector('simple', name || ' ' || email || ' ' || translate(email, '@.', '  ')));

-- Without its condition the index leads to those that nobody has, too.
DROP INDEX conversations_by_agent;
CREATE INDEX conversations_by_agent ON conversations (account_id, assigned_to, status, updated_at DESC, id DESC);

-- Under row-level security an index answers only what is leakproof, which @@ is not. So this function looks past it,
-- for the account of the transaction alone, and gives nothing but ids, which the caller's own policies then hold.
-- Whoever searches gets the newest `most` of each kind. The index gives all at once, in no order; a word that every
-- fifth of the newest messages has is found sooner by going back from them. (IS TRUE keeps that away from the index.)
CREATE FUNCTION search_conversations(words tsquery, most integer) RETURNS SETOF uuid
    LANGUAGE plpgsql STABLE SECURITY DEFINER ROWS 100
    SET search_path = pg_catalog, public
AS $$
DECLARE
    sample constant integer := 200;
    hits integer;
BEGIN
    SELECT count(*) FILTER (WHERE to_tsvector('simple', content) @@ words)
    INTO hits
    FROM (
        SELECT content
        FROM messages
        WHERE account_id = current_account()
        ORDER BY id DESC
        LIMIT sample
    ) AS newest;

    IF hits * 5 >= sample THEN
        RETURN QUERY
        SELECT conversation_id
        FROM messages
        WHERE account_id = current_account()
          AND (to_tsvector('simple', content) @@ words) IS TRUE
        ORDER BY id DESC
        LIMIT most;
    ELSE
        RETURN QUERY
        WITH found AS MATERIALIZED (
            SELECT id, conversation_id
            FROM messages
            WHERE account_id = current_account()
              AND to_tsvector('simple', content) @@ words
        )
        SELECT conversation_id
        FROM found
        ORDER BY id DESC
        LIMIT most;
    END IF;

    RETURN QUERY
    WITH found AS MATERIALIZED (
        SELECT id
        FROM conversations
        WHERE account_id = current_account()
          AND subject IS NOT NULL
          AND to_tsvector('simple', subject) @@ words
    )
    SELECT id
    FROM found
    ORDER BY id DESC
    LIMIT most;

    RETURN QUERY
    WITH found AS MATERIALIZED (
        SELECT id
        FROM contacts
        WHERE account_id = current_account()
          AND to_tsvector('simple', name || ' ' || email || ' ' || translate(email, '@.', '  ')) @@ words
    )
    SELECT theirs.id
    FROM (SELECT id FROM found ORDER BY id DESC LIMIT most) AS named
    CROSS JOIN LATERAL (
        SELECT conversations.id
        FROM conversations
        WHERE account_id = current_account()
          AND contact_id = named.id
        ORDER BY updated_at DESC, id DESC
        LIMIT 20
    ) AS theirs
    LIMIT most;
END
$$;

-- Owns that function and sees what it needs, nothing else; nobody takes this role.
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'hummdesk_search') THEN
        BEGIN
            CREATE ROLE hummdesk_search NOLOGIN;
        EXCEPTION WHEN duplicate_object OR unique_violation THEN
            NULL;
        END;
    END IF;
    IF NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
        GRANT hummdesk_search TO CURRENT_USER;
    END IF;
END
$$;

CREATE POLICY every_account_searched ON messages FOR SELECT TO hummdesk_search USING (true);
CREATE POLICY every_account_searched ON conversations FOR SELECT TO hummdesk_search USING (true);
CREATE POLICY every_account_searched ON contacts FOR SELECT TO hummdesk_search USING (true);
GRANT SELECT (account_id, id, conversation_id, content) ON messages TO hummdesk_search;
GRANT SELECT (account_id, id, contact_id, subject, updated_at) ON conversations TO hummdesk_search;
GRANT SELECT (account_id, id, name, email) ON contacts TO hummdesk_search;

GRANT USAGE, CREATE ON SCHEMA public TO hummdesk_search;
ALTER FUNCTION search_conversations(tsquery, integer) OWNER TO hummdesk_search;
REVOKE CREATE ON SCHEMA public FROM hummdesk_search;
REVOKE ALL ON FUNCTION search_conversations(tsquery, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION search_conversations(tsquery, integer) TO hummdesk_app;
