-- name: by_kind(limit)
-- The number of the account's open and pending conversations by all that a view selects them by; at most `limit` of each
-- status are counted.
SELECT
    status,
    assigned_to,
    assigned_team,
    priority,
    label_ids,
    count(*) AS conversations
FROM unnest(ARRAY['open', 'pending']) AS counted (of_status)
CROSS JOIN LATERAL (
    SELECT
        status,
        assigned_to,
        assigned_team,
        priority,
        label_ids
    FROM conversations
    WHERE account_id = current_account()
      AND status = of_status
    ORDER BY updated_at DESC, id DESC
    LIMIT :limit
) AS page
GROUP BY
    status,
    assigned_to,
    assigned_team,
    priority,
    label_ids;
