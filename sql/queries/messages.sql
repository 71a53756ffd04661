-- name: write(items)
-- Store messages of any accounts in the order given, with everything that follows from them. Returns a row for each item
-- with its outcome: stored, repeat, overtaken, missing, erased, continued, busy or again; see storage/message_writer.py.
-- The other columns are meaningful for stored messages only. Behind a busy item all of its conversation are busy, to keep
-- their order.
--   item          the JSON recordset, a row for each message
--   judged        the outcome of each item; locks its conversation, unless another transaction holds it, or has stored
--                 a message in it or made it another contact's since this statement began
--   result        with the seq of each item, the number of the customer's messages so far, the status that it reopens its
--                 conversation from, and whether it marks something as read: a person's reply, unless the agent had read
--                 everything before it
--   stored        the items to be stored
--   mark          the read positions of agents who have replied
--   event, message, touch
--                 log reopened conversations and the API keys that have sent a message, insert the messages, update the
--                 counters of their conversations; PostgreSQL runs the last first, so that the feed has a message before
--                 what follows from it
--   run, answer   insert the AI runs of questions, and the replies from which the AI learns
--   entry         insert the outbox entries
--   notified      wake the relay if there are AI runs
-- OFFSET 0 makes the planner look up each row by its index: it never scans a table to compare it with the batch. A batch of
-- one costs mostly the start of the plan, node by node: hence no CTE that only groups, and one sort for both windows.
WITH item AS MATERIALIZED (
    SELECT *
    FROM ROWS FROM (
        json_to_recordset(:items::json) AS (
            account_id uuid,
            id uuid,
            conversation_id uuid,
            sender_id uuid,
            sender_type text,
            sender_name text,
            content text,
            content_type text,
            attachments jsonb,
            metadata jsonb,
            private boolean,
            client_message_id text,
            mentions uuid[],
            based_on_seq bigint,
            is_machine boolean,
            event_id uuid,
            run_id uuid,
            key_id uuid,
            key_event_id uuid,
            follow_up_seconds double precision,
            is_first boolean
        )
    ) WITH ORDINALITY AS item (
        account_id,
        id,
        conversation_id,
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
        based_on_seq,
        is_machine,
        event_id,
        run_id,
        key_id,
        key_event_id,
        follow_up_seconds,
        is_first,
        position
    )
), judged AS (
    SELECT
        item.*,
        CASE
            WHEN found.contact_id IS NULL
                OR item.sender_type = 'customer' AND found.contact_id <> item.sender_id THEN 'missing'
            WHEN (locked.last_seq, locked.contact_id) IS DISTINCT FROM (found.last_seq, found.contact_id)
                OR bool_or((locked.last_seq, locked.contact_id) IS DISTINCT FROM (found.last_seq, found.contact_id))
                    OVER earlier THEN 'busy'
            WHEN locked.erased_at IS NOT NULL THEN 'erased'
            WHEN EXISTS (
                SELECT
                FROM messages
                WHERE messages.account_id = item.account_id
                  AND messages.conversation_id = item.conversation_id
                  AND messages.sender_id = item.sender_id
                  AND messages.client_message_id = item.client_message_id
                OFFSET 0
            ) OR EXISTS (
                SELECT
                FROM messages
                WHERE messages.account_id = item.account_id
                  AND messages.id = item.id
                OFFSET 0
            ) THEN 'repeat'
            WHEN item.sender_type = 'customer'
                AND (
                    locked.continued_in IS NOT NULL
                    OR locked.continued_before IS NOT NULL AND item.client_message_id IS NOT NULL AND item.is_first IS NULL
                    AND (
                        found.repeats_in IS NULL
                        OR (locked.updated_at, locked.repeats_in) IS DISTINCT FROM (found.updated_at, found.repeats_in)
                        OR is_sent(found.repeats_in, item.account_id, item.sender_id, item.client_message_id)
                    )
                    OR locked.status = 'closed'
                    AND locked.updated_at < statement_timestamp() - make_interval(secs => item.follow_up_seconds)
                ) THEN 'continued'
            WHEN EXISTS (
                SELECT
                FROM messages
                WHERE messages.account_id = item.account_id
                  AND messages.conversation_id = item.conversation_id
                  AND messages.seq > ( -- of a message of the system without one: the customer's last message
                      SELECT CASE
                          WHEN item.is_machine AND item.based_on_seq IS NULL THEN COALESCE(
                              (
                                  SELECT max(asked.seq)
                                  FROM messages AS asked
                                  WHERE asked.account_id = item.account_id
                                    AND asked.conversation_id = item.conversation_id
                                    AND asked.sender_type = 'customer'
                              ),
                              0
                          )
                          ELSE item.based_on_seq
                      END
                  )
                  AND messages.sender_type = 'agent'
                  AND (messages.sender_id <> item.sender_id OR item.is_machine)
                  AND NOT messages.private
                OFFSET 0
            ) OR item.is_machine AND item.based_on_seq > locked.last_seq THEN 'overtaken'
            WHEN item.client_message_id = ANY (array_agg(item.client_message_id) OVER earlier)
                OR (item.is_machine OR item.based_on_seq IS NOT NULL) AND count(*) OVER earlier > 0 THEN 'again'
            ELSE 'stored'
        END AS outcome,
        locked.status,
        locked.assigned_to,
        locked.assigned_team,
        locked.last_seq AS previous_seq,
        GREATEST(statement_timestamp(), locked.updated_at) AS created_at,
        item.sender_type = 'customer' AND NOT item.private AS asks,
        item.sender_type = 'agent' AND NOT item.private AS answers
    FROM item
    LEFT JOIN LATERAL ( -- as it was when this statement began, like all messages that it sees
        SELECT contact_id, last_seq, updated_at, repeats_in
        FROM conversations
        WHERE conversations.account_id = item.account_id
          AND conversations.id = item.conversation_id
        OFFSET 0
    ) AS found ON true
    LEFT JOIN LATERAL ( -- as it is now; without waiting for a lock there is no deadlock
        SELECT
            status,
            assigned_to,
            assigned_team,
            contact_id,
            last_seq,
            updated_at,
            erased_at,
            continued_in,
            continued_before,
            repeats_in
        FROM conversations
        WHERE conversations.account_id = item.account_id
          AND conversations.id = item.conversation_id
        FOR NO KEY UPDATE SKIP LOCKED
    ) AS locked ON true
    WINDOW earlier AS (
        PARTITION BY item.account_id, item.conversation_id
        ORDER BY item.position
        ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
    )
), result AS MATERIALIZED (
    SELECT
        judged.*,
        previous_seq + count(*) FILTER (WHERE outcome = 'stored') OVER preceding AS seq,
        count(*) FILTER (WHERE outcome = 'stored') OVER preceding > 1 AS has_predecessor_in_batch,
        count(*) FILTER (WHERE outcome = 'stored' AND asks) OVER preceding AS asked_so_far,
        answers AND NOT is_machine
            AND (
                count(*) FILTER (WHERE outcome = 'stored') OVER preceding > 1
                OR NOT EXISTS (
                    SELECT
                    FROM message_reads
                    WHERE message_reads.account_id = judged.account_id
                      AND message_reads.conversation_id = judged.conversation_id
                      AND message_reads.reader_id = judged.sender_id
                      AND message_reads.seq >= judged.previous_seq
                      AND message_reads.unread_after IS NULL
                    OFFSET 0
                )
            ) AS reads,
        CASE
            WHEN asks AND status <> 'open' AND count(*) FILTER (WHERE outcome = 'stored' AND asks) OVER preceding = 1
            THEN status
        END AS reopened_from
    FROM judged
    WINDOW preceding AS (PARTITION BY account_id, conversation_id ORDER BY position ROWS UNBOUNDED PRECEDING)
), stored AS NOT MATERIALIZED (
    SELECT *
    FROM result
    WHERE outcome = 'stored'
), mark AS (
    INSERT INTO message_reads (account_id, conversation_id, reader_id, reader_type, seq, read_at)
    SELECT account_id, conversation_id, sender_id, 'agent', max(seq), max(created_at)
    FROM stored
    WHERE reads
    GROUP BY account_id, conversation_id, sender_id
    ON CONFLICT (account_id, conversation_id, reader_id) DO UPDATE
    SET seq = EXCLUDED.seq, read_at = EXCLUDED.read_at, unread_after = NULL
), event AS (
    INSERT INTO conversation_events (account_id, conversation_id, id, kind, actor_id, actor_type, details, created_at)
    SELECT
        account_id,
        conversation_id,
        event_id,
        'status_changed',
        sender_id,
        sender_type,
        jsonb_build_object('from', reopened_from, 'to', 'open', 'messageId', id)
            || CASE
                WHEN assigned_to IS NULL THEN jsonb_strip_nulls(jsonb_build_object('queued', true, 'toTeam', assigned_team))
                ELSE '{}'
            END,
        created_at
    FROM stored
    WHERE reopened_from IS NOT NULL
    UNION ALL
    SELECT
        account_id,
        conversation_id,
        key_event_id,
        'message_sent',
        key_id,
        'key',
        jsonb_build_object('messageId', id, 'as', sender_type),
        created_at
    FROM stored
    WHERE key_id IS NOT NULL
), message AS (
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
        attachments,
        metadata,
        private,
        client_message_id,
        mentions,
        created_at,
        bytes
    )
    SELECT
        account_id,
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
        message_bytes(sender_name, content, attachments, metadata, client_message_id)
    FROM stored
), touch AS (
    UPDATE conversations
    SET
        last_seq = change.last_seq,
        last_public_seq = GREATEST(conversations.last_public_seq, change.last_public_seq),
        staff_read_seq = GREATEST(staff_read_seq, change.read_seq),
        unread_staff = CASE WHEN change.read_seq IS NULL THEN unread_staff ELSE 0 END + change.asked_unread,
        unread_customer = unread_customer + change.new_to_customer,
        status = CASE WHEN change.asked > 0 THEN 'open' ELSE status END,
        waiting_since = CASE
            WHEN change.is_waiting THEN COALESCE(CASE WHEN NOT change.is_answered THEN waiting_since END, change.created_at)
            WHEN NOT change.is_answered THEN waiting_since
        END,
        updated_at = change.created_at
    FROM (
        SELECT
            account_id,
            conversation_id,
            max(seq) AS last_seq,
            max(seq) FILTER (WHERE NOT private) AS last_public_seq,
            max(seq) FILTER (WHERE reads) AS read_seq,
            max(asked_so_far) AS asked,
            max(asked_so_far) - COALESCE(max(asked_so_far) FILTER (WHERE reads), 0) AS asked_unread,
            count(*) FILTER (WHERE sender_type <> 'customer' AND NOT private) AS new_to_customer,
            bool_or(answers) AS is_answered,
            COALESCE(max(seq) FILTER (WHERE asks), 0) > COALESCE(max(seq) FILTER (WHERE answers), 0) AS is_waiting,
            max(created_at) AS created_at
        FROM stored
        GROUP BY account_id, conversation_id
    ) AS change
    WHERE conversations.account_id = change.account_id
      AND conversations.id = change.conversation_id
), run AS (
    INSERT INTO ai_runs (account_id, id, conversation_id, message_id, seq, kind)
    SELECT account_id, run_id, conversation_id, id, seq, 'classification'
    FROM stored
    WHERE asks AND run_id IS NOT NULL
), answer AS (
    INSERT INTO past_answers (account_id, message_id, conversation_id, seq)
    SELECT account_id, id, conversation_id, seq
    FROM stored
    WHERE answers
), entry AS (
    INSERT INTO outbox (account_id, id, conversation_id, seq, reopened_from)
    SELECT account_id, id, conversation_id, seq, reopened_from
    FROM stored
), notified AS MATERIALIZED (
    SELECT pg_notify('hummdesk_runs', '')
    WHERE EXISTS (SELECT FROM stored WHERE asks AND run_id IS NOT NULL)
)
SELECT
    outcome,
    seq,
    created_at,
    reopened_from,
    assigned_to,
    assigned_team,
    reads,
    has_predecessor_in_batch OR EXISTS (
        SELECT
        FROM messages
        WHERE messages.account_id = result.account_id
          AND messages.conversation_id = result.conversation_id
          AND messages.seq = result.previous_seq
          AND (
              messages.created_at > result.created_at - interval '5 seconds'
              OR EXISTS ( -- its process has died, or Redis is unavailable
                  SELECT
                  FROM outbox
                  WHERE outbox.account_id = messages.account_id
                    AND outbox.id = messages.id
                  OFFSET 0
              )
          )
        OFFSET 0
    ) AS has_pending_predecessor
