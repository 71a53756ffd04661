-- name: check(conversation_id, contact_id)^
-- The last seq of a conversation for this side, and its revision; no row unless it exists and belongs to the contact, if
-- one is given.
SELECT CASE WHEN :contact_id::uuid IS NULL THEN last_seq ELSE last_public_seq END AS last_seq, revision
FROM conversations
WHERE account_id = current_account()
  AND id = :conversation_id
  AND (:contact_id::uuid IS NULL OR contact_id = :contact_id);

-- name: visible(ids, contact_id)
-- The existing conversations among `ids`, of the contact if one is given.
SELECT id
FROM conversations
WHERE account_id = current_account()
  AND id = ANY(:ids)
  AND (:contact_id::uuid IS NULL OR contact_id = :contact_id);

-- name: lock(conversation_id, contact_id)^
-- Lock a conversation until the transaction ends; rows as in `check`.
SELECT last_seq
FROM conversations
WHERE account_id = current_account()
  AND id = :conversation_id
  AND (:contact_id::uuid IS NULL OR contact_id = :contact_id)
FOR NO KEY UPDATE;

-- name: view(ids, contact_id, reader_id, window, max_bytes)
-- Conversations with customer and last message in the order of `ids`, for staff or (contact_id) the customer: as many as
-- fit into `max_bytes` of an answer, and at least one. `position` is that in `ids`. A conversation has 1,100 bytes beside
-- its texts. `unread_count` is that of an agent (reader_id), of the last `window` messages, or else of all staff: an agent's
-- own position counts, and of messages from before `unread_since`, unless they were marked as unread, also that of others.
SELECT
    id,
    account_id,
    contact_id,
    contact_name,
    contact_email,
    contact_avatar,
    status,
    priority,
    assigned_to,
    assigned_team,
    subject,
    metadata,
    last_seq,
    unread_count,
    created_at,
    updated_at,
    revision,
    rating,
    label_ids,
    snoozed_until,
    continued_in,
    continuation_of,
    message_id,
    message_conversation_id,
    message_seq,
    message_sender_id,
    message_sender_type,
    message_sender_name,
    message_content,
    message_content_type,
    message_attachments,
    message_metadata,
    message_private,
    message_client_message_id,
    message_mentions,
    message_created_at,
    message_revision,
    message_erased,
    message_withdrawn,
    position
