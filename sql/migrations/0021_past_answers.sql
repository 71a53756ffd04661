-- What agents have answered: what became of the AI's draft, and what may serve as an answer to others.

CREATE TABLE past_answers (
    account_id uuid NOT NULL,
    message_id uuid NOT NULL,
    conversation_id uuid NOT NULL,
    seq bigint NOT NULL,
    learned_at timestamptz,
    draft_run_id uuid,
    draft_use text,
    question text,
    answer text,
    indexed_as text,
    CONSTRAINT past_answers_pkey PRIMARY KEY (account_id, message_id),
    CONSTRAINT past_answers_message_fkey FOREIGN KEY (account_id, message_id) REFERENCES messages (account_id, id),
    CONSTRAINT past_answers_draft_fkey FOREIGN KEY (account_id, draft_run_id) REFERENCES ai_jobs (account_id, id),
    CONSTRAINT past_answers_draft_use_known CHECK (draft_use IN ('as_it_was', 'edited', 'ignored')),
    CONSTRAINT past_answers_use_of_draft CHECK ((draft_use IS NULL) = (draft_run_id IS NULL)),
    CONSTRAINT past_answers_whole CHECK ((question IS NULL) = (answer IS NULL)),
    CONSTRAINT past_answers_learned CHECK (learned_at IS NOT NULL OR num_nonnulls(draft_use, question) = 0)
);
CREATE INDEX past_answers_new ON past_answers (account_id, message_id) WHERE learned_at IS NULL;
CREATE INDEX past_answers_kept ON past_answers (account_id, message_id) WHERE question IS NOT NULL;

ALTER TABLE past_answers ENABLE ROW LEVEL SECURITY;
ALTER TABLE past_answers FORCE ROW LEVEL SECURITY;
CREATE POLICY own_account ON past_answers TO hummdesk_app USING (account_id = current_account());
CREATE POLICY accounts_of_the_batch ON past_answers TO hummdesk_writer
    USING (account_id IN (SELECT unnest(current_accounts())));
CREATE POLICY every_answer ON past_answers TO hummdesk_relay USING (true);
CREATE POLICY every_account ON past_answers TO hummdesk_operator USING (true);
GRANT SELECT, INSERT ON past_answers TO hummdesk_app;
GRANT UPDATE (learned_at, draft_run_id, draft_use, question, answer, indexed_as) ON past_answers TO hummdesk_app;
GRANT INSERT ON past_answers TO hummdesk_writer;
GRANT SELECT (account_id, message_id, learned_at) ON past_answers TO hummdesk_relay;
GRANT SELECT ON past_answers TO hummdesk_operator;

-- A past answer is found by its question.
ALTER TABLE knowledge_passages ADD COLUMN past_answer_id uuid;
ALTER TABLE knowledge_passages ADD CONSTRAINT knowledge_passages_past_answer_fkey
    FOREIGN KEY (account_id, past_answer_id) REFERENCES past_answers (account_id, message_id) ON DELETE CASCADE;
ALTER TABLE knowledge_passages DROP CONSTRAINT knowledge_passages_of_one;
ALTER TABLE knowledge_passages ADD CONSTRAINT knowledge_passages_of_one
    CHECK (num_nonnulls(article_id, canned_reply_id, past_answer_id) = 1);
CREATE INDEX knowledge_passages_by_past_answer ON knowledge_passages (account_id, past_answer_id);

ALTER TABLE conversation_events DROP CONSTRAINT conversation_events_kind_known;
ALTER TABLE conversation_events ADD CONSTRAINT conversation_events_kind_known CHECK (
    kind IN (
        'created', 'status_changed', 'assigned', 'unassigned', 'priority_changed', 'classification_corrected',
        'draft_used'
    )
);
