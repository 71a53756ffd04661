-- compatible from: 0036
-- Simulations: what the AI would have drafted on closed conversations, compared with what agents have sent. Their requests
-- to external models belong to no run.

CREATE TABLE ai_simulations (
    account_id uuid NOT NULL,
    id uuid NOT NULL,
    status text NOT NULL DEFAULT 'pending',
    since timestamptz NOT NULL,
    max_conversations integer NOT NULL,
    max_dollars numeric NOT NULL,
    provider text,
    conversations integer NOT NULL DEFAULT 0,
    questions integer NOT NULL DEFAULT 0,
    completed integer NOT NULL DEFAULT 0,
    cost_usd numeric NOT NULL DEFAULT 0,
    unpriced integer NOT NULL DEFAULT 0,
    error text,
    created_by uuid,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    started_at timestamptz,
    finished_at timestamptz,
    step integer NOT NULL DEFAULT 0,
    due_at timestamptz DEFAULT clock_timestamp(),
    CONSTRAINT ai_simulations_pkey PRIMARY KEY (account_id, id),
    CONSTRAINT ai_simulations_account_fkey FOREIGN KEY (account_id) REFERENCES accounts (account_id),
    CONSTRAINT ai_simulations_status_known CHECK (status IN ('pending', 'running', 'done', 'cancelled', 'failed')),
    CONSTRAINT ai_simulations_bounded CHECK (max_conversations BETWEEN 1 AND 1000 AND max_dollars BETWEEN 0 AND 1000),
    CONSTRAINT ai_simulations_finished CHECK (
        (status IN ('done', 'cancelled', 'failed')) = (finished_at IS NOT NULL)
        AND (finished_at IS NULL) = (due_at IS NOT NULL)
        AND (status = 'failed') = (error IS NOT NULL)
    )
);
CREATE UNIQUE INDEX ai_simulations_unfinished ON ai_simulations (account_id) WHERE finished_at IS NULL;
CREATE INDEX ai_simulations_due ON ai_simulations (due_at) WHERE finished_at IS NULL;

CREATE TABLE ai_simulated_drafts (
    account_id uuid NOT NULL,
    simulation_id uuid NOT NULL,
    message_id uuid NOT NULL,
    conversation_id uuid NOT NULL,
    reply_seq bigint NOT NULL,
    is_first boolean NOT NULL,
    category text NOT NULL,
    attempts integer NOT NULL DEFAULT 0,
    outcome text,
    provider text,
    confidence double precision,
    source_kind text,
    source_id uuid,
    draft text,
    facts integer,
    kept_facts integer,
    other_facts integer,
    edit_distance double precision,
    draft_words integer,
    reply_words integer,
    cost_usd numeric,
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
CREATE INDEX ai_simulated_drafts_by_message ON ai_simulated_drafts (account_id, message_id);

ALTER TABLE ai_calls ALTER COLUMN run_id DROP NOT NULL;

ALTER TABLE ai_simulations ENABLE ROW LEVEL SECURITY;
ALTER TABLE ai_simulations FORCE ROW LEVEL SECURITY;
CREATE POLICY own_account ON ai_simulations TO hummdesk_app USING (account_id = current_account());
CREATE POLICY every_account ON ai_simulations TO hummdesk_operator USING (true);
CREATE POLICY every_simulation ON ai_simulations TO hummdesk_relay USING (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON ai_simulations TO hummdesk_app, hummdesk_operator;
GRANT SELECT (account_id, id, step, due_at, finished_at), UPDATE (step, due_at) ON ai_simulations TO hummdesk_relay;

ALTER TABLE ai_simulated_drafts ENABLE ROW LEVEL SECURITY;
ALTER TABLE ai_simulated_drafts FORCE ROW LEVEL SECURITY;
CREATE POLICY own_account ON ai_simulated_drafts TO hummdesk_app USING (account_id = current_account());
CREATE POLICY every_account ON ai_simulated_drafts TO hummdesk_operator USING (true);
CREATE POLICY erased_by_eraser ON ai_simulated_drafts FOR DELETE TO hummdesk_eraser USING (true);
GRANT SELECT, INSERT, UPDATE ON ai_simulated_drafts TO hummdesk_app;
GRANT SELECT ON ai_simulated_drafts TO hummdesk_operator;