FROM (
    SELECT
        conversations.id,
        conversations.account_id,
        conversations.contact_id,
        contacts.name AS contact_name,
        CASE
            WHEN contacts.email ~ '[.]invalid$' THEN COALESCE(contacts.stated_email, contacts.email)
            ELSE contacts.email
        END AS contact_email,
        contacts.avatar_url AS contact_avatar,
        conversations.status,
        conversations.priority,
        conversations.assigned_to,
        conversations.assigned_team,
        conversations.subject,
        conversations.metadata,
        CASE WHEN :contact_id::uuid IS NULL THEN last_seq ELSE last_public_seq END AS last_seq,
        CASE
            WHEN :contact_id::uuid IS NOT NULL THEN unread_customer
            WHEN :reader_id::uuid IS NOT NULL THEN unread.messages
            ELSE unread_staff
        END AS unread_count,
        conversations.created_at,
        conversations.updated_at,
        conversations.revision,
        conversations.rating,
        conversations.label_ids,
        conversations.snoozed_until,
        conversations.continued_in,
        conversations.continuation_of,
        messages.id AS message_id,
        messages.conversation_id AS message_conversation_id,
        messages.seq AS message_seq,
        messages.sender_id AS message_sender_id,
        messages.sender_type AS message_sender_type,
        messages.sender_name AS message_sender_name,
        messages.content AS message_content,
        messages.content_type AS message_content_type,
        messages.attachments AS message_attachments,
        messages.metadata AS message_metadata,
        messages.private AS message_private,
        messages.client_message_id AS message_client_message_id,
        messages.mentions AS message_mentions,
        messages.created_at AS message_created_at,
        messages.revision AS message_revision,
        messages.erased_at IS NOT NULL AS message_erased,
        messages.withdrawn AS message_withdrawn,
        array_position(:ids::uuid[], conversations.id) AS position,
        sum(
            1100 + 39 * COALESCE(cardinality(messages.mentions), 0)
            + octet_length(
                json_build_array(
                    contacts.name, contacts.email, contacts.stated_email, contacts.avatar_url, conversations.subject, conversations.metadata
                )::text
            )
            + COALESCE(
                messages.bytes,
                message_bytes(
                    messages.sender_name,
                    messages.content,
                    messages.attachments,
                    messages.metadata,
                    messages.client_message_id
                )
            )
        ) OVER (ORDER BY array_position(:ids::uuid[], conversations.id) ROWS UNBOUNDED PRECEDING) AS total
    FROM conversations
    JOIN contacts
      ON contacts.account_id = conversations.account_id
     AND contacts.id = conversations.contact_id
    LEFT JOIN messages
      ON messages.account_id = conversations.account_id
     AND messages.conversation_id = conversations.id
     AND messages.seq = CASE WHEN :contact_id::uuid IS NULL THEN last_seq ELSE last_public_seq END
    LEFT JOIN users AS reader
      ON reader.account_id = conversations.account_id
     AND reader.id = :reader_id
    LEFT JOIN message_reads AS own
      ON own.account_id = conversations.account_id
     AND own.conversation_id = conversations.id
     AND own.reader_id = :reader_id
    LEFT JOIN LATERAL ( -- a subtraction, which is not leakproof, cannot be a condition of an index beneath a policy
        SELECT GREATEST(
            COALESCE(own.unread_after, own.seq, 0),
            conversations.last_seq - :window,
            CASE
                WHEN own.unread_after IS NULL AND conversations.updated_at < reader.unread_since
                THEN conversations.staff_read_seq
            END
        ) AS seq
        OFFSET 0
    ) AS start ON true
    LEFT JOIN LATERAL (
        SELECT count(*)::integer AS messages
        FROM messages AS recent
        WHERE :reader_id::uuid IS NOT NULL
          AND recent.account_id = conversations.account_id
          AND recent.conversation_id = conversations.id
          AND recent.seq > start.seq
          AND recent.sender_type = 'customer'
          AND (
              own.unread_after IS NOT NULL
              OR recent.seq > conversations.staff_read_seq
              OR recent.created_at >= reader.unread_since
          )
        OFFSET 0
    ) AS unread ON true
    WHERE conversations.account_id = current_account()
      AND conversations.id = ANY(:ids)
      AND (:contact_id::uuid IS NULL OR conversations.contact_id = :contact_id AND contacts.active)
) AS viewed
WHERE total <= :max_bytes OR position = 1
ORDER BY position;

-- name: page_of_account(statuses, before_at, before_id, limit)
-- Ids of the conversations of the account after a position in the list.
SELECT page.id, page.updated_at
FROM unnest(:statuses::text[]) AS wanted (status)
CROSS JOIN LATERAL (
    SELECT id, updated_at
    FROM conversations
    WHERE account_id = current_account()
      AND conversations.status = wanted.status
      AND (updated_at, id) < (:before_at, :before_id::uuid)
    ORDER BY updated_at DESC, id DESC
    LIMIT :limit
) AS page
ORDER BY page.updated_at DESC, page.id DESC
LIMIT :limit;

-- name: page_of_agent(agent_id, statuses, before_at, before_id, limit)
-- As `page_of_account`, of the conversations assigned to an agent.
SELECT page.id, page.updated_at
FROM unnest(:statuses::text[]) AS wanted (status)
CROSS JOIN LATERAL (
    SELECT id, updated_at
    FROM conversations
    WHERE account_id = current_account()
      AND assigned_to = :agent_id
      AND conversations.status = wanted.status
      AND (updated_at, id) < (:before_at, :before_id::uuid)
    ORDER BY updated_at DESC, id DESC
    LIMIT :limit
) AS page
ORDER BY page.updated_at DESC, page.id DESC
LIMIT :limit;

-- name: page_of_unassigned(statuses, before_at, before_id, limit)
-- As `page_of_account`, of the unassigned conversations. Sorted by `assigned_to`, too, which is the same for all, since the
-- planner reads an index in order only for columns that are compared by `=` or sorted by.
SELECT page.id, page.updated_at
FROM unnest(:statuses::text[]) AS wanted (status)
CROSS JOIN LATERAL (
    SELECT id, updated_at
    FROM conversations
    WHERE account_id = current_account()
      AND assigned_to IS NULL
      AND conversations.status = wanted.status
      AND (updated_at, id) < (:before_at, :before_id::uuid)
    ORDER BY assigned_to, updated_at DESC, id DESC
    LIMIT :limit
) AS page
ORDER BY page.updated_at DESC, page.id DESC
LIMIT :limit;

