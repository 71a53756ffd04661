-- What is said, how far it was read, and the audit log of what was done.

CREATE TABLE conversations (
    account_id uuid NOT NULL,
    id uuid NOT NULL,
    contact_id uuid NOT NULL,
    status text NOT NULL DEFAULT 'open',
    priority text NOT NULL DEFAULT 'medium',
    assigned_to uuid,
    assigned_team uuid,
    subject text,
    metadata jsonb NOT NULL DEFAULT '{}',
    client_message_id text,
    last_seq bigint NOT NULL DEFAULT 0,
    last_public_seq bigint NOT NULL DEFAULT 0,
    staff_read_seq bigint NOT NULL DEFAULT 0,
    unread_staff integer NOT NULL DEFAULT 0,
    unread_customer integer NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT conversations_pkey PRIMARY KEY (account_id, id),
    CONSTRAINT conversations_contact_fkey FOREIGN KEY (account_id, contact_id) REFERENCES contacts (account_id, id),
    CONSTRAINT conversations_assigned_to_fkey FOREIGN KEY (account_id, assigned_to)
        REFERENCES users (account_id, id) ON DELETE SET NULL (assigned_to),
    CONSTRAINT conversations_assigned_team_fkey FOREIGN KEY (account_id, assigned_team)
        REFERENCES teams (account_id, id) ON DELETE SET NULL (assigned_team),
    CONSTRAINT conversations_status_known CHECK (status IN ('open', 'pending', 'closed')),
    CONSTRAINT conversations_priority_known CHECK (priority IN ('low', 'medium', 'high', 'urgent')),
    CONSTRAINT conversations_metadata_object CHECK (jsonb_typeof(metadata) = 'object'),
    CONSTRAINT conversations_seq_order CHECK (last_public_seq BETWEEN 0 AND last_seq AND staff_read_seq <= last_seq),
    CONSTRAINT conversations_unread_counts CHECK (unread_staff >= 0 AND unread_customer >= 0)
) WITH (fillfactor = 80);
CREATE INDEX conversations_by_status ON conversations (account_id, status, updated_at DESC, id DESC);
CREATE INDEX conversations_by_agent ON conversations (account_id, assigned_to, status, updated_at DESC, id DESC)
    WHERE assigned_to IS NOT NULL;
CREATE INDEX conversations_by_contact ON conversations (account_id, contact_id, updated_at DESC, id DESC);
CREATE INDEX conversations_by_team ON conversations (account_id, assigned_team) WHERE assigned_team IS NOT NULL;
CREATE UNIQUE INDEX conversations_client_message_key ON conversations (account_id, contact_id, client_message_id)
    WHERE client_message_id IS NOT NULL;

CREATE TABLE messages (
    account_id uuid NOT NULL,
    id uuid NOT NULL,
    conversation_id uuid NOT NULL,
    seq bigint NOT NULL,
    sender_id uuid NOT NULL,
    sender_type text NOT NULL,
    sender_name text NOT NULL,
    content text NOT NULL,
    content_type text NOT NULL,
    attachments jsonb NOT NULL DEFAULT '[]',
    metadata jsonb NOT NULL DEFAULT '{}',
    private boolean NOT NULL DEFAULT false,
    client_message_id text,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT messages_pkey PRIMARY KEY (account_id, id),
    CONSTRAINT messages_seq_key UNIQUE (account_id, conversation_id, seq),
    CONSTRAINT messages_conversation_fkey FOREIGN KEY (account_id, conversation_id)
        REFERENCES conversations (account_id, id),
    CONSTRAINT messages_seq_positive CHECK (seq > 0),
    CONSTRAINT messages_sender_type_known CHECK (sender_type IN ('agent', 'customer', 'system')),
    CONSTRAINT messages_content_present CHECK (content <> ''),
    CONSTRAINT messages_content_type_known CHECK (content_type IN ('text', 'html')),
    CONSTRAINT messages_attachments_array CHECK (jsonb_typeof(attachments) = 'array'),
    CONSTRAINT messages_metadata_object CHECK (jsonb_typeof(metadata) = 'object'),
    CONSTRAINT messages_private_by_staff CHECK (NOT (private AND sender_type = 'customer'))
);
CREATE UNIQUE INDEX messages_client_message_key
    ON messages (account_id, conversation_id, sender_id, client_message_id)
    WHERE client_message_id IS NOT NULL;

CREATE TABLE message_reads (
    account_id uuid NOT NULL,
    conversation_id uuid NOT NULL,
    reader_id uuid NOT NULL,
    reader_type text NOT NULL,
    seq bigint NOT NULL,
    read_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT message_reads_pkey PRIMARY KEY (account_id, conversation_id, reader_id),
    CONSTRAINT message_reads_message_fkey FOREIGN KEY (account_id, conversation_id, seq)
        REFERENCES messages (account_id, conversation_id, seq),
    CONSTRAINT message_reads_reader_type_known CHECK (reader_type IN ('agent', 'customer'))
);

CREATE TABLE conversation_events (
    account_id uuid NOT NULL,
    conversation_id uuid NOT NULL,
    id uuid NOT NULL,
    kind text NOT NULL,
    actor_id uuid,
    actor_type text NOT NULL,
    details jsonb NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT conversation_events_pkey PRIMARY KEY (account_id, conversation_id, id),
    CONSTRAINT conversation_events_conversation_fkey FOREIGN KEY (account_id, conversation_id)
        REFERENCES conversations (account_id, id),
    CONSTRAINT conversation_events_kind_known
        CHECK (kind IN ('created', 'status_changed', 'assigned', 'unassigned', 'priority_changed')),
    CONSTRAINT conversation_events_actor_type_known CHECK (actor_type IN ('agent', 'customer', 'system')),
    CONSTRAINT conversation_events_actor_named CHECK ((actor_type = 'system') = (actor_id IS NULL))
);

-- Somebody who moves to another account leaves the teams and conversations of the old one behind.
CREATE FUNCTION leave_account() RETURNS trigger
    LANGUAGE plpgsql
AS $$
BEGIN
    DELETE FROM team_members WHERE account_id = OLD.account_id AND user_id = OLD.id;
    WITH unassigned AS (
        UPDATE conversations
        SET assigned_to = NULL, updated_at = GREATEST(clock_timestamp(), updated_at)
        WHERE account_id = OLD.account_id AND assigned_to = OLD.id
        RETURNING account_id, id
    )
    INSERT INTO conversation_events (account_id, conversation_id, id, kind, actor_type, details)
    SELECT account_id, id, gen_random_uuid(), 'unassigned', 'system', jsonb_build_object('fromAgent', OLD.id)
    FROM unassigned;
    RETURN NEW;
END
$$;

CREATE TRIGGER users_leave_account
    BEFORE UPDATE OF account_id ON users
    FOR EACH ROW WHEN (OLD.account_id <> NEW.account_id) EXECUTE FUNCTION leave_account();