FROM result
LEFT JOIN notified ON true
ORDER BY position;

-- name: merge_pending_words()^
-- Merge the words of new messages into their index; return the number of merged pages.
SELECT merge_pending_words() AS pages;

-- name: last_of_customer(conversation_id)^
-- The seq of the customer's last message in a conversation, 0 without one.
SELECT COALESCE(max(seq), 0) AS seq
FROM messages
WHERE account_id = current_account()
  AND conversation_id = :conversation_id
  AND sender_type = 'customer';

-- name: sent_before(conversation_ids, sender_id, client_message_id, id)^
-- The message that a sender has stored in one of these conversations, by its client_message_id, or anywhere by its id.
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
  AND sender_id = :sender_id
  AND id = ANY(ARRAY(
      SELECT sent.id
      FROM messages AS sent
      WHERE sent.account_id = current_account()
        AND sent.conversation_id = ANY(:conversation_ids::uuid[])
        AND sent.sender_id = :sender_id
        AND sent.client_message_id = :client_message_id
      UNION ALL
      SELECT :id::uuid
  ))
LIMIT 1;

-- name: lock_sends(milliseconds, conversation_id)^
-- Limit the wait for each lock, and wait for other sends of the customer to a conversation (NULL: for none), until the
-- transaction ends. The lock is taken before those of rows. It is not that of the row: a message that goes on to another
-- conversation would lock two rows, in another order than a merge.
SELECT
    set_config('lock_timeout', :milliseconds, true) AS milliseconds,
    pg_advisory_xact_lock(hashtextextended('sends/' || :conversation_id::uuid, 0));

