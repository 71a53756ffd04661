-- name: by_kind(limit)
-- The number of the account's open conversations by agent and team; at most `limit` are counted.
SELECT assigned_to, assigned_team, count(*) AS conversations
FROM (
    SELECT assigned_to, assigned_team
    FROM conversations
    WHERE account_id = current_account()
      AND status = 'open'
    ORDER BY updated_at DESC, id DESC
    LIMIT :limit
) AS counted
GROUP BY assigned_to, assigned_team;
