-- name: add(id, user_id, secret_hash, signed_in_by, user_agent, network, hours)!
-- Add a session of a user of the account.
INSERT INTO staff_sessions (account_id, id, user_id, secret_hash, signed_in_by, user_agent, network, expires_at)
VALUES (
    current_account(),
    :id,
    :user_id,
    :secret_hash,
    :signed_in_by,
    :user_agent,
    :network,
    clock_timestamp() + make_interval(secs => :hours * 3600)
);

-- name: use(secret_hash, idle_hours)^
-- Use a session now; return it with its user, or no row if it has ended, or its user or account is disabled.
UPDATE staff_sessions
SET last_used_at = clock_timestamp()
FROM users
WHERE staff_sessions.account_id = current_account()
  AND secret_hash = :secret_hash
  AND revoked_at IS NULL
  AND expires_at > clock_timestamp()
  AND last_used_at > clock_timestamp() - make_interval(secs => :idle_hours * 3600)
  AND users.account_id = staff_sessions.account_id
  AND users.id = staff_sessions.user_id
  AND users.active
  AND (SELECT disabled_at IS NULL FROM accounts WHERE account_id = current_account())
RETURNING
    staff_sessions.id,
    staff_sessions.user_id,
    staff_sessions.expires_at;

-- name: is_active(id)^
-- Whether a session exists and is not revoked; tokens do not live longer than their session.
SELECT EXISTS (
    SELECT
    FROM staff_sessions
    WHERE account_id = current_account()
      AND id = :id
      AND revoked_at IS NULL
) AS active;

-- name: page(before_id, user_id, idle_hours, limit)
-- The sessions of the account that have not ended, or those of one user, the newest first.
SELECT
    id,
    user_id,
    signed_in_by,
    user_agent,
    network,
    created_at,
    last_used_at,
    expires_at
FROM staff_sessions
WHERE account_id = current_account()
  AND id < :before_id
  AND user_id = COALESCE(:user_id::uuid, user_id)
  AND revoked_at IS NULL
  AND expires_at > clock_timestamp()
  AND last_used_at > clock_timestamp() - make_interval(secs => :idle_hours * 3600)
ORDER BY id DESC
LIMIT :limit;

-- name: revoke(id, user_id)^
-- Revoke a session of the account, once; of one user, if given.
UPDATE staff_sessions
SET revoked_at = clock_timestamp()
WHERE account_id = current_account()
  AND id = :id
  AND user_id = COALESCE(:user_id::uuid, user_id)
  AND revoked_at IS NULL
RETURNING user_id;

-- name: revoke_all(user_id)
-- Revoke all sessions of a user.
UPDATE staff_sessions
SET revoked_at = clock_timestamp()
WHERE account_id = current_account()
  AND user_id = :user_id
  AND revoked_at IS NULL
RETURNING id;

-- name: end(secret_hash)!
-- End the session of a secret, when its user signs out.
UPDATE staff_sessions
SET revoked_at = clock_timestamp()
WHERE account_id = current_account()
  AND secret_hash = :secret_hash
  AND revoked_at IS NULL;