-- name: page_of_filtered(agent_id, unassigned, team_id, priority, label_id, is_snoozed, category, recent, since, statuses, before_at, before_id, scanned, limit)
-- As `page_of_account`, of the conversations with a team, a priority, a label, a category or a snooze among the next
-- `scanned` ones: no index has these. The last row marks the end of those, unless the list ends before.
WITH candidate AS MATERIALIZED (
    SELECT page.*
    FROM unnest(:statuses::text[]) AS wanted (status)
    CROSS JOIN LATERAL (
        SELECT
            id,
            updated_at,
            assigned_to,
            assigned_team,
            priority,
            label_ids,
            snoozed_until
        FROM conversations
        WHERE account_id = current_account()
          AND conversations.status = wanted.status
          AND (:since::timestamptz IS NULL OR updated_at >= :since)
          AND (updated_at, id) < (:before_at, :before_id::uuid)
        ORDER BY updated_at DESC, id DESC
        LIMIT :scanned
    ) AS page
    ORDER BY page.updated_at DESC, page.id DESC
    LIMIT :scanned
), found AS (
    SELECT id, updated_at, assigned_to
    FROM candidate
    WHERE (:agent_id::uuid IS NULL OR assigned_to = :agent_id)
      AND NOT (:unassigned AND assigned_to IS NOT NULL)
      AND (:team_id::uuid IS NULL OR assigned_team = :team_id)
      AND (:priority::text IS NULL OR priority = :priority)
      AND (:label_id::uuid IS NULL OR :label_id = ANY(label_ids))
      AND (:is_snoozed::boolean IS NULL OR (snoozed_until IS NOT NULL) = :is_snoozed)
      AND (:category::text IS NULL OR conversation_category(id, :recent) = :category)
    ORDER BY updated_at DESC, id DESC
    LIMIT :limit
), ending AS (
    SELECT id, updated_at
    FROM candidate
    WHERE (SELECT count(*) FROM candidate) = :scanned
    ORDER BY updated_at, id
    LIMIT 1
)
SELECT id, updated_at, assigned_to, false AS is_end
FROM found
UNION ALL
SELECT id, updated_at, NULL::uuid AS assigned_to, true AS is_end
FROM ending
ORDER BY is_end, updated_at DESC, id DESC;

-- name: page_of_waiting(contact_id, agent_id, unassigned, team_id, priority, label_id, is_snoozed, category, recent, statuses, after_at, after_id, scanned, limit)
-- Ids of the conversations whose customers wait for an answer, the longest wait first, among the next `scanned` ones after a
-- position. `updated_at` is since when they wait. The last row marks the end of those, as in `page_of_filtered`.
WITH candidate AS MATERIALIZED (
    SELECT
        id,
        waiting_since,
        status,
        contact_id,
        assigned_to,
        assigned_team,
        priority,
        label_ids,
        snoozed_until
    FROM conversations
    WHERE account_id = current_account()
      AND waiting_since IS NOT NULL
      AND (waiting_since, id) > (:after_at::timestamptz, :after_id::uuid)
    ORDER BY waiting_since, id
    LIMIT :scanned
), found AS (
    SELECT id, waiting_since, assigned_to
    FROM candidate
    WHERE status = ANY(:statuses::text[])
      AND (:contact_id::uuid IS NULL OR contact_id = :contact_id)
      AND (:agent_id::uuid IS NULL OR assigned_to = :agent_id)
      AND NOT (:unassigned AND assigned_to IS NOT NULL)
      AND (:team_id::uuid IS NULL OR assigned_team = :team_id)
      AND (:priority::text IS NULL OR priority = :priority)
      AND (:label_id::uuid IS NULL OR :label_id = ANY(label_ids))
      AND (:is_snoozed::boolean IS NULL OR (snoozed_until IS NOT NULL) = :is_snoozed)
      AND (:category::text IS NULL OR conversation_category(id, :recent) = :category)
    ORDER BY waiting_since, id
    LIMIT :limit
), ending AS (
    SELECT id, waiting_since
    FROM candidate
    WHERE (SELECT count(*) FROM candidate) = :scanned
    ORDER BY waiting_since DESC, id DESC
    LIMIT 1
)
SELECT id, waiting_since AS updated_at, assigned_to, false AS is_end
FROM found
UNION ALL
SELECT id, waiting_since AS updated_at, NULL::uuid AS assigned_to, true AS is_end
FROM ending
ORDER BY is_end, updated_at, id;

