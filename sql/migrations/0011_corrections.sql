-- What agents have made of the AI's classifications; later ones of the account follow them.

CREATE TABLE ai_corrections (
    account_id uuid NOT NULL,
    message_id uuid NOT NULL,
    category text,
    priority text,
    corrected_by uuid NOT NULL,
    corrected_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    vector bytea,
    model text,
    CONSTRAINT ai_corrections_pkey PRIMARY KEY (account_id, message_id),
    CONSTRAINT ai_corrections_message_fkey FOREIGN KEY (account_id, message_id) REFERENCES messages (account_id, id),
    CONSTRAINT ai_corrections_something CHECK (category IS NOT NULL OR priority IS NOT NULL),
    CONSTRAINT ai_corrections_priority_known CHECK (priority IN ('low', 'medium', 'high', 'urgent')),
    CONSTRAINT ai_corrections_vector_of CHECK ((vector IS NULL) = (model IS NULL))
);
CREATE INDEX ai_corrections_newest ON ai_corrections (account_id, corrected_at DESC);

ALTER TABLE ai_corrections ENABLE ROW LEVEL SECURITY;
ALTER TABLE ai_corrections FORCE ROW LEVEL SECURITY;
CREATE POLICY own_account ON ai_corrections TO hummdesk_app USING (account_id = current_account());
CREATE POLICY named_accounts ON ai_corrections TO hummdesk_worker USING (account_id = ANY (current_accounts()));
CREATE POLICY every_account ON ai_corrections TO hummdesk_operator USING (true);
GRANT SELECT, INSERT ON ai_corrections TO hummdesk_app;
GRANT UPDATE (category, priority, corrected_by, corrected_at, vector, model) ON ai_corrections TO hummdesk_app;
GRANT SELECT, INSERT ON ai_corrections TO hummdesk_operator;

ALTER TABLE conversation_events DROP CONSTRAINT conversation_events_kind_known;
ALTER TABLE conversation_events ADD CONSTRAINT conversation_events_kind_known CHECK (
    kind IN ('created', 'status_changed', 'assigned', 'unassigned', 'priority_changed', 'classification_corrected')
);
