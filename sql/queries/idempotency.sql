-- name: begin(id, request_hash, new_id)^
-- Reserve a key for a request; no row if it is taken.
INSERT INTO idempotency_keys (account_id, id, request_hash, new_id)
VALUES (current_account(), :id, :request_hash, :new_id)
ON CONFLICT (account_id, id) DO NOTHING
RETURNING id;

-- name: find(id)^
-- The request that has taken a key, and its answer.
SELECT
    request_hash,
    new_id,
    status,
    answer
FROM idempotency_keys
WHERE account_id = current_account()
  AND id = :id;

-- name: take_over(id, lease)^
-- Continue a request without an answer: after `lease` seconds its process has died. No row while it is in progress.
UPDATE idempotency_keys
SET started_at = clock_timestamp()
WHERE account_id = current_account()
  AND id = :id
  AND status IS NULL
  AND started_at < clock_timestamp() - make_interval(secs => :lease)
RETURNING id;

-- name: abandon(id)!
-- Let the next request with this key continue at once.
UPDATE idempotency_keys
SET started_at = '-infinity'
WHERE account_id = current_account()
  AND id = :id
  AND status IS NULL;

-- name: finish(id, status, answer)!
-- Store the answer of a request.
UPDATE idempotency_keys
SET status = :status, answer = :answer
WHERE account_id = current_account()
  AND id = :id;

-- name: release(id)!
-- Forget a request that changed nothing, so that it can be repeated.
DELETE FROM idempotency_keys
WHERE account_id = current_account()
  AND id = :id
  AND status IS NULL;

-- name: prune(hours, limit)!
-- Delete some of the account's expired keys.
DELETE FROM idempotency_keys
WHERE account_id = current_account()
  AND id = ANY(ARRAY(
      SELECT id
      FROM idempotency_keys
      WHERE account_id = current_account()
        AND created_at < clock_timestamp() - make_interval(hours => :hours)
      ORDER BY created_at
      LIMIT :limit
  ));
