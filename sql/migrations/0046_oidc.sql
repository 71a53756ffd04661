-- compatible from: 0036
-- Staff sign in at the identity provider of their account (OpenID Connect).

CREATE TABLE oidc_providers (
    account_id uuid NOT NULL,
    issuer text NOT NULL,
    client_id text NOT NULL,
    client_secret bytea,
    scopes text[] NOT NULL,
    groups_claim text NOT NULL,
    groups jsonb NOT NULL,
    email_domains text[] NOT NULL,
    creates_users boolean NOT NULL,
    default_role text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT oidc_providers_pkey PRIMARY KEY (account_id),
    CONSTRAINT oidc_providers_account_fkey FOREIGN KEY (account_id) REFERENCES accounts (account_id),
    CONSTRAINT oidc_providers_groups_object CHECK (jsonb_typeof(groups) = 'object'),
    CONSTRAINT oidc_providers_default_role_known CHECK (default_role IN ('admin', 'agent', 'viewer'))
);

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

CREATE TABLE sign_in_names (
    account_id uuid NOT NULL,
    name text NOT NULL,
    CONSTRAINT sign_in_names_pkey PRIMARY KEY (account_id, name),
    CONSTRAINT sign_in_names_account_fkey FOREIGN KEY (account_id) REFERENCES accounts (account_id),
    CONSTRAINT sign_in_names_lower CHECK (name = lower(name) AND name <> '')
);
CREATE UNIQUE INDEX sign_in_names_name_key ON sign_in_names (name);

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
GRANT CREATE ON SCHEMA public TO hummdesk_search;
SET LOCAL ROLE hummdesk_search;

CREATE FUNCTION account_of_sign_in_name(wanted text) RETURNS uuid
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path = pg_catalog, public, pg_temp
AS $$
    SELECT account_id
    FROM public.sign_in_names
    WHERE name = wanted
$$;
REVOKE ALL ON FUNCTION account_of_sign_in_name(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION account_of_sign_in_name(text) TO hummdesk_app;

RESET ROLE;
REVOKE CREATE ON SCHEMA public FROM hummdesk_search;
