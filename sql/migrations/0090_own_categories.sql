-- compatible from: 0036
-- The categories of messages that an account has named itself. Without a row that is enabled, the built-in ones are used.

CREATE TABLE own_categories (
    account_id uuid NOT NULL,
    is_enabled boolean NOT NULL,
    categories jsonb NOT NULL,
    changed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT own_categories_pkey PRIMARY KEY (account_id),
    CONSTRAINT own_categories_account_fkey FOREIGN KEY (account_id) REFERENCES accounts (account_id),
    CONSTRAINT own_categories_bounded CHECK (
        jsonb_typeof(categories) = 'array'
        AND jsonb_array_length(categories) <= 30
        AND octet_length(categories::text) <= 1048576
    ),
    CONSTRAINT own_categories_several CHECK (NOT is_enabled OR jsonb_array_length(categories) >= 2)
);

ALTER TABLE own_categories ENABLE ROW LEVEL SECURITY;
ALTER TABLE own_categories FORCE ROW LEVEL SECURITY;
CREATE POLICY own_account ON own_categories TO hummdesk_app USING (account_id = current_account());
CREATE POLICY named_accounts ON own_categories TO hummdesk_worker USING (is_named_account(account_id));
CREATE POLICY every_account ON own_categories TO hummdesk_operator USING (true);
GRANT SELECT, INSERT, UPDATE ON own_categories TO hummdesk_app, hummdesk_operator;
GRANT SELECT ON own_categories TO hummdesk_worker;
