-- name: record(id, actor_id, actor_type, action, subject_id, details)!
-- Add an entry.
INSERT INTO audit_log (account_id, id, actor_id, actor_type, action, subject_id, details)
VALUES (current_account(), :id, :actor_id, :actor_type, :action, :subject_id, :details);

-- name: entries(before_id, limit)
-- The entries of the account, newest first.
SELECT
    id,
    actor_id,
    actor_type,
    action,
    subject_id,
    details,
    created_at
FROM audit_log
WHERE account_id = current_account()
  AND id < :before_id
ORDER BY id DESC
LIMIT :limit;

-- name: filtered(before_id, noun, actor_id, limit)
-- The entries of the account about a noun, by an actor, or both, newest first. It may read the whole log.
SELECT
    id,
    actor_id,
    actor_type,
    action,
    subject_id,
    details,
    created_at
FROM audit_log
WHERE account_id = current_account()
  AND id < :before_id
  AND (:noun::text IS NULL OR split_part(action, '.', 1) = :noun)
  AND (:actor_id::uuid IS NULL OR actor_id = :actor_id)
ORDER BY id DESC
LIMIT :limit;
