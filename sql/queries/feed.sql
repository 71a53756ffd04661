-- name: sequence(most)^
-- Number the committed changes of the account, at most so many; return its last number.
SELECT sequence_feed(:most) AS last_number;

-- name: position()^
-- How far the feed of the account is numbered; no row before the first `sequence`.
SELECT last_number, feed_epoch(epoch) AS epoch, digest
FROM feed_positions
WHERE account_id = current_account();

-- name: entries(after, limit, max_bytes)
-- The next events after a number, as many as fit into `max_bytes` of an answer with their messages, and at least one.
-- A new or changed conversation comes with its last message.
SELECT
    number,
    type,
    at,
    conversation_id,
    subject_id,
    digest
FROM (
    SELECT
        page.*,
        sum(600 + COALESCE(message.bytes, last_message.bytes, 0)) OVER (ORDER BY number ROWS UNBOUNDED PRECEDING) AS total,
        row_number() OVER (ORDER BY number) AS position
    FROM (
        SELECT
            number,
            type,
            at,
            conversation_id,
            subject_id,
            digest
        FROM feed_events
        WHERE account_id = current_account()
          AND number > :after::bigint
        ORDER BY number
        LIMIT :limit
    ) AS page
    LEFT JOIN LATERAL (
        SELECT bytes
        FROM messages
        WHERE messages.account_id = current_account()
          AND messages.id = page.subject_id
          AND page.type IN ('new_message', 'message_updated')
        OFFSET 0
    ) AS message ON true
    LEFT JOIN LATERAL (
        SELECT messages.bytes
        FROM conversations
        JOIN messages
          ON messages.account_id = conversations.account_id
         AND messages.conversation_id = conversations.id
         AND messages.seq = conversations.last_seq
        WHERE conversations.account_id = current_account()
          AND conversations.id = page.subject_id
          AND page.type IN ('conversation_created', 'conversation_updated')
        OFFSET 0
    ) AS last_message ON true
) AS measured
WHERE total <= :max_bytes OR position = 1
ORDER BY number;

-- name: numbered(numbers)
-- The events of these numbers that are kept.
SELECT
    number,
    type,
    at,
    conversation_id,
    subject_id,
    digest
FROM feed_events
WHERE account_id = current_account()
  AND number = ANY(:numbers::bigint[])
ORDER BY number;

-- name: messages(ids)
-- Messages as staff sees them.
SELECT
    id,
    conversation_id,
    seq,
    sender_id,
    sender_type,
    sender_name,
    content,
    content_type,
    attachments,
    metadata,
    private,
    client_message_id,
    mentions,
    created_at,
    revision,
    erased_at IS NOT NULL AS erased,
    withdrawn
FROM messages
WHERE account_id = current_account()
  AND id = ANY(:ids);

-- name: log_entries(conversation_ids, ids)
-- Entries of the audit logs of conversations.
SELECT
    id,
    conversation_id,
    kind,
    actor_id,
    details,
    created_at
FROM conversation_events
WHERE account_id = current_account()
  AND conversation_id = ANY(:conversation_ids)
  AND id = ANY(:ids);

-- name: runs(ids)
-- Ended AI runs with their results.
SELECT
    ai_runs.id,
    ai_runs.account_id,
    ai_runs.conversation_id,
    ai_runs.message_id,
    ai_runs.kind,
    ai_runs.outcome,
    ai_runs.last_error,
    ai_runs.started_at,
    ai_runs.finished_at,
    ai_results.payload
FROM ai_runs
LEFT JOIN ai_results
  ON ai_results.account_id = current_account()
 AND ai_results.run_id = ai_runs.id
WHERE ai_runs.account_id = current_account()
  AND ai_runs.id = ANY(:ids);

-- name: reads(conversation_ids, reader_ids)
-- Read positions with the message that was read last.
SELECT
    message_reads.conversation_id,
    message_reads.reader_id,
    message_reads.reader_type,
    message_reads.seq,
    message_reads.read_at,
    messages.id AS message_id