-- name: page_of_found(words, parts, terms, sender, search_limit, contact_id, agent_id, unassigned, team_id, priority, label_id, is_snoozed, category, recent, since, statuses, before_at, before_id, limit, marks_end)
-- As `page_of_account`, of the conversations that match words: `search_limit` messages, subjects and customers each;
-- and if a sender is given, of customers whose name or address matches it. With `marks_end`, a last row without an id
-- says that there can be more matches.
WITH found AS MATERIALIZED (
    SELECT matches.id
    FROM find_conversations(to_tsquery('simple', :words), :parts::text[], :terms::text[], :search_limit) AS matches (id)
), sender AS MATERIALIZED (
    SELECT matches.id
    FROM find_contacts(:sender, :search_limit) AS matches (id)
    WHERE :sender::text IS NOT NULL
), page AS (
    SELECT id, updated_at, assigned_to
    FROM conversations
    WHERE account_id = current_account()
      AND id = ANY(ARRAY(SELECT found.id FROM found))
      AND (:sender::text IS NULL OR contact_id = ANY(ARRAY(SELECT sender.id FROM sender)))
      AND (:contact_id::uuid IS NULL OR contact_id = :contact_id)
      AND status = ANY(:statuses::text[])
      AND (:agent_id::uuid IS NULL OR assigned_to = :agent_id)
      AND NOT (:unassigned AND assigned_to IS NOT NULL)
      AND (:team_id::uuid IS NULL OR assigned_team = :team_id)
      AND (:priority::text IS NULL OR priority = :priority)
      AND (:label_id::uuid IS NULL OR :label_id = ANY(label_ids))
      AND (:is_snoozed::boolean IS NULL OR (snoozed_until IS NOT NULL) = :is_snoozed)
      AND (:category::text IS NULL OR conversation_category(id, :recent) = :category)
      AND (:since::timestamptz IS NULL OR updated_at >= :since)
      AND (updated_at, id) < (:before_at, :before_id::uuid)
    ORDER BY updated_at DESC, id DESC
    LIMIT :limit
)
SELECT id, updated_at, assigned_to, false AS is_end
FROM page
UNION ALL
SELECT NULL::uuid AS id, NULL::timestamptz AS updated_at, NULL::uuid AS assigned_to, true AS is_end
WHERE :marks_end
  AND (
      EXISTS (SELECT FROM found WHERE found.id IS NULL)
      OR (SELECT count(*) FROM sender) >= :search_limit
  )
ORDER BY is_end, updated_at DESC, id DESC;

-- name: page_of_sender(sender, search_limit, contact_id, agent_id, unassigned, team_id, priority, label_id, is_snoozed, category, recent, since, statuses, before_at, before_id, limit, marks_end)
-- As `page_of_account`, of the `search_limit` newest customers whose name or address matches a pattern. `marks_end`: as
-- in `page_of_found`.
WITH sender AS MATERIALIZED (
    SELECT matches.id
    FROM find_contacts(:sender, :search_limit) AS matches (id)
), page AS (
    SELECT theirs.id, theirs.updated_at, theirs.assigned_to
    FROM sender
    CROSS JOIN LATERAL (
        SELECT conversations.id, updated_at, assigned_to
        FROM conversations
        WHERE account_id = current_account()
          AND conversations.contact_id = sender.id
          AND (:contact_id::uuid IS NULL OR conversations.contact_id = :contact_id)
          AND status = ANY(:statuses::text[])
          AND (:agent_id::uuid IS NULL OR assigned_to = :agent_id)
          AND NOT (:unassigned AND assigned_to IS NOT NULL)
          AND (:team_id::uuid IS NULL OR assigned_team = :team_id)
          AND (:priority::text IS NULL OR priority = :priority)
          AND (:label_id::uuid IS NULL OR :label_id = ANY(label_ids))
          AND (:is_snoozed::boolean IS NULL OR (snoozed_until IS NOT NULL) = :is_snoozed)
          AND (:category::text IS NULL OR conversation_category(conversations.id, :recent) = :category)
          AND (:since::timestamptz IS NULL OR updated_at >= :since)
          AND (updated_at, conversations.id) < (:before_at, :before_id::uuid)
        ORDER BY updated_at DESC, conversations.id DESC
        LIMIT :limit
    ) AS theirs
    ORDER BY theirs.updated_at DESC, theirs.id DESC
    LIMIT :limit
)
SELECT id, updated_at, assigned_to, false AS is_end
FROM page
UNION ALL
SELECT NULL::uuid AS id, NULL::timestamptz AS updated_at, NULL::uuid AS assigned_to, true AS is_end
WHERE :marks_end
  AND (SELECT count(*) FROM sender) >= :search_limit
