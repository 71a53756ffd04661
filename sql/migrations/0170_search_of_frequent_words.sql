-- compatible from: 0036
-- A word that is frequent in all accounts is looked for in the newest 10,000 messages of the account: the index returns the
-- matches of all accounts, which took seconds.

-- The owner of a function replaces it.
GRANT CREATE ON SCHEMA public TO hummdesk_search;
SET LOCAL ROLE hummdesk_search;

CREATE FUNCTION is_frequent(words tsquery) RETURNS boolean
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
    sampled constant integer := 20;
    pages constant bigint := pg_relation_size('public.messages') / current_setting('block_size')::integer;
    seen integer;
    hits integer;
BEGIN
    IF pages < 100 * sampled THEN
        RETURN false;
    END IF;
    SELECT count(*), count(*) FILTER (WHERE to_tsvector('simple', content) @@ words)
    INTO seen, hits
    FROM public.messages TABLESAMPLE SYSTEM (100.0 * sampled / pages);
    RETURN hits > 0
        AND hits * 100 >= seen
        AND hits * (SELECT reltuples FROM pg_class WHERE oid = 'public.messages'::regclass) >= 100000 * seen;
END
$$;

REVOKE ALL ON FUNCTION is_frequent(tsquery) FROM PUBLIC;

CREATE OR REPLACE FUNCTION search_conversations(words tsquery, most integer) RETURNS SETOF uuid
    LANGUAGE plpgsql STABLE SECURITY DEFINER ROWS 100
    SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
    sample constant integer := 200;
    scanned constant integer := 10000;
    hits integer;
BEGIN
    SELECT count(*) FILTER (WHERE to_tsvector('simple', content) @@ words)
    INTO hits
    FROM (
        SELECT content
        FROM public.messages
        WHERE account_id = public.current_account()
        ORDER BY id DESC
        LIMIT sample
    ) AS newest;

    IF hits * 5 >= sample OR public.is_frequent(words) THEN
        RETURN QUERY
        SELECT conversation_id
        FROM (
            SELECT conversation_id, content
            FROM public.messages
            WHERE account_id = public.current_account()
            ORDER BY id DESC
            LIMIT scanned
        ) AS newest
        WHERE to_tsvector('simple', content) @@ words
        LIMIT most;
    ELSE
        RETURN QUERY
        WITH found AS MATERIALIZED (
            SELECT id, conversation_id
            FROM public.messages
            WHERE account_id = public.current_account()
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
        FROM public.conversations
        WHERE account_id = public.current_account()
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
        FROM public.contacts
        WHERE account_id = public.current_account()
          AND to_tsvector('simple', name || ' ' || email || ' ' || translate(email, '@.', '  ')) @@ words
    )
    SELECT theirs.id
    FROM (SELECT id FROM found ORDER BY id DESC LIMIT most) AS named
    CROSS JOIN LATERAL (
        SELECT conversations.id
        FROM public.conversations
        WHERE account_id = public.current_account()
          AND contact_id = named.id
        ORDER BY updated_at DESC, id DESC
        LIMIT 20
    ) AS theirs
    LIMIT most;
END
$$;

RESET ROLE;
REVOKE CREATE ON SCHEMA public FROM hummdesk_search;
