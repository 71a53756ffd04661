-- name: add(user_id, secret_hash, seconds)^
-- Add a link of an active user, which replaces the user's other ones; return its account; no row for any other user.
WITH replaced AS (
    UPDATE sign_in_links
    SET used_at = clock_timestamp()
    WHERE account_id = current_account()
      AND user_id = :user_id
      AND used_at IS NULL
)
INSERT INTO sign_in_links (account_id, secret_hash, user_id, expires_at)
SELECT account_id, :secret_hash, id, clock_timestamp() + make_interval(secs => :seconds)
FROM users
WHERE account_id = current_account()
  AND id = :user_id
  AND active
RETURNING account_id;

-- name: redeem(secret_hash)^
-- Use a link, once; return its user, or no row if it is unknown, used, replaced or expired, or its user or account
-- disabled.
UPDATE sign_in_links
SET used_at = clock_timestamp()
FROM users
WHERE sign_in_links.account_id = current_account()
  AND secret_hash = :secret_hash
  AND used_at IS NULL
  AND expires_at > clock_timestamp()
  AND users.account_id = sign_in_links.account_id
  AND users.id = sign_in_links.user_id
  AND users.active
  AND (SELECT disabled_at IS NULL FROM accounts WHERE account_id = current_account())
RETURNING sign_in_links.user_id;
