-- The current schema, for reading. The migrations in sql/migrations create it; a test keeps the two equal.
--
-- account_id comes first in every table, primary key and index (except that of the relay, which has no account), so that
-- the rows of an account are stored together, can be moved together, and cannot be read without naming the account. Ids
-- are UUIDs version 7, made by the application.
-- Row-level security backs up the checks of the application: see the end of this file.
-- Tables that grow for years are vacuumed in small steps: by default, a fifth of the rows must be dead or new.

-- The applied migrations. The checksum detects a file that was edited afterwards.
CREATE TABLE schema_migrations (
    name text NOT NULL,
    checksum text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    -- The newest migration that a process must know to work with the schema; NULL: this one.
    compatible_from text,
    CONSTRAINT schema_migrations_pkey PRIMARY KEY (name)
);

-- The epoch of the data: one row, which current_epoch changes.
CREATE TABLE epochs (
    is_only boolean NOT NULL DEFAULT true,
    number bigint NOT NULL,                                     -- milliseconds since 1970 at its begin, or more
    history text NOT NULL,                                      -- of the write-ahead log, from current_history
    is_first boolean NOT NULL DEFAULT true,                     -- nothing was lost yet
    CONSTRAINT epochs_pkey PRIMARY KEY (is_only),
    CONSTRAINT epochs_only CHECK (is_only)
);

-- The number of shards of the event stream, once it was raised; no row: the first 16.
CREATE TABLE event_stream (
    is_only boolean NOT NULL DEFAULT true,
    shards integer NOT NULL,
    raised_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT event_stream_pkey PRIMARY KEY (is_only),
    CONSTRAINT event_stream_only CHECK (is_only),
    CONSTRAINT event_stream_shards_doubled CHECK (shards IN (32, 64, 128, 256, 512, 1024))
);

-- The server's system identifier and timeline: other ones after a promotion and a recovery to a point in time, and in
-- another server. Unlike the timeline of the last checkpoint, this one is current as soon as a standby is promoted, and
-- an ordinary role may read both. Empty where the service has no write-ahead log of its own.
CREATE FUNCTION current_history() RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (SELECT system_identifier FROM pg_control_system())
        || '/' || left(pg_walfile_name(pg_current_wal_insert_lsn()), 8);
EXCEPTION WHEN OTHERS THEN
    RETURN '';
END
$$;

-- The number of the epoch. The first connection in another history begins a new one; a clock makes its number higher
-- than that of an epoch whose row was lost, too. A history that cannot be read for a moment begins none.
CREATE FUNCTION current_epoch() RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
    now_in constant text := public.current_history();
    known public.epochs;
BEGIN
    SELECT * INTO known FROM public.epochs;
    IF now_in <> '' AND known.history <> now_in THEN
        UPDATE public.epochs
        SET
            number = greatest(number + 1, (extract(epoch FROM clock_timestamp()) * 1000)::bigint),
            history = now_in,
            is_first = is_first AND history = ''
        WHERE history <> now_in;
        SELECT * INTO known FROM public.epochs;
    END IF;
    RETURN known.number;
END
$$;

-- The epoch of an account's feed: its own, and another one after each new epoch of the data.
CREATE FUNCTION feed_epoch(own uuid) RETURNS uuid
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path = pg_catalog, public, pg_temp
    RETURN (
        SELECT CASE WHEN is_first THEN own ELSE md5(own::text || number)::uuid END
        FROM public.epochs
    );

-- The account of the transaction, from set_config('app.account_id', …, true); NULL if none is set. Queries and policies
-- compare with it. After a transaction that has set it, the setting is '', not NULL.
CREATE FUNCTION current_account() RETURNS uuid
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN NULLIF(current_setting('app.account_id', true), '')::uuid;

-- GIN indexes that begin with account_id: a search does not read the words of other accounts.
CREATE EXTENSION IF NOT EXISTS btree_gin;

-- Parts of words, and similar words.
CREATE EXTENSION IF NOT EXISTS pg_trgm;

-- Whether a transaction of an AI worker or of the message writer names the account, in app.account_ids, separated by
-- commas. A comparison of texts needs no subquery, which would be started for each table of a statement.
CREATE FUNCTION is_named_account(account_id uuid) RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN strpos(current_setting('app.account_ids', true), account_id::text) > 0;

-- Tenants: companies that serve their customers with HummDesk.
CREATE TABLE accounts (
    account_id uuid NOT NULL,
    name text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    ai_provider text,                                           -- NULL: the default, AI_PROVIDER
    -- Origins of the pages that may show the widget; `self` is the server's own.
    widget_origins text[] NOT NULL DEFAULT '{}',
    passes_revoked_at timestamptz,                              -- visitor passes issued before are refused
    retention_days integer,                                     -- without activity, until a conversation is erased
    erased_before timestamptz,                                  -- conversations last active before this are erased
    -- What the account may use of external models in a day; NULL: the default, AI_DAILY_TOKENS and AI_DAILY_DOLLARS;
    -- 0: unlimited.
    ai_daily_tokens bigint,
    ai_daily_dollars numeric,
    disabled_at timestamptz,                                    -- nobody can sign in
    ai_min_confidence double precision,                         -- of a draft that is shown; NULL: no minimum
    -- {color, position, texts: {language: {title, greeting}}, showTeam, askEmail, namePage, preChat, proactive} of the
    -- widget, each optional.
    widget_look jsonb NOT NULL DEFAULT '{}',
    -- Whether messages are read when their assignee looks at them: `off` or `assignee`.
    read_on_view text NOT NULL DEFAULT 'off',
    -- What external models receive for their drafts.
    ai_company text NOT NULL DEFAULT '',
    ai_voice text NOT NULL DEFAULT '',
    ai_policies text NOT NULL DEFAULT '',
    CONSTRAINT accounts_pkey PRIMARY KEY (account_id),
    CONSTRAINT accounts_name_present CHECK (name <> ''),
    CONSTRAINT accounts_retention_days_positive CHECK (retention_days > 0),
    CONSTRAINT accounts_ai_provider_known CHECK (ai_provider IN ('embedded', 'anthropic', 'openai')),
    CONSTRAINT accounts_ai_daily_tokens_not_negative CHECK (ai_daily_tokens >= 0),
    CONSTRAINT accounts_ai_daily_dollars_not_negative CHECK (ai_daily_dollars >= 0),
    CONSTRAINT accounts_ai_min_confidence_a_share CHECK (ai_min_confidence BETWEEN 0 AND 1),
    CONSTRAINT accounts_widget_look_bounded
        CHECK (jsonb_typeof(widget_look) = 'object' AND octet_length(widget_look::text) <= 32768),
    CONSTRAINT accounts_read_on_view_known CHECK (read_on_view IN ('off', 'assignee')),
    CONSTRAINT accounts_ai_profile_bounded
        CHECK (octet_length(ai_company) + octet_length(ai_voice) + octet_length(ai_policies) <= 49152)
);

------------------------------------------------------------------------------------------------------------- people

-- Staff. An inactive user cannot sign in or be assigned a conversation.
CREATE TABLE users (
    account_id uuid NOT NULL,
    id uuid NOT NULL,
    email text NOT NULL,
    name text NOT NULL,
    role text NOT NULL,
    active boolean NOT NULL DEFAULT true,
    last_seen_at timestamptz,                                   -- set when the last socket closes
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    skills text[] NOT NULL DEFAULT '{}',                        -- categories and languages
    capacity integer,                                           -- open conversations; NULL: that of the queue
    -- Older messages are unread for the user only while nobody of staff has read them.
    unread_since timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT users_pkey PRIMARY KEY (account_id, id),
    CONSTRAINT users_account_fkey FOREIGN KEY (account_id) REFERENCES accounts (account_id),
    CONSTRAINT users_role_known CHECK (role IN ('admin', 'agent', 'viewer')),
    CONSTRAINT users_capacity_bounded CHECK (capacity BETWEEN 0 AND 1000)
);
CREATE UNIQUE INDEX users_email_key ON users (account_id, lower(email));

-- Customers, who see only their own conversations.
CREATE TABLE contacts (
    account_id uuid NOT NULL,
    id uuid NOT NULL,
    email text NOT NULL,
    name text NOT NULL,
    avatar_url text,
    active boolean NOT NULL DEFAULT true,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    passes_revoked_at timestamptz,                              -- as in accounts, for one visitor
    external_id text,                                           -- given by the company
    attributes jsonb NOT NULL DEFAULT '{}',                     -- what the company stores of the customer
    notes text,                                                 -- of staff on the customer
    stated_email text,                                          -- by the customer in the widget, not verified
    CONSTRAINT contacts_pkey PRIMARY KEY (account_id, id),
    CONSTRAINT contacts_account_fkey FOREIGN KEY (account_id) REFERENCES accounts (account_id),
    CONSTRAINT contacts_external_id_length CHECK (length(external_id) BETWEEN 1 AND 128),
    CONSTRAINT contacts_attributes_object CHECK (jsonb_typeof(attributes) = 'object'),
    CONSTRAINT contacts_stated_email_length CHECK (length(stated_email) BETWEEN 3 AND 254)
);
CREATE UNIQUE INDEX contacts_email_key ON contacts (account_id, lower(email));
CREATE UNIQUE INDEX contacts_external_id_key ON contacts (account_id, external_id) WHERE external_id IS NOT NULL;
-- The parser takes an email address for one word; split, its parts can be found by their prefixes.
CREATE INDEX contacts_words ON contacts
    USING gin (account_id, to_tsvector('simple', name || ' ' || email || ' ' || translate(email, '@.', '  ')));
CREATE INDEX contacts_trigrams ON contacts
    USING gin (account_id, (name || ' ' || email) gin_trgm_ops) WITH (fastupdate = off);

-- Pages that customers have opened, as their widgets report them, in accounts that record pages.
CREATE TABLE page_visits (
    account_id uuid NOT NULL,
    id uuid NOT NULL,
    contact_id uuid NOT NULL,
    url text NOT NULL,                                          -- without query and fragment
    title text NOT NULL,
    visited_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT page_visits_pkey PRIMARY KEY (account_id, contact_id, id),
    CONSTRAINT page_visits_contact_fkey FOREIGN KEY (account_id, contact_id)
        REFERENCES contacts (account_id, id) ON DELETE CASCADE,
    CONSTRAINT page_visits_url_length CHECK (length(url) <= 1000),
    CONSTRAINT page_visits_url_of_a_page CHECK (url ~ '^https?://[^/?#]+/[^?#]*$'),
    CONSTRAINT page_visits_title_length CHECK (length(title) <= 200)
);
CREATE INDEX page_visits_by_time ON page_visits (account_id, visited_at);

CREATE TABLE teams (
    account_id uuid NOT NULL,
    id uuid NOT NULL,
    name text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    active boolean NOT NULL DEFAULT true,                       -- an inactive team cannot be assigned a conversation
    description text NOT NULL DEFAULT '',                       -- what it handles, from which the AI learns it
    examples text[] NOT NULL DEFAULT '{}',                      -- messages that it answers, likewise
    CONSTRAINT teams_pkey PRIMARY KEY (account_id, id),
    CONSTRAINT teams_account_fkey FOREIGN KEY (account_id) REFERENCES accounts (account_id),
    CONSTRAINT teams_name_key UNIQUE (account_id, name),
    CONSTRAINT teams_examples_bounded CHECK (cardinality(examples) <= 20)
);

CREATE TABLE team_members (
    account_id uuid NOT NULL,
    team_id uuid NOT NULL,
    user_id uuid NOT NULL,
    CONSTRAINT team_members_pkey PRIMARY KEY (account_id, user_id, team_id),
    CONSTRAINT team_members_team_fkey FOREIGN KEY (account_id, team_id)
        REFERENCES teams (account_id, id) ON DELETE CASCADE,
    CONSTRAINT team_members_user_fkey FOREIGN KEY (account_id, user_id)
        REFERENCES users (account_id, id) ON DELETE CASCADE
);
CREATE INDEX team_members_team ON team_members (account_id, team_id);

-- Notifies every web process, on the channel hummdesk_people with {"accountId", "personId"}, that a person has changed, so
-- that a person who was disabled or moved is disconnected within a second. The argument is the column of the person's id.
-- For a person who moves to another account, both accounts are notified.
CREATE FUNCTION announce_person() RETURNS trigger
    LANGUAGE plpgsql
AS $$
BEGIN
    IF TG_OP <> 'INSERT' THEN
        PERFORM pg_notify('hummdesk_people', json_build_object(
            'accountId', OLD.account_id, 'personId', to_jsonb(OLD) ->> TG_ARGV[0])::text);
    END IF;
    IF TG_OP <> 'DELETE' THEN
        PERFORM pg_notify('hummdesk_people', json_build_object(
            'accountId', NEW.account_id, 'personId', to_jsonb(NEW) ->> TG_ARGV[0])::text);
    END IF;
    RETURN NULL;
END
$$;

CREATE TRIGGER users_announce
    AFTER DELETE OR UPDATE OF account_id, active, role, name, email ON users
    FOR EACH ROW EXECUTE FUNCTION announce_person('id');
CREATE TRIGGER contacts_announce
    AFTER DELETE OR UPDATE OF account_id, active, name, email ON contacts
    FOR EACH ROW EXECUTE FUNCTION announce_person('id');
CREATE TRIGGER team_members_announce
    AFTER INSERT OR DELETE OR UPDATE ON team_members
    FOR EACH ROW EXECUTE FUNCTION announce_person('user_id');

-- Notifies every web process, on the channel hummdesk_people with {"accountId"}, so that everybody of an account that was
-- disabled is disconnected within a second.
CREATE FUNCTION announce_account() RETURNS trigger
    LANGUAGE plpgsql
AS $$
BEGIN
    PERFORM pg_notify('hummdesk_people', json_build_object('accountId', NEW.account_id)::text);
    RETURN NULL;
END
$$;

CREATE TRIGGER accounts_announce
    AFTER UPDATE OF disabled_at ON accounts
    FOR EACH ROW WHEN (OLD.disabled_at IS DISTINCT FROM NEW.disabled_at) EXECUTE FUNCTION announce_account();

-- Keys with which accounts sign the tokens of their users and contacts. A token names its key by `kid`, and is verified
-- by a key of its own account only.
CREATE TABLE signing_keys (
    account_id uuid NOT NULL,
    kid text NOT NULL,                                          -- for a JWKS address its name: the document has the kids
    algorithm text NOT NULL,                                    -- the only one that is accepted with this key
    secret bytea,                                               -- encrypted with ENCRYPTION_KEYS
    public_key text,                                            -- PEM
    jwks_url text,
    issuer text,                                                -- required value of `iss`; NULL: not checked
    audience text,                                              -- required value of `aud`; NULL: JWT_AUDIENCE
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    revoked_at timestamptz,
    CONSTRAINT signing_keys_pkey PRIMARY KEY (account_id, kid),
    CONSTRAINT signing_keys_account_fkey FOREIGN KEY (account_id) REFERENCES accounts (account_id),
    CONSTRAINT signing_keys_kid_length CHECK (length(kid) BETWEEN 1 AND 128),
    CONSTRAINT signing_keys_algorithm_known CHECK (algorithm IN ('HS256', 'RS256', 'ES256', 'EdDSA')),
    CONSTRAINT signing_keys_of_one_kind CHECK (num_nonnulls(secret, public_key, jwks_url) = 1),
    CONSTRAINT signing_keys_secret_of_hs256 CHECK ((algorithm = 'HS256') = (secret IS NOT NULL))
);

-- Notifies every web process, on the channel hummdesk_signing_keys with {"accountId"}, so that a new key is accepted and
-- the sessions of a revoked one end within a second.
CREATE FUNCTION announce_signing_key() RETURNS trigger
    LANGUAGE plpgsql
AS $$
BEGIN
    PERFORM pg_notify('hummdesk_signing_keys', json_build_object(
        'accountId', COALESCE(NEW.account_id, OLD.account_id))::text);
    RETURN NULL;
END
$$;

CREATE TRIGGER signing_keys_announce
    AFTER INSERT OR DELETE OR UPDATE OF revoked_at ON signing_keys
    FOR EACH ROW EXECUTE FUNCTION announce_signing_key();

-- One-time links with which a user signs in. The link contains a secret, of which only the hash is stored.
CREATE TABLE sign_in_links (
    account_id uuid NOT NULL,
    secret_hash bytea NOT NULL,                                 -- SHA-256
    user_id uuid NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    expires_at timestamptz NOT NULL,
    used_at timestamptz,                                        -- or replaced
    CONSTRAINT sign_in_links_pkey PRIMARY KEY (account_id, secret_hash),
    CONSTRAINT sign_in_links_user_fkey FOREIGN KEY (account_id, user_id)
        REFERENCES users (account_id, id) ON DELETE CASCADE
);

-- Browsers in which a user is signed in. The browser's cookie contains a secret, and is exchanged for tokens of sockets.
CREATE TABLE staff_sessions (
    account_id uuid NOT NULL,
    id uuid NOT NULL,                                           -- in the tokens, so that they end with the session
    user_id uuid NOT NULL,
    secret_hash bytea NOT NULL,                                 -- SHA-256
    signed_in_by text NOT NULL,
    user_agent text NOT NULL,
    network text NOT NULL,                                      -- of the address at the sign-in
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    last_used_at timestamptz NOT NULL DEFAULT clock_timestamp(),  -- it also expires SESSION_IDLE_HOURS after this
    expires_at timestamptz NOT NULL,
    revoked_at timestamptz,
    CONSTRAINT staff_sessions_pkey PRIMARY KEY (account_id, id),
    CONSTRAINT staff_sessions_user_fkey FOREIGN KEY (account_id, user_id)
        REFERENCES users (account_id, id) ON DELETE CASCADE,
    CONSTRAINT staff_sessions_secret_key UNIQUE (account_id, secret_hash),
    CONSTRAINT staff_sessions_signed_in_by_known CHECK (signed_in_by IN ('link', 'oidc'))
);
CREATE INDEX staff_sessions_by_user ON staff_sessions (account_id, user_id);

-- Notifies every web process, on the channel hummdesk_staff_sessions with {"accountId", "sessionId"}, so that the sockets
-- of a revoked session are disconnected within a second.
CREATE FUNCTION announce_staff_session() RETURNS trigger
    LANGUAGE plpgsql
AS $$
BEGIN
    PERFORM pg_notify('hummdesk_staff_sessions', json_build_object(
        'accountId', NEW.account_id, 'sessionId', NEW.id)::text);
    RETURN NULL;
END
$$;

CREATE TRIGGER staff_sessions_announce
    AFTER UPDATE OF revoked_at ON staff_sessions
    FOR EACH ROW EXECUTE FUNCTION announce_staff_session();

