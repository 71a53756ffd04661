-- name: fan_out(account_id, webhook_id, relay, limit, retry_seconds, late_seconds)
-- Add a delivery for each of the next events of the feed that the webhook subscribes to, and move the webhook forward;
-- return the deliveries, and in each row how far the webhook has come. Deliveries that had ended become pending again.
-- To a receiver that has failed for longer than deliveries are retried, each one is retried for a shorter time only.
--
-- The webhook's row is locked: its position and its deliveries change together, whatever is repeated.
WITH webhook AS (
    SELECT
        id,
        last_number,
        events,
        clock_timestamp() + make_interval(secs => CASE
            WHEN failing_since < clock_timestamp() - make_interval(secs => :retry_seconds) THEN :late_seconds
            ELSE :retry_seconds
        END) AS give_up_at
    FROM webhooks
    WHERE account_id = :account_id
      AND id = :webhook_id
      AND leased_by = :relay
      AND enabled
    FOR UPDATE
), page AS (
    SELECT
        number,
        type,
        conversation_id,
        subject_id
    FROM feed_events
    WHERE account_id = :account_id
      AND number > (SELECT last_number FROM webhook)
    ORDER BY number
    LIMIT :limit
), lost AS (
    SELECT webhook.last_number + 1 AS first, min(page.number) - 1 AS last
    FROM webhook, page
    GROUP BY webhook.last_number
    HAVING min(page.number) > webhook.last_number + 1
), added AS (
    INSERT INTO webhook_deliveries (
        account_id, webhook_id, number, type, conversation_id, ordering_key, status, give_up_at, last_error, finished_at
    )
    SELECT
        :account_id,
        webhook.id,
        page.number,
        page.type,
        page.conversation_id,
        COALESCE(page.conversation_id, page.subject_id, webhook.id),
        'pending',
        webhook.give_up_at,
        NULL,
        NULL::timestamptz
    FROM webhook, page
    WHERE page.type = ANY(webhook.events)
       OR '*' = ANY(webhook.events)
    UNION ALL
    SELECT
        :account_id,
        webhook.id,
        lost.first,
        'lost',
        NULL,
        webhook.id,
        'set_aside',
        webhook.give_up_at,
        'the feed no longer has the events ' || lost.first || ' to ' || lost.last,
        clock_timestamp()
    FROM webhook, lost
    ON CONFLICT (account_id, webhook_id, number) DO UPDATE
    SET
        status = excluded.status,
        attempts = 0,
        next_attempt_at = excluded.next_attempt_at,
        give_up_at = excluded.give_up_at,
        created_at = excluded.created_at,
        finished_at = excluded.finished_at
    WHERE webhook_deliveries.status <> 'pending'
    RETURNING number, type, ordering_key, attempts, next_attempt_at, give_up_at, created_at, status
), moved AS (
    UPDATE webhooks
    SET last_number = page.number
    FROM (SELECT max(number) AS number, count(*) AS rows FROM page) AS page
    WHERE webhooks.account_id = :account_id
      AND webhooks.id = (SELECT id FROM webhook)
      AND page.number IS NOT NULL
    RETURNING page.rows
)
SELECT
    moved.rows,
    added.number,
    added.type,
    added.ordering_key,
    added.attempts,
    added.next_attempt_at,
    added.give_up_at,
    added.created_at,
    added.status
FROM moved
LEFT JOIN added ON true
ORDER BY added.number;

-- name: pending(account_id, webhook_id, limit)
-- The first pending deliveries of a webhook.
SELECT
    number,
    type,
    ordering_key,
    attempts,
    next_attempt_at,
    give_up_at,
    created_at
FROM webhook_deliveries
WHERE account_id = :account_id
  AND webhook_id = :webhook_id
  AND status = 'pending'
ORDER BY number
LIMIT :limit;

-- name: record(account_id, webhook_id, numbers, attempts)!
-- Record attempts, and deliveries that have ended, unless they have ended before. `numbers` are those of `attempts`, for
-- the index.
UPDATE webhook_deliveries
SET
    status = ended.status,
    attempts = ended.attempts,
    next_attempt_at = COALESCE(ended.next_attempt_at, webhook_deliveries.next_attempt_at),
    last_attempt_at = COALESCE(ended.attempted_at, last_attempt_at),
    last_status = ended.http_status,
    last_error = ended.error,
    last_milliseconds = ended.milliseconds,
    finished_at = CASE WHEN ended.status <> 'pending' THEN clock_timestamp() END
