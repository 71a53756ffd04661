-- compatible from: 0036
-- The search reads the copied subjects.

DROP PROCEDURE copy_subjects();
DROP POLICY copied ON conversations;
REVOKE UPDATE (subject) ON conversations FROM hummdesk_search;

-- The owner of a function replaces it.
GRANT CREATE ON SCHEMA public TO hummdesk_search;
SET LOCAL ROLE hummdesk_search;

CREATE OR REPLACE FUNCTION search_conversations(words tsquery, most integer) RETURNS SETOF uuid
    LANGUAGE plpgsql STABLE SECURITY DEFINER ROWS 100
    SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
    sample constant integer := 200;
    scanned constant integer := 10000;
    rare constant tsquery := public.rare_words(words);
    hits integer;
    found_now integer := 0;
    is_done boolean := false;
    candidates uuid[];
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

    IF hits * 5 >= sample OR rare IS NULL THEN
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
        GET DIAGNOSTICS found_now = ROW_COUNT;
        is_done := found_now >= most OR NOT EXISTS (
            SELECT
            FROM public.messages
            WHERE account_id = public.current_account()
            ORDER BY id DESC
            OFFSET scanned
        );
    END IF;

    IF rare IS NOT NULL AND NOT is_done THEN
        WITH found AS MATERIALIZED (
            SELECT id
            FROM public.messages
            WHERE account_id = public.current_account()
              AND to_tsvector('simple', content) @@ rare
        )
        SELECT array_agg(id)
        INTO candidates
        FROM (
            SELECT id
            FROM found
            ORDER BY id DESC
            LIMIT CASE WHEN rare = words THEN most ELSE scanned END
        ) AS newest;

        RETURN QUERY
        SELECT conversation_id
        FROM unnest(candidates) AS candidate (id)
        JOIN public.messages USING (id)
        WHERE account_id = public.current_account()
          AND (rare = words OR to_tsvector('simple', content) @@ words)
        ORDER BY id DESC
        LIMIT most;
        GET DIAGNOSTICS found_now = ROW_COUNT;
        is_done := rare = words OR COALESCE(cardinality(candidates), 0) < scanned;
    END IF;
    IF found_now >= most OR NOT is_done THEN
        RETURN NEXT NULL::uuid;
    END IF;

    RETURN QUERY
    WITH found AS MATERIALIZED (
        SELECT conversation_id AS id
        FROM public.conversation_subjects
        WHERE account_id = public.current_account()
          AND to_tsvector('simple', subject) @@ words
    )
    SELECT id
    FROM found
    ORDER BY id DESC
    LIMIT most;
    GET DIAGNOSTICS found_now = ROW_COUNT;
    IF found_now >= most THEN
        RETURN NEXT NULL::uuid;
    END IF;

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
    GET DIAGNOSTICS found_now = ROW_COUNT;
    IF found_now >= most THEN
        RETURN NEXT NULL::uuid;
    END IF;
END
$$;

CREATE OR REPLACE FUNCTION find_conversations(words tsquery, parts text[], terms text[], most integer) RETURNS SETOF uuid
    LANGUAGE plpgsql STABLE SECURITY DEFINER ROWS 100
    SET search_path = pg_catalog, public, pg_temp
    SET pg_trgm.word_similarity_threshold = 0.4
AS $$
DECLARE
    scanned constant integer := 10000;
    vocabulary constant integer := 500;
    similar_words tsquery;
    corrected tsquery;
    term text;
    found_now integer;
    found_all integer;
BEGIN
    RETURN QUERY SELECT public.search_conversations(words, most);
    GET DIAGNOSTICS found_all = ROW_COUNT;
    IF cardinality(parts) = 0 THEN
        RETURN;
    END IF;
    IF found_all >= most THEN
        RETURN NEXT NULL::uuid;
        RETURN;
    END IF;

    RETURN QUERY
    SELECT conversation_id
    FROM (
        SELECT conversation_id, content
        FROM public.messages
        WHERE account_id = public.current_account()
        ORDER BY id DESC
        LIMIT scanned
    ) AS newest
    WHERE content ILIKE ALL (parts)
    LIMIT most;
    GET DIAGNOSTICS found_now = ROW_COUNT;
    found_all := found_all + found_now;
    IF found_now >= most THEN
        RETURN NEXT NULL::uuid;
    END IF;

    RETURN QUERY
    WITH found AS MATERIALIZED (
        SELECT conversation_id AS id
        FROM public.conversation_subjects
        WHERE account_id = public.current_account()
          AND subject ILIKE parts[1]
          AND subject ILIKE ALL (parts)
    )
    SELECT id
    FROM found
    ORDER BY id DESC
    LIMIT most;
    GET DIAGNOSTICS found_now = ROW_COUNT;
    found_all := found_all + found_now;
    IF found_now >= most THEN
        RETURN NEXT NULL::uuid;
    END IF;

    RETURN QUERY
    WITH found AS MATERIALIZED (
        SELECT id
        FROM public.contacts
        WHERE account_id = public.current_account()
          AND (name || ' ' || email) ILIKE parts[1]
          AND (name || ' ' || email) ILIKE ALL (parts)
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
    GET DIAGNOSTICS found_now = ROW_COUNT;
    IF found_now >= most THEN
        RETURN NEXT NULL::uuid;
    END IF;
    IF found_all + found_now > 0 OR cardinality(terms) = 0 THEN
        RETURN;
    END IF;

    FOREACH term IN ARRAY terms LOOP
        SELECT string_agg('''' || replace(replace(lexeme, '\', '\\'), '''', '''''') || '''', ' | ')::tsquery
        INTO similar_words
        FROM (
            SELECT lexeme
            FROM (
                SELECT DISTINCT unnest(tsvector_to_array(to_tsvector('simple', left(content, 500)))) AS lexeme
                FROM (
                    SELECT content
                    FROM public.messages
                    WHERE account_id = public.current_account()
                    ORDER BY id DESC
                    LIMIT vocabulary
                ) AS newest
            ) AS known
            WHERE abs(length(lexeme) - length(term)) <= 2
              AND public.similarity(lexeme, term) >= 0.3
            ORDER BY public.similarity(lexeme, term) DESC, lexeme
            LIMIT 3
        ) AS nearest;
        EXIT WHEN similar_words IS NULL;
        corrected := COALESCE(corrected && similar_words, similar_words);
    END LOOP;
    IF similar_words IS NOT NULL THEN
        RETURN QUERY SELECT public.search_conversations(corrected, most);
    END IF;

    term := (SELECT one FROM unnest(terms) AS one ORDER BY length(one) DESC LIMIT 1);
    RETURN QUERY
    WITH found AS MATERIALIZED (
        SELECT conversation_id AS id
        FROM public.conversation_subjects
        WHERE account_id = public.current_account()
          AND term OPERATOR(public.<%) subject
          AND NOT EXISTS (SELECT FROM unnest(terms) AS one WHERE public.word_similarity(one, subject) < 0.4)
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
          AND term OPERATOR(public.<%) (name || ' ' || email)
          AND NOT EXISTS (
              SELECT FROM unnest(terms) AS one WHERE public.word_similarity(one, name || ' ' || email) < 0.4
          )
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
