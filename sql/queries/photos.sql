-- name: put(user_id, version, content)^
-- Set the photo of a user; no row: the user does not exist.
INSERT INTO user_photos (account_id, user_id, version, content)
SELECT account_id, id, :version, :content
FROM users
WHERE account_id = current_account()
  AND id = :user_id
ON CONFLICT (account_id, user_id) DO UPDATE
SET version = excluded.version,
    content = excluded.content
RETURNING version;

-- name: remove(user_id)^
-- Delete the photo of a user; no row: there is none.
DELETE FROM user_photos
WHERE account_id = current_account()
  AND user_id = :user_id
RETURNING version;

-- name: get(user_id, version)^
-- A version of the photo of a user.
SELECT content
FROM user_photos
WHERE account_id = current_account()
  AND user_id = :user_id
  AND version = :version;
