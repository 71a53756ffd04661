-- name: target(conversation_id, message_id, customer)^
-- The seq of a message that this side may see.
SELECT seq
FROM messages
WHERE account_id = current_account()
  AND conversation_id = :conversation_id
  AND id = :message_id
  AND NOT (:customer AND private);

-- name: unread(conversation_id, reader_id, customer, up_to_seq)^
-- The last public message up to a seq, if the other side has written since the reader last read.
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
WHERE EXISTS (
    SELECT
    FROM messages
    WHERE account_id = current_account()
      AND conversation_id = :conversation_id
      AND seq <= shown.seq
      AND seq > COALESCE((
          SELECT message_reads.seq
          FROM message_reads
          WHERE message_reads.account_id = current_account()
            AND message_reads.conversation_id = :conversation_id
            AND message_reads.reader_id = :reader_id
      ), 0)
      AND (sender_type = 'customer') <> :customer
      AND NOT private
);

-- name: advance(conversation_id, reader_id, reader_type, seq)^
-- Advance the read position of a reader; no row if it is as far already.
INSERT INTO message_reads (account_id, conversation_id, reader_id, reader_type, seq)
VALUES (current_account(), :conversation_id, :reader_id, :reader_type, :seq)
ON CONFLICT (account_id, conversation_id, reader_id) DO UPDATE
SET seq = EXCLUDED.seq, read_at = EXCLUDED.read_at
WHERE message_reads.seq < EXCLUDED.seq
RETURNING read_at;

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
ORDER BY reader_type = 'customer' DESC, seq DESC
LIMIT :limit;
