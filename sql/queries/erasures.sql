-- name: contact_account(contact_id)^
-- The account of a contact, and the time at which its erasure was requested, if it was.
SELECT contacts.account_id, erasures.requested_at
FROM contacts
LEFT JOIN erasures
  ON erasures.account_id = contacts.account_id
 AND erasures.subject_id = contacts.id
WHERE contacts.id = :contact_id;

-- name: lock_contact(contact_id)^
-- Lock a contact against new conversations, which take a lock on it that is compatible with other updates.
SELECT id
FROM contacts
WHERE account_id = current_account()
  AND id = :contact_id
FOR UPDATE;

-- name: deactivate_contact(contact_id)!
-- Sign a contact out.
UPDATE contacts
SET active = false
WHERE account_id = current_account()
  AND id = :contact_id
  AND active;

-- name: request(account_id, subject_id, subject)!
-- Record that an erasure was requested, unless it was before; it is to be completed and verified again.
INSERT INTO erasures (account_id, subject_id, subject)
VALUES (:account_id, :subject_id, :subject)
ON CONFLICT (account_id, subject_id) DO UPDATE
SET completed_at = NULL, verified_at = NULL;

-- name: add_counts(account_id, subject_id, counts)!
-- Add numbers to those of a receipt.
UPDATE erasures
SET erased = (
    SELECT COALESCE(jsonb_object_agg(place, total), '{}')
    FROM (
        SELECT place, sum(number::bigint) AS total
        FROM (
            SELECT key, value FROM jsonb_each_text(erased)
            UNION ALL
            SELECT key, value FROM jsonb_each_text(:counts::jsonb)
        ) AS counted (place, number)
        GROUP BY place
    ) AS summed
)
WHERE account_id = :account_id
  AND subject_id = :subject_id;

-- name: complete(account_id, subject_id)!
-- Record the end of an erasure.
UPDATE erasures
SET completed_at = clock_timestamp()
WHERE account_id = :account_id
  AND subject_id = :subject_id;

-- name: verified(account_id, subject_id, is_verified)!
-- Record whether a verification has found nothing.
UPDATE erasures
SET verified_at = CASE WHEN :is_verified THEN clock_timestamp() END
WHERE account_id = :account_id
  AND subject_id = :subject_id;

-- name: receipt(subject_id)^
-- The receipt of an erasure, in all accounts.
SELECT
    account_id,
    subject_id,
    subject,
    requested_at,
    completed_at,
    verified_at,
    erased
FROM erasures
WHERE subject_id = :subject_id;

-- name: conversations_of(contact_id)
-- The conversations of a contact, oldest first.
SELECT id
FROM conversations
WHERE account_id = current_account()
  AND contact_id = :contact_id
ORDER BY id;

-- name: lock_conversation(conversation_id)^
-- Lock a conversation against writes, and return its revision.
SELECT revision
FROM conversations
WHERE account_id = current_account()
  AND id = :conversation_id
FOR NO KEY UPDATE;

-- name: close_conversation(conversation_id)!
-- Make a conversation accept no more messages.
UPDATE conversations
SET erased_at = clock_timestamp()
WHERE account_id = current_account()
  AND id = :conversation_id
  AND erased_at IS NULL;

-- name: messages_after(conversation_id, after_seq, limit)
-- The next messages of a conversation by seq.
SELECT id, seq
FROM messages
WHERE account_id = current_account()
  AND conversation_id = :conversation_id
  AND seq > :after_seq
ORDER BY seq
LIMIT :limit;

-- name: end_runs(message_ids)!
-- End the open AI runs of messages: a worker that is carrying one out can then store no result.
UPDATE ai_runs
SET
    status = 'done',
    outcome = 'superseded',
    published_at = COALESCE(published_at, clock_timestamp()),
    finished_at = clock_timestamp()
WHERE account_id = current_account()
  AND message_id = ANY(:message_ids)
  AND status IN ('pending', 'published', 'running');

-- name: raise_revision(conversation_id, number)!
-- Count changes to messages of a conversation.
UPDATE conversations
SET revision = revision + :number
WHERE account_id = current_account()
  AND id = :conversation_id;

-- name: outbox_of(conversation_id)
-- The outbox entries of a conversation, oldest first.
SELECT account_id, id, conversation_id, seq, reopened_from
FROM outbox
WHERE account_id = current_account()
  AND conversation_id = :conversation_id
ORDER BY created_at, seq;

-- name: unannounced_runs(conversation_id)
-- The ended runs of a conversation without a record of the publication of their terminal event.
SELECT
    id,
    account_id,
    conversation_id,
    message_id,
    kind,
    outcome,
    last_error,
    started_at,
    finished_at
FROM ai_runs
WHERE account_id = current_account()
  AND conversation_id = :conversation_id
  AND announced_at IS NULL
  AND finished_at IS NOT NULL;

-- name: run_messages(conversation_id, recent_seconds)
-- The messages of a conversation with AI runs whose results may not be published yet.
SELECT DISTINCT messages.id
FROM messages
JOIN ai_runs
  ON ai_runs.account_id = current_account()
 AND ai_runs.message_id = messages.id
WHERE messages.account_id = current_account()
  AND messages.conversation_id = :conversation_id
  AND COALESCE(ai_runs.announced_at, 'infinity') > clock_timestamp() - make_interval(secs => :recent_seconds);

-- name: account_exists()^
-- A row if the account of the transaction exists.
SELECT account_id
FROM accounts
WHERE account_id = current_account();

-- name: account_or_erasure(account_id)^
-- A row if an account exists, or did before it was erased.
SELECT
WHERE EXISTS (SELECT FROM accounts WHERE account_id = :account_id)
   OR EXISTS (SELECT FROM erasures WHERE account_id = :account_id AND subject_id = :account_id);

-- name: primary_key(table_name)
-- The columns of a table's primary key, in order.
SELECT attname::text AS name
FROM pg_index
CROSS JOIN LATERAL unnest(indkey) WITH ORDINALITY AS key (number, place)
JOIN pg_attribute
  ON attrelid = indrelid
 AND attnum = key.number
WHERE indrelid = to_regclass(:table_name)
  AND indisprimary
ORDER BY key.place;

-- name: deactivate_people(account_id)^
-- Sign everybody of an account out.
WITH staff AS (
    UPDATE users
    SET active = false
    WHERE account_id = :account_id
      AND active
), customers AS (
    UPDATE contacts
    SET active = false
    WHERE account_id = :account_id
      AND active
)
SELECT account_id
FROM accounts
WHERE account_id = :account_id;

-- name: changed_messages(conversation_id, revision, limit)
-- The next changed messages of a conversation by revision.
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
  AND conversation_id = :conversation_id
  AND revision > 0 -- the condition of the index
  AND revision > :revision::bigint
ORDER BY revision
LIMIT :limit;
