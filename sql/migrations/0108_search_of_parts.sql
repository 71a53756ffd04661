-- compatible from: 0036
-- The search for parts of words, and for misspelled words if it has found nothing.

-- Load the extension: until a session has, only a superuser can give one of its settings to a function. The migrations
-- before this one have loaded it, unless another `migrate` has applied them.
SELECT similarity('', '');

-- As search_conversations, which it calls, and with its rights. `parts` are patterns of ILIKE, all of which must match; the
-- first has at least three letters in a row, which the indexes of subjects and customers need. Messages have none: it would
-- double the time in which one is stored. So the newest ones are read, unless there are enough matches without them.
-- Without a match, each of the `terms` is replaced with the most similar words of the newest messages, and customers and
-- subjects with similar words are found.
CREATE FUNCTION find_conversations(words tsquery, parts text[], terms text[], most integer) RETURNS SETOF uuid
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
    IF cardinality(parts) = 0 OR found_all >= most THEN
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

    RETURN QUERY
    WITH found AS MATERIALIZED (
        SELECT id
        FROM public.conversations
        WHERE account_id = public.current_account()
          AND subject IS NOT NULL
          AND subject ILIKE parts[1]
          AND subject ILIKE ALL (parts)
    )
    SELECT id
    FROM found
    ORDER BY id DESC
    LIMIT most;
    GET DIAGNOSTICS found_now = ROW_COUNT;
    found_all := found_all + found_now;

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
        SELECT id
        FROM public.conversations
        WHERE account_id = public.current_account()
          AND subject IS NOT NULL
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

-- The customers whose name or address contains a part, as a pattern of ILIKE of at least three letters; the newest `most`.
CREATE FUNCTION find_contacts(part text, most integer) RETURNS SETOF uuid
    LANGUAGE sql STABLE SECURITY DEFINER ROWS 100
    SET search_path = pg_catalog, public, pg_temp
AS $$
    WITH found AS MATERIALIZED (
        SELECT id
        FROM public.contacts
        WHERE account_id = public.current_account()
          AND (name || ' ' || email) ILIKE part
    )
    SELECT id
    FROM found
    ORDER BY id DESC
    LIMIT most
$$;

-- Before the owner changes: afterwards only the new one, or a superuser, can.
REVOKE ALL ON FUNCTION find_conversations(tsquery, text[], text[], integer) FROM PUBLIC;
REVOKE ALL ON FUNCTION find_contacts(text, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION find_conversations(tsquery, text[], text[], integer) TO hummdesk_app;
GRANT EXECUTE ON FUNCTION find_contacts(text, integer) TO hummdesk_app;
GRANT USAGE, CREATE ON SCHEMA public TO hummdesk_search;
ALTER FUNCTION find_conversations(tsquery, text[], text[], integer) OWNER TO hummdesk_search;
ALTER FUNCTION find_contacts(text, integer) OWNER TO hummdesk_search;
REVOKE CREATE ON SCHEMA public FROM hummdesk_search;
