-- compatible from: 0036
-- Labels with colors, which agents put on conversations. A label is never deleted: one that is not active is hidden.

CREATE TABLE labels (
    account_id uuid NOT NULL,
    id uuid NOT NULL,
    name text NOT NULL,
    color text NOT NULL,
    active boolean NOT NULL DEFAULT true,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT labels_pkey PRIMARY KEY (account_id, id),
    CONSTRAINT labels_account_fkey FOREIGN KEY (account_id) REFERENCES accounts (account_id),
    CONSTRAINT labels_name_length CHECK (length(name) BETWEEN 1 AND 50),
    CONSTRAINT labels_color_known CHECK (color ~ '^#[0-9a-f]{6}$')
);
CREATE UNIQUE INDEX labels_name_key ON labels (account_id, lower(name));

ALTER TABLE labels ENABLE ROW LEVEL SECURITY;
ALTER TABLE labels FORCE ROW LEVEL SECURITY;
CREATE POLICY own_account ON labels TO hummdesk_app USING (account_id = current_account());
CREATE POLICY every_account ON labels TO hummdesk_operator USING (true);
GRANT SELECT, INSERT, UPDATE (name, color, active) ON labels TO hummdesk_app;
GRANT SELECT ON labels TO hummdesk_operator;

ALTER TABLE conversations ADD COLUMN label_ids uuid[] NOT NULL DEFAULT '{}';
GRANT UPDATE (label_ids) ON conversations TO hummdesk_app;

ALTER TABLE conversation_events
    DROP CONSTRAINT conversation_events_kind_known,
    ADD CONSTRAINT conversation_events_kind_known
        CHECK (
            kind IN (
                'created', 'status_changed', 'assigned', 'unassigned', 'priority_changed', 'classification_corrected',
                'draft_used', 'message_sent', 'rated', 'labels_changed'
            )
        ) NOT VALID;