-- The identity providers at which the users of accounts sign in (OpenID Connect).
CREATE TABLE oidc_providers (
    account_id uuid NOT NULL,
    issuer text NOT NULL,
    client_id text NOT NULL,
    client_secret bytea,                                        -- encrypted with ENCRYPTION_KEYS; NULL: public client
    scopes text[] NOT NULL,
    groups_claim text NOT NULL,
    groups jsonb NOT NULL,                                      -- what each group grants: {"role"?, "teamIds"}
    email_domains text[] NOT NULL,                              -- of users who may sign in; empty: any
    creates_users boolean NOT NULL,
    default_role text NOT NULL,                                 -- of new users, if `groups` is empty
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT oidc_providers_pkey PRIMARY KEY (account_id),
    CONSTRAINT oidc_providers_account_fkey FOREIGN KEY (account_id) REFERENCES accounts (account_id),
    CONSTRAINT oidc_providers_groups_object CHECK (jsonb_typeof(groups) = 'object'),
    CONSTRAINT oidc_providers_default_role_known CHECK (default_role IN ('admin', 'agent', 'viewer'))
);

-- How providers know users: the subject is the only claim that never changes.
CREATE TABLE oidc_identities (
    account_id uuid NOT NULL,
    issuer text NOT NULL,
    subject text NOT NULL,
    user_id uuid NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT oidc_identities_pkey PRIMARY KEY (account_id, issuer, subject),
    CONSTRAINT oidc_identities_user_key UNIQUE (account_id, user_id, issuer),
    CONSTRAINT oidc_identities_user_fkey FOREIGN KEY (account_id, user_id)
        REFERENCES users (account_id, id) ON DELETE CASCADE
);

-- The names by which the sign-in page finds an account: short names, and domains of e-mail addresses. Unique over all
-- accounts, so only the operator sets them.
CREATE TABLE sign_in_names (
    account_id uuid NOT NULL,
    name text NOT NULL,
    CONSTRAINT sign_in_names_pkey PRIMARY KEY (account_id, name),
    CONSTRAINT sign_in_names_account_fkey FOREIGN KEY (account_id) REFERENCES accounts (account_id),
    CONSTRAINT sign_in_names_lower CHECK (name = lower(name) AND name <> '')
);
CREATE UNIQUE INDEX sign_in_names_name_key ON sign_in_names (name);

-- When the desk of an account is open. An account without a row is always open.
CREATE TABLE business_hours (
    account_id uuid NOT NULL,
    is_enabled boolean NOT NULL,                                -- false: always open
    time_zone text NOT NULL,                                    -- of the IANA database
    weekly jsonb NOT NULL,                                      -- [{day, opens, closes}] in local time
    country text,                                               -- whose public holidays are closed; NULL: none
    subdivision text,
    closed_dates date[] NOT NULL,
    outside text NOT NULL,                                      -- 'queue': customers are not shown the hours
    texts jsonb NOT NULL,                                       -- by language, for customers outside the hours
    route_outside_hours boolean NOT NULL,                       -- automatic assignment goes on outside the hours
    changes_at timestamptz,                                     -- when the relay publishes next; NULL: never
    CONSTRAINT business_hours_pkey PRIMARY KEY (account_id),
    CONSTRAINT business_hours_account_fkey FOREIGN KEY (account_id) REFERENCES accounts (account_id),
    CONSTRAINT business_hours_outside_known CHECK (outside IN ('announce', 'queue')),
    CONSTRAINT business_hours_weekly_bounded CHECK (jsonb_typeof(weekly) = 'array' AND octet_length(weekly::text) <= 16384),
    CONSTRAINT business_hours_texts_bounded CHECK (jsonb_typeof(texts) = 'object' AND octet_length(texts::text) <= 16384),
    CONSTRAINT business_hours_subdivision_of_country CHECK (country IS NOT NULL OR subdivision IS NULL)
);

-- Notifies every web process and relay, on the channel hummdesk_hours with the account's id, of changed settings.
CREATE FUNCTION announce_hours() RETURNS trigger
    LANGUAGE plpgsql
AS $$
BEGIN
    PERFORM pg_notify('hummdesk_hours', NEW.account_id::text);
    RETURN NULL;
END
$$;
CREATE TRIGGER business_hours_announce
    AFTER INSERT OR UPDATE OF is_enabled, time_zone, weekly, country, subdivision, closed_dates, outside, texts,
        route_outside_hours
    ON business_hours
    FOR EACH ROW EXECUTE FUNCTION announce_hours();

----------------------------------------------------------------------------------------------------------- REST API

-- API keys of accounts.
CREATE TABLE api_keys (
    account_id uuid NOT NULL,
    id uuid NOT NULL,
    name text NOT NULL,
    scope text NOT NULL,
    secret_hash bytea NOT NULL,                                 -- SHA-256
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    last_used_at timestamptz,                                   -- to a minute
    revoked_at timestamptz,
    CONSTRAINT api_keys_pkey PRIMARY KEY (account_id, id),
    CONSTRAINT api_keys_account_fkey FOREIGN KEY (account_id) REFERENCES accounts (account_id),
    CONSTRAINT api_keys_name_present CHECK (name <> ''),
    CONSTRAINT api_keys_scope_known CHECK (scope IN ('read', 'write', 'admin'))
);
CREATE UNIQUE INDEX api_keys_name_key ON api_keys (account_id, name) WHERE revoked_at IS NULL;

-- Notifies every web process, on the channel hummdesk_api_keys with {"accountId", "keyId"}, so that a revoked key is
-- refused within a second.
CREATE FUNCTION announce_api_key() RETURNS trigger
    LANGUAGE plpgsql
AS $$
BEGIN
    PERFORM pg_notify('hummdesk_api_keys', json_build_object('accountId', OLD.account_id, 'keyId', OLD.id)::text);
    RETURN NULL;
END
$$;

CREATE TRIGGER api_keys_announce
    AFTER DELETE OR UPDATE OF name, scope, secret_hash, revoked_at ON api_keys
    FOR EACH ROW EXECUTE FUNCTION announce_api_key();

-- Requests with an Idempotency-Key and their answers, for a day.
CREATE TABLE idempotency_keys (
    account_id uuid NOT NULL,
    id uuid NOT NULL,                                           -- derived from caller, route and key
    request_hash bytea NOT NULL,
    status smallint,                                            -- NULL: in progress
    answer bytea,                                               -- encrypted with the key; NULL, with a status: erased
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    new_id uuid NOT NULL,                                       -- of what the request creates
    started_at timestamptz NOT NULL DEFAULT clock_timestamp(),  -- of its last attempt
    CONSTRAINT idempotency_keys_pkey PRIMARY KEY (account_id, id),
    CONSTRAINT idempotency_keys_account_fkey FOREIGN KEY (account_id) REFERENCES accounts (account_id)
) WITH (autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_scale_factor = 0);
CREATE INDEX idempotency_keys_by_time ON idempotency_keys (account_id, created_at);

-- Changes of people, keys and settings, append-only; those of a conversation are in conversation_events.
CREATE TABLE audit_log (
    account_id uuid NOT NULL,
    id uuid NOT NULL,
    actor_id uuid,                                              -- NULL: an operator, by a command
    actor_type text NOT NULL,
    action text NOT NULL,
    subject_id text NOT NULL,
    details jsonb NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT audit_log_pkey PRIMARY KEY (account_id, id),
    CONSTRAINT audit_log_account_fkey FOREIGN KEY (account_id) REFERENCES accounts (account_id),
    CONSTRAINT audit_log_actor_type_known CHECK (actor_type IN ('agent', 'customer', 'key', 'system')),
    CONSTRAINT audit_log_actor_named CHECK ((actor_type = 'system') = (actor_id IS NULL)),
    CONSTRAINT audit_log_action_of_subject CHECK (action ~ '^[a-z_]+[.][a-z_]+$')
);

------------------------------------------------------------------------------------------------------ conversations

-- Labels with colors, which agents put on conversations. A label is never deleted: one that is not active is hidden.
CREATE TABLE labels (
    account_id uuid NOT NULL,
    id uuid NOT NULL,
    name text NOT NULL,
    color text NOT NULL,
    active boolean NOT NULL DEFAULT true,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT labels_pkey PRIMARY KEY (account_id, id),
    CONSTRAINT labels_account_fkey FOREIGN KEY (account_id) REFERENCES accounts (account_id),
    CONSTRAINT labels_name_length CHECK (length(name) BETWEEN 1 AND 50),
    CONSTRAINT labels_color_known CHECK (color ~ '^#[0-9a-f]{6}$')
);
CREATE UNIQUE INDEX labels_name_key ON labels (account_id, lower(name));

-- Photos of agents: small square images, shown to their colleagues and in the widget.
CREATE TABLE user_photos (
    account_id uuid NOT NULL,
    user_id uuid NOT NULL,
    version text NOT NULL,                                      -- part of the photo's address, which cannot be guessed
    content bytea NOT NULL,
    CONSTRAINT user_photos_pkey PRIMARY KEY (account_id, user_id),
    CONSTRAINT user_photos_user_fkey FOREIGN KEY (account_id, user_id)
        REFERENCES users (account_id, id) ON DELETE CASCADE,
    CONSTRAINT user_photos_small CHECK (octet_length(content) BETWEEN 1 AND 65536)
);

-- Saved views: filters of the inbox with a name, of an agent or shared with all staff.
CREATE TABLE saved_views (
    account_id uuid NOT NULL,
    id uuid NOT NULL,
    owner_id uuid,                                              -- NULL: shared with all staff
    name text NOT NULL,
    filter jsonb NOT NULL,                                      -- the SavedFilter of the contract
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT saved_views_pkey PRIMARY KEY (account_id, id),
    CONSTRAINT saved_views_account_fkey FOREIGN KEY (account_id) REFERENCES accounts (account_id),
    CONSTRAINT saved_views_owner_fkey FOREIGN KEY (account_id, owner_id)
        REFERENCES users (account_id, id) ON DELETE CASCADE,
    CONSTRAINT saved_views_name_length CHECK (length(name) BETWEEN 1 AND 50),
    CONSTRAINT saved_views_filter_object CHECK (jsonb_typeof(filter) = 'object')
);
CREATE INDEX saved_views_by_owner ON saved_views (account_id, owner_id, id);

CREATE TABLE conversations (
    account_id uuid NOT NULL,
    id uuid NOT NULL,
    contact_id uuid NOT NULL,
    status text NOT NULL DEFAULT 'open',
    priority text NOT NULL DEFAULT 'medium',
    assigned_to uuid,
    assigned_team uuid,
    subject text,
    metadata jsonb NOT NULL DEFAULT '{}',
    client_message_id text,                                     -- of the request that opened it, for deduplication
    last_seq bigint NOT NULL DEFAULT 0,                         -- of the last message; the row lock orders senders
    last_public_seq bigint NOT NULL DEFAULT 0,                  -- of the last message that is not a note
    staff_read_seq bigint NOT NULL DEFAULT 0,                   -- the highest read position of staff
    unread_staff integer NOT NULL DEFAULT 0,                    -- messages of the customer after staff_read_seq
    unread_customer integer NOT NULL DEFAULT 0,                 -- public messages that the customer has not read
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),  -- last message or change of status or assignment
    revision bigint NOT NULL DEFAULT 0,                         -- of the last change to one of its stored messages
    erased_at timestamptz,                                      -- with its contact: it accepts no more messages
    waiting_since timestamptz,                                  -- the first message of the customer without an answer
                                                                -- of an agent; NULL: answered
    queued_since timestamptz,                                   -- of a conversation that waits in a queue: it is open,
                                                                -- and has no agent
    rating smallint,                                            -- of the last closing; NULL: none, or reopened
    label_ids uuid[] NOT NULL DEFAULT '{}',                     -- in the order in which they were added
    snoozed_until timestamptz,                                  -- when the relay reopens it; NULL: not by time
    continued_in uuid,                                          -- another conversation of the contact, which receives the
                                                                -- contact's messages: a follow-up, or it was merged
    continuation_of uuid,                                       -- the conversation that this follow-up continues
    continued_before uuid[],                                    -- what it was continued in until it was reopened: repeats
                                                                -- of messages are found there
    repeats_in uuid[],                                          -- all these, with what continued them: since it was
                                                                -- reopened, no message to it is stored there any more
    CONSTRAINT conversations_pkey PRIMARY KEY (account_id, id),
    CONSTRAINT conversations_contact_fkey FOREIGN KEY (account_id, contact_id) REFERENCES contacts (account_id, id),
    CONSTRAINT conversations_assigned_to_fkey FOREIGN KEY (account_id, assigned_to)
        REFERENCES users (account_id, id) ON DELETE SET NULL (assigned_to),
    CONSTRAINT conversations_assigned_team_fkey FOREIGN KEY (account_id, assigned_team)
        REFERENCES teams (account_id, id) ON DELETE SET NULL (assigned_team),
    -- Lists of what each message writes are arrays: PostgreSQL parses and plans IN again for each statement.
    CONSTRAINT conversations_status_known CHECK (status = ANY ('{open,pending,closed}')),
    CONSTRAINT conversations_priority_known CHECK (priority = ANY ('{low,medium,high,urgent}')),
    CONSTRAINT conversations_metadata_object CHECK (jsonb_typeof(metadata) = 'object'),
    CONSTRAINT conversations_continued_closed CHECK (continued_in IS NULL OR status = 'closed'),
    CONSTRAINT conversations_snoozed_pending CHECK (snoozed_until IS NULL OR status = 'pending'),
    CONSTRAINT conversations_seq_order CHECK (last_public_seq BETWEEN 0 AND last_seq AND staff_read_seq <= last_seq),
    CONSTRAINT conversations_unread_counts CHECK (unread_staff >= 0 AND unread_customer >= 0)
) WITH (
    fillfactor = 80,
    autovacuum_vacuum_threshold = 1000,
    autovacuum_vacuum_scale_factor = 0.02,
    autovacuum_analyze_scale_factor = 0.02
);
-- For the lists, newest activity first. The list of all statuses merges three index scans.
CREATE INDEX conversations_by_status ON conversations (account_id, status, updated_at DESC, id DESC);
CREATE INDEX conversations_by_agent ON conversations (account_id, assigned_to, status, updated_at DESC, id DESC);
CREATE INDEX conversations_by_contact ON conversations (account_id, contact_id, updated_at DESC, id DESC);
-- For the list that begins with the longest wait.
CREATE INDEX conversations_waiting ON conversations (account_id, waiting_since, id) WHERE waiting_since IS NOT NULL;
-- For the foreign key, when a team is deleted.
CREATE INDEX conversations_by_team ON conversations (account_id, assigned_team) WHERE assigned_team IS NOT NULL;
CREATE UNIQUE INDEX conversations_client_message_key ON conversations (account_id, contact_id, client_message_id)
    WHERE client_message_id IS NOT NULL;

-- The subjects, for the search: each message changes indexed columns of its conversation, so that PostgreSQL would add it to
-- the indexes of words and trigrams again. A trigger copies them. Subjects change rarely: without a list of pending entries,
-- each search takes the same time.
CREATE TABLE conversation_subjects (
    account_id uuid NOT NULL,
    conversation_id uuid NOT NULL,
    subject text NOT NULL,
    CONSTRAINT conversation_subjects_pkey PRIMARY KEY (account_id, conversation_id),
    CONSTRAINT conversation_subjects_conversation_fkey FOREIGN KEY (account_id, conversation_id)
        REFERENCES conversations (account_id, id) ON DELETE CASCADE
);
CREATE INDEX conversation_subjects_words ON conversation_subjects
    USING gin (account_id, to_tsvector('simple', subject)) WITH (fastupdate = off);
CREATE INDEX conversation_subjects_trigrams ON conversation_subjects
    USING gin (account_id, subject gin_trgm_ops) WITH (fastupdate = off);

CREATE FUNCTION copy_subject() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, public, pg_temp
AS $$
BEGIN
    IF NEW.subject IS NULL THEN
        DELETE FROM public.conversation_subjects
        WHERE account_id = NEW.account_id
          AND conversation_id = NEW.id;
    ELSE
        INSERT INTO public.conversation_subjects (account_id, conversation_id, subject)
        VALUES (NEW.account_id, NEW.id, NEW.subject)
        ON CONFLICT (account_id, conversation_id) DO UPDATE
        SET subject = EXCLUDED.subject;
    END IF;
    RETURN NULL;
END
$$;
REVOKE ALL ON FUNCTION copy_subject() FROM PUBLIC;

CREATE TRIGGER conversations_new_subject
    AFTER INSERT ON conversations
    FOR EACH ROW WHEN (NEW.subject IS NOT NULL)
    EXECUTE FUNCTION copy_subject();
CREATE TRIGGER conversations_changed_subject
    AFTER UPDATE OF subject ON conversations
    FOR EACH ROW WHEN (OLD.subject IS DISTINCT FROM NEW.subject)
    EXECUTE FUNCTION copy_subject();

CREATE FUNCTION priority_rank(priority text) RETURNS integer
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE priority WHEN 'urgent' THEN 0 WHEN 'high' THEN 1 WHEN 'medium' THEN 2 ELSE 3 END;

-- What an open conversation adds to the load of its agent.
CREATE FUNCTION priority_weight(priority text) RETURNS integer
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE priority WHEN 'urgent' THEN 2 ELSE 1 END;

-- The queue of each team, and of the account (assigned_team is NULL), in the order in which conversations are assigned.
-- Conversations from before the column existed have no queued_since.
CREATE INDEX conversations_queued ON conversations
    (account_id, assigned_team, priority_rank(priority), COALESCE(queued_since, created_at), id)
    WHERE status = 'open' AND assigned_to IS NULL AND erased_at IS NULL;

-- Sets queued_since. A conversation whose customer waits keeps its place when it returns to a queue; closing ends the wait.
CREATE FUNCTION queue_conversation() RETURNS trigger
    LANGUAGE plpgsql
AS $$
BEGIN
    IF NEW.status = 'closed' THEN
        NEW.waiting_since := NULL;
    END IF;
    NEW.queued_since := CASE
        WHEN NEW.status = 'open' AND NEW.assigned_to IS NULL THEN COALESCE(NEW.waiting_since, clock_timestamp())
    END;
    RETURN NEW;
END
$$;

CREATE TRIGGER conversations_new_in_queue
    BEFORE INSERT ON conversations
    FOR EACH ROW EXECUTE FUNCTION queue_conversation();
CREATE TRIGGER conversations_moved_in_queue
    BEFORE UPDATE OF status, assigned_to ON conversations
    FOR EACH ROW WHEN (OLD.status IS DISTINCT FROM NEW.status OR OLD.assigned_to IS DISTINCT FROM NEW.assigned_to)
    EXECUTE FUNCTION queue_conversation();

-- What changes the order of a queue: the relay publishes positions after it, and expected waits follow from the pace. It is
-- notified on the channel hummdesk_queues with the account's id. The account's own queue has its id. Kept for hours.
CREATE TABLE queue_moves (
    account_id uuid NOT NULL,
    queue_id uuid NOT NULL,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    queued_since timestamptz,                                   -- of one that was assigned; NULL: another change
    CONSTRAINT queue_moves_pkey PRIMARY KEY (account_id, queue_id, at, id)
) WITH (autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_scale_factor = 0);
CREATE INDEX queue_moves_recent ON queue_moves (at, account_id);

