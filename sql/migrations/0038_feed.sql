-- compatible from: 0026
-- The feed: every change of an account under one contiguous number. Triggers add changes in the transaction that makes
-- them, and a sequencer numbers the committed ones.

DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'hummdesk_feed') THEN
        BEGIN
            CREATE ROLE hummdesk_feed NOLOGIN;
        EXCEPTION WHEN duplicate_object OR unique_violation THEN
            NULL; -- another database of this server is being migrated right now
        END;
    END IF;
    IF (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
        RETURN;
    END IF;
    -- The owner takes the role to give it functions; without it, it must not have its rights: see 0031.
    IF current_setting('server_version_num')::integer < 160000 THEN
        GRANT hummdesk_feed TO hummdesk_taken;
        REVOKE hummdesk_feed FROM CURRENT_USER;
    ELSE
        EXECUTE 'GRANT hummdesk_feed TO CURRENT_USER WITH INHERIT FALSE, SET TRUE'; -- no syntax of PostgreSQL 15
    END IF;
END
$$;

CREATE TABLE feed_changes (
    account_id uuid NOT NULL,
    change bigint GENERATED ALWAYS AS IDENTITY,
    type text NOT NULL,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    conversation_id uuid,
    subject_id uuid NOT NULL,
    CONSTRAINT feed_changes_pkey PRIMARY KEY (account_id, change)
) WITH (autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_scale_factor = 0);

CREATE TABLE feed_positions (
    account_id uuid NOT NULL,
    last_number bigint NOT NULL DEFAULT 0,
    epoch uuid NOT NULL DEFAULT gen_random_uuid(),
    digest bytea NOT NULL DEFAULT decode(repeat('00', 32), 'hex'),
    CONSTRAINT feed_positions_pkey PRIMARY KEY (account_id),
    CONSTRAINT feed_positions_account_fkey FOREIGN KEY (account_id) REFERENCES accounts (account_id) ON DELETE CASCADE
) WITH (fillfactor = 50);

CREATE TABLE feed_events (
    account_id uuid NOT NULL,
    number bigint NOT NULL,
    type text NOT NULL,
    at timestamptz NOT NULL,
    conversation_id uuid,
    subject_id uuid NOT NULL,
    digest bytea NOT NULL,
    CONSTRAINT feed_events_pkey PRIMARY KEY (account_id, number)
);

DO $$
DECLARE
    table_name text;
BEGIN
    FOREACH table_name IN ARRAY ARRAY['feed_changes', 'feed_positions', 'feed_events'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', table_name);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', table_name);
        EXECUTE format('CREATE POLICY every_account ON %I TO hummdesk_feed USING (true)', table_name);
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO hummdesk_feed', table_name);
    END LOOP;
    FOREACH table_name IN ARRAY ARRAY['feed_positions', 'feed_events'] LOOP
        EXECUTE format('CREATE POLICY own_account ON %I FOR SELECT TO hummdesk_app USING (account_id = current_account())',
                       table_name);
        EXECUTE format('GRANT SELECT ON %I TO hummdesk_app', table_name);
    END LOOP;
END
$$;
GRANT USAGE ON SCHEMA public TO hummdesk_feed;
GRANT SELECT (account_id) ON accounts TO hummdesk_feed;
CREATE POLICY every_account_fed ON accounts FOR SELECT TO hummdesk_feed USING (true);
GRANT SELECT ON SEQUENCE feed_changes_change_seq TO hummdesk_backup;

-- The relay measures what is not numbered, and deletes what is old.
CREATE POLICY every_change ON feed_changes FOR SELECT TO hummdesk_relay USING (true);
CREATE POLICY every_event ON feed_events TO hummdesk_relay USING (true);
CREATE POLICY every_position ON feed_positions FOR SELECT TO hummdesk_relay USING (true);
GRANT SELECT (account_id, change, at) ON feed_changes TO hummdesk_relay;
GRANT SELECT, DELETE ON feed_events TO hummdesk_relay;
GRANT SELECT ON feed_positions TO hummdesk_relay;

CREATE FUNCTION feed_messages() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, public, pg_temp
AS $$
BEGIN
    INSERT INTO public.feed_changes (account_id, type, conversation_id, subject_id)
    SELECT account_id, TG_ARGV[0], conversation_id, id
    FROM changed
    ORDER BY seq;
    RETURN NULL;
END
$$;

CREATE TRIGGER messages_feed
    AFTER INSERT ON messages REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION feed_messages('new_message');
CREATE TRIGGER messages_feed_updated
    AFTER UPDATE ON messages REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION feed_messages('message_updated');

CREATE FUNCTION feed_conversation_events() RETURNS trigger
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
    WHERE kind NOT IN ('created', 'message_sent'); -- their rows have events of their own
    RETURN NULL;
END
$$;

CREATE TRIGGER conversation_events_feed
    AFTER INSERT ON conversation_events REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION feed_conversation_events();

CREATE FUNCTION feed_row() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
    noun constant text := TG_ARGV[0];
BEGIN
    IF TG_OP = 'UPDATE' AND OLD.account_id = NEW.account_id THEN
        INSERT INTO public.feed_changes (account_id, type, subject_id)
        VALUES (NEW.account_id, noun || '_updated', NEW.id);
        RETURN NULL;
    END IF;
    IF TG_OP <> 'INSERT' THEN
        INSERT INTO public.feed_changes (account_id, type, subject_id)
        VALUES (OLD.account_id, noun || '_deleted', OLD.id);
    END IF;
    IF TG_OP <> 'DELETE' THEN
        INSERT INTO public.feed_changes (account_id, type, subject_id)
        VALUES (NEW.account_id, noun || '_created', NEW.id);
    END IF;
    RETURN NULL;
END
$$;

CREATE TRIGGER users_feed
    AFTER INSERT OR DELETE ON users
    FOR EACH ROW EXECUTE FUNCTION feed_row('user');
CREATE TRIGGER users_feed_updated
    AFTER UPDATE ON users
    FOR EACH ROW WHEN ((to_jsonb(OLD) - 'last_seen_at') IS DISTINCT FROM (to_jsonb(NEW) - 'last_seen_at'))
    EXECUTE FUNCTION feed_row('user');
CREATE TRIGGER contacts_feed
    AFTER INSERT OR DELETE ON contacts
    FOR EACH ROW EXECUTE FUNCTION feed_row('contact');
CREATE TRIGGER contacts_feed_updated
    AFTER UPDATE ON contacts
    FOR EACH ROW WHEN (OLD.* IS DISTINCT FROM NEW.*) EXECUTE FUNCTION feed_row('contact');
CREATE TRIGGER teams_feed
    AFTER INSERT OR DELETE ON teams
    FOR EACH ROW EXECUTE FUNCTION feed_row('team');
CREATE TRIGGER teams_feed_updated
    AFTER UPDATE ON teams
    FOR EACH ROW WHEN (OLD.* IS DISTINCT FROM NEW.*) EXECUTE FUNCTION feed_row('team');

CREATE FUNCTION feed_part() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
    part constant jsonb := to_jsonb(COALESCE(NEW, OLD));
BEGIN
    INSERT INTO public.feed_changes (account_id, type, conversation_id, subject_id)
    VALUES ((part ->> 'account_id')::uuid, TG_ARGV[0], (part ->> 'conversation_id')::uuid, (part ->> TG_ARGV[1])::uuid);
    RETURN NULL;
END
$$;

CREATE TRIGGER team_members_feed
    AFTER INSERT OR DELETE OR UPDATE ON team_members
    FOR EACH ROW EXECUTE FUNCTION feed_part('team_updated', 'team_id');
CREATE TRIGGER team_members_feed_user
    AFTER INSERT OR DELETE OR UPDATE ON team_members
    FOR EACH ROW EXECUTE FUNCTION feed_part('user_updated', 'user_id');
CREATE TRIGGER message_reads_feed
    AFTER INSERT OR UPDATE ON message_reads
    FOR EACH ROW EXECUTE FUNCTION feed_part('message_read', 'reader_id');

CREATE FUNCTION feed_conversation() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, public, pg_temp
AS $$
BEGIN
    INSERT INTO public.feed_changes (account_id, type, conversation_id, subject_id)
    VALUES (NEW.account_id, TG_ARGV[0], NEW.id, NEW.id);
    RETURN NULL;
END
$$;

CREATE TRIGGER conversations_feed
    AFTER INSERT ON conversations
    FOR EACH ROW EXECUTE FUNCTION feed_conversation('conversation_created');
CREATE TRIGGER conversations_feed_updated
    AFTER UPDATE OF contact_id, subject, metadata, erased_at ON conversations
    FOR EACH ROW WHEN (
        OLD.contact_id <> NEW.contact_id
        OR OLD.subject IS DISTINCT FROM NEW.subject
        OR OLD.metadata <> NEW.metadata
        OR OLD.erased_at IS DISTINCT FROM NEW.erased_at
    ) EXECUTE FUNCTION feed_conversation('conversation_updated');

CREATE FUNCTION feed_run() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, public, pg_temp
AS $$
BEGIN
    INSERT INTO public.feed_changes (account_id, type, conversation_id, subject_id)
    VALUES (
        NEW.account_id,
        CASE WHEN NEW.status = 'failed' THEN 'ai_error' ELSE 'ai_' || NEW.kind END,
        NEW.conversation_id,
        NEW.id
    );
    RETURN NULL;
END
$$;

CREATE TRIGGER ai_runs_feed
    AFTER UPDATE OF status ON ai_runs
    FOR EACH ROW WHEN (
        OLD.finished_at IS NULL
        AND NEW.finished_at IS NOT NULL
        AND (NEW.status = 'failed' OR NEW.outcome = 'done')
    ) EXECUTE FUNCTION feed_run();

CREATE FUNCTION number_changes(of_account uuid, most integer) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, public, pg_temp
    SET enable_seqscan = off
AS $$
DECLARE
    last bigint;
    link bytea;
    links bytea[];
    changes bigint[];
    types text[];
    times timestamptz[];
    conversations uuid[];
    subjects uuid[];
BEGIN
    INSERT INTO public.feed_positions (account_id)
    SELECT account_id
    FROM public.accounts
    WHERE account_id = of_account
      AND NOT EXISTS (SELECT FROM public.feed_positions WHERE account_id = of_account)
    ON CONFLICT (account_id) DO NOTHING;

    SELECT last_number, digest
    INTO last, link
    FROM public.feed_positions
    WHERE account_id = of_account
    FOR UPDATE;
    IF NOT FOUND THEN
        DELETE FROM public.feed_changes WHERE account_id = of_account;
        RETURN 0;
    END IF;

    SELECT
        array_agg(change ORDER BY change),
        array_agg(type ORDER BY change),
        array_agg(at ORDER BY change),
        array_agg(conversation_id ORDER BY change),
        array_agg(subject_id ORDER BY change)
    INTO changes, types, times, conversations, subjects
    FROM (
        SELECT change, type, at, conversation_id, subject_id
        FROM public.feed_changes
        WHERE account_id = of_account
        ORDER BY change
        LIMIT most
    ) AS next;

    FOR place IN 1..COALESCE(cardinality(changes), 0) LOOP
        link := sha256(link || convert_to(concat_ws(
            E'\n', last + place, types[place], COALESCE(conversations[place]::text, ''), subjects[place]
        ), 'UTF8'));
        links[place] := link;
    END LOOP;
    IF links IS NULL THEN
        RETURN last;
    END IF;

    INSERT INTO public.feed_events (account_id, number, type, at, conversation_id, subject_id, digest)
    SELECT of_account, last + place, type, at, conversation_id, subject_id, digest
    FROM unnest(types, times, conversations, subjects, links)
        WITH ORDINALITY AS numbered (type, at, conversation_id, subject_id, digest, place);

    DELETE FROM public.feed_changes
    WHERE account_id = of_account
      AND change = ANY(changes);

    UPDATE public.feed_positions
    SET last_number = last_number + cardinality(changes), digest = link
    WHERE account_id = of_account;
    RETURN last + cardinality(changes);
END
$$;

CREATE FUNCTION sequence_feed(most integer) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, public, pg_temp
    SET enable_seqscan = off
AS $$
DECLARE
    found bigint;
BEGIN
    IF NOT EXISTS (SELECT FROM public.feed_changes WHERE account_id = public.current_account()) THEN
        SELECT last_number INTO found FROM public.feed_positions WHERE account_id = public.current_account();
    END IF;
    RETURN COALESCE(found, public.number_changes(public.current_account(), most));
END
$$;

CREATE FUNCTION sequence_feeds(after uuid, most integer, OUT numbered bigint, OUT last_account uuid)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, public, pg_temp
    SET enable_seqscan = off
AS $$
DECLARE
    account uuid;
    before bigint;
BEGIN
    numbered := 0;
    last_account := after;
    WHILE numbered < most LOOP
        SELECT account_id
        INTO account
        FROM public.feed_changes
        WHERE account_id > last_account
        ORDER BY account_id
        LIMIT 1;
        IF NOT FOUND THEN
            last_account := NULL;
            EXIT;
        END IF;
        last_account := account;
        SELECT last_number INTO before FROM public.feed_positions WHERE account_id = account;
        numbered := numbered + public.number_changes(account, (most - numbered)::integer) - COALESCE(before, 0);
        PERFORM pg_notify('hummdesk_feed', account::text);
    END LOOP;
END
$$;

REVOKE ALL ON FUNCTION
    feed_messages(), feed_conversation_events(), feed_row(), feed_part(), feed_conversation(), feed_run(),
    number_changes(uuid, integer), sequence_feed(integer), sequence_feeds(uuid, integer)
    FROM PUBLIC;
GRANT EXECUTE ON FUNCTION sequence_feed(integer) TO hummdesk_app;
GRANT EXECUTE ON FUNCTION sequence_feeds(uuid, integer) TO hummdesk_relay;

GRANT CREATE ON SCHEMA public TO hummdesk_feed;
ALTER FUNCTION feed_messages() OWNER TO hummdesk_feed;
ALTER FUNCTION feed_conversation_events() OWNER TO hummdesk_feed;
ALTER FUNCTION feed_row() OWNER TO hummdesk_feed;
ALTER FUNCTION feed_part() OWNER TO hummdesk_feed;
ALTER FUNCTION feed_conversation() OWNER TO hummdesk_feed;
ALTER FUNCTION feed_run() OWNER TO hummdesk_feed;
ALTER FUNCTION number_changes(uuid, integer) OWNER TO hummdesk_feed;
ALTER FUNCTION sequence_feed(integer) OWNER TO hummdesk_feed;
ALTER FUNCTION sequence_feeds(uuid, integer) OWNER TO hummdesk_feed;
REVOKE CREATE ON SCHEMA public FROM hummdesk_feed;
