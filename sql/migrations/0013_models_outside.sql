-- Who answers for an account, and what each request to a model outside has cost.

ALTER TABLE accounts ADD COLUMN ai_provider text
    CONSTRAINT accounts_ai_provider_known CHECK (ai_provider IN ('embedded', 'anthropic', 'openai'));
CREATE POLICY named_accounts ON accounts TO hummdesk_worker USING (account_id = ANY (current_accounts()));

CREATE TABLE ai_calls (
    account_id uuid NOT NULL,
    id uuid NOT NULL,
    run_id uuid NOT NULL,
    provider text NOT NULL,
    model text NOT NULL,
    prompt text NOT NULL,
    outcome text NOT NULL,
    fallback boolean NOT NULL,
    input_tokens integer NOT NULL,
    cache_read_tokens integer NOT NULL,
    cache_write_tokens integer NOT NULL,
    output_tokens integer NOT NULL,
    cost_usd numeric,
    milliseconds integer NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT ai_calls_pkey PRIMARY KEY (account_id, id),
    CONSTRAINT ai_calls_run_fkey FOREIGN KEY (account_id, run_id) REFERENCES ai_jobs (account_id, id),
    CONSTRAINT ai_calls_cost_not_negative CHECK (cost_usd >= 0)
);
CREATE INDEX ai_calls_by_time ON ai_calls (account_id, created_at);
ALTER TABLE ai_calls ENABLE ROW LEVEL SECURITY;
ALTER TABLE ai_calls FORCE ROW LEVEL SECURITY;
CREATE POLICY own_account ON ai_calls TO hummdesk_app USING (account_id = current_account());
CREATE POLICY every_account ON ai_calls TO hummdesk_operator USING (true);
GRANT SELECT, INSERT ON ai_calls TO hummdesk_app;
GRANT SELECT ON ai_calls TO hummdesk_operator;