-- For a conversation that enters a queue, leaves it, or changes its place by its priority. `queued_since` only if it leaves
-- because it is assigned.
CREATE FUNCTION note_queue_move() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
    was_queued constant boolean := TG_OP = 'UPDATE' AND OLD.status = 'open' AND OLD.assigned_to IS NULL
        AND OLD.erased_at IS NULL;
    is_queued constant boolean := NEW.status = 'open' AND NEW.assigned_to IS NULL AND NEW.erased_at IS NULL;
BEGIN
    IF was_queued THEN
        INSERT INTO public.queue_moves (account_id, queue_id, queued_since)
        VALUES (
            OLD.account_id,
            COALESCE(OLD.assigned_team, OLD.account_id),
            CASE WHEN NEW.assigned_to IS NOT NULL THEN COALESCE(OLD.queued_since, OLD.created_at) END
        );
    END IF;
    IF is_queued AND (NOT was_queued OR OLD.assigned_team IS DISTINCT FROM NEW.assigned_team) THEN
        INSERT INTO public.queue_moves (account_id, queue_id)
        VALUES (NEW.account_id, COALESCE(NEW.assigned_team, NEW.account_id));
    END IF;
    PERFORM pg_notify('hummdesk_queues', NEW.account_id::text);
    RETURN NULL;
END
$$;
REVOKE ALL ON FUNCTION note_queue_move() FROM PUBLIC;

CREATE TRIGGER conversations_enter_queue
    AFTER INSERT ON conversations
    FOR EACH ROW WHEN (NEW.status = 'open' AND NEW.assigned_to IS NULL)
    EXECUTE FUNCTION note_queue_move();
CREATE TRIGGER conversations_move_in_queue
    AFTER UPDATE OF status, assigned_to, assigned_team, priority, erased_at ON conversations
    FOR EACH ROW WHEN (
        (
            OLD.status = 'open' AND OLD.assigned_to IS NULL AND OLD.erased_at IS NULL
            OR NEW.status = 'open' AND NEW.assigned_to IS NULL AND NEW.erased_at IS NULL
        )
        AND (
            OLD.status <> NEW.status
            OR OLD.priority <> NEW.priority
            OR OLD.assigned_to IS DISTINCT FROM NEW.assigned_to
            OR OLD.assigned_team IS DISTINCT FROM NEW.assigned_team
            OR OLD.erased_at IS DISTINCT FROM NEW.erased_at
        )
    )
    EXECUTE FUNCTION note_queue_move();

-- Clears the rating of a conversation that is reopened.
CREATE FUNCTION clear_rating() RETURNS trigger
    LANGUAGE plpgsql
AS $$
BEGIN
    NEW.rating := NULL;
    RETURN NEW;
END
$$;

CREATE TRIGGER conversations_rating_cleared
    BEFORE UPDATE OF status ON conversations
    FOR EACH ROW WHEN (OLD.rating IS NOT NULL AND NEW.status <> 'closed')
    EXECUTE FUNCTION clear_rating();

-- A snoozed conversation is pending: the relay reopens it at the time, unless a customer's message does before. One that
-- is erased stays as it is.
CREATE FUNCTION end_snooze() RETURNS trigger
    LANGUAGE plpgsql
AS $$
BEGIN
    NEW.snoozed_until := NULL;
    RETURN NEW;
END
$$;

CREATE TRIGGER conversations_snooze_ended
    BEFORE UPDATE OF status, erased_at ON conversations
    FOR EACH ROW WHEN (NEW.snoozed_until IS NOT NULL AND (NEW.status <> 'pending' OR NEW.erased_at IS NOT NULL))
    EXECUTE FUNCTION end_snooze();

-- A conversation that is reopened receives its messages again; a merge is undone.
CREATE FUNCTION end_continuation() RETURNS trigger
    LANGUAGE plpgsql
AS $$
BEGIN
    NEW.continued_before := array_remove(OLD.continued_before, OLD.continued_in) || OLD.continued_in;
    NEW.continued_in := NULL;
    NEW.repeats_in := NULL;
    RETURN NEW;
END
$$;

CREATE TRIGGER conversations_continuation_ended
    BEFORE UPDATE OF status ON conversations
    FOR EACH ROW WHEN (OLD.continued_in IS NOT NULL AND NEW.status <> 'closed')
    EXECUTE FUNCTION end_continuation();

-- For the relay.
CREATE INDEX conversations_snoozed ON conversations (snoozed_until, account_id, id) WHERE snoozed_until IS NOT NULL;

-- The size of a message in an answer as JSON, without its ids, time and names of fields. A change that makes a message
-- longer sets `bytes` again, or to NULL.
CREATE FUNCTION message_bytes(
    sender_name text,
    content text,
    attachments jsonb,
    metadata jsonb,
    client_message_id text
) RETURNS integer
    LANGUAGE sql STABLE
    RETURN octet_length(json_build_array(sender_name, content, attachments, metadata, client_message_id)::text);

-- Rows are never deleted, and only changed to erase them, to edit or withdraw a message of staff, or when a visitor is
-- identified.
CREATE TABLE messages (
    account_id uuid NOT NULL,
    id uuid NOT NULL,
    conversation_id uuid NOT NULL,
    seq bigint NOT NULL,                                        -- from 1 without gaps, in commit order
    sender_id uuid NOT NULL,                                    -- a user; 'customer': a contact; 'system': a key
    sender_type text NOT NULL,
    sender_name text NOT NULL,                                  -- at the time of sending
    content text NOT NULL,                                      -- html is sanitized before it is stored
    content_type text NOT NULL,
    attachments jsonb NOT NULL DEFAULT '[]',
    metadata jsonb NOT NULL DEFAULT '{}',
    private boolean NOT NULL DEFAULT false,                     -- a note, visible to staff only
    client_message_id text,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),  -- never decreases with seq
    bytes integer,                                              -- message_bytes; NULL: stored before the column existed
    revision bigint NOT NULL DEFAULT 0,                         -- of the conversation at its last change; 0: unchanged
    erased_at timestamptz,                                      -- content, names and attachments are erased
    mentions uuid[],                                            -- the agents whom a note names; NULL: nobody
    withdrawn boolean NOT NULL DEFAULT false,                   -- erased by its sender alone
    CONSTRAINT messages_pkey PRIMARY KEY (account_id, id),
    CONSTRAINT messages_seq_key UNIQUE (account_id, conversation_id, seq),
    CONSTRAINT messages_conversation_fkey FOREIGN KEY (account_id, conversation_id)
        REFERENCES conversations (account_id, id),
    CONSTRAINT messages_seq_positive CHECK (seq > 0),
    CONSTRAINT messages_sender_type_known CHECK (sender_type = ANY ('{agent,customer,system}')),
    CONSTRAINT messages_content_present CHECK (content <> '' OR erased_at IS NOT NULL),
    CONSTRAINT messages_content_type_known CHECK (content_type = ANY ('{text,html}')),
    CONSTRAINT messages_attachments_array CHECK (jsonb_typeof(attachments) = 'array'),
    CONSTRAINT messages_metadata_object CHECK (jsonb_typeof(metadata) = 'object'),
    CONSTRAINT messages_private_by_staff CHECK (NOT (private AND sender_type = 'customer'))
) WITH (
    autovacuum_vacuum_insert_threshold = 10000,
    autovacuum_vacuum_insert_scale_factor = 0.02,
    autovacuum_analyze_scale_factor = 0.02
);
-- Deduplicates repeated sends.
CREATE UNIQUE INDEX messages_client_message_key
    ON messages (account_id, conversation_id, sender_id, client_message_id)
    WHERE client_message_id IS NOT NULL;

-- Whether a sender has stored a message with this client_message_id in one of these conversations. As a function, it costs
-- only the messages for which the message writer calls it.
CREATE FUNCTION is_sent(conversation_ids uuid[], account uuid, sender uuid, token text) RETURNS boolean
    LANGUAGE sql STABLE
AS $$
    SELECT EXISTS (
        SELECT
        FROM messages
        WHERE account_id = account
          AND conversation_id = ANY (conversation_ids)
          AND sender_id = sender
          AND client_message_id = token
    )
$$;

-- A conversation belongs to one account: otherwise a planner that knows thousands of accounts expects less than one message
-- in each conversation, and looks for a repeated message among all messages of the conversation.
CREATE STATISTICS messages_by_conversation (dependencies) ON account_id, conversation_id FROM messages;

-- For clients that ask which messages have changed. A send does not touch it.
CREATE INDEX messages_changed ON messages (account_id, conversation_id, revision) WHERE revision > 0;

-- For the search. The configuration 'simple' is independent of languages, and finds numbers and names.
CREATE INDEX messages_words ON messages USING gin (account_id, to_tsvector('simple', content));

-- Merges the list of pending entries into that index, as its owner. The statement that fills the list does it otherwise, in
-- some 0.4 s for 4 MB, while all messages behind it wait. Returns the number of merged pages.
CREATE FUNCTION merge_pending_words() RETURNS bigint
    LANGUAGE sql SECURITY DEFINER
    SET search_path = pg_catalog, public, pg_temp
AS $$
    SELECT gin_clean_pending_list('public.messages_words'::regclass)
$$;

-- The read position of each reader. `seq` is the receipt, which other participants see, and never decreases.
CREATE TABLE message_reads (
    account_id uuid NOT NULL,
    conversation_id uuid NOT NULL,
    reader_id uuid NOT NULL,
    reader_type text NOT NULL,
    seq bigint,                                                 -- NULL: nothing was read
    read_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    unread_after bigint,                                        -- an agent has marked later messages as unread
    CONSTRAINT message_reads_pkey PRIMARY KEY (account_id, conversation_id, reader_id),
    CONSTRAINT message_reads_message_fkey FOREIGN KEY (account_id, conversation_id, seq)
        REFERENCES messages (account_id, conversation_id, seq),
    CONSTRAINT message_reads_reader_type_known CHECK (reader_type IN ('agent', 'customer'))
) WITH (autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_scale_factor = 0.02);

-- The audit log, append-only. Actions of the system have no actor_id.
CREATE TABLE conversation_events (
    account_id uuid NOT NULL,
    conversation_id uuid NOT NULL,
    id uuid NOT NULL,
    kind text NOT NULL,
    actor_id uuid,
    actor_type text NOT NULL,
    details jsonb NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT conversation_events_pkey PRIMARY KEY (account_id, conversation_id, id),
    CONSTRAINT conversation_events_conversation_fkey FOREIGN KEY (account_id, conversation_id)
        REFERENCES conversations (account_id, id),
    CONSTRAINT conversation_events_kind_known
        CHECK (
            kind IN (
                'created', 'status_changed', 'assigned', 'unassigned', 'priority_changed', 'classification_corrected',
                'draft_used', 'message_sent', 'rated', 'labels_changed', 'message_edited', 'message_withdrawn', 'continued',
                'merged'
            )
        ),
    CONSTRAINT conversation_events_actor_type_known CHECK (actor_type IN ('agent', 'customer', 'key', 'system')),
    CONSTRAINT conversation_events_actor_named CHECK ((actor_type = 'system') = (actor_id IS NULL))
) WITH (autovacuum_vacuum_insert_threshold = 10000, autovacuum_vacuum_insert_scale_factor = 0.02);
-- For the moves that are shown between the messages.
CREATE INDEX conversation_events_moves ON conversation_events (account_id, conversation_id, created_at DESC, id DESC)
    WHERE kind IN ('assigned', 'unassigned');

-- For the lines about a conversation that are shown between its messages.
CREATE INDEX conversation_events_lines ON conversation_events (account_id, conversation_id, created_at DESC, id DESC)
    WHERE kind IN (
        'assigned', 'unassigned', 'status_changed', 'priority_changed', 'labels_changed', 'continued', 'merged'
    );

-- Reports are computed from the entries of a kind in a range of time.
CREATE INDEX conversation_events_by_time ON conversation_events (account_id, kind, created_at) INCLUDE (conversation_id);

-- Ratings of closed conversations by their customers, one for each closing.
CREATE TABLE conversation_ratings (
    account_id uuid NOT NULL,
    conversation_id uuid NOT NULL,
    closing_id uuid NOT NULL,                                   -- the log entry of the closing; of a conversation without
                                                                -- one, its own id
    rating smallint NOT NULL,
    comment text,
    agent_id uuid,                                              -- whom it was assigned to when it was rated
    team_id uuid,
    rated_at timestamptz NOT NULL,                              -- for the last time
    CONSTRAINT conversation_ratings_pkey PRIMARY KEY (account_id, conversation_id, closing_id),
    CONSTRAINT conversation_ratings_conversation_fkey FOREIGN KEY (account_id, conversation_id)
        REFERENCES conversations (account_id, id),
    CONSTRAINT conversation_ratings_rating_known CHECK (rating BETWEEN 1 AND 5),
    CONSTRAINT conversation_ratings_comment_length CHECK (length(comment) BETWEEN 1 AND 1000)
);
CREATE INDEX conversation_ratings_by_time ON conversation_ratings (account_id, rated_at);

-- Files that are attached to messages. Their bytes are objects in the file store, named account_id/id/chunk.
CREATE TABLE files (
    account_id uuid NOT NULL,
    id uuid NOT NULL,
    conversation_id uuid NOT NULL,
    uploader_id uuid NOT NULL,
    uploader_type text NOT NULL,
    name text NOT NULL,
    size bigint NOT NULL,                                       -- as announced; the file is whole when as much is stored
    received bigint NOT NULL DEFAULT 0,
    chunks text[] NOT NULL DEFAULT '{}',                        -- names of the objects, in order; each begins with its offset
    state text NOT NULL DEFAULT 'uploading',
    content_type text,                                          -- found in the bytes, not announced
    width integer,
    height integer,
    link_key bytea NOT NULL,                                    -- signs the addresses that expire
    is_private boolean NOT NULL DEFAULT false,                  -- attached to notes only
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    attached_at timestamptz,                                    -- NULL: no message refers to it
    expires_at timestamptz,                                     -- it is deleted then; NULL once attached
    scan_at timestamptz,                                        -- when a scanner is asked next
    scan_error text,                                            -- what the scanner found, or why it has not scanned
    scan_attempts integer NOT NULL DEFAULT 0,
    CONSTRAINT files_pkey PRIMARY KEY (account_id, id),
    CONSTRAINT files_conversation_fkey FOREIGN KEY (account_id, conversation_id)
        REFERENCES conversations (account_id, id),
    CONSTRAINT files_uploader_type_known CHECK (uploader_type IN ('agent', 'customer', 'system')),
    CONSTRAINT files_name_length CHECK (length(name) BETWEEN 1 AND 255),
    CONSTRAINT files_size_positive CHECK (size > 0),
    CONSTRAINT files_received_within_size CHECK (received BETWEEN 0 AND size),
    CONSTRAINT files_state_known CHECK (state IN ('uploading', 'scanning', 'ready', 'refused')),
    CONSTRAINT files_finished_whole CHECK (state = 'uploading' OR received = size AND content_type IS NOT NULL),
    CONSTRAINT files_attached_kept CHECK (attached_at IS NULL OR expires_at IS NULL)
);
CREATE INDEX files_by_conversation ON files (account_id, conversation_id);
CREATE INDEX files_open ON files (account_id, uploader_id) WHERE state = 'uploading';
CREATE INDEX files_expiring ON files (expires_at) WHERE expires_at IS NOT NULL;
CREATE INDEX files_waiting_for_scan ON files (scan_at) WHERE state = 'scanning';
CREATE INDEX files_of_customers_unsent ON files (account_id) INCLUDE (size)
    WHERE uploader_type = 'customer' AND attached_at IS NULL;

-- The bytes of an account's files, which its quota limits. Unfinished uploads count with their announced size.
CREATE TABLE file_usage (
    account_id uuid NOT NULL,
    bytes bigint NOT NULL,
    quota bigint,                                               -- NULL: the default, FILE_QUOTA_BYTES; 0: unlimited
    CONSTRAINT file_usage_pkey PRIMARY KEY (account_id),
    CONSTRAINT file_usage_account_fkey FOREIGN KEY (account_id) REFERENCES accounts (account_id),
    CONSTRAINT file_usage_quota_not_negative CHECK (quota >= 0)
);

-- Files that were deleted, until their objects are. Without a foreign key: the objects of an account that was erased are deleted after its rows.
CREATE TABLE file_deletions (
    account_id uuid NOT NULL,
    file_id uuid NOT NULL,
    conversation_id uuid NOT NULL,
    due_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    attempts integer NOT NULL DEFAULT 0,
    deleted_at timestamptz,                                     -- for the first time
    CONSTRAINT file_deletions_pkey PRIMARY KEY (account_id, file_id)
);
CREATE INDEX file_deletions_due ON file_deletions (due_at);
CREATE INDEX file_deletions_by_conversation ON file_deletions (account_id, conversation_id) WHERE deleted_at IS NULL;

CREATE FUNCTION delete_file_objects() RETURNS trigger
    LANGUAGE plpgsql
AS $$
BEGIN
    INSERT INTO file_deletions (account_id, file_id, conversation_id)
    VALUES (OLD.account_id, OLD.id, OLD.conversation_id);
    UPDATE file_usage SET bytes = bytes - OLD.size WHERE account_id = OLD.account_id;
    RETURN NULL;
END
$$;

CREATE TRIGGER files_objects_deleted
    AFTER DELETE ON files
    FOR EACH ROW EXECUTE FUNCTION delete_file_objects();

-- An older version erases the conversations of a contact without their files.
CREATE FUNCTION delete_files_of_erased_conversation() RETURNS trigger
    LANGUAGE plpgsql
AS $$
BEGIN
    DELETE FROM files WHERE account_id = NEW.account_id AND conversation_id = NEW.id;
    RETURN NULL;
END
$$;

CREATE TRIGGER conversations_files_deleted
    AFTER UPDATE OF erased_at ON conversations
    FOR EACH ROW WHEN (OLD.erased_at IS NULL AND NEW.erased_at IS NOT NULL)
    EXECUTE FUNCTION delete_files_of_erased_conversation();

-- What the figures of a report are made of, for the account of the transaction: one row for each
--   first_response  conversation that was opened in the range, with the first public reply of an agent, not automatic,
--                   after the customer's first message; `detail` is answered, unanswered, or unasked: without such a
--                   message
--   resolution      closing in the range, from the opening or the last reopening
--   draft           record in the range of how an agent has used a draft; `detail` is the use
--   rating          rating in the range, of the last closing before it
-- `at` decides the range, and the hour. The agent has sent the reply, closed the conversation, used the draft, or was
-- assigned when the customer rated; the team is the one that the conversation was assigned to then, by its log. The
-- function is inlined, as one that it called would not be, and what a query leaves out costs nothing. CASE keeps the index
-- by kind and time out, which has the entries of all conversations.
CREATE FUNCTION report_items(since timestamptz, until timestamptz)
    RETURNS TABLE (
        figure text,
        id uuid,
        conversation_id uuid,
        at timestamptz,
        agent_id uuid,
        team_id uuid,
        seconds double precision,
        detail text,
        rating smallint
    )
    LANGUAGE sql STABLE ROWS 1000
