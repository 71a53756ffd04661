-- compatible from: 0036
-- Routing: its settings for each account and team, the capacity of users, and the decisions with what they were made on.

CREATE TABLE routing_settings (
    account_id uuid NOT NULL,
    mode text NOT NULL DEFAULT 'off',
    capacity integer NOT NULL DEFAULT 5,
    skills_wait_seconds integer NOT NULL DEFAULT 60,
    answer_seconds integer NOT NULL DEFAULT 0,
    offline_seconds integer NOT NULL DEFAULT 30,
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

CREATE TABLE routing_teams (
    account_id uuid NOT NULL,
    team_id uuid NOT NULL,
    mode text,
    capacity integer,
    CONSTRAINT routing_teams_pkey PRIMARY KEY (account_id, team_id),
    CONSTRAINT routing_teams_team_fkey FOREIGN KEY (account_id, team_id)
        REFERENCES teams (account_id, id) ON DELETE CASCADE,
    CONSTRAINT routing_teams_mode_known CHECK (mode IN ('off', 'round_robin', 'least_loaded')),
    CONSTRAINT routing_teams_capacity_bounded CHECK (capacity BETWEEN 0 AND 1000)
);

ALTER TABLE users
    ADD COLUMN capacity integer CONSTRAINT users_capacity_bounded CHECK (capacity BETWEEN 0 AND 1000);

CREATE TABLE routing_positions (
    account_id uuid NOT NULL,
    last_number bigint NOT NULL DEFAULT 0,
    CONSTRAINT routing_positions_pkey PRIMARY KEY (account_id),
    CONSTRAINT routing_positions_account_fkey FOREIGN KEY (account_id) REFERENCES accounts (account_id)
);

CREATE TABLE routing_records (
    account_id uuid NOT NULL,
    number bigint NOT NULL,
    decided_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    snapshot jsonb NOT NULL,
    choices jsonb NOT NULL,
    CONSTRAINT routing_records_pkey PRIMARY KEY (account_id, number),
    CONSTRAINT routing_records_account_fkey FOREIGN KEY (account_id) REFERENCES accounts (account_id)
);

CREATE TABLE routing_decisions (
    account_id uuid NOT NULL,
    number bigint NOT NULL,
    record_number bigint NOT NULL,
    conversation_id uuid NOT NULL,
    agent_id uuid NOT NULL,
    rule text NOT NULL,
    event_id uuid NOT NULL,
    weight integer,
    capacity integer,
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
