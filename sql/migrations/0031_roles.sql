-- compatible from: 0026
-- A role for backups; memberships of the database's owner that inherit nothing; a search that no temporary object can
-- mislead.

DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'hummdesk_backup') THEN
        BEGIN
            CREATE ROLE hummdesk_backup NOLOGIN;
        EXCEPTION WHEN duplicate_object OR unique_violation THEN
            NULL; -- another database of this server is being migrated right now
        END;
    END IF;
    IF NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
        GRANT hummdesk_backup TO CURRENT_USER;
    END IF;
END
$$;

GRANT USAGE ON SCHEMA public TO hummdesk_backup;

-- The owner takes a role for a transaction; without one it must not have the rights of any. Before PostgreSQL 16
-- inheritance is an attribute of the member, and the owner needs it for the schema public: a role in between, which
-- inherits nothing, lets the owner take the others.
DO $$
DECLARE
    role_name text;
    roles constant text[] := ARRAY[
        'hummdesk_app', 'hummdesk_worker', 'hummdesk_writer', 'hummdesk_relay', 'hummdesk_operator', 'hummdesk_search',
        'hummdesk_backup'
    ];
BEGIN
    IF (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
        RETURN;
    END IF;
    IF current_setting('server_version_num')::integer >= 160000 THEN
        FOREACH role_name IN ARRAY roles LOOP
            EXECUTE format('GRANT %I TO CURRENT_USER WITH INHERIT FALSE, SET TRUE', role_name);
        END LOOP;
        RETURN;
    END IF;
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'hummdesk_taken') THEN
        BEGIN
            CREATE ROLE hummdesk_taken NOLOGIN NOINHERIT;
        EXCEPTION WHEN duplicate_object OR unique_violation THEN
            NULL; -- another database of this server is being migrated right now
        END;
    END IF;
    FOREACH role_name IN ARRAY roles LOOP
        EXECUTE format('GRANT %I TO hummdesk_taken', role_name);
        EXECUTE format('REVOKE %I FROM CURRENT_USER', role_name);
    END LOOP;
    GRANT hummdesk_taken TO CURRENT_USER;
END
$$;

-- The owner of a function replaces it.
GRANT CREATE ON SCHEMA public TO hummdesk_search;
SET LOCAL ROLE hummdesk_search;

CREATE OR REPLACE FUNCTION search_conversations(words tsquery, most integer) RETURNS SETOF uuid
    LANGUAGE plpgsql STABLE SECURITY DEFINER ROWS 100
    SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
    sample constant integer := 200;
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

    IF hits * 5 >= sample THEN
        RETURN QUERY
        SELECT conversation_id
        FROM public.messages
        WHERE account_id = public.current_account()
          AND (to_tsvector('simple', content) @@ words) IS TRUE
        ORDER BY id DESC
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