BEGIN ATOMIC
    SELECT
        'first_response' AS figure,
        opening.id,
        opening.conversation_id,
        opening.created_at,
        reply.sender_id,
        (
            SELECT (move.details ->> 'toTeam')::uuid
            FROM conversation_events AS move
            WHERE move.account_id = current_account()
              AND move.conversation_id = opening.conversation_id
              AND move.created_at <= reply.created_at
              AND CASE WHEN move.kind IN ('assigned', 'unassigned') THEN true END
            ORDER BY move.created_at DESC, move.id DESC
            LIMIT 1
        ) AS team_id,
        EXTRACT(epoch FROM reply.created_at - question.created_at)::double precision AS seconds,
        CASE WHEN question.seq IS NULL THEN 'unasked' WHEN reply.seq IS NULL THEN 'unanswered' ELSE 'answered' END AS detail,
        NULL::smallint AS rating
    FROM conversation_events AS opening
    LEFT JOIN LATERAL (
        SELECT messages.seq, messages.created_at
        FROM messages
        WHERE messages.account_id = current_account()
          AND messages.conversation_id = opening.conversation_id
          AND messages.sender_type = 'customer'
        ORDER BY messages.seq
        LIMIT 1
    ) AS question ON true
    LEFT JOIN LATERAL (
        SELECT messages.seq, messages.created_at, messages.sender_id
        FROM messages
        WHERE messages.account_id = current_account()
          AND messages.conversation_id = opening.conversation_id
          AND messages.seq > question.seq
          AND messages.sender_type = 'agent'
          AND NOT messages.private
          AND messages.metadata -> 'automatic' IS DISTINCT FROM 'true'::jsonb
        ORDER BY messages.seq
        LIMIT 1
    ) AS reply ON true
    WHERE opening.account_id = current_account()
      AND opening.kind = 'created'
      AND opening.created_at >= since
      AND opening.created_at < until
    UNION ALL
    SELECT
        'resolution' AS figure,
        closing.id,
        closing.conversation_id,
        closing.created_at,
        CASE WHEN closing.actor_type = 'agent' THEN closing.actor_id END AS agent_id,
        (
            SELECT (move.details ->> 'toTeam')::uuid
            FROM conversation_events AS move
            WHERE move.account_id = current_account()
              AND move.conversation_id = closing.conversation_id
              AND move.created_at <= closing.created_at
              AND CASE WHEN move.kind IN ('assigned', 'unassigned') THEN true END
            ORDER BY move.created_at DESC, move.id DESC
            LIMIT 1
        ) AS team_id,
        EXTRACT(epoch FROM closing.created_at - (
            SELECT opening.created_at
            FROM conversation_events AS opening
            WHERE opening.account_id = current_account()
              AND opening.conversation_id = closing.conversation_id
              AND opening.created_at <= closing.created_at
              AND (
                  opening.kind = 'created'
                  OR opening.kind = 'status_changed' AND opening.details ->> 'from' = 'closed'
              )
            ORDER BY opening.created_at DESC
            LIMIT 1
        ))::double precision AS seconds,
        NULL AS detail,
        NULL AS rating
    FROM conversation_events AS closing
    WHERE closing.account_id = current_account()
      AND closing.kind = 'status_changed'
      AND closing.details ->> 'to' = 'closed'
      AND closing.created_at >= since
      AND closing.created_at < until
    UNION ALL
    SELECT
        'draft' AS figure,
        used.id,
        used.conversation_id,
        used.created_at,
        used.actor_id,
        (
            SELECT (move.details ->> 'toTeam')::uuid
            FROM conversation_events AS move
            WHERE move.account_id = current_account()
              AND move.conversation_id = used.conversation_id
              AND move.created_at <= used.created_at
              AND CASE WHEN move.kind IN ('assigned', 'unassigned') THEN true END
            ORDER BY move.created_at DESC, move.id DESC
            LIMIT 1
        ) AS team_id,
        NULL AS seconds,
        used.details ->> 'use' AS detail,
        NULL AS rating
    FROM conversation_events AS used
    WHERE used.account_id = current_account()
      AND used.kind = 'draft_used'
      AND used.created_at >= since
      AND used.created_at < until
    UNION ALL
    SELECT
        'rating' AS figure,
        rated.closing_id,
        rated.conversation_id,
        rated.rated_at,
        rated.agent_id,
        rated.team_id,
        NULL AS seconds,
        rated.comment,
        rated.rating
    FROM conversation_ratings AS rated
    WHERE rated.account_id = current_account()
      AND rated.rated_at >= since
      AND rated.rated_at < until;
END;

-- Removes a user who moves to another account, or is deleted, from the teams and conversations of the old one.
CREATE FUNCTION leave_account() RETURNS trigger
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

CREATE TRIGGER users_leave_account
    BEFORE UPDATE OF account_id ON users
    FOR EACH ROW WHEN (OLD.account_id <> NEW.account_id) EXECUTE FUNCTION leave_account();
CREATE TRIGGER users_leave_account_deleted
    BEFORE DELETE ON users
    FOR EACH ROW EXECUTE FUNCTION leave_account();

-- The outbox: committed changes whose events may not have been published yet. An entry is written in the transaction of
-- its message or conversation, and removed when Redis has stored the events. The relay publishes the events of entries
-- that stay longer. No foreign keys: an entry exists for about a second and must be cheap.
CREATE TABLE outbox (
    account_id uuid NOT NULL,
    id uuid NOT NULL,                                           -- of the message or of a new conversation
    conversation_id uuid NOT NULL,
    seq bigint NOT NULL,                                        -- of the message; 0: new conversation, -1: changed,
                                                                -- -2: a logged change, with the id of its event
    reopened_from text,                                         -- the status before the message reopened it
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT outbox_pkey PRIMARY KEY (account_id, id)
) WITH (autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_scale_factor = 0);

------------------------------------------------------------------------------------------------------------- routing

-- How the conversations of the account's queue are assigned, and of the queues of teams without own settings. No row: off.
CREATE TABLE routing_settings (
    account_id uuid NOT NULL,
    mode text NOT NULL DEFAULT 'off',
    capacity integer NOT NULL DEFAULT 5,                        -- open conversations of an agent; an urgent one is two
    skills_wait_seconds integer NOT NULL DEFAULT 60,            -- after this, the best match of skills will do
    answer_seconds integer NOT NULL DEFAULT 0,                  -- back to the queue without an answer; 0: never
    offline_seconds integer NOT NULL DEFAULT 30,                -- back to the queue from an agent who is offline
    CONSTRAINT routing_settings_pkey PRIMARY KEY (account_id),
    CONSTRAINT routing_settings_account_fkey FOREIGN KEY (account_id) REFERENCES accounts (account_id),
    CONSTRAINT routing_settings_mode_known CHECK (mode IN ('off', 'round_robin', 'least_loaded')),
    CONSTRAINT routing_settings_capacity_bounded CHECK (capacity BETWEEN 0 AND 1000),
    CONSTRAINT routing_settings_seconds_bounded CHECK (
        skills_wait_seconds BETWEEN 0 AND 86400
        AND answer_seconds BETWEEN 0 AND 86400
        AND offline_seconds BETWEEN 0 AND 86400
    )
);

-- The settings of a team that differ from those of the account.
CREATE TABLE routing_teams (
    account_id uuid NOT NULL,
    team_id uuid NOT NULL,
    mode text,                                                  -- NULL, like capacity: that of the account
    capacity integer,
    CONSTRAINT routing_teams_pkey PRIMARY KEY (account_id, team_id),
    CONSTRAINT routing_teams_team_fkey FOREIGN KEY (account_id, team_id)
        REFERENCES teams (account_id, id) ON DELETE CASCADE,
    CONSTRAINT routing_teams_mode_known CHECK (mode IN ('off', 'round_robin', 'least_loaded')),
    CONSTRAINT routing_teams_capacity_bounded CHECK (capacity BETWEEN 0 AND 1000)
);

-- The lock under which one process at a time decides for an account.
CREATE TABLE routing_positions (
    account_id uuid NOT NULL,
    last_number bigint NOT NULL DEFAULT 0,                      -- of the last decision
    CONSTRAINT routing_positions_pkey PRIMARY KEY (account_id),
    CONSTRAINT routing_positions_account_fkey FOREIGN KEY (account_id) REFERENCES accounts (account_id)
);

-- What decisions were made on, so that each can be explained, and made again. Several are made together.
CREATE TABLE routing_records (
    account_id uuid NOT NULL,
    number bigint NOT NULL,                                     -- of the first decision
    decided_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    snapshot jsonb NOT NULL,                                    -- see hummdesk/routing/record.py
    choices jsonb NOT NULL,                                     -- also those that could not be carried out
    CONSTRAINT routing_records_pkey PRIMARY KEY (account_id, number),
    CONSTRAINT routing_records_account_fkey FOREIGN KEY (account_id) REFERENCES accounts (account_id)
);

-- The decisions that were carried out: a conversation was given to an agent, or taken from one.
CREATE TABLE routing_decisions (
    account_id uuid NOT NULL,
    number bigint NOT NULL,                                     -- the order of the decisions of an account
    record_number bigint NOT NULL,
    conversation_id uuid NOT NULL,
    agent_id uuid NOT NULL,
    rule text NOT NULL,                                         -- 'routing': given; otherwise why it was taken
    event_id uuid NOT NULL,                                     -- of the log of the conversation
    weight integer,                                             -- what it added to the load of the agent, and the
    capacity integer,                                           -- capacity of the agent; NULL: it was taken
    decided_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT routing_decisions_pkey PRIMARY KEY (account_id, number),
    CONSTRAINT routing_decisions_record_fkey FOREIGN KEY (account_id, record_number)
        REFERENCES routing_records (account_id, number) ON DELETE CASCADE,
    CONSTRAINT routing_decisions_rule_known CHECK (rule IN ('routing', 'offline', 'unanswered'))
);
CREATE INDEX routing_decisions_by_record ON routing_decisions (account_id, record_number);
CREATE INDEX routing_decisions_by_conversation ON routing_decisions (account_id, conversation_id, number DESC);
CREATE INDEX routing_decisions_by_agent ON routing_decisions (account_id, agent_id, number DESC) WHERE rule = 'routing';

-- Notifies every web process and relay, on the channel hummdesk_routing with the account, that settings of routing or
-- the agents of an account have changed.
CREATE FUNCTION announce_routing() RETURNS trigger
    LANGUAGE plpgsql
AS $$
BEGIN
    PERFORM pg_notify('hummdesk_routing', COALESCE(NEW.account_id, OLD.account_id)::text);
    RETURN NULL;
END
$$;

CREATE TRIGGER routing_settings_announce
    AFTER INSERT OR DELETE OR UPDATE ON routing_settings
    FOR EACH ROW EXECUTE FUNCTION announce_routing();
CREATE TRIGGER routing_teams_announce
    AFTER INSERT OR DELETE OR UPDATE ON routing_teams
    FOR EACH ROW EXECUTE FUNCTION announce_routing();
CREATE TRIGGER users_announce_routing
    AFTER INSERT OR UPDATE OF active, role, skills, capacity ON users
    FOR EACH ROW EXECUTE FUNCTION announce_routing();
CREATE TRIGGER teams_announce_routing
    AFTER UPDATE OF active ON teams
    FOR EACH ROW EXECUTE FUNCTION announce_routing();
CREATE TRIGGER team_members_announce_routing
    AFTER INSERT OR DELETE ON team_members
    FOR EACH ROW EXECUTE FUNCTION announce_routing();

----------------------------------------------------------------------------------------------------------------- AI

-- AI runs: a run is added in the transaction of its message, published to the broker by the relay, claimed, attempted
-- and ended by a worker, and announced when its only terminal event has been published.
CREATE TABLE ai_runs (
    account_id uuid NOT NULL,
    id uuid NOT NULL,                                           -- runId in events
    conversation_id uuid NOT NULL,
    message_id uuid NOT NULL,
    seq bigint NOT NULL,                                        -- of the message
    kind text NOT NULL,
    status text NOT NULL DEFAULT 'pending',
    outcome text,                                               -- of a done run; a failed run has a last_error
    attempts integer NOT NULL DEFAULT 0,                        -- attempts started
    available_at timestamptz NOT NULL DEFAULT clock_timestamp(), -- not published to the broker before this
    published_at timestamptz,                                   -- to the broker; or ended before
    lease_until timestamptz,                                    -- until then 'published' and 'running' are trusted
    deadline_at timestamptz,                                    -- fails if not ended by then; set when the relay
                                                                -- publishes the run for the first time
    started_at timestamptz,                                     -- of the first attempt
    last_error text,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    finished_at timestamptz,
    announced_at timestamptz,
    claimed_by uuid,                                            -- the last Celery task that has claimed the run
    repetition integer NOT NULL DEFAULT 0,                      -- number of runs of the kind before, for the message
    CONSTRAINT ai_runs_pkey PRIMARY KEY (account_id, id),
    CONSTRAINT ai_runs_repetition_key UNIQUE (account_id, message_id, kind, repetition),
    CONSTRAINT ai_runs_message_fkey FOREIGN KEY (account_id, message_id) REFERENCES messages (account_id, id),
    CONSTRAINT ai_runs_kind_known CHECK (kind = ANY ('{classification,draft,summary,assist}')),
    CONSTRAINT ai_runs_status_known CHECK (status = ANY ('{pending,published,running,done,failed}')),
    CONSTRAINT ai_runs_outcome_known CHECK (outcome = ANY ('{done,abstained,superseded}')),
    CONSTRAINT ai_runs_outcome_of_done CHECK ((status = 'done') = (outcome IS NOT NULL)),
    CONSTRAINT ai_runs_leased CHECK (status <> ALL ('{published,running}') OR lease_until IS NOT NULL),
    CONSTRAINT ai_runs_finished CHECK ((status = ANY ('{done,failed}')) = (finished_at IS NOT NULL)),
    CONSTRAINT ai_runs_announced_last CHECK (announced_at IS NULL OR finished_at IS NOT NULL)
) WITH (
    fillfactor = 70,
    autovacuum_vacuum_threshold = 1000,
    autovacuum_vacuum_scale_factor = 0.02,
    autovacuum_analyze_scale_factor = 0.02
);
-- A change of state touches no other indexes, and these only when a run enters or leaves them: the other updates stay in
-- the page.
CREATE INDEX ai_runs_open ON ai_runs (account_id, conversation_id) WHERE announced_at IS NULL;
CREATE INDEX ai_runs_drafts ON ai_runs (account_id, created_at) WHERE kind = 'draft';
CREATE INDEX ai_runs_waiting ON ai_runs (available_at) WHERE published_at IS NULL;
CREATE INDEX ai_runs_waiting_others ON ai_runs (available_at) WHERE published_at IS NULL AND kind <> 'classification';
CREATE INDEX ai_runs_taken ON ai_runs (published_at) WHERE published_at IS NOT NULL AND announced_at IS NULL;
CREATE INDEX ai_runs_retried ON ai_runs (deadline_at)
    WHERE published_at IS NULL AND deadline_at IS NOT NULL AND announced_at IS NULL;

-- The result of a run, stored in the transaction that ends it: a run has one result, which can be published again.
CREATE TABLE ai_results (
    account_id uuid NOT NULL,
    run_id uuid NOT NULL,
    kind text NOT NULL,
    payload jsonb NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT ai_results_pkey PRIMARY KEY (account_id, run_id),
    CONSTRAINT ai_results_run_fkey FOREIGN KEY (account_id, run_id) REFERENCES ai_runs (account_id, id),
    CONSTRAINT ai_results_kind_known CHECK (kind IN ('classification', 'draft', 'summary'))
) WITH (autovacuum_vacuum_insert_threshold = 10000, autovacuum_vacuum_insert_scale_factor = 0.02);

-- Returns a UUID of version 7, as those that processes make.
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

-- Starts the first draft run of a conversation's newest public message, at once. Nothing happens if staff has sent that
-- message, if it has a draft run, or if it has no classification run: it is beyond a rate limit.
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

-- Starts a draft in the transaction of an assignment, whoever assigns.
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

-- Corrections of classifications by agents, which later classifications of the account take into account.
CREATE TABLE ai_corrections (
    account_id uuid NOT NULL,
    message_id uuid NOT NULL,
    category text,                                              -- NULL, like priority: not corrected
    priority text,
    corrected_by uuid NOT NULL,
    corrected_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    vector bytea,                                               -- embedding of the message, 32-bit floats;
                                                                -- computed at the first use
    model text,                                                 -- of the embedding
    CONSTRAINT ai_corrections_pkey PRIMARY KEY (account_id, message_id),
    CONSTRAINT ai_corrections_message_fkey FOREIGN KEY (account_id, message_id) REFERENCES messages (account_id, id),
    CONSTRAINT ai_corrections_something CHECK (category IS NOT NULL OR priority IS NOT NULL),
    CONSTRAINT ai_corrections_priority_known CHECK (priority IN ('low', 'medium', 'high', 'urgent')),
    CONSTRAINT ai_corrections_vector_of CHECK ((vector IS NULL) = (model IS NULL))
);
CREATE INDEX ai_corrections_newest ON ai_corrections (account_id, corrected_at DESC);

-- The categories and tags of messages that an account has named itself.
CREATE TABLE own_categories (
    account_id uuid NOT NULL,
    is_enabled boolean NOT NULL,                                -- false: the built-in categories are used
    categories jsonb NOT NULL,                                  -- [{key, name, description, examples}]
    changed_at timestamptz NOT NULL DEFAULT clock_timestamp(),  -- their version, by which workers cache them
    tags jsonb NOT NULL DEFAULT '[]',                           -- as categories; without any, the built-in ones are used
    CONSTRAINT own_categories_pkey PRIMARY KEY (account_id),
    CONSTRAINT own_categories_account_fkey FOREIGN KEY (account_id) REFERENCES accounts (account_id),
    CONSTRAINT own_categories_bounded CHECK (
        jsonb_typeof(categories) = 'array'
        AND jsonb_array_length(categories) <= 30
        AND octet_length(categories::text) <= 1048576
    ),
    CONSTRAINT own_categories_several CHECK (NOT is_enabled OR jsonb_array_length(categories) >= 2),
    CONSTRAINT own_categories_tags_bounded CHECK (
        jsonb_typeof(tags) = 'array'
        AND jsonb_array_length(tags) <= 50
        AND octet_length(tags::text) <= 1048576
    )
);

-- Requests to external models with their costs. A run may have several: attempts, and requests repeated in an attempt.
CREATE TABLE ai_calls (
    account_id uuid NOT NULL,
    id uuid NOT NULL,
    run_id uuid,                                                -- NULL: of a simulation
    provider text NOT NULL,
    model text NOT NULL,
    prompt text NOT NULL,                                       -- name@version-digest
    outcome text NOT NULL,                                      -- 'ok' or the error code
    fallback boolean NOT NULL,                                  -- the embedded provider answered in its place
    input_tokens integer NOT NULL,                              -- neither read from nor written to a cache
    cache_read_tokens integer NOT NULL,
    cache_write_tokens integer NOT NULL,
    output_tokens integer NOT NULL,
    cost_usd numeric,                                           -- NULL: unknown
    milliseconds integer NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT ai_calls_pkey PRIMARY KEY (account_id, id),
    CONSTRAINT ai_calls_run_fkey FOREIGN KEY (account_id, run_id) REFERENCES ai_runs (account_id, id),
    CONSTRAINT ai_calls_cost_not_negative CHECK (cost_usd >= 0)
);
CREATE INDEX ai_calls_by_time ON ai_calls (account_id, created_at);
-- For those that are deleted with their run, and for the foreign key.
CREATE INDEX ai_calls_by_run ON ai_calls (account_id, run_id) WHERE run_id IS NOT NULL;