FROM jsonb_to_recordset(:attempts::jsonb) AS ended (
    number bigint,
    status text,
    attempts integer,
    next_attempt_at timestamptz,
    attempted_at timestamptz,
    http_status integer,
    error text,
    milliseconds integer
)
WHERE webhook_deliveries.account_id = :account_id
  AND webhook_deliveries.webhook_id = :webhook_id
  AND webhook_deliveries.number = ANY(:numbers::bigint[])
  AND webhook_deliveries.number = ended.number
  AND webhook_deliveries.status = 'pending';

-- name: page(webhook_id, before, limit)
-- The deliveries of a webhook of the account before a number, the newest first.
SELECT
    number,
    type,
    conversation_id,
    status,
    attempts,
    next_attempt_at,
    last_attempt_at,
    last_status,
    last_error,
    last_milliseconds,
    created_at,
    finished_at
FROM webhook_deliveries
WHERE account_id = current_account()
  AND webhook_id = :webhook_id
  AND number < :before
ORDER BY number DESC
LIMIT :limit;

-- name: page_of_pending(webhook_id, before, limit)
-- The same for pending deliveries.
SELECT
    number,
    type,
    conversation_id,
    status,
    attempts,
    next_attempt_at,
    last_attempt_at,
    last_status,
    last_error,
    last_milliseconds,
    created_at,
    finished_at
FROM webhook_deliveries
WHERE account_id = current_account()
  AND webhook_id = :webhook_id
  AND number < :before
  AND status = 'pending'
ORDER BY number DESC
LIMIT :limit;

-- name: page_of_set_aside(webhook_id, before, limit)
-- The same for deliveries that were set aside.
SELECT
    number,
    type,
    conversation_id,
    status,
    attempts,
    next_attempt_at,
    last_attempt_at,
    last_status,
    last_error,
    last_milliseconds,
    created_at,
    finished_at
FROM webhook_deliveries
WHERE account_id = current_account()
  AND webhook_id = :webhook_id
  AND number < :before
  AND status = 'set_aside'
ORDER BY number DESC
LIMIT :limit;

-- name: page_of_delivered(webhook_id, before, limit)
-- The same for successful deliveries.
SELECT
    number,
    type,
    conversation_id,
    status,
    attempts,
    next_attempt_at,
    last_attempt_at,
    last_status,
    last_error,
    last_milliseconds,
    created_at,
    finished_at
FROM webhook_deliveries
WHERE account_id = current_account()
  AND webhook_id = :webhook_id
  AND number < :before
  AND status = 'delivered'
ORDER BY number DESC
LIMIT :limit;

-- name: replay(webhook_id, number, retry_seconds)^
-- Make one delivery that has ended pending again.
WITH replayed AS (
    UPDATE webhook_deliveries
    SET
        status = 'pending',
        attempts = 0,
        next_attempt_at = clock_timestamp(),
        give_up_at = clock_timestamp() + make_interval(secs => :retry_seconds),
        finished_at = NULL
    WHERE account_id = current_account()
      AND webhook_id = :webhook_id
      AND number = :number
      AND status <> 'pending'
      AND type <> 'lost'
    RETURNING number
)
UPDATE webhooks
SET requeued_at = clock_timestamp()
FROM replayed
WHERE webhooks.account_id = current_account()
  AND webhooks.id = :webhook_id
RETURNING replayed.number;

-- name: exists(webhook_id, number)^
-- A delivery of the account that can be replayed.
SELECT number
FROM webhook_deliveries
WHERE account_id = current_account()
  AND webhook_id = :webhook_id
  AND number = :number
  AND type <> 'lost';

