-- name: begin(id, request_hash)^
-- Reserve a key for a request; no row if it is taken.
INSERT INTO idempotency_keys (account_id, id, request_hash)
VALUES (current_account(), :id, :request_hash)
ON CONFLICT (account_id, id) DO NOTHING
RETURNING id;

-- name: find(id, lease)^
-- The request that has taken a key, and its answer. After `lease` seconds without an answer its process has died.
SELECT
    request_hash,
    status,
    answer,
    created_at < clock_timestamp() - make_interval(secs => :lease) AS is_abandoned
FROM idempotency_keys
WHERE account_id = current_account()
  AND id = :id;

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