-- Simulations: what the AI would have drafted on closed conversations, compared with what agents have sent.
CREATE TABLE ai_simulations (
    account_id uuid NOT NULL,
    id uuid NOT NULL,
    status text NOT NULL DEFAULT 'pending',
    since timestamptz NOT NULL,
    max_conversations integer NOT NULL,
    max_dollars numeric NOT NULL,
    provider text,                                              -- NULL: that of the account
    conversations integer NOT NULL DEFAULT 0,
    questions integer NOT NULL DEFAULT 0,
    completed integer NOT NULL DEFAULT 0,
    cost_usd numeric NOT NULL DEFAULT 0,
    unpriced integer NOT NULL DEFAULT 0,                        -- requests with an unknown price
    error text,
    created_by uuid,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    started_at timestamptz,
    finished_at timestamptz,
    step integer NOT NULL DEFAULT 0,                            -- identifies the task of the next step
    due_at timestamptz DEFAULT clock_timestamp(),               -- of the next step, or of the one in progress again
    step_attempts integer NOT NULL DEFAULT 0,                   -- since the last step that ended
    batch_id text,                                              -- of the provider, until its answers are stored
    batch_provider text,
    batch_at timestamptz,
    batch_day date,                                             -- of the budget; NULL: nothing is reserved
    CONSTRAINT ai_simulations_pkey PRIMARY KEY (account_id, id),
    CONSTRAINT ai_simulations_account_fkey FOREIGN KEY (account_id) REFERENCES accounts (account_id),
    CONSTRAINT ai_simulations_status_known CHECK (status IN ('pending', 'running', 'done', 'cancelled', 'failed')),
    CONSTRAINT ai_simulations_bounded CHECK (max_conversations BETWEEN 1 AND 1000 AND max_dollars BETWEEN 0 AND 1000),
    CONSTRAINT ai_simulations_finished CHECK (
        (status IN ('done', 'cancelled', 'failed')) = (finished_at IS NOT NULL)
        AND (finished_at IS NOT NULL OR due_at IS NOT NULL)     -- a finished one is due while its batch is in progress
        AND (status = 'failed') = (error IS NOT NULL)
    ),
    CONSTRAINT ai_simulations_batched CHECK (num_nulls(batch_id, batch_provider, batch_at) IN (0, 3))
);
CREATE UNIQUE INDEX ai_simulations_unfinished ON ai_simulations (account_id) WHERE finished_at IS NULL;
CREATE INDEX ai_simulations_waiting ON ai_simulations (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX ai_simulations_unattended ON ai_simulations (batch_at) WHERE due_at IS NULL AND batch_id IS NOT NULL;

-- The questions of a simulation, and what would have been drafted. The replies are read from the messages.
CREATE TABLE ai_simulated_drafts (
    account_id uuid NOT NULL,
    simulation_id uuid NOT NULL,
    message_id uuid NOT NULL,                                   -- the last message of the customer before the reply
    conversation_id uuid NOT NULL,
    reply_seq bigint NOT NULL,
    is_first boolean NOT NULL,
    category text NOT NULL,
    attempts integer NOT NULL DEFAULT 0,
    outcome text,                                               -- NULL: not drafted yet
    provider text,
    confidence double precision,
    source_kind text,
    source_id uuid,
    draft text,
    facts integer,
    kept_facts integer,
    other_facts integer,
    edit_distance double precision,                             -- 0: the same words, 1: none in common
    draft_words integer,
    reply_words integer,
    cost_usd numeric,
    request jsonb,                                              -- of a batch, until it is answered
    CONSTRAINT ai_simulated_drafts_pkey PRIMARY KEY (account_id, simulation_id, message_id),
    CONSTRAINT ai_simulated_drafts_simulation_fkey FOREIGN KEY (account_id, simulation_id)
        REFERENCES ai_simulations (account_id, id) ON DELETE CASCADE,
    CONSTRAINT ai_simulated_drafts_message_fkey FOREIGN KEY (account_id, message_id)
        REFERENCES messages (account_id, id),
    CONSTRAINT ai_simulated_drafts_outcome_known CHECK (outcome IN ('drafted', 'abstained', 'failed')),
    CONSTRAINT ai_simulated_drafts_drafted CHECK (
        CASE
            WHEN outcome = 'drafted' THEN num_nulls(draft, confidence, facts, kept_facts, other_facts, edit_distance) = 0
            ELSE num_nonnulls(draft, facts, kept_facts, other_facts, edit_distance) = 0
        END
    )
);
CREATE INDEX ai_simulated_drafts_open ON ai_simulated_drafts (account_id, simulation_id, message_id) WHERE outcome IS NULL;
CREATE INDEX ai_simulated_drafts_with_request
    ON ai_simulated_drafts (account_id, simulation_id, message_id)
    WHERE request IS NOT NULL;
CREATE INDEX ai_simulated_drafts_by_message ON ai_simulated_drafts (account_id, message_id);

-- Topics of the questions of a simulation that nothing answers.
CREATE TABLE unanswered_topics (
    account_id uuid NOT NULL,
    simulation_id uuid NOT NULL,
    number integer NOT NULL,
    questions integer NOT NULL,
    message_ids uuid[] NOT NULL,                                -- examples, that in the middle first
    CONSTRAINT unanswered_topics_pkey PRIMARY KEY (account_id, simulation_id, number),
    CONSTRAINT unanswered_topics_simulation_fkey FOREIGN KEY (account_id, simulation_id)
        REFERENCES ai_simulations (account_id, id) ON DELETE CASCADE,
    CONSTRAINT unanswered_topics_examples CHECK (cardinality(message_ids) BETWEEN 1 AND 10)
);

-- The drafts that an agent was shown; the first time counts.
CREATE TABLE draft_views (
    account_id uuid NOT NULL,
    run_id uuid NOT NULL,
    shown_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    dismissed_at timestamptz,
    CONSTRAINT draft_views_pkey PRIMARY KEY (account_id, run_id),
    CONSTRAINT draft_views_run_fkey FOREIGN KEY (account_id, run_id) REFERENCES ai_runs (account_id, id)
);

-- What the AI may answer by itself.
CREATE TABLE automatic_answers (
    account_id uuid NOT NULL,
    is_enabled boolean NOT NULL,
    categories jsonb NOT NULL,                                  -- {category: {minConfidence, simulationId}}
    CONSTRAINT automatic_answers_pkey PRIMARY KEY (account_id),
    CONSTRAINT automatic_answers_account_fkey FOREIGN KEY (account_id) REFERENCES accounts (account_id),
    CONSTRAINT automatic_answers_bounded CHECK (
        jsonb_typeof(categories) = 'object' AND octet_length(categories::text) <= 16384
    )
);

-- Conversations that the AI has answered by itself.
CREATE TABLE automatic_conversations (
    account_id uuid NOT NULL,
    conversation_id uuid NOT NULL,
    category text NOT NULL,                                     -- of the first question
    answers integer NOT NULL,
    failures integer NOT NULL DEFAULT 0,                        -- answers that did not help
    first_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    last_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    last_seq bigint NOT NULL,
    verdict text,                                               -- the customer's, about the last answer
    handed_over_at timestamptz,
    reason text,
    CONSTRAINT automatic_conversations_pkey PRIMARY KEY (account_id, conversation_id),
    CONSTRAINT automatic_conversations_conversation_fkey FOREIGN KEY (account_id, conversation_id)
        REFERENCES conversations (account_id, id),
    CONSTRAINT automatic_conversations_verdict_known CHECK (verdict IN ('yes', 'no')),
    CONSTRAINT automatic_conversations_reason_known
        CHECK (reason IN ('low_score', 'anger', 'second_failure', 'asked')),
    CONSTRAINT automatic_conversations_handed_over CHECK ((handed_over_at IS NULL) = (reason IS NULL))
);
CREATE INDEX automatic_conversations_by_time ON automatic_conversations (account_id, first_at);

-- Use of external models by day (UTC), with the estimates of requests in progress: what the daily budgets are checked
-- against.
CREATE TABLE ai_usage (
    account_id uuid NOT NULL,
    day date NOT NULL,
    tokens bigint NOT NULL DEFAULT 0,
    dollars numeric NOT NULL DEFAULT 0,
    refused bigint NOT NULL DEFAULT 0,                          -- requests beyond the budget, which were not sent
    CONSTRAINT ai_usage_pkey PRIMARY KEY (account_id, day),
    CONSTRAINT ai_usage_account_fkey FOREIGN KEY (account_id) REFERENCES accounts (account_id)
);

---------------------------------------------------------------------------------------------------------- knowledge

-- pgvector. Only a superuser can add it to a database that does not have it.
CREATE EXTENSION IF NOT EXISTS vector;

-- The sources of drafts.
CREATE TABLE knowledge_articles (
    account_id uuid NOT NULL,
    id uuid NOT NULL,
    title text NOT NULL,
    body text NOT NULL,
    questions text[] NOT NULL DEFAULT '{}',                     -- that the article answers
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    indexed_as text,                                            -- the model of its passages; NULL: outdated
    language text,
    changed_at timestamptz,                                     -- the last change of its text; NULL: none since 0175
    encoded bytea,                                              -- encodings of its passages; NULL: not yet
    CONSTRAINT knowledge_articles_pkey PRIMARY KEY (account_id, id),
    CONSTRAINT knowledge_articles_account_fkey FOREIGN KEY (account_id) REFERENCES accounts (account_id)
);

CREATE TABLE canned_replies (
    account_id uuid NOT NULL,
    id uuid NOT NULL,
    title text NOT NULL,
    content text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    indexed_as text,
    language text,
    CONSTRAINT canned_replies_pkey PRIMARY KEY (account_id, id),
    CONSTRAINT canned_replies_account_fkey FOREIGN KEY (account_id) REFERENCES accounts (account_id)
);

CREATE FUNCTION outdate_passages() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    NEW.indexed_as := NULL;
    RETURN NEW;
END
$$;
CREATE TRIGGER knowledge_articles_outdated BEFORE UPDATE OF title, body, questions ON knowledge_articles
    FOR EACH ROW EXECUTE FUNCTION outdate_passages();
CREATE TRIGGER canned_replies_outdated BEFORE UPDATE OF title, content ON canned_replies
    FOR EACH ROW EXECUTE FUNCTION outdate_passages();

CREATE FUNCTION forget_encodings() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    NEW.encoded := NULL;
    RETURN NEW;
END
$$;
CREATE TRIGGER knowledge_articles_unencoded BEFORE UPDATE OF title, body, questions ON knowledge_articles
    FOR EACH ROW EXECUTE FUNCTION forget_encodings();

CREATE FUNCTION date_article() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    NEW.changed_at := clock_timestamp();
    RETURN NEW;
END
$$;
CREATE TRIGGER knowledge_articles_dated BEFORE UPDATE OF title, body ON knowledge_articles
    FOR EACH ROW WHEN ((OLD.title, OLD.body) IS DISTINCT FROM (NEW.title, NEW.body)) EXECUTE FUNCTION date_article();

-- A row for each public reply of an agent, added in its transaction. A bulk task then records how the draft was used, and
-- extracts an answer that may serve other customers, without personal data.
CREATE TABLE past_answers (
    account_id uuid NOT NULL,
    message_id uuid NOT NULL,                                   -- the reply
    conversation_id uuid NOT NULL,
    seq bigint NOT NULL,                                        -- of the reply
    learned_at timestamptz,                                     -- NULL: not processed yet
    draft_run_id uuid,                                          -- the draft that the agent was shown; NULL: none
    draft_use text,                                             -- how the agent used it
    question text,                                              -- NULL, like answer: not for others, or too old
    answer text,
    indexed_as text,
    CONSTRAINT past_answers_pkey PRIMARY KEY (account_id, message_id),
    CONSTRAINT past_answers_message_fkey FOREIGN KEY (account_id, message_id) REFERENCES messages (account_id, id),
    CONSTRAINT past_answers_draft_fkey FOREIGN KEY (account_id, draft_run_id) REFERENCES ai_runs (account_id, id),
    CONSTRAINT past_answers_draft_use_known CHECK (draft_use IN ('as_it_was', 'edited', 'ignored')),
    CONSTRAINT past_answers_use_of_draft CHECK ((draft_use IS NULL) = (draft_run_id IS NULL)),
    CONSTRAINT past_answers_whole CHECK ((question IS NULL) = (answer IS NULL)),
    CONSTRAINT past_answers_learned CHECK (learned_at IS NOT NULL OR num_nonnulls(draft_use, question) = 0)
);
CREATE INDEX past_answers_new ON past_answers (account_id, message_id) WHERE learned_at IS NULL;
CREATE INDEX past_answers_of_drafts ON past_answers (account_id, draft_run_id) WHERE draft_run_id IS NOT NULL;
CREATE INDEX past_answers_kept ON past_answers (account_id, message_id) WHERE question IS NOT NULL;

-- The searchable passages of articles, canned replies and past answers (title, text and questions) as vectors. The search
-- is exact and limited to an account: an approximate index would cover all accounts, and miss passages of small ones.
CREATE TABLE knowledge_passages (
    account_id uuid NOT NULL,
    id uuid NOT NULL,
    article_id uuid,
    canned_reply_id uuid,
    model text NOT NULL,                                        -- vectors of different models are not comparable
    embedding vector NOT NULL,
    past_answer_id uuid,                                        -- only its question is searched
    CONSTRAINT knowledge_passages_pkey PRIMARY KEY (account_id, id),
    CONSTRAINT knowledge_passages_article_fkey FOREIGN KEY (account_id, article_id)
        REFERENCES knowledge_articles (account_id, id) ON DELETE CASCADE,
    CONSTRAINT knowledge_passages_canned_reply_fkey FOREIGN KEY (account_id, canned_reply_id)
        REFERENCES canned_replies (account_id, id) ON DELETE CASCADE,
    CONSTRAINT knowledge_passages_past_answer_fkey FOREIGN KEY (account_id, past_answer_id)
        REFERENCES past_answers (account_id, message_id) ON DELETE CASCADE,
    CONSTRAINT knowledge_passages_of_one CHECK (num_nonnulls(article_id, canned_reply_id, past_answer_id) = 1)
);
CREATE INDEX knowledge_passages_by_article ON knowledge_passages (account_id, article_id);
CREATE INDEX knowledge_passages_by_canned_reply ON knowledge_passages (account_id, canned_reply_id);
CREATE INDEX knowledge_passages_by_past_answer ON knowledge_passages (account_id, past_answer_id);

----------------------------------------------------------------------------------------------------------- webhooks

-- Addresses of the account's other systems, which are sent the events of the feed.
CREATE TABLE webhooks (
    account_id uuid NOT NULL,
    id uuid NOT NULL,
    url text NOT NULL,
    events text[] NOT NULL,                                     -- types of the feed; '*': all
    secret bytea NOT NULL,                                      -- encrypted with ENCRYPTION_KEYS
    previous_secret bytea,                                      -- signs as well, until its time is over
    previous_secret_until timestamptz,
    enabled boolean NOT NULL DEFAULT true,
    disabled_reason text,                                       -- 'gone': the receiver has answered 410
    last_number bigint NOT NULL,                                -- of the feed, up to which deliveries exist
    failing_since timestamptz,                                  -- the first failed attempt after the last success
    requeued_at timestamptz,                                    -- when deliveries became pending again
    leased_by uuid,                                             -- the relay that delivers
    lease_until timestamptz,
    created_by uuid,                                            -- a user or an API key; NULL: the operator
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT webhooks_pkey PRIMARY KEY (account_id, id),
    CONSTRAINT webhooks_account_fkey FOREIGN KEY (account_id) REFERENCES accounts (account_id),
    CONSTRAINT webhooks_url_length CHECK (length(url) BETWEEN 1 AND 2048),
    CONSTRAINT webhooks_events_present CHECK (cardinality(events) > 0),
    CONSTRAINT webhooks_previous_secret_limited CHECK ((previous_secret IS NULL) = (previous_secret_until IS NULL)),
    CONSTRAINT webhooks_disabled_reason_known CHECK (disabled_reason IN ('requested', 'gone')),
    CONSTRAINT webhooks_disabled_for_a_reason CHECK (enabled = (disabled_reason IS NULL)),
    CONSTRAINT webhooks_last_number_not_negative CHECK (last_number >= 0),
    CONSTRAINT webhooks_leased CHECK ((leased_by IS NULL) = (lease_until IS NULL))
) WITH (fillfactor = 70);

-- The pending deliveries, and the log of those that have ended. The content of an event is read when it is sent.
CREATE TABLE webhook_deliveries (
    account_id uuid NOT NULL,
    webhook_id uuid NOT NULL,
    number bigint NOT NULL,                                     -- of the feed; 0: the test event
    type text NOT NULL,                                         -- of the event; 'lost': the feed no longer had events
    conversation_id uuid,
    ordering_key uuid NOT NULL,                                 -- deliveries of one key are sent in order
    status text NOT NULL DEFAULT 'pending',
    attempts integer NOT NULL DEFAULT 0,
    next_attempt_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    give_up_at timestamptz NOT NULL,                            -- set aside if an attempt fails after this
    last_attempt_at timestamptz,
    last_status integer,                                        -- of HTTP
    last_error text,                                            -- nothing that the receiver has sent
    last_milliseconds integer,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    finished_at timestamptz,
    CONSTRAINT webhook_deliveries_pkey PRIMARY KEY (account_id, webhook_id, number),
    CONSTRAINT webhook_deliveries_webhook_fkey FOREIGN KEY (account_id, webhook_id)
        REFERENCES webhooks (account_id, id) ON DELETE CASCADE,
    CONSTRAINT webhook_deliveries_status_known CHECK (status IN ('pending', 'delivered', 'set_aside')),
    CONSTRAINT webhook_deliveries_finished CHECK ((status = 'pending') = (finished_at IS NULL))
) WITH (fillfactor = 80, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_scale_factor = 0.01);
CREATE INDEX webhook_deliveries_pending ON webhook_deliveries (account_id, webhook_id, number) WHERE status = 'pending';
CREATE INDEX webhook_deliveries_set_aside ON webhook_deliveries (account_id, webhook_id, number)
    WHERE status = 'set_aside';
CREATE INDEX webhook_deliveries_ended ON webhook_deliveries (account_id, webhook_id, finished_at)
    WHERE finished_at IS NOT NULL;

------------------------------------------------------------------------------------------------------------ erasure

-- Receipts of erasures: of a contact, or of an account, of which only this is left. `erased` counts the rows and entries
-- that were erased, by place; verified_at is set when nothing was found afterwards. No foreign key: it outlives the account.
CREATE TABLE erasures (
    account_id uuid NOT NULL,
    subject_id uuid NOT NULL,
    subject text NOT NULL,
    requested_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    completed_at timestamptz,
    verified_at timestamptz,
    erased jsonb NOT NULL DEFAULT '{}',
    CONSTRAINT erasures_pkey PRIMARY KEY (account_id, subject_id),
    CONSTRAINT erasures_subject_known CHECK (subject IN ('contact', 'account')),
    CONSTRAINT erasures_erased_object CHECK (jsonb_typeof(erased) = 'object')
);

------------------------------------------------------------------------------------------------------------ the feed

-- Changes without a number, each added by a trigger in the transaction that makes it. `change` is taken under the locks of
-- that transaction: of two changes to a conversation, and of any two that do not overlap, the later one has the higher.
-- No content and no details: readers of the feed join the rows of today. The only index is the order.
CREATE TABLE feed_changes (
    account_id uuid NOT NULL,
    change bigint GENERATED ALWAYS AS IDENTITY,
    type text NOT NULL,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    conversation_id uuid,
    subject_id uuid NOT NULL,                                   -- what the type is about, see docs/feed.md
    CONSTRAINT feed_changes_pkey PRIMARY KEY (account_id, change)
) WITH (autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_scale_factor = 0);

-- How far the feed of an account is numbered. The row lock is held by the sequencer.
CREATE TABLE feed_positions (
    account_id uuid NOT NULL,
    last_number bigint NOT NULL DEFAULT 0,
    epoch uuid NOT NULL DEFAULT gen_random_uuid(),              -- replaced when numbers may be given again, by a restore
    -- of the last event; each digest is that of the event before it and the event's number, type and ids
    digest bytea NOT NULL DEFAULT decode(repeat('00', 32), 'hex'),
    CONSTRAINT feed_positions_pkey PRIMARY KEY (account_id),
    CONSTRAINT feed_positions_account_fkey FOREIGN KEY (account_id) REFERENCES accounts (account_id) ON DELETE CASCADE
) WITH (fillfactor = 50);

-- The numbered changes of an account, without gaps, for FEED_DAYS.
CREATE TABLE feed_events (
    account_id uuid NOT NULL,
    number bigint NOT NULL,
    type text NOT NULL,
    at timestamptz NOT NULL,
    conversation_id uuid,
    subject_id uuid NOT NULL,
    digest bytea NOT NULL,
    CONSTRAINT feed_events_pkey PRIMARY KEY (account_id, number)
) WITH (autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_scale_factor = 0.01);

-- Adds a change of the type given for each message of the statement.
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

-- Adds a change for each entry of the audit log, but those of a new conversation and of a message, which have triggers of
-- their own.
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
    WHERE kind NOT IN ('created', 'message_sent', 'message_edited', 'message_withdrawn');
    RETURN NULL;
END
$$;

CREATE TRIGGER conversation_events_feed
    AFTER INSERT ON conversation_events REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION feed_conversation_events();

-- Adds a change of a person or a team. Who moves to another account is deleted in one and created in the other.
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

-- Adds a change of the type given about the id in the column given.
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
    AFTER INSERT ON message_reads
    FOR EACH ROW WHEN (NEW.seq IS NOT NULL) EXECUTE FUNCTION feed_part('message_read', 'reader_id');
CREATE TRIGGER message_reads_feed_updated
    AFTER UPDATE ON message_reads
    FOR EACH ROW WHEN (OLD.seq IS DISTINCT FROM NEW.seq OR OLD.reader_id <> NEW.reader_id)
    EXECUTE FUNCTION feed_part('message_read', 'reader_id');

-- Adds a change of the type given for a conversation. The columns of the trigger leave out what the writer updates.
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

-- Adds a change for the end of an AI run that failed or has a result, unless it was for one agent alone.
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
        AND NEW.kind <> 'assist'
    ) EXECUTE FUNCTION feed_run();

