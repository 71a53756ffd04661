-- Daily budgets of accounts for external models, and what each account has used of them.
-- The table accounts is small: checking the new constraints takes milliseconds.

ALTER TABLE accounts
    ADD COLUMN ai_daily_tokens bigint CONSTRAINT accounts_ai_daily_tokens_not_negative CHECK (ai_daily_tokens >= 0),
    ADD COLUMN ai_daily_dollars numeric CONSTRAINT accounts_ai_daily_dollars_not_negative CHECK (ai_daily_dollars >= 0);

CREATE TABLE ai_usage (
    account_id uuid NOT NULL,
    day date NOT NULL,
    tokens bigint NOT NULL DEFAULT 0,
    dollars numeric NOT NULL DEFAULT 0,
    refused bigint NOT NULL DEFAULT 0,
    CONSTRAINT ai_usage_pkey PRIMARY KEY (account_id, day),
    CONSTRAINT ai_usage_account_fkey FOREIGN KEY (account_id) REFERENCES accounts (account_id)
);
ALTER TABLE ai_usage ENABLE ROW LEVEL SECURITY;
ALTER TABLE ai_usage FORCE ROW LEVEL SECURITY;
CREATE POLICY own_account ON ai_usage TO hummdesk_app USING (account_id = current_account());
CREATE POLICY every_account ON ai_usage TO hummdesk_operator USING (true);
GRANT SELECT, INSERT ON ai_usage TO hummdesk_app;
GRANT UPDATE (tokens, dollars, refused) ON ai_usage TO hummdesk_app;
GRANT SELECT ON ai_usage TO hummdesk_operator;