ORDER BY is_end, updated_at DESC, id DESC;

-- name: page_of_contact(contact_id, agent_id, unassigned, team_id, priority, label_id, is_snoozed, category, recent, since, statuses, before_at, before_id, limit)
-- As `page_of_account`, of the conversations of a contact.
SELECT id, updated_at
FROM conversations
WHERE account_id = current_account()
  AND contact_id = :contact_id
  AND status = ANY(:statuses::text[])
  AND (:agent_id::uuid IS NULL OR assigned_to = :agent_id)
  AND NOT (:unassigned AND assigned_to IS NOT NULL)
  AND (:team_id::uuid IS NULL OR assigned_team = :team_id)
  AND (:priority::text IS NULL OR priority = :priority)
  AND (:label_id::uuid IS NULL OR :label_id = ANY(label_ids))
  AND (:is_snoozed::boolean IS NULL OR (snoozed_until IS NOT NULL) = :is_snoozed)
  AND (:category::text IS NULL OR conversation_category(id, :recent) = :category)
  AND (:since::timestamptz IS NULL OR updated_at >= :since)
  AND (updated_at, id) < (:before_at, :before_id::uuid)
ORDER BY updated_at DESC, id DESC
LIMIT :limit;

-- name: start(id, contact_id, subject, metadata, client_message_id, actor_id, actor_type, event_id)^
-- Open a conversation and log it; no row if it exists: by its id, or by this client_message_id of the contact.
WITH conversation AS (
    INSERT INTO conversations (account_id, id, contact_id, subject, metadata, client_message_id)
    VALUES (current_account(), :id, :contact_id, :subject, :metadata, :client_message_id)
    ON CONFLICT DO NOTHING
    RETURNING account_id, id, created_at
), event AS (
    INSERT INTO conversation_events (account_id, conversation_id, id, kind, actor_id, actor_type, created_at)
    SELECT account_id, id, :event_id, 'created', :actor_id, :actor_type, created_at
    FROM conversation
)
SELECT id
FROM conversation;

-- name: started(id, contact_id, client_message_id)^
-- The conversation that a contact has opened, by its id or its client_message_id.
SELECT id
FROM conversations
WHERE account_id = current_account()
  AND contact_id = :contact_id
  AND (id = :id OR client_message_id = :client_message_id);

-- name: change_status(conversation_id, status, reason, actor_id, actor_type, event_id)^
-- Change the status and log it with an outbox entry, if it differs; return the old status and the time of the change. The
-- log says if an open conversation without an agent now waits in a queue, and of which team.
WITH found AS (
    SELECT account_id, id, status, assigned_to, assigned_team, erased_at, updated_at
    FROM conversations
    WHERE account_id = current_account()
      AND id = :conversation_id
    FOR NO KEY UPDATE
), changed AS (
    UPDATE conversations
    SET status = :status, updated_at = GREATEST(clock_timestamp(), found.updated_at)
    FROM found
    WHERE conversations.account_id = found.account_id
      AND conversations.id = found.id
      AND found.status <> :status
    RETURNING conversations.updated_at
), event AS (
    INSERT INTO conversation_events (account_id, conversation_id, id, kind, actor_id, actor_type, details, created_at)
    SELECT
        found.account_id,
        found.id,
        :event_id,
        'status_changed',
        :actor_id,
        :actor_type,
        jsonb_strip_nulls(jsonb_build_object('from', found.status, 'to', :status::text, 'reason', :reason::text))
            || CASE
                WHEN :status = 'open' AND found.assigned_to IS NULL AND found.erased_at IS NULL
                THEN jsonb_strip_nulls(jsonb_build_object('queued', true, 'toTeam', found.assigned_team))
                ELSE '{}'
            END,
        changed.updated_at
    FROM found
    CROSS JOIN changed
), entry AS (
    INSERT INTO outbox (account_id, id, conversation_id, seq)
    SELECT found.account_id, :event_id, found.id, -2
    FROM found
    CROSS JOIN changed
)
SELECT found.status AS old, COALESCE(changed.updated_at, found.updated_at) AS at
FROM found
LEFT JOIN changed ON true;