-- name: page_after(conversation_id, after_seq, before_seq, with_private, limit, max_bytes)
-- The first messages between two seqs: as many as fit into `max_bytes` of an answer, and at least one. `found` counts
-- those that do not fit, too. A message has 440 bytes beside its texts: ids, time and the names of the fields. The sizes
-- are a stored column, so that contents that do not fit are not read.
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
    erased,
    withdrawn,
    found
FROM (
    SELECT
        page.*,
        count(*) OVER () AS found,
        row_number() OVER (ORDER BY seq) AS position,
        sum(size) OVER (ORDER BY seq ROWS UNBOUNDED PRECEDING) AS total
    FROM (
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
            440 + 39 * COALESCE(cardinality(mentions), 0)
                + COALESCE(bytes, message_bytes(sender_name, content, attachments, metadata, client_message_id)) AS size
        FROM messages
        WHERE account_id = current_account()
          AND conversation_id = :conversation_id
          AND seq > :after_seq::bigint
          AND seq < :before_seq::bigint
          AND (:with_private OR NOT private)
        ORDER BY seq
        LIMIT :limit
    ) AS page
) AS measured
WHERE total <= :max_bytes OR position = 1
ORDER BY seq;

-- name: page_before(conversation_id, before_seq, with_private, limit, max_bytes)
-- The last messages before a seq, latest first, limited as in `page_after`.
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
    erased,
    withdrawn,
    found
