-- compatible from: 0036
-- API keys send messages: as the system in their own name, or for an agent or a contact, which is then logged.

ALTER TABLE conversation_events
    DROP CONSTRAINT conversation_events_kind_known,
    ADD CONSTRAINT conversation_events_kind_known
        CHECK (
            kind IN (
                'created', 'status_changed', 'assigned', 'unassigned', 'priority_changed', 'classification_corrected',
                'draft_used', 'message_sent'
            )
        ) NOT VALID;

CREATE POLICY accounts_of_the_batch ON api_keys TO hummdesk_writer
    USING (account_id IN (SELECT unnest(current_accounts())));
GRANT SELECT (account_id, id, scope, revoked_at) ON api_keys TO hummdesk_writer;

ALTER POLICY sender_of_the_account ON messages WITH CHECK (
    CASE sender_type
        WHEN 'agent' THEN EXISTS (
            SELECT
            FROM users
            WHERE users.account_id = messages.account_id
              AND users.id = messages.sender_id
              AND users.active
              AND users.role IN ('admin', 'agent')
        )
        WHEN 'customer' THEN EXISTS (
            SELECT
            FROM contacts
            WHERE contacts.account_id = messages.account_id
              AND contacts.id = messages.sender_id
              AND contacts.active
        )
        WHEN 'system' THEN EXISTS (
            SELECT
            FROM api_keys
            WHERE api_keys.account_id = messages.account_id
              AND api_keys.id = messages.sender_id
              AND api_keys.scope IN ('write', 'admin')
              AND api_keys.revoked_at IS NULL
        )
        ELSE false
    END
);

-- A request whose process died is continued by the next one with its key, and creates what the first one would have
-- created, under the same id.
ALTER TABLE idempotency_keys
    ADD COLUMN new_id uuid NOT NULL DEFAULT gen_random_uuid(),
    ADD COLUMN started_at timestamptz NOT NULL DEFAULT clock_timestamp();
ALTER TABLE idempotency_keys ALTER COLUMN new_id DROP DEFAULT;
GRANT UPDATE (started_at) ON idempotency_keys TO hummdesk_app;