-- name: set_priority(conversation_id, priority, actor_id, actor_type, event_id)^
-- Set the priority and log it, if it differs; return whether it has changed.
WITH found AS (
    SELECT account_id, id, priority
    FROM conversations
    WHERE account_id = current_account()
      AND id = :conversation_id
    FOR NO KEY UPDATE
), changed AS (
    UPDATE conversations
    SET priority = :priority
    FROM found
    WHERE conversations.account_id = found.account_id
      AND conversations.id = found.id
      AND found.priority <> :priority
    RETURNING conversations.id
), event AS (
    INSERT INTO conversation_events (account_id, conversation_id, id, kind, actor_id, actor_type, details)
    SELECT
        found.account_id,
        found.id,
        :event_id,
        'priority_changed',
        :actor_id,
        :actor_type,
        jsonb_build_object('from', found.priority, 'to', :priority::text)
    FROM found
    CROSS JOIN changed
), entry AS (
    INSERT INTO outbox (account_id, id, conversation_id, seq)
    SELECT found.account_id, :event_id, found.id, -2
    FROM found
    CROSS JOIN changed
)
SELECT changed.id IS NOT NULL AS changed
FROM found
LEFT JOIN changed ON true;

-- name: events(conversation_id, before_at, before_id, limit)
-- The log of a conversation, newest first.
SELECT
    id,
    kind,
    actor_id,
    actor_type,
    details,
    created_at
FROM conversation_events
WHERE account_id = current_account()
  AND conversation_id = :conversation_id
  AND (created_at, id) < (:before_at, :before_id::uuid)
ORDER BY created_at DESC, id DESC
LIMIT :limit;

-- name: change_labels(conversation_id, added, removed, actor_id, actor_type, event_id)^
-- Put labels on a conversation and take others off, and log it, if that changes them; return the labels, and whether they
-- have changed.
WITH found AS (
    SELECT account_id, id, label_ids
    FROM conversations
    WHERE account_id = current_account()
      AND id = :conversation_id
    FOR NO KEY UPDATE
), wanted AS (
    SELECT
        account_id,
        id,
        ARRAY(
            SELECT label_id
            FROM unnest(found.label_ids || :added::uuid[]) WITH ORDINALITY AS given (label_id, position)
            WHERE label_id <> ALL(:removed::uuid[])
            GROUP BY label_id
            ORDER BY min(position)
        ) AS label_ids
    FROM found
), changed AS (
    UPDATE conversations
    SET label_ids = wanted.label_ids
    FROM wanted
    WHERE conversations.account_id = wanted.account_id
      AND conversations.id = wanted.id
      AND conversations.label_ids <> wanted.label_ids
    RETURNING conversations.id
), event AS (
    INSERT INTO conversation_events (account_id, conversation_id, id, kind, actor_id, actor_type, details)
    SELECT
        found.account_id,
        found.id,
        :event_id,
        'labels_changed',
        :actor_id,
        :actor_type,
        jsonb_build_object('from', to_jsonb(found.label_ids), 'to', to_jsonb(wanted.label_ids))
    FROM found
    CROSS JOIN wanted
    CROSS JOIN changed
), entry AS (
    INSERT INTO outbox (account_id, id, conversation_id, seq)
    SELECT found.account_id, :event_id, found.id, -2
    FROM found
    CROSS JOIN changed
)
SELECT wanted.label_ids, changed.id IS NOT NULL AS changed
FROM wanted
LEFT JOIN changed ON true;
