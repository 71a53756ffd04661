-- name: create(id, name, scope, secret_hash)^
-- Add a key; no row if an active one of the account has this name.
INSERT INTO api_keys (account_id, id, name, scope, secret_hash)
VALUES (current_account(), :id, :name, :scope, :secret_hash)
ON CONFLICT (account_id, name) WHERE revoked_at IS NULL DO NOTHING
RETURNING id, name, scope, created_at, last_used_at, revoked_at;

-- name: keys(before_at, before_id, limit)
-- The keys of the account, newest first, also revoked ones.
SELECT
    id,
    name,
    scope,
    created_at,
    last_used_at,
    revoked_at
FROM api_keys
WHERE account_id = current_account()
  AND (created_at, id) < (:before_at, :before_id)
ORDER BY created_at DESC, id DESC
LIMIT :limit;

-- name: key(id)^
-- A key of the account.
SELECT
    id,
    name,
    scope,
    created_at,
    last_used_at,
    revoked_at
FROM api_keys
WHERE account_id = current_account()
  AND id = :id;

-- name: named(name)^
-- The active key of the account with a name.
SELECT
    id,
    name,
    scope,
    created_at,
    last_used_at,
    revoked_at
FROM api_keys
WHERE account_id = current_account()
  AND name = :name
  AND revoked_at IS NULL;

-- name: secret(id)^
-- What verifies an active key of an account that is not disabled.
SELECT id, name, scope, secret_hash
FROM api_keys
WHERE account_id = current_account()
  AND id = :id
  AND revoked_at IS NULL
  AND (SELECT disabled_at IS NULL FROM accounts WHERE account_id = current_account());

-- name: replace_secret(id, secret_hash)^
-- Give an active key another secret.
UPDATE api_keys
SET secret_hash = :secret_hash
WHERE account_id = current_account()
  AND id = :id
  AND revoked_at IS NULL
RETURNING id, name, scope, created_at, last_used_at, revoked_at;

-- name: revoke(id)^
-- Revoke a key.
UPDATE api_keys
SET revoked_at = clock_timestamp()
WHERE account_id = current_account()
  AND id = :id
  AND revoked_at IS NULL
RETURNING id, name, scope, created_at, last_used_at, revoked_at;

-- name: used(id)!
-- Record the use of a key.
UPDATE api_keys
SET last_used_at = clock_timestamp()
WHERE account_id = current_account()
  AND id = :id;
