-- name: active_keys()
-- The keys of the account that are not revoked, oldest first.
SELECT
    account_id,
    kid,
    algorithm,
    secret,
    public_key,
    jwks_url,
    issuer,
    audience,
    created_at,
    revoked_at
FROM signing_keys
WHERE account_id = current_account()
  AND revoked_at IS NULL
ORDER BY created_at, kid;

-- name: keys(account_id)
-- The keys of an account, or of all accounts (NULL), also revoked ones.
SELECT
    account_id,
    kid,
    algorithm,
    secret,
    public_key,
    jwks_url,
    issuer,
    audience,
    created_at,
    revoked_at
FROM signing_keys
WHERE account_id = COALESCE(:account_id::uuid, account_id)
ORDER BY account_id, created_at, kid;

-- name: add(account_id, kid, algorithm, secret, public_key, jwks_url, issuer, audience)^
-- Add a key; no row if the account has this kid already.
INSERT INTO signing_keys (account_id, kid, algorithm, secret, public_key, jwks_url, issuer, audience)
VALUES (:account_id, :kid, :algorithm, :secret, :public_key, :jwks_url, :issuer, :audience)
ON CONFLICT (account_id, kid) DO NOTHING
RETURNING created_at;

-- name: revoke(account_id, kid)^
-- Revoke a key, once; no row for an unknown or revoked one.
UPDATE signing_keys
SET revoked_at = clock_timestamp()
WHERE account_id = :account_id
  AND kid = :kid
  AND revoked_at IS NULL
RETURNING revoked_at;

-- name: secrets()
-- The encrypted secrets of all accounts, locked until the transaction ends.
SELECT
    account_id,
    kid,
    secret
FROM signing_keys
WHERE secret IS NOT NULL
ORDER BY account_id, kid
FOR UPDATE;

-- name: replace_secret(account_id, kid, secret)!
-- Store a secret that was encrypted again.
UPDATE signing_keys
SET secret = :secret
WHERE account_id = :account_id
  AND kid = :kid;