-- The sequencer: numbers at most so many committed changes of an account, and returns its last number. The position is
-- locked before the changes are read, and a change that is committed later gets a later number. Changes of an account
-- that was erased are deleted. A plan that was made while the tables were small must not scan them later.
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

-- Numbers the changes of the transaction's account. Every change that was committed before the call is numbered, unless
-- there are more than `most`.
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

-- Numbers the changes of the accounts after one, for the relay, and notifies web processes on the channel hummdesk_feed.
-- `last_account` is the one to go on from; NULL after the last.
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

------------------------------------------------------------------------------------------------ roles and privileges

-- The roles, created by the migrations. They cannot log in and own nothing; each transaction takes one (hummdesk_search,
-- hummdesk_feed and hummdesk_author, three others, own functions below):
--   hummdesk_app       web processes: the rows of the transaction's account, none without one
--   hummdesk_worker    AI workers: also those of the accounts that the transaction names; a member of hummdesk_app
--   hummdesk_writer    the message writer of a web process, which has a connection of its own: see the end
--   hummdesk_relay     AI runs and the outbox of all accounts, and which accounts have unprocessed replies
--   hummdesk_operator  the operator's commands: all accounts
--   hummdesk_backup    pg_dump: reads all accounts, see the end
--   hummdesk_eraser    operator and relay: erases the conversations and contacts of all accounts, and cannot write else
-- `migrate` also creates a login for each kind of process that has a password, see hummdesk/storage/logins.py. Neither
-- these logins nor the owner inherit the rights of the roles: outside of a transaction with a role they see nothing.
-- Before PostgreSQL 16 the owner takes the roles through another one, hummdesk_taken, that inherits nothing.
-- Row-level security is forced, so that it applies to the owner of the tables too. Only superusers bypass it.
GRANT USAGE ON SCHEMA public TO hummdesk_app, hummdesk_relay, hummdesk_operator;

DO $$
DECLARE
    table_name text;
BEGIN
    FOREACH table_name IN ARRAY ARRAY[
        'accounts', 'users', 'contacts', 'teams', 'team_members', 'conversations', 'messages', 'message_reads',
        'conversation_events', 'ai_runs', 'ai_results', 'knowledge_articles', 'canned_replies'
    ] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', table_name);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', table_name);
        EXECUTE format('CREATE POLICY own_account ON %I TO hummdesk_app USING (account_id = current_account())',
                       table_name);
        EXECUTE format('CREATE POLICY every_account ON %I TO hummdesk_operator USING (true)', table_name);
        EXECUTE format('GRANT SELECT ON %I TO hummdesk_app', table_name);
        EXECUTE format('GRANT SELECT, INSERT ON %I TO hummdesk_operator', table_name);
    END LOOP;
END
$$;

-- Messages and the audit log are append-only. What web processes may change of people, knowledge and settings, column by
-- column, is below: see administration.
GRANT UPDATE ON accounts, users, contacts, teams, conversations, knowledge_articles, canned_replies
    TO hummdesk_operator;
GRANT DELETE ON team_members TO hummdesk_operator;
GRANT UPDATE (last_seen_at) ON users TO hummdesk_app;
GRANT INSERT ON conversations, messages, message_reads, conversation_events, ai_runs, ai_results TO hummdesk_app;
GRANT UPDATE (status, priority, assigned_to, assigned_team, last_seq, last_public_seq, staff_read_seq, unread_staff,
    unread_customer, updated_at) ON conversations TO hummdesk_app;
GRANT UPDATE (seq, read_at, unread_after) ON message_reads TO hummdesk_app;
GRANT UPDATE (status, outcome, attempts, available_at, lease_until, started_at, last_error, finished_at, announced_at)
    ON ai_runs TO hummdesk_app;

GRANT UPDATE (rating, label_ids, snoozed_until, continued_in) ON conversations TO hummdesk_app;

CREATE POLICY every_run ON ai_runs TO hummdesk_relay USING (true);
GRANT SELECT ON ai_runs TO hummdesk_relay;
GRANT UPDATE (status, published_at, lease_until, deadline_at, last_error, finished_at, announced_at)
    ON ai_runs TO hummdesk_relay;

-- Web processes and the relay check at their start whether migrations are pending.
GRANT SELECT ON schema_migrations TO hummdesk_app, hummdesk_relay;
GRANT SELECT ON event_stream TO hummdesk_relay;
GRANT SELECT, INSERT (shards), UPDATE (shards, raised_at) ON event_stream TO hummdesk_operator;

ALTER TABLE ai_corrections ENABLE ROW LEVEL SECURITY;
ALTER TABLE ai_corrections FORCE ROW LEVEL SECURITY;
CREATE POLICY own_account ON ai_corrections TO hummdesk_app USING (account_id = current_account());
CREATE POLICY named_accounts ON ai_corrections TO hummdesk_worker USING (is_named_account(account_id));
CREATE POLICY every_account ON ai_corrections TO hummdesk_operator USING (true);
GRANT SELECT, INSERT ON ai_corrections TO hummdesk_app;
GRANT UPDATE (category, priority, corrected_by, corrected_at, vector, model) ON ai_corrections TO hummdesk_app;
GRANT SELECT, INSERT ON ai_corrections TO hummdesk_operator;

ALTER TABLE own_categories ENABLE ROW LEVEL SECURITY;
ALTER TABLE own_categories FORCE ROW LEVEL SECURITY;
CREATE POLICY own_account ON own_categories TO hummdesk_app USING (account_id = current_account());
CREATE POLICY named_accounts ON own_categories TO hummdesk_worker USING (is_named_account(account_id));
CREATE POLICY every_account ON own_categories TO hummdesk_operator USING (true);
GRANT SELECT, INSERT, UPDATE ON own_categories TO hummdesk_app, hummdesk_operator;
GRANT SELECT ON own_categories TO hummdesk_worker;

GRANT UPDATE (published_at, claimed_by) ON ai_runs TO hummdesk_app;
CREATE POLICY named_accounts ON conversations TO hummdesk_worker USING (is_named_account(account_id));
CREATE POLICY named_accounts ON messages TO hummdesk_worker USING (is_named_account(account_id));
CREATE POLICY named_accounts ON conversation_events TO hummdesk_worker USING (is_named_account(account_id));
CREATE POLICY named_accounts ON ai_runs TO hummdesk_worker USING (is_named_account(account_id));
CREATE POLICY named_accounts ON ai_results TO hummdesk_worker USING (is_named_account(account_id));
CREATE POLICY named_accounts ON teams TO hummdesk_worker USING (is_named_account(account_id));
CREATE POLICY named_accounts ON team_members TO hummdesk_worker USING (is_named_account(account_id));
CREATE POLICY named_accounts ON users TO hummdesk_worker USING (is_named_account(account_id));
CREATE POLICY named_accounts ON accounts TO hummdesk_worker USING (is_named_account(account_id));

ALTER TABLE ai_calls ENABLE ROW LEVEL SECURITY;
ALTER TABLE ai_calls FORCE ROW LEVEL SECURITY;
CREATE POLICY own_account ON ai_calls TO hummdesk_app USING (account_id = current_account());
CREATE POLICY every_account ON ai_calls TO hummdesk_operator USING (true);
GRANT SELECT, INSERT ON ai_calls TO hummdesk_app;
GRANT SELECT ON ai_calls TO hummdesk_operator;

