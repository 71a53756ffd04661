-- compatible from: 0036
-- Answers that the AI sends by itself: the categories that an account allows, and the conversations that it has answered.

CREATE TABLE automatic_answers (
    account_id uuid NOT NULL,
    is_enabled boolean NOT NULL,
    categories jsonb NOT NULL,
    CONSTRAINT automatic_answers_pkey PRIMARY KEY (account_id),
    CONSTRAINT automatic_answers_account_fkey FOREIGN KEY (account_id) REFERENCES accounts (account_id),
    CONSTRAINT automatic_answers_bounded CHECK (
        jsonb_typeof(categories) = 'object' AND octet_length(categories::text) <= 16384
    )
);

CREATE TABLE automatic_conversations (
    account_id uuid NOT NULL,
    conversation_id uuid NOT NULL,
    category text NOT NULL,
    answers integer NOT NULL,
    failures integer NOT NULL DEFAULT 0,
    first_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    last_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    last_seq bigint NOT NULL,
    verdict text,
    handed_over_at timestamptz,
    reason text,
    CONSTRAINT automatic_conversations_pkey PRIMARY KEY (account_id, conversation_id),
    CONSTRAINT automatic_conversations_conversation_fkey FOREIGN KEY (account_id, conversation_id)
        REFERENCES conversations (account_id, id),
    CONSTRAINT automatic_conversations_verdict_known CHECK (verdict IN ('yes', 'no')),
    CONSTRAINT automatic_conversations_reason_known
        CHECK (reason IN ('low_score', 'anger', 'second_failure', 'asked')),
    CONSTRAINT automatic_conversations_handed_over CHECK ((handed_over_at IS NULL) = (reason IS NULL))
);
CREATE INDEX automatic_conversations_by_time ON automatic_conversations (account_id, first_at);

ALTER TABLE automatic_answers ENABLE ROW LEVEL SECURITY;
ALTER TABLE automatic_answers FORCE ROW LEVEL SECURITY;
CREATE POLICY own_account ON automatic_answers TO hummdesk_app USING (account_id = current_account());
CREATE POLICY named_accounts ON automatic_answers TO hummdesk_worker USING (is_named_account(account_id));
CREATE POLICY every_account ON automatic_answers TO hummdesk_operator USING (true);
GRANT SELECT, INSERT, UPDATE ON automatic_answers TO hummdesk_app;
GRANT SELECT ON automatic_answers TO hummdesk_operator;

ALTER TABLE automatic_conversations ENABLE ROW LEVEL SECURITY;
ALTER TABLE automatic_conversations FORCE ROW LEVEL SECURITY;
CREATE POLICY own_account ON automatic_conversations TO hummdesk_app USING (account_id = current_account());
CREATE POLICY named_accounts ON automatic_conversations TO hummdesk_worker USING (is_named_account(account_id));
CREATE POLICY every_account ON automatic_conversations TO hummdesk_operator USING (true);
GRANT SELECT, INSERT, UPDATE ON automatic_conversations TO hummdesk_app;
GRANT SELECT ON automatic_conversations TO hummdesk_operator;