FROM message_reads
JOIN messages
  ON messages.account_id = current_account()
 AND messages.conversation_id = message_reads.conversation_id
 AND messages.seq = message_reads.seq
WHERE message_reads.account_id = current_account()
  AND message_reads.conversation_id = ANY(:conversation_ids)
  AND message_reads.reader_id = ANY(:reader_ids);

-- name: contacts(ids)
-- Contacts, active or not.
SELECT
    id,
    external_id,
    email,
    name,
    avatar_url,
    attributes,
    notes,
    active,
    created_at
FROM contacts
WHERE account_id = current_account()
  AND id = ANY(:ids);

-- name: users(ids)
-- Users, active or not, with the ids of their teams.
SELECT
    id,
    email,
    name,
    role,
    active,
    skills,
    capacity,
    last_seen_at,
    created_at,
    ARRAY(
        SELECT team_id
        FROM team_members
        WHERE team_members.account_id = users.account_id
          AND team_members.user_id = users.id
        ORDER BY team_id
    ) AS team_ids
FROM users
WHERE account_id = current_account()
  AND id = ANY(:ids);

-- name: teams(ids)
-- Teams, active or not, with the ids of their members.
SELECT
    id,
    name,
    active,
    description,
    examples,
    created_at,
    ARRAY(
        SELECT user_id
        FROM team_members
        WHERE team_members.account_id = teams.account_id
          AND team_members.team_id = teams.id
        ORDER BY user_id
    ) AS member_ids
FROM teams
WHERE account_id = current_account()
  AND id = ANY(:ids);

-- name: sequence_all(after, most)^
-- Number the committed changes of the accounts after one, at most so many, for the relay; `last_account` is NULL after the
-- last account.
SELECT numbered, last_account
FROM sequence_feeds(:after, :most);

-- name: unnumbered(after)^
-- The next account after one that has changes without a number.
SELECT account_id
FROM feed_changes
WHERE account_id > :after
ORDER BY account_id
LIMIT 1;

-- name: backlog(limit)^
-- Number of changes without a number, counted up to a limit, and age of the oldest of these.
SELECT
    count(*) AS changes,
    COALESCE(max(EXTRACT(epoch FROM clock_timestamp() - at)), 0)::float8 AS oldest_seconds
FROM (SELECT at FROM feed_changes LIMIT :limit) AS waiting;

-- name: prune(after, accounts, days, most)^
-- Delete events older than `days` among the first `most` of each of the next accounts; return the number of deleted ones,
-- whether an account has more, and the last account, NULL after the end. The first event that is younger ends the deletion
-- of an account, so that what is kept has no gaps.
WITH page AS (
    SELECT account_id
    FROM feed_positions
    WHERE account_id > :after::uuid
    ORDER BY account_id
    LIMIT :accounts
), old AS (
    SELECT page.account_id, first.place
    FROM page
    CROSS JOIN LATERAL (
        SELECT place, bool_and(at < clock_timestamp() - make_interval(days => :days)) OVER (ORDER BY number) AS is_old
        FROM (
            SELECT number, at, ctid AS place
            FROM feed_events
            WHERE feed_events.account_id = page.account_id
            ORDER BY number
            LIMIT :most
        ) AS oldest
    ) AS first
    WHERE first.is_old
), deleted AS (
    DELETE FROM feed_events
    WHERE ctid = ANY(ARRAY(SELECT place FROM old)) -- rows are never updated
    RETURNING number
)
SELECT
    (SELECT count(*) FROM deleted) AS deleted,
    EXISTS (SELECT FROM old GROUP BY account_id HAVING count(*) = :most) AS is_partial,
    (
        SELECT account_id
        FROM page
        WHERE (SELECT count(*) FROM page) = :accounts
        ORDER BY account_id DESC
        LIMIT 1
    ) AS last_account;
