-- name: target(conversation_id, message_id, customer)^
-- The seq of a message that this side may see.
SELECT seq
FROM messages
WHERE account_id = current_account()
  AND conversation_id = :conversation_id
  AND id = :message_id
  AND NOT (:customer AND private);

-- name: unread(conversation_id, reader_id, customer, up_to_seq)^
-- The last public message up to a seq, if the other side has written since the reader last read, or the reader has marked
-- messages as unread.
SELECT shown.id, shown.seq
FROM (
    SELECT id, seq
    FROM messages
    WHERE account_id = current_account()
      AND conversation_id = :conversation_id
      AND seq <= :up_to_seq::bigint
      AND NOT private
    ORDER BY seq DESC
    LIMIT 1
) AS shown
LEFT JOIN message_reads AS own
  ON own.account_id = current_account()
 AND own.conversation_id = :conversation_id
 AND own.reader_id = :reader_id
WHERE own.unread_after IS NOT NULL
   OR EXISTS (
       SELECT
       FROM messages
       WHERE account_id = current_account()
         AND conversation_id = :conversation_id
         AND messages.seq <= shown.seq
         AND messages.seq > COALESCE(own.seq, 0)
         AND (sender_type = 'customer') <> :customer
         AND NOT private
   );

-- name: advance(conversation_id, reader_id, reader_type, seq)^
-- Advance the read position of a reader; no row if it is as far already. `is_receipt`: further than ever before. A mark as
-- unread ends with the last public message. The conversation is locked.
WITH own AS (
    SELECT seq, unread_after
    FROM message_reads
    WHERE account_id = current_account()
      AND conversation_id = :conversation_id
      AND reader_id = :reader_id
), advanced AS (
    INSERT INTO message_reads (account_id, conversation_id, reader_id, reader_type, seq)
    VALUES (current_account(), :conversation_id, :reader_id, :reader_type, :seq)
    ON CONFLICT (account_id, conversation_id, reader_id) DO UPDATE
    SET
        seq = GREATEST(message_reads.seq, EXCLUDED.seq),
        read_at = CASE WHEN message_reads.seq >= EXCLUDED.seq THEN message_reads.read_at ELSE EXCLUDED.read_at END,
        unread_after = (
            SELECT GREATEST(message_reads.unread_after, EXCLUDED.seq)
            FROM conversations
            WHERE conversations.account_id = current_account()
              AND conversations.id = :conversation_id
              AND conversations.last_public_seq > EXCLUDED.seq
              AND message_reads.unread_after IS NOT NULL
        )
    WHERE message_reads.seq IS NULL
       OR message_reads.seq < EXCLUDED.seq
       OR message_reads.unread_after < EXCLUDED.seq
    RETURNING read_at
)
SELECT advanced.read_at, own.seq IS NULL OR own.seq < :seq AS is_receipt
FROM advanced
LEFT JOIN own ON true;

-- name: own_unread(conversation_id, reader_id, window)^
-- What is unread for an agent among the last messages: number and first seq, as in `view`. `last_seq` is that of the
-- conversation.
SELECT
    conversations.last_seq,
    count(recent.seq)::integer AS unread_count,
    min(recent.seq) AS first_seq
FROM conversations
LEFT JOIN users AS reader
  ON reader.account_id = conversations.account_id
 AND reader.id = :reader_id
LEFT JOIN message_reads AS own
  ON own.account_id = conversations.account_id
 AND own.conversation_id = conversations.id
 AND own.reader_id = :reader_id
LEFT JOIN LATERAL ( -- as in `view`
    SELECT GREATEST(COALESCE(own.unread_after, own.seq, 0), conversations.last_seq - :window) AS seq
    OFFSET 0
) AS start ON true
LEFT JOIN messages AS recent
  ON recent.account_id = conversations.account_id
 AND recent.conversation_id = conversations.id
 AND recent.seq > start.seq
 AND recent.sender_type = 'customer'
 AND (
     own.unread_after IS NOT NULL
     OR recent.seq > conversations.staff_read_seq
     OR recent.created_at >= reader.unread_since
 )
WHERE conversations.account_id = current_account()
  AND conversations.id = :conversation_id
GROUP BY conversations.last_seq;

-- name: last_asked(conversation_id, before_seq)^
-- The last message of the customer up to a seq.
SELECT seq
FROM messages
WHERE account_id = current_account()
  AND conversation_id = :conversation_id
  AND seq <= :before_seq::bigint
  AND sender_type = 'customer'
ORDER BY seq DESC
LIMIT 1;

-- name: put_back(conversation_id, reader_id, unread_after)!
-- Mark the messages after a seq as unread for an agent. The receipt stays.
INSERT INTO message_reads (account_id, conversation_id, reader_id, reader_type, seq, unread_after)
VALUES (current_account(), :conversation_id, :reader_id, 'agent', NULL, :unread_after)
ON CONFLICT (account_id, conversation_id, reader_id) DO UPDATE
SET unread_after = EXCLUDED.unread_after;

-- name: readers(conversation_id, limit)
-- The agents who have a read position in a conversation, the latest first.
SELECT reader_id
FROM message_reads
WHERE account_id = current_account()
  AND conversation_id = :conversation_id
  AND reader_type = 'agent'
ORDER BY read_at DESC
LIMIT :limit;

-- name: view(conversation_id, viewer_id)^
-- Start the draft of a conversation that an agent opens, as an assignment does. Returns whose view marks it as read, and
-- whether the viewer is its assignee.
SELECT
    accounts.read_on_view,
    COALESCE(conversations.assigned_to = :viewer_id, false) AS is_assignee,
    CASE
        WHEN conversations.status <> 'closed'
        THEN start_draft(conversations.account_id, conversations.id, conversations.last_public_seq)
    END
FROM conversations
JOIN accounts ON accounts.account_id = conversations.account_id
WHERE conversations.account_id = current_account()
  AND conversations.id = :conversation_id;

-- name: lower_staff(conversation_id, seq)!
-- Recount the messages that staff has not read, if the position is beyond that of all staff.
UPDATE conversations
SET
    staff_read_seq = :seq,
    unread_staff = (
        SELECT count(*)
        FROM messages
        WHERE messages.account_id = conversations.account_id
          AND messages.conversation_id = conversations.id
          AND messages.seq > :seq
          AND sender_type = 'customer'
          AND NOT private
    )
WHERE account_id = current_account()
  AND id = :conversation_id
  AND staff_read_seq < :seq;

-- name: lower_customer(conversation_id, seq)!
-- Recount the messages that the customer has not read.
UPDATE conversations
SET unread_customer = (
    SELECT count(*)
    FROM messages
    WHERE messages.account_id = conversations.account_id
      AND messages.conversation_id = conversations.id
      AND messages.seq > :seq
      AND sender_type <> 'customer'
      AND NOT private
)
WHERE account_id = current_account()
  AND id = :conversation_id;

-- name: positions(conversation_id, limit)
-- The read positions of a conversation: the customer's, then those of the staff who have read furthest.
SELECT
    reader_id,
    reader_type,
    seq,
    read_at
FROM message_reads
WHERE account_id = current_account()
  AND conversation_id = :conversation_id
  AND seq IS NOT NULL
ORDER BY reader_type = 'customer' DESC, seq DESC
LIMIT :limit;