FROM (
    SELECT
        page.*,
        count(*) OVER () AS found,
        row_number() OVER (ORDER BY seq DESC) AS position,
        sum(size) OVER (ORDER BY seq DESC ROWS UNBOUNDED PRECEDING) AS total
    FROM (
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
            440 + 39 * COALESCE(cardinality(mentions), 0)
                + COALESCE(bytes, message_bytes(sender_name, content, attachments, metadata, client_message_id)) AS size
        FROM messages
        WHERE account_id = current_account()
          AND conversation_id = :conversation_id
          AND seq < :before_seq::bigint
          AND (:with_private OR NOT private)
        ORDER BY seq DESC
        LIMIT :limit
    ) AS page
) AS measured
WHERE total <= :max_bytes OR position = 1
ORDER BY seq DESC;

-- name: missed(conversation_id, after_seq, before_seq, with_private, limit, max_bytes)
-- All messages between two seqs; no row if they are more than `limit` or do not fit into `max_bytes` of an answer.
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
    erased,
    withdrawn
FROM (
    SELECT
        page.*,
        count(*) OVER () AS found,
        sum(size) OVER () AS total
    FROM (
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
            440 + 39 * COALESCE(cardinality(mentions), 0)
                + COALESCE(bytes, message_bytes(sender_name, content, attachments, metadata, client_message_id)) AS size
        FROM messages
        WHERE account_id = current_account()
          AND conversation_id = :conversation_id
          AND seq > :after_seq::bigint
          AND seq < :before_seq::bigint
          AND (:with_private OR NOT private)
        ORDER BY seq
        LIMIT :limit + 1
    ) AS page
) AS measured
WHERE found <= :limit
  AND total <= :max_bytes
ORDER BY seq;

-- name: changed_after(conversation_id, revision, up_to_seq, with_private, limit, max_bytes)
-- The messages up to a seq that were changed after a revision, in the order of their last changes, limited as in
-- `page_after`. `total` is the size of a message and those before it.
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
    erased,
    withdrawn,
    found,
    total
FROM (
    SELECT
        page.*,
        count(*) OVER () AS found,
        row_number() OVER (ORDER BY revision, seq) AS position,
        sum(size) OVER (ORDER BY revision, seq ROWS UNBOUNDED PRECEDING) AS total
    FROM (
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
            440 + 39 * COALESCE(cardinality(mentions), 0)
                + COALESCE(bytes, message_bytes(sender_name, content, attachments, metadata, client_message_id)) AS size
        FROM messages
        WHERE account_id = current_account()
          AND conversation_id = :conversation_id
          AND revision > 0 -- the condition of the index
          AND revision > :revision::bigint
          AND seq <= :up_to_seq::bigint
          AND (:with_private OR NOT private)
        ORDER BY revision
        LIMIT :limit
    ) AS page
) AS measured
WHERE total <= :max_bytes OR position = 1
ORDER BY revision, seq;
