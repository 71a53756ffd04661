-- name: add(id, name, color)^
-- Add a label; no row if the account has one of this name.
INSERT INTO labels (account_id, id, name, color)
VALUES (current_account(), :id, :name, :color)
ON CONFLICT (account_id, lower(name)) DO NOTHING
RETURNING id;

-- name: id_of(name)^
-- The id of the label of a name.
SELECT id
FROM labels
WHERE account_id = current_account()
  AND lower(name) = lower(:name);

-- name: labels(limit)
-- All labels of the account, by name.
SELECT
    id,
    name,
    color,
    active,
    created_at
FROM labels
WHERE account_id = current_account()
ORDER BY lower(name), id
LIMIT :limit;

-- name: page(before_id, active, limit)
-- Labels before a position in the list, newest first.
SELECT
    id,
    name,
    color,
    active,
    created_at
FROM labels
WHERE account_id = current_account()
  AND id < :before_id::uuid
  AND active = COALESCE(:active::boolean, active)
ORDER BY id DESC
LIMIT :limit;

-- name: get(label_id)^
-- A label.
SELECT
    id,
    name,
    color,
    active,
    created_at
FROM labels
WHERE account_id = current_account()
  AND id = :label_id;

-- name: lock(label_id)^
-- Lock a label until the transaction ends.
SELECT id
FROM labels
WHERE account_id = current_account()
  AND id = :label_id
FOR NO KEY UPDATE;

-- name: active(ids)
-- Those of the labels that are active. They are locked: a label is not deactivated before it is on a conversation.
SELECT id
FROM labels
WHERE account_id = current_account()
  AND id = ANY(:ids::uuid[])
  AND active
FOR SHARE;

-- name: count()^
-- The number of labels of the account.
SELECT count(*) AS labels
FROM labels
WHERE account_id = current_account();

-- name: change(label_id, name, color, active)!
-- Change a label.
UPDATE labels
SET name = :name, color = :color, active = :active
WHERE account_id = current_account()
  AND id = :label_id;