-- name: replay_set_aside(webhook_id, retry_seconds, limit)^
-- Make the first deliveries that were set aside pending again; return their number.
WITH chosen AS (
    SELECT number
    FROM webhook_deliveries
    WHERE account_id = current_account()
      AND webhook_id = :webhook_id
      AND status = 'set_aside'
      AND type <> 'lost'
    ORDER BY number
    LIMIT :limit
    FOR UPDATE
), replayed AS (
    UPDATE webhook_deliveries
    SET
        status = 'pending',
        attempts = 0,
        next_attempt_at = clock_timestamp(),
        give_up_at = clock_timestamp() + make_interval(secs => :retry_seconds),
        finished_at = NULL
    FROM chosen
    WHERE webhook_deliveries.account_id = current_account()
      AND webhook_deliveries.webhook_id = :webhook_id
      AND webhook_deliveries.number = chosen.number
    RETURNING webhook_deliveries.number
), requeued AS (
    UPDATE webhooks
    SET requeued_at = clock_timestamp()
    WHERE account_id = current_account()
      AND id = :webhook_id
      AND EXISTS (SELECT FROM replayed)
)
SELECT count(*) AS number
FROM replayed;

-- name: add_test(webhook_id, type, retry_seconds)^
-- Add the delivery of a test event, or make the one of an earlier test pending again.
WITH tested AS (
    INSERT INTO webhook_deliveries (account_id, webhook_id, number, type, ordering_key, give_up_at)
    SELECT current_account(), id, 0, :type, id, clock_timestamp() + make_interval(secs => :retry_seconds)
    FROM webhooks
    WHERE account_id = current_account()
      AND id = :webhook_id
    ON CONFLICT (account_id, webhook_id, number) DO UPDATE
    SET
        status = 'pending',
        attempts = 0,
        next_attempt_at = excluded.next_attempt_at,
        give_up_at = excluded.give_up_at,
        created_at = excluded.created_at,
        finished_at = NULL
    RETURNING number
)
UPDATE webhooks
SET requeued_at = clock_timestamp()
FROM tested
WHERE webhooks.account_id = current_account()
  AND webhooks.id = :webhook_id
RETURNING tested.number;

-- name: backlog()^
-- Number of pending deliveries to enabled webhooks of enabled accounts, the age of the oldest, and that of the oldest to a
-- receiver that does not fail.
SELECT
    count(*) AS pending,
    COALESCE(max(EXTRACT(epoch FROM clock_timestamp() - webhook_deliveries.created_at)), 0)::float8 AS oldest_seconds,
    COALESCE(max(EXTRACT(epoch FROM clock_timestamp() - webhook_deliveries.created_at))
        FILTER (WHERE failing_since IS NULL AND attempts = 0), 0)::float8 AS lag_seconds
FROM webhooks
JOIN webhook_deliveries
  ON webhook_deliveries.account_id = webhooks.account_id
 AND webhook_deliveries.webhook_id = webhooks.id
 AND webhook_deliveries.status = 'pending'
WHERE enabled
  AND EXISTS (SELECT FROM accounts WHERE accounts.account_id = webhooks.account_id AND disabled_at IS NULL);

-- name: failing()^
-- Number of enabled webhooks of enabled accounts whose last attempt has failed.
SELECT count(*) AS number
FROM webhooks
WHERE enabled
  AND failing_since IS NOT NULL
  AND EXISTS (SELECT FROM accounts WHERE accounts.account_id = webhooks.account_id AND disabled_at IS NULL);

-- name: prune(days, limit)^
-- Delete deliveries that ended more than so many days ago, at most so many in all; return their number.
WITH old AS (
    SELECT ended.account_id, ended.webhook_id, ended.number
    FROM webhooks
    CROSS JOIN LATERAL (
        SELECT account_id, webhook_id, number
        FROM webhook_deliveries
        WHERE webhook_deliveries.account_id = webhooks.account_id
          AND webhook_deliveries.webhook_id = webhooks.id
          AND finished_at < clock_timestamp() - make_interval(days => :days)
        ORDER BY finished_at
        LIMIT :limit
        FOR UPDATE SKIP LOCKED
    ) AS ended
    LIMIT :limit
), deleted AS (
    DELETE FROM webhook_deliveries
    USING old
    WHERE webhook_deliveries.account_id = old.account_id
      AND webhook_deliveries.webhook_id = old.webhook_id
      AND webhook_deliveries.number = old.number
    RETURNING webhook_deliveries.number
)
SELECT count(*) AS number
FROM deleted;
