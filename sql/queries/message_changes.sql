-- name: find(conversation_id, message_id)^
-- A message with its age. The caller has locked the conversation.
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
    withdrawn,
    EXTRACT(epoch FROM clock_timestamp() - created_at)::double precision AS age_seconds
FROM messages
WHERE account_id = current_account()
  AND conversation_id = :conversation_id
  AND id = :message_id;

-- name: count(conversation_id, message_id, kind, actor_id, actor_type, event_id)^
-- Count a change of a message of a conversation, and log it with an outbox entry; return its revision, and whether a change
-- before it is less than five seconds old or in the outbox. The caller has locked the conversation.
WITH counted AS (
    UPDATE conversations
    SET revision = revision + 1
    WHERE account_id = current_account()
      AND id = :conversation_id
    RETURNING account_id, id, revision
), event AS (
    INSERT INTO conversation_events (account_id, conversation_id, id, kind, actor_id, actor_type, details)
    SELECT
        account_id,
        id,
        :event_id,
        :kind,
        :actor_id,
        :actor_type,
        jsonb_build_object('messageId', :message_id::uuid)
    FROM counted
), entry AS (
    INSERT INTO outbox (account_id, id, conversation_id, seq)
    SELECT account_id, :event_id, id, -2
    FROM counted
)
SELECT
    revision,
    EXISTS (
        SELECT
        FROM conversation_events
        WHERE account_id = current_account()
          AND kind IN ('message_edited', 'message_withdrawn')
          AND created_at > now() - interval '5 seconds'
          AND conversation_id = :conversation_id
    )
    OR EXISTS ( -- its process has died, or Redis is unavailable
        SELECT
        FROM outbox
        JOIN conversation_events
          ON conversation_events.account_id = current_account()
         AND conversation_events.conversation_id = :conversation_id
         AND conversation_events.id = outbox.id
        WHERE outbox.account_id = current_account()
          AND outbox.conversation_id = :conversation_id
          AND outbox.seq = -2
          AND conversation_events.kind IN ('message_edited', 'message_withdrawn')
    ) AS has_pending_predecessor
FROM counted;

-- name: change(message_id, sender_id, content, content_type, revision)^
-- Replace the content of a message of staff; NULL withdraws it. Its client_message_id remains: a repeated send finds it.
SELECT change_message(:message_id, :sender_id, :content, :content_type, :revision);

-- name: forget_answer(message_id)!
-- Remove the answer that the AI has learned from a message, or would learn. The record of the use of a draft remains.
UPDATE past_answers
SET
    learned_at = COALESCE(learned_at, clock_timestamp()),
    question = NULL,
    answer = NULL,
    indexed_as = NULL
WHERE account_id = current_account()
  AND message_id = :message_id;

-- name: forget_passages(message_id)!
-- Remove the vectors of the answer that the AI has learned from a message.
DELETE FROM knowledge_passages
WHERE account_id = current_account()
  AND past_answer_id = :message_id;

-- name: end_runs(conversation_id)!
-- End the open drafts, summaries and runs for one agent of a conversation: a worker that is carrying one out can then store
-- no result. The relay publishes that they are superseded.
UPDATE ai_runs
SET
    status = 'done',
    outcome = 'superseded',
    published_at = COALESCE(published_at, clock_timestamp()),
    finished_at = clock_timestamp()
WHERE account_id = current_account()
  AND conversation_id = :conversation_id
  AND announced_at IS NULL
  AND kind IN ('draft', 'summary', 'assist')
  AND status IN ('pending', 'published', 'running');

-- name: forget_results(conversation_id, seq)!
-- Delete the drafts and summaries that may quote a message: those about it or a later one. A summary about an earlier
-- message was made before it.
DELETE FROM ai_results
WHERE account_id = current_account()
  AND run_id IN (
      SELECT ai_runs.id
      FROM messages
      JOIN ai_runs
        ON ai_runs.account_id = current_account()
       AND ai_runs.message_id = messages.id
      WHERE messages.account_id = current_account()
        AND messages.conversation_id = :conversation_id
        AND messages.seq >= :seq
        AND ai_runs.kind IN ('draft', 'summary')
  );

-- name: delete_files(conversation_id, ids)!
-- Delete files of a conversation to which no message refers any more.
DELETE FROM files
WHERE account_id = current_account()
  AND conversation_id = :conversation_id
  AND id = ANY(:ids::uuid[])
  AND NOT EXISTS (
      SELECT
      FROM messages
      WHERE messages.account_id = current_account()
        AND messages.conversation_id = :conversation_id
        AND messages.attachments @> jsonb_build_array(jsonb_build_object('url', '/files/' || files.id))
  );
