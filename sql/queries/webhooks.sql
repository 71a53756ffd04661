-- name: add(id, url, events, secret, last_number, created_by)^
-- Add a webhook of the account, for the events after a number of the feed. One of this id, which a request that was
-- interrupted has added, gets the new secret.
INSERT INTO webhooks (account_id, id, url, events, secret, last_number, created_by)
VALUES (current_account(), :id, :url, :events, :secret, :last_number, :created_by)
ON CONFLICT (account_id, id) DO UPDATE
SET secret = excluded.secret
RETURNING
    id,
    url,
    events,
    enabled,
    disabled_reason,
    created_by,
    created_at;

-- name: get(id)^
-- A webhook of the account.
SELECT
    id,
    url,
    events,
    enabled,
    disabled_reason,
    created_by,
    created_at
FROM webhooks
WHERE account_id = current_account()
  AND id = :id;

-- name: lock(id)^
-- A webhook of the account, locked until the transaction ends.
SELECT
    id,
    url,
    events,
    enabled,
    disabled_reason,
    created_by,
    created_at
FROM webhooks
WHERE account_id = current_account()
  AND id = :id
FOR UPDATE;

-- name: with_url(url)^
-- The oldest webhook of the account with this address.
SELECT
    id,
    url,
    events,
    enabled,
    disabled_reason,
    created_by,
    created_at
FROM webhooks
WHERE account_id = current_account()
  AND url = :url
ORDER BY id
LIMIT 1;

-- name: state(id)^
-- How far the deliveries of a webhook are.
SELECT
    last_number,
    failing_since,
    (
        SELECT count(*)
        FROM webhook_deliveries
        WHERE webhook_deliveries.account_id = current_account()
          AND webhook_deliveries.webhook_id = :id
          AND status = 'pending'
    ) AS pending,
    (
        SELECT count(*)
        FROM webhook_deliveries
        WHERE webhook_deliveries.account_id = current_account()
          AND webhook_deliveries.webhook_id = :id
          AND status = 'set_aside'
    ) AS set_aside
FROM webhooks
WHERE account_id = current_account()
  AND id = :id;

-- name: page(after_id, limit)
-- Webhooks of the account after an id, in the order of their creation.
SELECT
    id,
    url,
    events,
    enabled,
    disabled_reason,
    created_by,
    created_at
FROM webhooks
WHERE account_id = current_account()
  AND id > :after_id
ORDER BY id
LIMIT :limit;

-- name: lock_number()^
-- The number of enabled webhooks of the account, which no other transaction increases before this one ends.
SELECT
    pg_advisory_xact_lock(hashtextextended('webhooks/' || current_account(), 0)),
    (SELECT count(*) FROM webhooks WHERE account_id = current_account() AND enabled) AS number;

-- name: update(id, url, events, enabled, disabled_reason)^
-- Change a webhook; NULL leaves a value. The relay notices within a second.
UPDATE webhooks
SET
    url = COALESCE(:url::text, url),
    events = COALESCE(:events::text[], events),
    enabled = COALESCE(:enabled::boolean, enabled),
    disabled_reason = CASE WHEN :enabled::boolean IS NULL THEN disabled_reason ELSE :disabled_reason::text END
WHERE account_id = current_account()
  AND id = :id
RETURNING
    id,
    url,
    events,
    enabled,
    disabled_reason,
    created_by,
    created_at;

-- name: rotate(id, secret, overlap_seconds)^
-- Replace the secret; the previous one signs as well until its time is over.
UPDATE webhooks
SET
    secret = :secret,
    previous_secret = secret,
    previous_secret_until = clock_timestamp() + make_interval(secs => :overlap_seconds)
WHERE account_id = current_account()
  AND id = :id
RETURNING previous_secret_until;

-- name: rewind(id, number)^
-- Let a webhook begin again after a number of the feed; no row if it has not come that far.
UPDATE webhooks
SET last_number = :number, requeued_at = clock_timestamp()
WHERE account_id = current_account()
  AND id = :id
  AND last_number >= :number
RETURNING last_number;

-- name: secrets()
-- The encrypted secrets of all accounts, locked until the transaction ends.
SELECT
    account_id,
    id,
    secret,
    previous_secret
FROM webhooks
ORDER BY account_id, id
FOR UPDATE;

-- name: replace_secrets(account_id, id, secret, previous_secret)!
-- Store secrets that were encrypted again.
UPDATE webhooks
SET secret = :secret, previous_secret = :previous_secret
WHERE account_id = :account_id
  AND id = :id;

