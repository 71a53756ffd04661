-- Who answers (users, in teams) and who asks (contacts); what becomes of them is told to the web processes.

CREATE TABLE users (
    account_id uuid NOT NULL,
    id uuid NOT NULL,
    email text NOT NULL,
    name text NOT NULL,
    role text NOT NULL,
    active boolean NOT NULL DEFAULT true,
    last_seen_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT users_pkey PRIMARY KEY (account_id, id),
    CONSTRAINT users_account_fkey FOREIGN KEY (account_id) REFERENCES accounts (account_id),
    CONSTRAINT users_role_known CHECK (role IN ('admin', 'agent', 'viewer'))
);
CREATE UNIQUE INDEX users_email_key ON users (account_id, lower(email));

CREATE TABLE contacts (
    account_id uuid NOT NULL,
    id uuid NOT NULL,
    email text NOT NULL,
    name text NOT NULL,
    avatar_url text,
    active boolean NOT NULL DEFAULT true,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT contacts_pkey PRIMARY KEY (account_id, id),
    CONSTRAINT contacts_account_fkey FOREIGN KEY (account_id) REFERENCES accounts (account_id)
);
CREATE UNIQUE INDEX contacts_email_key ON contacts (account_id, lower(email));

CREATE TABLE teams (
    account_id uuid NOT NULL,
    id uuid NOT NULL,
    name text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT teams_pkey PRIMARY KEY (account_id, id),
    CONSTRAINT teams_account_fkey FOREIGN KEY (account_id) REFERENCES accounts (account_id),
    CONSTRAINT teams_name_key UNIQUE (account_id, name)
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

-- Tells every web process to look at a person again. The argument names the column that holds the person's id.
-- Somebody who moved is announced in both accounts.
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
