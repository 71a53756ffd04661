-- Keys with which accounts sign the tokens of their users and contacts.

CREATE TABLE signing_keys (
    account_id uuid NOT NULL,
    kid text NOT NULL,
    algorithm text NOT NULL,
    secret bytea,
    public_key text,
    jwks_url text,
    issuer text,
    audience text,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    revoked_at timestamptz,
    CONSTRAINT signing_keys_pkey PRIMARY KEY (account_id, kid),
    CONSTRAINT signing_keys_account_fkey FOREIGN KEY (account_id) REFERENCES accounts (account_id),
    CONSTRAINT signing_keys_kid_length CHECK (length(kid) BETWEEN 1 AND 128),
    CONSTRAINT signing_keys_algorithm_known CHECK (algorithm IN ('HS256', 'RS256', 'ES256', 'EdDSA')),
    CONSTRAINT signing_keys_of_one_kind CHECK (num_nonnulls(secret, public_key, jwks_url) = 1),
    CONSTRAINT signing_keys_secret_of_hs256 CHECK ((algorithm = 'HS256') = (secret IS NOT NULL))
);

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

ALTER TABLE signing_keys ENABLE ROW LEVEL SECURITY;
ALTER TABLE signing_keys FORCE ROW LEVEL SECURITY;
CREATE POLICY own_account ON signing_keys TO hummdesk_app USING (account_id = current_account());
CREATE POLICY every_account ON signing_keys TO hummdesk_operator USING (true);
GRANT SELECT ON signing_keys TO hummdesk_app;
GRANT SELECT, INSERT ON signing_keys TO hummdesk_operator;
GRANT UPDATE (secret, revoked_at) ON signing_keys TO hummdesk_operator;