-- name: renew(relay, lease_seconds)
-- Renew the leases of a relay of which less than two thirds are left, also expired ones that no other relay has; return
-- its webhooks that are enabled, also by their account.
WITH mine AS (
    SELECT
        account_id,
        id,
        url,
        events,
        secret,
        CASE WHEN previous_secret_until > statement_timestamp() THEN previous_secret END AS previous_secret,
        failing_since,
        requeued_at,
        last_number,
        lease_until < statement_timestamp() + make_interval(secs => :lease_seconds * 2.0 / 3) AS is_due
    FROM webhooks
    WHERE leased_by = :relay
      AND enabled
      AND EXISTS (SELECT FROM accounts WHERE accounts.account_id = webhooks.account_id AND disabled_at IS NULL)
), renewed AS (
    UPDATE webhooks
    SET lease_until = statement_timestamp() + make_interval(secs => :lease_seconds)
    FROM mine
    WHERE mine.is_due
      AND webhooks.account_id = mine.account_id
      AND webhooks.id = mine.id
      AND webhooks.leased_by = :relay
    RETURNING webhooks.id
)
SELECT
    account_id,
    id,
    url,
    events,
    secret,
    previous_secret,
    failing_since,
    requeued_at,
    last_number,
    EXISTS (
        SELECT
        FROM feed_positions
        WHERE feed_positions.account_id = mine.account_id
          AND feed_positions.last_number > mine.last_number
    ) AS is_behind
FROM mine
WHERE NOT is_due
   OR id IN (SELECT id FROM renewed);

-- name: with_work(relay)^
-- A webhook with work that no other relay has, but none of a disabled account.
SELECT id
FROM webhooks
WHERE enabled
  AND (lease_until IS NULL OR lease_until < clock_timestamp() OR leased_by = :relay)
  AND (
      EXISTS (
          SELECT
          FROM feed_positions
          WHERE feed_positions.account_id = webhooks.account_id
            AND feed_positions.last_number > webhooks.last_number
      )
      OR EXISTS (
          SELECT
          FROM webhook_deliveries
          WHERE webhook_deliveries.account_id = webhooks.account_id
            AND webhook_deliveries.webhook_id = webhooks.id
            AND webhook_deliveries.status = 'pending'
      )
  )
  AND EXISTS (SELECT FROM accounts WHERE accounts.account_id = webhooks.account_id AND disabled_at IS NULL)
LIMIT 1;

-- name: take(relay, lease_seconds, limit)
-- Lease webhooks with work that no other relay has, but those of disabled accounts.
WITH free AS (
    SELECT account_id, id
    FROM webhooks
    WHERE enabled
      AND (lease_until IS NULL OR lease_until < clock_timestamp())
      AND (
          EXISTS (
              SELECT
              FROM feed_positions
              WHERE feed_positions.account_id = webhooks.account_id
                AND feed_positions.last_number > webhooks.last_number
          )
          OR EXISTS (
              SELECT
              FROM webhook_deliveries
              WHERE webhook_deliveries.account_id = webhooks.account_id
                AND webhook_deliveries.webhook_id = webhooks.id
                AND webhook_deliveries.status = 'pending'
          )
      )
      AND EXISTS (SELECT FROM accounts WHERE accounts.account_id = webhooks.account_id AND disabled_at IS NULL)
    LIMIT :limit
    FOR UPDATE OF webhooks SKIP LOCKED
)
UPDATE webhooks
SET leased_by = :relay, lease_until = clock_timestamp() + make_interval(secs => :lease_seconds)
FROM free
WHERE webhooks.account_id = free.account_id
  AND webhooks.id = free.id
RETURNING
    webhooks.account_id,
    webhooks.id,
    webhooks.url,
    webhooks.events,
    webhooks.secret,
    CASE WHEN previous_secret_until > clock_timestamp() THEN previous_secret END AS previous_secret,
    webhooks.failing_since,
    webhooks.requeued_at,
    webhooks.last_number,
    true AS is_behind;

-- name: release(relay, account_id, id)!
-- End the lease of a webhook, if the relay still has it.
UPDATE webhooks
SET leased_by = NULL, lease_until = NULL
WHERE account_id = :account_id
  AND id = :id
  AND leased_by = :relay;

-- name: settle(account_id, id, is_failing, is_gone)!
-- Record whether the last attempt has failed, and disable the webhook of a receiver that is gone.
UPDATE webhooks
SET
    failing_since = CASE WHEN :is_failing THEN COALESCE(failing_since, clock_timestamp()) END,
    enabled = enabled AND NOT :is_gone,
    disabled_reason = CASE WHEN enabled AND :is_gone THEN 'gone' ELSE disabled_reason END
WHERE account_id = :account_id
  AND id = :id
  AND (:is_gone OR (failing_since IS NOT NULL) <> :is_failing);