ALTER TABLE ai_simulations ENABLE ROW LEVEL SECURITY;
ALTER TABLE ai_simulations FORCE ROW LEVEL SECURITY;
CREATE POLICY own_account ON ai_simulations TO hummdesk_app USING (account_id = current_account());
CREATE POLICY every_account ON ai_simulations TO hummdesk_operator USING (true);
CREATE POLICY every_simulation ON ai_simulations TO hummdesk_relay USING (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON ai_simulations TO hummdesk_app, hummdesk_operator;
GRANT SELECT (account_id, id, step, due_at, finished_at, batch_id, batch_at), UPDATE (step, due_at) ON ai_simulations
TO hummdesk_relay;

ALTER TABLE ai_simulated_drafts ENABLE ROW LEVEL SECURITY;
ALTER TABLE ai_simulated_drafts FORCE ROW LEVEL SECURITY;
CREATE POLICY own_account ON ai_simulated_drafts TO hummdesk_app USING (account_id = current_account());
CREATE POLICY every_account ON ai_simulated_drafts TO hummdesk_operator USING (true);
CREATE POLICY erased_by_eraser ON ai_simulated_drafts FOR DELETE TO hummdesk_eraser USING (true);
GRANT SELECT, INSERT, UPDATE ON ai_simulated_drafts TO hummdesk_app;
GRANT SELECT, UPDATE (request) ON ai_simulated_drafts TO hummdesk_operator;

ALTER TABLE draft_views ENABLE ROW LEVEL SECURITY;
ALTER TABLE draft_views FORCE ROW LEVEL SECURITY;
CREATE POLICY own_account ON draft_views TO hummdesk_app USING (account_id = current_account());
CREATE POLICY every_account ON draft_views TO hummdesk_operator USING (true);
GRANT SELECT, INSERT, UPDATE (dismissed_at) ON draft_views TO hummdesk_app;
GRANT SELECT ON draft_views TO hummdesk_operator;

ALTER TABLE unanswered_topics ENABLE ROW LEVEL SECURITY;
ALTER TABLE unanswered_topics FORCE ROW LEVEL SECURITY;
CREATE POLICY own_account ON unanswered_topics TO hummdesk_app USING (account_id = current_account());
CREATE POLICY every_account ON unanswered_topics TO hummdesk_operator USING (true);
GRANT SELECT, INSERT ON unanswered_topics TO hummdesk_app;
GRANT SELECT ON unanswered_topics TO hummdesk_operator;

ALTER TABLE automatic_answers ENABLE ROW LEVEL SECURITY;
ALTER TABLE automatic_answers FORCE ROW LEVEL SECURITY;
CREATE POLICY own_account ON automatic_answers TO hummdesk_app USING (account_id = current_account());
CREATE POLICY named_accounts ON automatic_answers TO hummdesk_worker USING (is_named_account(account_id));
CREATE POLICY every_account ON automatic_answers TO hummdesk_operator USING (true);
GRANT SELECT, INSERT, UPDATE ON automatic_answers TO hummdesk_app;
GRANT SELECT ON automatic_answers TO hummdesk_operator;

ALTER TABLE automatic_conversations ENABLE ROW LEVEL SECURITY;
ALTER TABLE automatic_conversations FORCE ROW LEVEL SECURITY;
CREATE POLICY own_account ON automatic_conversations TO hummdesk_app USING (account_id = current_account());
CREATE POLICY named_accounts ON automatic_conversations TO hummdesk_worker USING (is_named_account(account_id));
CREATE POLICY every_account ON automatic_conversations TO hummdesk_operator USING (true);
CREATE POLICY erased_by_eraser ON automatic_conversations FOR DELETE TO hummdesk_eraser USING (true);
GRANT SELECT, INSERT, UPDATE ON automatic_conversations TO hummdesk_app;
GRANT SELECT ON automatic_conversations TO hummdesk_operator;

ALTER TABLE ai_usage ENABLE ROW LEVEL SECURITY;
ALTER TABLE ai_usage FORCE ROW LEVEL SECURITY;
CREATE POLICY own_account ON ai_usage TO hummdesk_app USING (account_id = current_account());
CREATE POLICY every_account ON ai_usage TO hummdesk_operator USING (true);
GRANT SELECT, INSERT ON ai_usage TO hummdesk_app;
GRANT UPDATE (tokens, dollars, refused) ON ai_usage TO hummdesk_app;
GRANT SELECT ON ai_usage TO hummdesk_operator;

ALTER TABLE knowledge_passages ENABLE ROW LEVEL SECURITY;
ALTER TABLE knowledge_passages FORCE ROW LEVEL SECURITY;
CREATE POLICY own_account ON knowledge_passages TO hummdesk_app USING (account_id = current_account());
CREATE POLICY every_account ON knowledge_passages TO hummdesk_operator USING (true);
GRANT SELECT, INSERT, DELETE ON knowledge_passages TO hummdesk_app;
GRANT UPDATE (indexed_as) ON knowledge_articles, canned_replies TO hummdesk_app;
GRANT UPDATE (encoded) ON knowledge_articles TO hummdesk_app;
GRANT DELETE ON knowledge_articles, canned_replies TO hummdesk_operator;

ALTER TABLE past_answers ENABLE ROW LEVEL SECURITY;
ALTER TABLE past_answers FORCE ROW LEVEL SECURITY;
CREATE POLICY own_account ON past_answers TO hummdesk_app USING (account_id = current_account());
CREATE POLICY accounts_of_the_batch ON past_answers TO hummdesk_writer
    USING (is_named_account(account_id));
CREATE POLICY every_answer ON past_answers TO hummdesk_relay USING (true);
CREATE POLICY every_account ON past_answers TO hummdesk_operator USING (true);
GRANT SELECT, INSERT ON past_answers TO hummdesk_app;
GRANT UPDATE (learned_at, draft_run_id, draft_use, question, answer, indexed_as) ON past_answers TO hummdesk_app;
GRANT INSERT ON past_answers TO hummdesk_writer;
GRANT SELECT (account_id, message_id, learned_at) ON past_answers TO hummdesk_relay;
GRANT SELECT ON past_answers TO hummdesk_operator;

ALTER TABLE conversation_ratings ENABLE ROW LEVEL SECURITY;
ALTER TABLE conversation_ratings FORCE ROW LEVEL SECURITY;
CREATE POLICY own_account ON conversation_ratings TO hummdesk_app USING (account_id = current_account());
CREATE POLICY every_account ON conversation_ratings TO hummdesk_operator USING (true);
GRANT SELECT, INSERT, UPDATE (rating, comment, agent_id, team_id, rated_at) ON conversation_ratings TO hummdesk_app;
GRANT SELECT ON conversation_ratings TO hummdesk_operator;

ALTER TABLE labels ENABLE ROW LEVEL SECURITY;
ALTER TABLE labels FORCE ROW LEVEL SECURITY;
CREATE POLICY own_account ON labels TO hummdesk_app USING (account_id = current_account());
CREATE POLICY every_account ON labels TO hummdesk_operator USING (true);
GRANT SELECT, INSERT, UPDATE (name, color, active) ON labels TO hummdesk_app;
GRANT SELECT ON labels TO hummdesk_operator;

ALTER TABLE user_photos ENABLE ROW LEVEL SECURITY;
ALTER TABLE user_photos FORCE ROW LEVEL SECURITY;
CREATE POLICY own_account ON user_photos TO hummdesk_app USING (account_id = current_account());
CREATE POLICY every_account ON user_photos TO hummdesk_operator USING (true);
GRANT SELECT, INSERT, DELETE, UPDATE (version, content) ON user_photos TO hummdesk_app;
GRANT SELECT ON user_photos TO hummdesk_operator;

ALTER TABLE page_visits ENABLE ROW LEVEL SECURITY;
ALTER TABLE page_visits FORCE ROW LEVEL SECURITY;
CREATE POLICY own_account ON page_visits TO hummdesk_app USING (account_id = current_account());
CREATE POLICY every_account ON page_visits TO hummdesk_operator USING (true);
CREATE POLICY erased_by_eraser ON page_visits FOR DELETE TO hummdesk_eraser USING (true);
GRANT SELECT, INSERT, DELETE, UPDATE (contact_id, title, visited_at) ON page_visits TO hummdesk_app;
GRANT SELECT ON page_visits TO hummdesk_operator;

ALTER TABLE saved_views ENABLE ROW LEVEL SECURITY;
ALTER TABLE saved_views FORCE ROW LEVEL SECURITY;
CREATE POLICY own_account ON saved_views TO hummdesk_app USING (account_id = current_account());
CREATE POLICY every_account ON saved_views TO hummdesk_operator USING (true);
GRANT SELECT, INSERT, DELETE, UPDATE (name, filter) ON saved_views TO hummdesk_app;
GRANT SELECT ON saved_views TO hummdesk_operator;

DO $$
DECLARE
    table_name text;
BEGIN
    FOREACH table_name IN ARRAY ARRAY['files', 'file_usage', 'file_deletions'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', table_name);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', table_name);
        EXECUTE format('CREATE POLICY own_account ON %I TO hummdesk_app USING (account_id = current_account())',
                       table_name);
        EXECUTE format('CREATE POLICY every_account ON %I TO hummdesk_operator USING (true)', table_name);
        EXECUTE format('GRANT SELECT ON %I TO hummdesk_operator', table_name);
    END LOOP;
END
$$;

GRANT SELECT, INSERT, DELETE,
    UPDATE (received, chunks, state, content_type, width, height, is_private, attached_at, expires_at, scan_at,
        conversation_id)
    ON files TO hummdesk_app;
GRANT SELECT, INSERT, UPDATE (bytes) ON file_usage TO hummdesk_app;
GRANT INSERT ON file_deletions TO hummdesk_app;

CREATE POLICY every_file ON files TO hummdesk_relay USING (true);
GRANT SELECT, UPDATE (state, scan_at, scan_error, scan_attempts, expires_at) ON files TO hummdesk_relay;

ALTER TABLE sign_in_links ENABLE ROW LEVEL SECURITY;
ALTER TABLE sign_in_links FORCE ROW LEVEL SECURITY;
CREATE POLICY own_account ON sign_in_links TO hummdesk_app USING (account_id = current_account());
CREATE POLICY every_account ON sign_in_links TO hummdesk_operator USING (true);
CREATE POLICY expired_deleted_by_eraser ON sign_in_links FOR DELETE TO hummdesk_eraser
    USING (expires_at < clock_timestamp());
GRANT SELECT, INSERT, UPDATE (used_at) ON sign_in_links TO hummdesk_app, hummdesk_operator;

ALTER TABLE staff_sessions ENABLE ROW LEVEL SECURITY;
ALTER TABLE staff_sessions FORCE ROW LEVEL SECURITY;
CREATE POLICY own_account ON staff_sessions TO hummdesk_app USING (account_id = current_account());
CREATE POLICY every_account ON staff_sessions TO hummdesk_operator USING (true);
CREATE POLICY expired_deleted_by_eraser ON staff_sessions FOR DELETE TO hummdesk_eraser
    USING (expires_at < clock_timestamp());
GRANT SELECT, INSERT, UPDATE (last_used_at, revoked_at) ON staff_sessions TO hummdesk_app;
GRANT SELECT, UPDATE (revoked_at) ON staff_sessions TO hummdesk_operator;

-- What a conversation is about: of its `recent` last messages, the newest classification or correction that says so, one
-- of `general` last; NULL without one.
CREATE FUNCTION conversation_category(conversation uuid, recent integer) RETURNS text
    LANGUAGE sql STABLE COST 10000
    SET search_path = pg_catalog, public, pg_temp
AS $$
    SELECT classified.category
    FROM (
        SELECT
            newest.seq,
            COALESCE(
                public.ai_corrections.category,
                CASE
                    WHEN public.ai_results.payload -> 'classification' -> 'unknown' IS DISTINCT FROM 'true'
                    THEN public.ai_results.payload -> 'classification' ->> 'category'
                END
            ) AS category
        FROM (
            SELECT id, seq
            FROM public.messages
            WHERE account_id = public.current_account()
              AND conversation_id = conversation
            ORDER BY seq DESC
            LIMIT recent
        ) AS newest
        JOIN public.ai_runs
          ON public.ai_runs.account_id = public.current_account()
         AND public.ai_runs.message_id = newest.id
         AND public.ai_runs.kind = 'classification'
         AND public.ai_runs.outcome = 'done'
        JOIN public.ai_results
          ON public.ai_results.account_id = public.current_account()
         AND public.ai_results.run_id = public.ai_runs.id
        LEFT JOIN public.ai_corrections
          ON public.ai_corrections.account_id = public.current_account()
         AND public.ai_corrections.message_id = newest.id
    ) AS classified
    WHERE classified.category IS NOT NULL
    ORDER BY classified.category = 'general', classified.seq DESC
    LIMIT 1
$$;

--------------------------------------------------------------------------------------------------------------------- search

-- How many messages of all accounts match a tsquery, as the planner estimates it by the statistics of ANALYZE, which
-- stay the same for hours. PL/pgSQL refuses EXPLAIN in a function that is not VOLATILE.
CREATE FUNCTION estimated_matches(word text) RETURNS double precision
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
    plan json;
BEGIN
    EXECUTE format(
        'EXPLAIN (FORMAT JSON) SELECT FROM public.messages WHERE to_tsvector(''simple'', content) @@ %L::tsquery', word
    ) INTO plan;
    RETURN plan #>> '{0,Plan,Plan Rows}';
END
$$;

-- The words of a tsquery that the index of messages is searched for, the rarest first; NULL if all are frequent. The
-- index returns the matches of each word in all accounts, 100,000 in a quarter of a second, before it leaves out those
-- of others: these words together have at most `most` matches. For a word that its statistics do not contain, the
-- planner has one estimate, which counts as no matches. It is that of X, because the dictionary makes all words
-- lowercase. A tsquery with alternatives counts as one word.
CREATE FUNCTION rare_words(words tsquery) RETURNS tsquery
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
    most constant double precision := 200000;
    unknown constant double precision := public.estimated_matches('''X'':*');
    rare text;
    frequent bigint;
BEGIN
    IF numnode(words) = 0 THEN
        RETURN words;
    END IF;
    WITH given AS MATERIALIZED (
        SELECT word, public.estimated_matches(word) AS matches
        FROM (
            SELECT words::text AS word
            WHERE words::text ~ '[|!]'
            UNION
            SELECT (regexp_matches(words::text, '''(?:[^'']|'''')*''(?::\*)?', 'g'))[1]
            WHERE words::text !~ '[|!]'
        ) AS split
    ), summed AS (
        SELECT
            word,
            matches,
            sum(CASE WHEN matches > unknown THEN matches ELSE 0 END) OVER (ORDER BY matches, word) AS total
        FROM given
    )
    SELECT
        string_agg(word, ' & ' ORDER BY matches, word) FILTER (WHERE total <= most),
        count(*) FILTER (WHERE total > most)
    INTO rare, frequent
    FROM summed;
    RETURN CASE WHEN frequent = 0 THEN words ELSE rare::tsquery END;
END
$$;

-- Under row-level security an index is used only for leakproof operators, and @@ is not leakproof. This function bypasses
-- row-level security for the account of the transaction, and returns only ids, which the policies of the caller then
-- filter. Its names are qualified and pg_temp comes last, so that no temporary object takes the place of another. It
-- returns the newest `most` matches of each kind, and a NULL if there can be more. The GIN index returns all matches
-- without an order; a word in a fifth of the newest messages is first searched for in the newest 10,000 messages, and
-- words that are all frequent only there. A frequent word beside a rare one is checked in the newest 10,000 matches of the
-- rare one.
CREATE FUNCTION search_conversations(words tsquery, most integer) RETURNS SETOF uuid
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

-- As search_conversations, which it calls, and with its rights. `parts` are patterns of ILIKE, all of which must match; the
-- first has at least three letters in a row, which the indexes of subjects and customers need. Messages have none: it would
-- double the time in which one is stored. So the newest ones are read, unless there are enough matches without them.
-- Without a match, and if no more matches can exist, each of the `terms` is replaced with the most similar words of the
-- newest messages, and customers and subjects with similar words are found.
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

CREATE POLICY every_account_searched ON messages FOR SELECT TO hummdesk_search USING (true);
CREATE POLICY every_account_searched ON conversations FOR SELECT TO hummdesk_search USING (true);
CREATE POLICY every_account_searched ON contacts FOR SELECT TO hummdesk_search USING (true);
GRANT SELECT (account_id, id, conversation_id, content) ON messages TO hummdesk_search;
GRANT SELECT (account_id, id, contact_id, subject, updated_at) ON conversations TO hummdesk_search;
GRANT SELECT (account_id, id, name, email) ON contacts TO hummdesk_search;

ALTER TABLE conversation_subjects ENABLE ROW LEVEL SECURITY;
ALTER TABLE conversation_subjects FORCE ROW LEVEL SECURITY;
CREATE POLICY every_account ON conversation_subjects TO hummdesk_search USING (true);
GRANT SELECT, INSERT, UPDATE (subject), DELETE ON conversation_subjects TO hummdesk_search;

-- As search_conversations: under row-level security the index by lower(email) would not be used. NULL: no contact has this
-- address.
CREATE FUNCTION contact_of_email(address text) RETURNS uuid
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path = pg_catalog, public, pg_temp
AS $$
    SELECT id
    FROM public.contacts
    WHERE account_id = public.current_account()
      AND lower(email) = lower(address)
$$;

GRANT USAGE, CREATE ON SCHEMA public TO hummdesk_search;
ALTER FUNCTION copy_subject() OWNER TO hummdesk_search;
ALTER FUNCTION search_conversations(tsquery, integer) OWNER TO hummdesk_search;
ALTER FUNCTION estimated_matches(text) OWNER TO hummdesk_search;
ALTER FUNCTION rare_words(tsquery) OWNER TO hummdesk_search;
ALTER FUNCTION contact_of_email(text) OWNER TO hummdesk_search;
ALTER FUNCTION find_conversations(tsquery, text[], text[], integer) OWNER TO hummdesk_search;
ALTER FUNCTION find_contacts(text, integer) OWNER TO hummdesk_search;
REVOKE CREATE ON SCHEMA public FROM hummdesk_search;
REVOKE ALL ON FUNCTION search_conversations(tsquery, integer) FROM PUBLIC;
REVOKE ALL ON FUNCTION estimated_matches(text) FROM PUBLIC;
REVOKE ALL ON FUNCTION rare_words(tsquery) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION search_conversations(tsquery, integer) TO hummdesk_app;
REVOKE ALL ON FUNCTION contact_of_email(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION contact_of_email(text) TO hummdesk_app, hummdesk_operator;
REVOKE ALL ON FUNCTION find_conversations(tsquery, text[], text[], integer) FROM PUBLIC;
REVOKE ALL ON FUNCTION find_contacts(text, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION find_conversations(tsquery, text[], text[], integer) TO hummdesk_app;
GRANT EXECUTE ON FUNCTION find_contacts(text, integer) TO hummdesk_app;
REVOKE ALL ON FUNCTION merge_pending_words() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION merge_pending_words() TO hummdesk_app;

ALTER TABLE business_hours ENABLE ROW LEVEL SECURITY;
ALTER TABLE business_hours FORCE ROW LEVEL SECURITY;
CREATE POLICY own_account ON business_hours TO hummdesk_app USING (account_id = current_account());
CREATE POLICY every_account ON business_hours TO hummdesk_operator, hummdesk_relay USING (true);
GRANT SELECT, INSERT, UPDATE ON business_hours TO hummdesk_app, hummdesk_operator;
GRANT SELECT, UPDATE (changes_at) ON business_hours TO hummdesk_relay;

ALTER TABLE queue_moves ENABLE ROW LEVEL SECURITY;
ALTER TABLE queue_moves FORCE ROW LEVEL SECURITY;
CREATE POLICY own_account ON queue_moves FOR SELECT TO hummdesk_app USING (account_id = current_account());
CREATE POLICY every_account ON queue_moves TO hummdesk_feed, hummdesk_relay USING (true);
GRANT SELECT ON queue_moves TO hummdesk_app;
GRANT INSERT ON queue_moves TO hummdesk_feed;
GRANT SELECT, DELETE ON queue_moves TO hummdesk_relay;

ALTER TABLE oidc_providers ENABLE ROW LEVEL SECURITY;
ALTER TABLE oidc_providers FORCE ROW LEVEL SECURITY;
CREATE POLICY own_account ON oidc_providers TO hummdesk_app USING (account_id = current_account());
CREATE POLICY every_account ON oidc_providers TO hummdesk_operator USING (true);
GRANT SELECT, INSERT, DELETE ON oidc_providers TO hummdesk_app, hummdesk_operator;
GRANT UPDATE (issuer, client_id, client_secret, scopes, groups_claim, groups, email_domains, creates_users, default_role)
    ON oidc_providers TO hummdesk_app, hummdesk_operator;

ALTER TABLE oidc_identities ENABLE ROW LEVEL SECURITY;
ALTER TABLE oidc_identities FORCE ROW LEVEL SECURITY;
CREATE POLICY own_account ON oidc_identities TO hummdesk_app USING (account_id = current_account());
CREATE POLICY every_account ON oidc_identities TO hummdesk_operator USING (true);
GRANT SELECT, INSERT ON oidc_identities TO hummdesk_app;
GRANT SELECT, DELETE ON oidc_identities TO hummdesk_operator;

ALTER TABLE sign_in_names ENABLE ROW LEVEL SECURITY;
ALTER TABLE sign_in_names FORCE ROW LEVEL SECURITY;
CREATE POLICY own_account ON sign_in_names TO hummdesk_app USING (account_id = current_account());
CREATE POLICY every_account ON sign_in_names TO hummdesk_operator USING (true);
CREATE POLICY every_account_searched ON sign_in_names FOR SELECT TO hummdesk_search USING (true);
GRANT SELECT ON sign_in_names TO hummdesk_app, hummdesk_search;
GRANT SELECT, INSERT, DELETE ON sign_in_names TO hummdesk_operator;

-- Before the sign-in no account is known: this function finds one by a name, and shows no other name.
CREATE FUNCTION account_of_sign_in_name(wanted text) RETURNS uuid
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path = pg_catalog, public, pg_temp
AS $$
    SELECT account_id
    FROM public.sign_in_names
    WHERE name = wanted
$$;
GRANT CREATE ON SCHEMA public TO hummdesk_search;
ALTER FUNCTION account_of_sign_in_name(text) OWNER TO hummdesk_search;
REVOKE CREATE ON SCHEMA public FROM hummdesk_search;
REVOKE ALL ON FUNCTION account_of_sign_in_name(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION account_of_sign_in_name(text) TO hummdesk_app;

-- For anonymous visitors of the widget.
GRANT INSERT (account_id, id, email, name) ON contacts TO hummdesk_app;

-- Web processes verify tokens; what they may change of the keys is below: see administration.
ALTER TABLE signing_keys ENABLE ROW LEVEL SECURITY;
ALTER TABLE signing_keys FORCE ROW LEVEL SECURITY;
CREATE POLICY own_account ON signing_keys TO hummdesk_app USING (account_id = current_account());
CREATE POLICY every_account ON signing_keys TO hummdesk_operator USING (true);
GRANT SELECT ON signing_keys TO hummdesk_app;
GRANT SELECT, INSERT ON signing_keys TO hummdesk_operator;
GRANT UPDATE (secret, revoked_at) ON signing_keys TO hummdesk_operator;

DO $$
DECLARE
    table_name text;
BEGIN
    FOREACH table_name IN ARRAY ARRAY['api_keys', 'idempotency_keys', 'audit_log'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', table_name);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', table_name);
        EXECUTE format('CREATE POLICY own_account ON %I TO hummdesk_app USING (account_id = current_account())',
                       table_name);
        EXECUTE format('CREATE POLICY every_account ON %I TO hummdesk_operator USING (true)', table_name);
        EXECUTE format('GRANT SELECT, INSERT ON %I TO hummdesk_app, hummdesk_operator', table_name);
    END LOOP;
END
$$;
GRANT UPDATE (name, scope, secret_hash, last_used_at, revoked_at) ON api_keys TO hummdesk_app, hummdesk_operator;
GRANT UPDATE (status, answer, started_at), DELETE ON idempotency_keys TO hummdesk_app;

-- Admins change webhooks; the relay leases them, and delivers.
ALTER TABLE webhooks ENABLE ROW LEVEL SECURITY;
ALTER TABLE webhooks FORCE ROW LEVEL SECURITY;
CREATE POLICY own_account ON webhooks TO hummdesk_app USING (account_id = current_account());
CREATE POLICY every_account ON webhooks TO hummdesk_operator USING (true);
CREATE POLICY every_webhook ON webhooks TO hummdesk_relay USING (true);
GRANT SELECT, INSERT ON webhooks TO hummdesk_app, hummdesk_operator;
GRANT UPDATE (url, events, secret, previous_secret, previous_secret_until, enabled, disabled_reason, last_number,
    requeued_at) ON webhooks TO hummdesk_app, hummdesk_operator;
GRANT SELECT ON webhooks TO hummdesk_relay;
GRANT UPDATE (enabled, disabled_reason, last_number, failing_since, leased_by, lease_until) ON webhooks
    TO hummdesk_relay;

ALTER TABLE webhook_deliveries ENABLE ROW LEVEL SECURITY;
ALTER TABLE webhook_deliveries FORCE ROW LEVEL SECURITY;
CREATE POLICY own_account ON webhook_deliveries TO hummdesk_app USING (account_id = current_account());
CREATE POLICY every_account ON webhook_deliveries TO hummdesk_operator USING (true);
CREATE POLICY every_delivery ON webhook_deliveries TO hummdesk_relay USING (true);
GRANT SELECT, INSERT ON webhook_deliveries TO hummdesk_app, hummdesk_operator;
GRANT UPDATE (status, attempts, next_attempt_at, give_up_at, created_at, finished_at) ON webhook_deliveries
    TO hummdesk_app, hummdesk_operator;
GRANT SELECT, INSERT, UPDATE, DELETE ON webhook_deliveries TO hummdesk_relay;

--------------------------------------------------------------------------------------------------------------- routing

DO $$
DECLARE
    table_name text;
BEGIN
    FOREACH table_name IN ARRAY ARRAY[
        'routing_settings', 'routing_teams', 'routing_positions', 'routing_records', 'routing_decisions'
    ] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', table_name);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', table_name);
        EXECUTE format('CREATE POLICY own_account ON %I TO hummdesk_app USING (account_id = current_account())',
                       table_name);
        EXECUTE format('CREATE POLICY every_account ON %I TO hummdesk_operator USING (true)', table_name);
        EXECUTE format('GRANT SELECT ON %I TO hummdesk_app, hummdesk_operator', table_name);
    END LOOP;
END
$$;
GRANT INSERT, UPDATE (mode, capacity, skills_wait_seconds, answer_seconds, offline_seconds)
    ON routing_settings TO hummdesk_app, hummdesk_operator;
GRANT INSERT, DELETE, UPDATE (mode, capacity) ON routing_teams TO hummdesk_app, hummdesk_operator;
GRANT INSERT, UPDATE (last_number) ON routing_positions TO hummdesk_app;
GRANT INSERT ON routing_positions TO hummdesk_operator;
GRANT INSERT ON routing_records, routing_decisions TO hummdesk_app;
GRANT INSERT (capacity), UPDATE (capacity) ON users TO hummdesk_app;

-- The relay routes the accounts that have it on. Old records are deleted with what else is too old.
CREATE POLICY every_account_routed ON routing_settings FOR SELECT TO hummdesk_relay USING (true);
CREATE POLICY every_account_routed ON routing_teams FOR SELECT TO hummdesk_relay USING (true);
CREATE POLICY old_deleted_by_eraser ON routing_records FOR DELETE TO hummdesk_eraser
    USING (decided_at < clock_timestamp() - interval '1 day');
GRANT SELECT ON routing_settings, routing_teams TO hummdesk_relay;

----------------------------------------------------------------------------------------------------- the message writer

CREATE POLICY own_account ON outbox TO hummdesk_app USING (account_id = current_account());
GRANT SELECT, INSERT ON outbox TO hummdesk_app;
CREATE POLICY every_entry ON outbox TO hummdesk_relay USING (true);
GRANT SELECT, DELETE ON outbox TO hummdesk_relay;
ALTER TABLE outbox ENABLE ROW LEVEL SECURITY;
ALTER TABLE outbox FORCE ROW LEVEL SECURITY;

-- The writer stores messages of several accounts in one transaction. The accounts are isolated by these limits:
--   it sees and writes only rows of the accounts that the transaction names;
--   the sender of a message must be an active person or API key of the same account that may write, and by the foreign
--   key the conversation must be of the same account;
--   it cannot read content, attachments or metadata of messages, nor names and addresses.
-- No other role is a member of this one.
GRANT USAGE ON SCHEMA public TO hummdesk_writer;
GRANT SELECT ON schema_migrations TO hummdesk_writer;

DO $$
DECLARE
    table_name text;
BEGIN
    FOREACH table_name IN ARRAY ARRAY[
        'users', 'contacts', 'api_keys', 'conversations', 'messages', 'message_reads', 'conversation_events', 'ai_runs',
        'outbox'
    ] LOOP
        EXECUTE format('CREATE POLICY accounts_of_the_batch ON %I TO hummdesk_writer '
                       'USING (is_named_account(account_id))', table_name);
    END LOOP;
END
$$;

-- OFFSET 0 keeps the planner from reading all contacts of all accounts into a hash table.
CREATE POLICY sender_of_the_account ON messages AS RESTRICTIVE FOR INSERT TO hummdesk_writer WITH CHECK (
    CASE sender_type
        WHEN 'agent' THEN EXISTS (
            SELECT
            FROM users
            WHERE users.account_id = messages.account_id
              AND users.id = messages.sender_id
              AND users.active
              AND users.role IN ('admin', 'agent')
            OFFSET 0
        )
        WHEN 'customer' THEN EXISTS (
            SELECT
            FROM contacts
            WHERE contacts.account_id = messages.account_id
              AND contacts.id = messages.sender_id
              AND contacts.active
            OFFSET 0
        )
        WHEN 'system' THEN EXISTS (
            SELECT
            FROM api_keys
            WHERE api_keys.account_id = messages.account_id
              AND api_keys.id = messages.sender_id
              AND api_keys.scope IN ('write', 'admin')
              AND api_keys.revoked_at IS NULL
            OFFSET 0
        )
        ELSE false
    END
);

GRANT SELECT (account_id, id, role, active) ON users TO hummdesk_writer;
GRANT SELECT (account_id, id, active) ON contacts TO hummdesk_writer;
GRANT SELECT (account_id, id, scope, revoked_at) ON api_keys TO hummdesk_writer;
GRANT SELECT (account_id, id, contact_id, status, last_seq, last_public_seq, staff_read_seq, unread_staff,
        unread_customer, updated_at),
    UPDATE (status, last_seq, last_public_seq, staff_read_seq, unread_staff, unread_customer, updated_at)
    ON conversations TO hummdesk_writer;
GRANT SELECT (account_id, id, conversation_id, seq, sender_id, sender_type, private, client_message_id, created_at), INSERT
    ON messages TO hummdesk_writer;
GRANT INSERT ON message_reads, conversation_events, ai_runs TO hummdesk_writer;
GRANT SELECT (account_id, id), INSERT, DELETE ON outbox TO hummdesk_writer;

-- The relay finds the snoozed conversations that are due, of all accounts, and nothing else of them.
CREATE POLICY snoozed_seen ON conversations FOR SELECT TO hummdesk_relay USING (snoozed_until IS NOT NULL);
GRANT SELECT (account_id, id, snoozed_until) ON conversations TO hummdesk_relay;

-- An operator who disables a user leaves the publication of the unassigned conversations to the relay.
CREATE POLICY every_account ON outbox TO hummdesk_operator USING (true);
GRANT SELECT, INSERT ON outbox TO hummdesk_operator;

------------------------------------------------------------------------------------------------------------ the feed

-- hummdesk_feed owns the functions of the feed, so that each role that changes a row adds the change, and no role can add
-- one without, change or remove one. The names in the functions are qualified, as in the search. No other role is a member.
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

-- The relay delivers no webhooks of disabled accounts, and sees of all accounts only which these are.
GRANT SELECT (account_id, disabled_at) ON accounts TO hummdesk_relay;
CREATE POLICY every_account_delivered ON accounts FOR SELECT TO hummdesk_relay USING (true);

REVOKE ALL ON FUNCTION
    feed_messages(), feed_conversation_events(), feed_row(), feed_part(), feed_conversation(), feed_run(),
    number_changes(uuid, integer), sequence_feed(integer), sequence_feeds(uuid, integer)
    FROM PUBLIC;
GRANT EXECUTE ON FUNCTION sequence_feed(integer) TO hummdesk_app, hummdesk_operator;
GRANT EXECUTE ON FUNCTION sequence_feeds(uuid, integer) TO hummdesk_relay;

ALTER FUNCTION note_queue_move() OWNER TO hummdesk_feed;
ALTER FUNCTION feed_messages() OWNER TO hummdesk_feed;
ALTER FUNCTION feed_conversation_events() OWNER TO hummdesk_feed;
ALTER FUNCTION feed_row() OWNER TO hummdesk_feed;
ALTER FUNCTION feed_part() OWNER TO hummdesk_feed;
ALTER FUNCTION feed_conversation() OWNER TO hummdesk_feed;
ALTER FUNCTION feed_run() OWNER TO hummdesk_feed;
ALTER FUNCTION number_changes(uuid, integer) OWNER TO hummdesk_feed;
ALTER FUNCTION sequence_feed(integer) OWNER TO hummdesk_feed;
ALTER FUNCTION sequence_feeds(uuid, integer) OWNER TO hummdesk_feed;

---------------------------------------------------------------------------------------------------------- the eraser

ALTER TABLE erasures ENABLE ROW LEVEL SECURITY;
ALTER TABLE erasures FORCE ROW LEVEL SECURITY;

-- What the eraser can do: replace the content of messages that it marks as erased, of conversations and contacts; delete
-- what was derived from them, and visitors; and delete an account whose erasure the operator has requested.

-- Each `migrate` does the same for tables that were added.
DO $$
DECLARE
    found record;
    requested constant text := 'account_id IN (SELECT account_id FROM erasures WHERE subject = ''account'')';
BEGIN
    FOR found IN
        SELECT relname::text AS name, quote_ident(relname) AS quoted
        FROM pg_class
        JOIN pg_attribute ON attrelid = pg_class.oid AND attname = 'account_id'
        WHERE relnamespace = 'public'::regnamespace
          AND relkind = 'r'
          AND relname <> 'erasures'
          AND NOT EXISTS (SELECT FROM pg_policy WHERE polrelid = pg_class.oid AND polname = 'deleted_by_eraser')
    LOOP
        EXECUTE 'GRANT SELECT, DELETE ON ' || found.quoted || ' TO hummdesk_eraser';
        EXECUTE 'CREATE POLICY seen_by_eraser ON ' || found.quoted || ' FOR SELECT TO hummdesk_eraser USING (true)';
        EXECUTE 'CREATE POLICY deleted_by_eraser ON ' || found.quoted || ' FOR DELETE TO hummdesk_eraser USING ('
            || CASE
                WHEN found.name IN (
                    'message_reads', 'outbox', 'ai_results', 'ai_corrections', 'knowledge_passages', 'conversation_subjects'
                )
                THEN 'true'
                WHEN found.name = 'contacts'
                THEN requested || ' OR starts_with(email, ''visitor-'') AND email ~ ''@visitors[.]invalid$'''
                ELSE requested
            END
            || ')';
    END LOOP;
END
$$;

DO $$
DECLARE
    table_name text;
BEGIN
    FOREACH table_name IN ARRAY ARRAY[
        'accounts', 'users', 'contacts', 'conversations', 'messages', 'conversation_events', 'ai_runs', 'past_answers',
        'conversation_ratings'
    ] LOOP
        EXECUTE format('CREATE POLICY changed_by_eraser ON %I FOR UPDATE TO hummdesk_eraser USING (true)', table_name);
    END LOOP;
END
$$;

GRANT UPDATE (erased_before) ON accounts TO hummdesk_eraser;
GRANT UPDATE (active) ON users TO hummdesk_eraser;
GRANT UPDATE (email, name, avatar_url, active) ON contacts TO hummdesk_eraser;
GRANT UPDATE (subject, metadata, client_message_id, revision, erased_at) ON conversations TO hummdesk_eraser;
GRANT UPDATE (sender_name, content, content_type, attachments, metadata, client_message_id, bytes, revision, erased_at)
    ON messages TO hummdesk_eraser;
GRANT UPDATE (details) ON conversation_events TO hummdesk_eraser;
GRANT UPDATE (status, outcome, published_at, last_error, finished_at, announced_at) ON ai_runs TO hummdesk_eraser;
GRANT UPDATE (learned_at, question, answer, indexed_as) ON past_answers TO hummdesk_eraser;
GRANT UPDATE (comment) ON conversation_ratings TO hummdesk_eraser;

CREATE POLICY only_erased ON messages AS RESTRICTIVE FOR UPDATE TO hummdesk_eraser
    USING (true) WITH CHECK (erased_at IS NOT NULL AND content = '');

CREATE POLICY every_account ON erasures TO hummdesk_operator USING (true);
GRANT SELECT, INSERT, UPDATE ON erasures TO hummdesk_operator;
CREATE POLICY seen_by_eraser ON erasures FOR SELECT TO hummdesk_eraser USING (true);
CREATE POLICY requested_by_eraser ON erasures FOR INSERT TO hummdesk_eraser WITH CHECK (subject = 'contact');
CREATE POLICY changed_by_eraser ON erasures FOR UPDATE TO hummdesk_eraser USING (true);
GRANT SELECT, INSERT, UPDATE (completed_at, verified_at, erased) ON erasures TO hummdesk_eraser;

-- What is too old is deleted: AI runs that have ended with what belongs to them, learned answers, daily use of models,
-- entries of the audit log, and requests with an Idempotency-Key. The views and requests of an old run may be new.
CREATE POLICY old_deleted_by_eraser ON ai_runs FOR DELETE TO hummdesk_eraser
    USING (announced_at < clock_timestamp() - interval '1 day');
CREATE POLICY erased_by_eraser ON draft_views FOR DELETE TO hummdesk_eraser USING (true);
CREATE POLICY erased_by_eraser ON ai_calls FOR DELETE TO hummdesk_eraser USING (true);
CREATE POLICY old_deleted_by_eraser ON past_answers FOR DELETE TO hummdesk_eraser
    USING (learned_at < clock_timestamp() - interval '1 day');
GRANT UPDATE (draft_run_id, draft_use) ON past_answers TO hummdesk_eraser;
CREATE POLICY old_deleted_by_eraser ON ai_usage FOR DELETE TO hummdesk_eraser
    USING (day < (clock_timestamp() - interval '1 day')::date);
CREATE POLICY old_deleted_by_eraser ON audit_log FOR DELETE TO hummdesk_eraser
    USING (created_at < clock_timestamp() - interval '1 day');
CREATE POLICY old_deleted_by_eraser ON idempotency_keys FOR DELETE TO hummdesk_eraser
    USING (created_at < clock_timestamp() - interval '1 hour');

-- Stored answers may name a contact who is erased.
CREATE POLICY changed_by_eraser ON idempotency_keys FOR UPDATE TO hummdesk_eraser USING (true);
GRANT UPDATE (answer) ON idempotency_keys TO hummdesk_eraser;

-- Files are deleted with their conversation, and when they expire; their objects by the relay.
CREATE POLICY erased_by_eraser ON files FOR DELETE TO hummdesk_eraser USING (true);
CREATE POLICY changed_by_eraser ON file_usage FOR UPDATE TO hummdesk_eraser USING (true);
GRANT UPDATE (bytes) ON file_usage TO hummdesk_eraser;
GRANT INSERT (account_id, bytes, quota), UPDATE (quota) ON file_usage TO hummdesk_operator;
CREATE POLICY requested_by_eraser ON file_deletions FOR INSERT TO hummdesk_eraser WITH CHECK (true);
CREATE POLICY changed_by_eraser ON file_deletions FOR UPDATE TO hummdesk_eraser USING (true);
CREATE POLICY done_by_eraser ON file_deletions FOR DELETE TO hummdesk_eraser USING (true);
GRANT INSERT, UPDATE (due_at, attempts, deleted_at) ON file_deletions TO hummdesk_eraser;

GRANT SELECT (erased_at, waiting_since, assigned_to, assigned_team, continued_in, continued_before, repeats_in),
    UPDATE (waiting_since)
    ON conversations TO hummdesk_writer;
GRANT UPDATE (waiting_since, repeats_in) ON conversations TO hummdesk_app;

------------------------------------------------------------------------------------------------------ administration

-- Admins change what belongs to their account, by web processes, column by column.
GRANT UPDATE (
        name, ai_provider, widget_origins, retention_days, ai_daily_tokens, ai_daily_dollars, ai_min_confidence, widget_look,
        read_on_view, ai_company, ai_voice, ai_policies
    )
    ON accounts TO hummdesk_app;
GRANT INSERT (account_id, id, email, name, role, skills), UPDATE (email, name, role, active, skills)
    ON users TO hummdesk_app;
GRANT INSERT (account_id, id, name, description, examples), UPDATE (name, active, description, examples)
    ON teams TO hummdesk_app;
GRANT INSERT, DELETE ON team_members TO hummdesk_app;
GRANT INSERT (avatar_url, external_id, attributes),
    UPDATE (email, name, avatar_url, active, external_id, attributes, stated_email)
    ON contacts TO hummdesk_app;
GRANT INSERT (account_id, id, title, body, questions, language), UPDATE (title, body, questions, language), DELETE
    ON knowledge_articles TO hummdesk_app;
GRANT INSERT (account_id, id, title, content, language), UPDATE (title, content, language), DELETE
    ON canned_replies TO hummdesk_app;

-- A web process adds and revokes signing keys, and cannot restore a revoked one.
GRANT INSERT, UPDATE (revoked_at) ON signing_keys TO hummdesk_app;
CREATE POLICY only_revoked ON signing_keys AS RESTRICTIVE FOR UPDATE TO hummdesk_app
    USING (true) WITH CHECK (revoked_at IS NOT NULL);

GRANT UPDATE (external_id, attributes, stated_email) ON contacts TO hummdesk_eraser;
GRANT UPDATE (notes) ON contacts TO hummdesk_app, hummdesk_eraser;

-- An anonymous visitor who is identified becomes a contact: the conversations are moved, and the visitor is deleted.
GRANT UPDATE (contact_id) ON conversations TO hummdesk_app;
GRANT UPDATE (reader_id) ON message_reads TO hummdesk_app;
-- A reply marks what its agent has answered as read.
GRANT SELECT (account_id, conversation_id, reader_id, seq, read_at, unread_after), UPDATE (seq, read_at, unread_after)
    ON message_reads TO hummdesk_writer;
GRANT DELETE ON contacts TO hummdesk_app;
CREATE POLICY only_visitors_deleted ON contacts AS RESTRICTIVE FOR DELETE TO hummdesk_app
    USING (starts_with(email, 'visitor-') AND email ~ '@visitors[.]invalid$' AND external_id IS NULL);
-- The messages become the contact's, so that one that is sent again is found.
GRANT UPDATE (sender_id) ON messages TO hummdesk_app;
CREATE POLICY only_of_the_customer ON messages AS RESTRICTIVE FOR UPDATE TO hummdesk_app
    USING (sender_type = 'customer') WITH CHECK (
        sender_type = 'customer'
        AND EXISTS (
            SELECT
            FROM conversations
            WHERE conversations.account_id = messages.account_id
              AND conversations.id = messages.conversation_id
              AND conversations.contact_id = messages.sender_id
        )
    );

------------------------------------------------------------------------------------------------------ changed messages

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

-- hummdesk_author owns the function. No other role is a member of this one.
GRANT CREATE ON SCHEMA public TO hummdesk_author;
ALTER FUNCTION change_message(uuid, uuid, text, text, bigint) OWNER TO hummdesk_author;
REVOKE CREATE ON SCHEMA public FROM hummdesk_author;
REVOKE ALL ON FUNCTION change_message(uuid, uuid, text, text, bigint) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION change_message(uuid, uuid, text, text, bigint) TO hummdesk_app;

CREATE POLICY of_staff ON messages TO hummdesk_author
    USING (account_id = current_account() AND sender_type <> 'customer');
GRANT SELECT (account_id, id, sender_id, sender_type, sender_name, attachments, metadata, client_message_id, erased_at),
    UPDATE (content, content_type, attachments, metadata, bytes, revision, erased_at, withdrawn)
    ON messages TO hummdesk_author;
GRANT UPDATE (revision) ON conversations TO hummdesk_app;
GRANT DELETE ON ai_results TO hummdesk_app;
GRANT UPDATE (withdrawn) ON messages TO hummdesk_eraser;

------------------------------------------------------------------------------------------------------------- backups

-- Each `migrate` does the same for tables that were added.
GRANT USAGE ON SCHEMA public TO hummdesk_backup;
GRANT USAGE ON SCHEMA public TO hummdesk_eraser;
GRANT USAGE ON SCHEMA public TO hummdesk_feed;
GRANT USAGE ON SCHEMA public TO hummdesk_author;

DO $$
DECLARE
    found record;
BEGIN
    FOR found IN
        SELECT oid::regclass AS table_name, relrowsecurity
        FROM pg_class
        WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')
    LOOP
        EXECUTE format('GRANT SELECT ON %s TO hummdesk_backup', found.table_name);
        IF found.relrowsecurity THEN
            EXECUTE format('CREATE POLICY every_row_backed_up ON %s FOR SELECT TO hummdesk_backup USING (true)',
                           found.table_name);
        END IF;
    END LOOP;
END
$$;
