-- The outbox of AI runs, written in the transaction of the message that asks for them, and what they found.

CREATE TABLE ai_jobs (
    account_id uuid NOT NULL,
    id uuid NOT NULL,
    conversation_id uuid NOT NULL,
    message_id uuid NOT NULL,
    seq bigint NOT NULL,
    kind text NOT NULL,
    status text NOT NULL DEFAULT 'pending',
    outcome text,
    attempts integer NOT NULL DEFAULT 0,
    available_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    published_at timestamptz,
    lease_until timestamptz,
    deadline_at timestamptz,
    started_at timestamptz,
    last_error text,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    finished_at timestamptz,
    announced_at timestamptz,
    CONSTRAINT ai_jobs_pkey PRIMARY KEY (account_id, id),
    CONSTRAINT ai_jobs_message_key UNIQUE (account_id, message_id, kind),
    CONSTRAINT ai_jobs_message_fkey FOREIGN KEY (account_id, message_id) REFERENCES messages (account_id, id),
    CONSTRAINT ai_jobs_kind_known CHECK (kind IN ('classification', 'draft')),
    CONSTRAINT ai_jobs_status_known CHECK (status IN ('pending', 'published', 'running', 'done', 'failed')),
    CONSTRAINT ai_jobs_outcome_known CHECK (outcome IN ('done', 'abstained', 'superseded')),
    CONSTRAINT ai_jobs_outcome_of_done CHECK ((status = 'done') = (outcome IS NOT NULL)),
    CONSTRAINT ai_jobs_leased CHECK (status NOT IN ('published', 'running') OR lease_until IS NOT NULL),
    CONSTRAINT ai_jobs_finished CHECK ((status IN ('done', 'failed')) = (finished_at IS NOT NULL)),
    CONSTRAINT ai_jobs_announced_last CHECK (announced_at IS NULL OR finished_at IS NOT NULL)
) WITH (fillfactor = 70);
-- The only index that a run's changes of state touch, and that once, when it leaves: the others stay in the page.
CREATE INDEX ai_jobs_open ON ai_jobs (account_id, id) WHERE announced_at IS NULL;

CREATE TABLE ai_results (
    account_id uuid NOT NULL,
    run_id uuid NOT NULL,
    kind text NOT NULL,
    payload jsonb NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT ai_results_pkey PRIMARY KEY (account_id, run_id),
    CONSTRAINT ai_results_run_fkey FOREIGN KEY (account_id, run_id) REFERENCES ai_jobs (account_id, id),
    CONSTRAINT ai_results_kind_known CHECK (kind IN ('classification', 'draft'))
);
