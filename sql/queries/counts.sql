-- name: by_kind(owners, views, limit)
-- Without a view, the number of the account's open conversations by agent and team. And for each shared view and each view
-- of the `owners`, at most `views`, the number of conversations that it shows, by agent if it shows each agent's own. Of
-- each status, at most `limit` conversations are counted. Views of closed conversations, of all statuses, of categories and
-- of search results are counted by their lists.
WITH viewed AS MATERIALIZED (
    SELECT
        saved.id,
        saved.owner_id,
        wanted.status,
        wanted.mine,
        wanted.unassigned,
        wanted."assignedTo" AS assigned_to,
        wanted."teamId" AS team_id,
        wanted."labelId" AS label_id,
        wanted.priority,
        wanted.snoozed,
        wanted.sort
    FROM (
        SELECT id, owner_id, filter
        FROM saved_views
        WHERE account_id = current_account()
          AND (owner_id IS NULL OR owner_id = ANY(:owners::uuid[]))
          AND filter ->> 'status' IN ('open', 'pending')
          AND filter ->> 'search' IS NULL
          AND filter ->> 'category' IS NULL
        ORDER BY owner_id IS NOT NULL, id
        LIMIT :views
    ) AS saved
    CROSS JOIN LATERAL jsonb_to_record(saved.filter) AS wanted (
        status text,
        mine boolean,
        unassigned boolean,
        "assignedTo" uuid,
        "teamId" uuid,
        "labelId" uuid,
        priority text,
        snoozed boolean,
        sort text
    )
), kind AS MATERIALIZED (
    SELECT
        status,
        assigned_to,
        assigned_team,
        priority,
        label_ids,
        snoozed_until IS NOT NULL AS is_snoozed,
        waiting_since IS NOT NULL AS is_waiting,
        count(*) AS conversations
    FROM unnest(ARRAY['open', 'pending']) AS wanted (counted)
    CROSS JOIN LATERAL (
        SELECT
            status,
            assigned_to,
            assigned_team,
            priority,
            label_ids,
            snoozed_until,
            waiting_since
        FROM conversations
        WHERE account_id = current_account()
          AND status = wanted.counted
        ORDER BY updated_at DESC, id DESC
        LIMIT :limit
    ) AS newest
    WHERE wanted.counted = 'open' OR EXISTS (SELECT FROM viewed WHERE status = 'pending')
    GROUP BY
        status,
        assigned_to,
        assigned_team,
        priority,
        label_ids,
        snoozed_until IS NOT NULL,
        waiting_since IS NOT NULL
)
SELECT
    NULL::uuid AS view_id,
    NULL::uuid AS owner_id,
    false AS mine,
    false AS is_waiting,
    assigned_to,
    assigned_team,
    sum(conversations)::bigint AS conversations
FROM kind
WHERE status = 'open'
GROUP BY assigned_to, assigned_team
UNION ALL
SELECT
    viewed.id AS view_id,
    viewed.owner_id,
    COALESCE(viewed.mine, false) AS mine,
    viewed.sort IS NOT DISTINCT FROM 'waiting' AS is_waiting,
    CASE WHEN viewed.mine THEN kind.assigned_to END AS assigned_to,
    NULL AS assigned_team,
    COALESCE(sum(kind.conversations), 0)::bigint AS conversations
FROM viewed
LEFT JOIN kind
  ON kind.status = viewed.status
 AND NOT (COALESCE(viewed.mine, false) AND kind.assigned_to IS NULL)
 AND NOT (COALESCE(viewed.unassigned, false) AND kind.assigned_to IS NOT NULL)
 AND (viewed.assigned_to IS NULL OR kind.assigned_to = viewed.assigned_to)
 AND (viewed.team_id IS NULL OR kind.assigned_team = viewed.team_id)
 AND (viewed.label_id IS NULL OR viewed.label_id = ANY(kind.label_ids))
 AND (viewed.priority IS NULL OR kind.priority = viewed.priority)
 AND (viewed.snoozed IS NULL OR kind.is_snoozed = viewed.snoozed)
 AND (viewed.sort IS DISTINCT FROM 'waiting' OR kind.is_waiting)
GROUP BY viewed.id, viewed.owner_id, viewed.mine, viewed.sort, CASE WHEN viewed.mine THEN kind.assigned_to END;
