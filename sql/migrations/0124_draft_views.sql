-- compatible from: 0036
-- Which drafts an agent was shown and has dismissed, and the topics of the questions of a simulation that nothing answers.

CREATE TABLE draft_views (
    account_id uuid NOT NULL,
    run_id uuid NOT NULL,
    shown_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    dismissed_at timestamptz,
    CONSTRAINT draft_views_pkey PRIMARY KEY (account_id, run_id),
    CONSTRAINT draft_views_run_fkey FOREIGN KEY (account_id, run_id) REFERENCES ai_runs (account_id, id)
);

CREATE TABLE unanswered_topics (
    account_id uuid NOT NULL,
    simulation_id uuid NOT NULL,
    number integer NOT NULL,
    questions integer NOT NULL,
    message_ids uuid[] NOT NULL,
    CONSTRAINT unanswered_topics_pkey PRIMARY KEY (account_id, simulation_id, number),
    CONSTRAINT unanswered_topics_simulation_fkey FOREIGN KEY (account_id, simulation_id)
        REFERENCES ai_simulations (account_id, id) ON DELETE CASCADE,
    CONSTRAINT unanswered_topics_examples CHECK (cardinality(message_ids) BETWEEN 1 AND 10)
);

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
