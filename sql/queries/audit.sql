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
