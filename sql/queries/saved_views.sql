-- name: add(id, owner_id, name, filter)^
-- Add a saved view, without an owner a shared one; no row if it exists.
INSERT INTO saved_views (account_id, id, owner_id, name, filter)
VALUES (current_account(), :id, :owner_id, :name, :filter)
ON CONFLICT (account_id, id) DO NOTHING
RETURNING id;

-- name: views(owner_id, limit)
-- The shared views and those of an agent, the shared ones first, each by name.
SELECT
    id,
    owner_id,
    name,
    filter,
    created_at
FROM saved_views
WHERE account_id = current_account()
  AND (owner_id IS NULL OR owner_id = :owner_id)
ORDER BY owner_id IS NOT NULL, lower(name), id
LIMIT :limit;

-- name: get(view_id, owner_id)^
-- A view that is shared or the agent's own.
SELECT
    id,
    owner_id,
    name,
    filter,
    created_at
FROM saved_views
WHERE account_id = current_account()
  AND id = :view_id
  AND (owner_id IS NULL OR owner_id = :owner_id);

-- name: lock(view_id)^
-- Lock a view until the transaction ends.
SELECT id
FROM saved_views
WHERE account_id = current_account()
  AND id = :view_id
FOR NO KEY UPDATE;

-- name: count(owner_id)^
-- The number of views of an agent, or without one of shared views.
SELECT count(*) AS views
FROM saved_views
WHERE account_id = current_account()
  AND owner_id IS NOT DISTINCT FROM :owner_id::uuid;

-- name: change(view_id, name, filter)!
-- Change a view.
UPDATE saved_views
SET name = :name, filter = :filter
WHERE account_id = current_account()
  AND id = :view_id;

-- name: remove(view_id)!
-- Remove a view.
DELETE FROM saved_views
WHERE account_id = current_account()
  AND id = :view_id;

-- name: known(user_id, team_id, label_id)^
-- Whether the account has a user, a team and a label.
SELECT
    :user_id::uuid IS NULL
    OR EXISTS (SELECT FROM users WHERE account_id = current_account() AND id = :user_id) AS "assignedTo",
    :team_id::uuid IS NULL
    OR EXISTS (SELECT FROM teams WHERE account_id = current_account() AND id = :team_id) AS "teamId",
    :label_id::uuid IS NULL
    OR EXISTS (SELECT FROM labels WHERE account_id = current_account() AND id = :label_id) AS "labelId";

-- name: scanned(owners, limit)
-- The shared views and those of the `owners` that `counts.by_kind` does not count, the shared ones first.
SELECT
    id,
    owner_id,
    name,
    filter,
    created_at
FROM saved_views
WHERE account_id = current_account()
  AND (owner_id IS NULL OR owner_id = ANY(:owners::uuid[]))
  AND (
      filter ->> 'status' IS DISTINCT FROM 'open' AND filter ->> 'status' IS DISTINCT FROM 'pending'
      OR filter ->> 'search' IS NOT NULL
      OR filter ->> 'category' IS NOT NULL
  )
ORDER BY owner_id IS NOT NULL, id
LIMIT :limit;
