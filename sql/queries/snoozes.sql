-- name: snooze(conversation_id, until, reason, actor_id, actor_type, event_id)^
-- Make a conversation pending until a time, or without one until a reply, and log it with an outbox entry, unless it is so
-- already; return the old status and the time of the change. A closed one is not changed.
WITH found AS (
    SELECT account_id, id, status, snoozed_until, updated_at
    FROM conversations
    WHERE account_id = current_account()
      AND id = :conversation_id
    FOR NO KEY UPDATE
), changed AS (
    UPDATE conversations
    SET
        status = 'pending',
        snoozed_until = :until,
        updated_at = GREATEST(clock_timestamp(), found.updated_at)
    FROM found
    WHERE conversations.account_id = found.account_id
      AND conversations.id = found.id
      AND found.status <> 'closed'
      AND (found.status <> 'pending' OR found.snoozed_until IS DISTINCT FROM :until)
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
        jsonb_strip_nulls(jsonb_build_object(
            'from', found.status,
            'to', 'pending',
            'reason', :reason::text,
            'snoozedUntil', to_char(:until::timestamptz AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')
        )),
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

-- name: due(limit)
-- Snoozed conversations of all accounts whose time has come, the oldest first: of the first ones, however many are due.
SELECT account_id, id
FROM (
    SELECT account_id, id, snoozed_until
    FROM conversations
    WHERE snoozed_until IS NOT NULL
    ORDER BY snoozed_until, account_id, id
    LIMIT :limit
) AS first
WHERE snoozed_until <= clock_timestamp();

-- name: wake(conversation_ids)
-- Reopen those of the account's conversations whose time has come, log it, and add outbox entries. The log says whether they
-- now wait in a queue, and of which team. Those that another transaction is changing are left for the next time.
WITH found AS (
    SELECT account_id, id, updated_at
    FROM conversations
    WHERE account_id = current_account()
      AND id = ANY(:conversation_ids::uuid[])
      AND snoozed_until <= clock_timestamp()
    ORDER BY id
    FOR NO KEY UPDATE SKIP LOCKED
), changed AS (
    UPDATE conversations
    SET status = 'open', updated_at = GREATEST(clock_timestamp(), found.updated_at)
    FROM found
    WHERE conversations.account_id = found.account_id
      AND conversations.id = found.id
    RETURNING
        conversations.account_id,
        conversations.id,
        conversations.assigned_to,
        conversations.assigned_team,
        conversations.updated_at
), event AS (
    INSERT INTO conversation_events (account_id, conversation_id, id, kind, actor_type, details, created_at)
    SELECT
        account_id,
        id,
        gen_random_uuid(),
        'status_changed',
        'system',
        '{"from": "pending", "to": "open", "rule": "snoozed"}'
            || CASE
                WHEN assigned_to IS NULL
                THEN jsonb_strip_nulls(jsonb_build_object('queued', true, 'toTeam', assigned_team))
                ELSE '{}'
            END,
        updated_at
    FROM changed
    RETURNING account_id, id, conversation_id
), entry AS (
    INSERT INTO outbox (account_id, id, conversation_id, seq)
    SELECT account_id, id, conversation_id, -2
    FROM event
)
SELECT conversation_id
FROM event;
