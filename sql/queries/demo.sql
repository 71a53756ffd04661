-- name: add_accounts(rows)!
-- Add missing accounts. `rows` is a JSON array of objects with the names of the columns, here and below.
INSERT INTO accounts (account_id, name, widget_origins)
SELECT account_id, name, '{self}'
FROM jsonb_to_recordset(:rows::jsonb) AS given (account_id uuid, name text)
ON CONFLICT DO NOTHING;

-- name: add_users(rows)!
-- Add missing users.
INSERT INTO users (account_id, id, email, name, role)
SELECT account_id, id, email, name, role
FROM jsonb_to_recordset(:rows::jsonb) AS given (account_id uuid, id uuid, email text, name text, role text)
ON CONFLICT DO NOTHING;

-- name: add_contacts(rows)!
-- Add missing contacts.
INSERT INTO contacts (account_id, id, email, name, created_at)
SELECT account_id, id, email, name, created_at
FROM jsonb_to_recordset(:rows::jsonb) AS given (
    account_id uuid,
    id uuid,
    email text,
    name text,
    created_at timestamptz
)
ON CONFLICT DO NOTHING;

-- name: add_teams(rows)!
-- Add missing teams.
INSERT INTO teams (account_id, id, name)
SELECT account_id, id, name
FROM jsonb_to_recordset(:rows::jsonb) AS given (account_id uuid, id uuid, name text)
ON CONFLICT DO NOTHING;

-- name: add_members(rows)!
-- Add missing team members.
INSERT INTO team_members (account_id, team_id, user_id)
SELECT account_id, team_id, user_id
FROM jsonb_to_recordset(:rows::jsonb) AS given (account_id uuid, team_id uuid, user_id uuid)
ON CONFLICT DO NOTHING;

-- name: add_articles(rows)!
-- Add missing knowledge articles.
INSERT INTO knowledge_articles (account_id, id, title, body, questions)
SELECT account_id, id, title, body, questions
FROM jsonb_to_recordset(:rows::jsonb) AS given (account_id uuid, id uuid, title text, body text, questions text[])
ON CONFLICT DO NOTHING;

-- name: add_canned_replies(rows)!
-- Add missing canned replies.
INSERT INTO canned_replies (account_id, id, title, content)
SELECT account_id, id, title, content
FROM jsonb_to_recordset(:rows::jsonb) AS given (account_id uuid, id uuid, title text, content text)
ON CONFLICT DO NOTHING;

-- name: add_conversations(rows)
-- Add missing conversations, read by staff up to the last reply; return their ids.
INSERT INTO conversations (
    account_id,
    id,
    contact_id,
    assigned_to,
    assigned_team,
    subject,
    last_seq,
    last_public_seq,
    staff_read_seq,
    unread_staff,
    unread_customer,
    created_at,
    updated_at
)
SELECT
    account_id,
    id,
    contact_id,
    assigned_to,
    assigned_team,
    subject,
    last_seq,
    last_seq,
    staff_read_seq,
    last_seq - staff_read_seq,
    (staff_read_seq = last_seq)::integer,
    created_at,
    updated_at
FROM jsonb_to_recordset(:rows::jsonb) AS given (
    account_id uuid,
    id uuid,
    contact_id uuid,
    assigned_to uuid,
    assigned_team uuid,
    subject text,
    last_seq bigint,
    staff_read_seq bigint,
    created_at timestamptz,
    updated_at timestamptz
)
ON CONFLICT DO NOTHING
RETURNING id;

-- name: add_messages(rows)!
-- Add the messages of new conversations, without AI runs.
INSERT INTO messages (
    account_id,
    id,
    conversation_id,
    seq,
    sender_id,
    sender_type,
    sender_name,
    content,
    content_type,
    created_at
)
SELECT account_id, id, conversation_id, seq, sender_id, sender_type, sender_name, content, 'text', created_at
FROM jsonb_to_recordset(:rows::jsonb) AS given (
    account_id uuid,
    id uuid,
    conversation_id uuid,
    seq bigint,
    sender_id uuid,
    sender_type text,
    sender_name text,
    content text,
    created_at timestamptz
);

-- name: add_reads(rows)!
-- Add the read positions of the senders.
INSERT INTO message_reads (account_id, conversation_id, reader_id, reader_type, seq, read_at)
SELECT account_id, conversation_id, reader_id, reader_type, seq, read_at
FROM jsonb_to_recordset(:rows::jsonb) AS given (
    account_id uuid,
    conversation_id uuid,
    reader_id uuid,
    reader_type text,
    seq bigint,
    read_at timestamptz
);

-- name: add_events(rows)!
-- Add the audit log of new conversations.
INSERT INTO conversation_events (account_id, conversation_id, id, kind, actor_id, actor_type, details, created_at)
SELECT account_id, conversation_id, id, kind, actor_id, actor_type, details, created_at
FROM jsonb_to_recordset(:rows::jsonb) AS given (
    account_id uuid,
    conversation_id uuid,
    id uuid,
    kind text,
    actor_id uuid,
    actor_type text,
    details jsonb,
    created_at timestamptz
);

-- name: states(ids)
-- The current assignment and status of conversations.
SELECT id, assigned_to, status
FROM conversations
WHERE id = ANY(:ids);

-- name: add_results(rows)!
-- Add ended AI runs, whose events are published, with their results, and set the priorities of their conversations.
WITH given AS (
    SELECT account_id, id, conversation_id, message_id, seq, kind, outcome, at, payload
    FROM jsonb_to_recordset(:rows::jsonb) AS given (
        account_id uuid,
        id uuid,
        conversation_id uuid,
        message_id uuid,
        seq bigint,
        kind text,
        outcome text,
        at timestamptz,
        payload jsonb
    )
), run AS (
    INSERT INTO ai_runs (
        account_id,
        id,
        conversation_id,
        message_id,
        seq,
        kind,
        status,
        outcome,
        attempts,
        available_at,
        published_at,
        started_at,
        created_at,
        finished_at,
        announced_at
    )
    SELECT account_id, id, conversation_id, message_id, seq, kind, 'done', outcome, 1, at, at, at, at, at, at
    FROM given
), classified AS (
    UPDATE conversations
    SET priority = given.payload -> 'classification' ->> 'priority'
    FROM given
    WHERE conversations.account_id = given.account_id
      AND conversations.id = given.conversation_id
      AND given.kind = 'classification'
)
INSERT INTO ai_results (account_id, run_id, kind, payload, created_at)
SELECT account_id, id, kind, payload, at
FROM given;
