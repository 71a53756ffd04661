-- name: find_people(person_ids)
-- Active users with their teams, and active contacts, as persons; none of a disabled account.
SELECT
    account_id,
    id,
    email,
    name,
    role,
    ARRAY(
        SELECT team_id
        FROM team_members
        WHERE team_members.account_id = users.account_id
          AND user_id = users.id
        ORDER BY team_id
    ) AS team_ids
FROM users
WHERE account_id = current_account()
  AND id = ANY(:person_ids::uuid[])
  AND active
  AND (SELECT disabled_at IS NULL FROM accounts WHERE account_id = current_account())
UNION ALL
SELECT
    account_id,
    id,
    email,
    name,
    'customer' AS role,
    ARRAY[]::uuid[] AS team_ids
FROM contacts
WHERE account_id = current_account()
  AND id = ANY(:person_ids::uuid[])
  AND active
  AND (SELECT disabled_at IS NULL FROM accounts WHERE account_id = current_account());

-- name: not_answering(person_ids)
-- Those of some ids that are not active admins or agents of the account.
SELECT id
FROM unnest(:person_ids::uuid[]) AS given (id)
WHERE NOT EXISTS (
    SELECT
    FROM users
    WHERE users.account_id = current_account()
      AND users.id = given.id
      AND users.role IN ('admin', 'agent')
      AND users.active
);

-- name: colleagues(limit)
-- The active admins and agents of the account, by name.
SELECT
    id,
    name,
    email,
    last_seen_at,
    created_at,
    (
        SELECT version
        FROM user_photos
        WHERE user_photos.account_id = users.account_id
          AND user_photos.user_id = users.id
    ) AS photo_version
FROM users
WHERE account_id = current_account()
  AND role IN ('admin', 'agent')
  AND active
ORDER BY name, id
LIMIT :limit;

-- name: colleagues_before(before_id, limit)
-- The active admins and agents before a position in the list, newest first.
SELECT
    id,
    name,
    email,
    last_seen_at,
    created_at,
    (
        SELECT version
        FROM user_photos
        WHERE user_photos.account_id = users.account_id
          AND user_photos.user_id = users.id
    ) AS photo_version
FROM users
WHERE account_id = current_account()
  AND id < :before_id::uuid
  AND role IN ('admin', 'agent')
  AND active
ORDER BY id DESC
LIMIT :limit;

-- name: seen(user_id)^
-- Set a user's last activity to now.
UPDATE users
SET last_seen_at = clock_timestamp()
WHERE account_id = current_account()
  AND id = :user_id
RETURNING last_seen_at;
