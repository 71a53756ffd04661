-- name: figures(since, until, by, time_zone, team_id, agent_id)
-- The figures of a range, see report_items, by hour of the day, team or agent; the row `is_total` has those of all.
-- A median and a 90th percentile are those of the known durations, in seconds.
WITH item AS (
    SELECT
        figure,
        seconds,
        detail,
        rating,
        CASE WHEN :by::text = 'hour' THEN EXTRACT(hour FROM at AT TIME ZONE :time_zone::text)::integer END AS hour,
        CASE WHEN :by::text = 'agent' THEN agent_id WHEN :by::text = 'team' THEN team_id END AS subject_id
    FROM report_items(:since, :until)
    WHERE (:team_id::uuid IS NULL OR team_id = :team_id)
      AND (:agent_id::uuid IS NULL OR agent_id = :agent_id)
)
SELECT
    GROUPING(hour, subject_id) > 0 AS is_total,
    hour,
    subject_id,
    COALESCE(
        (SELECT users.name FROM users WHERE users.account_id = current_account() AND users.id = subject_id),
        (SELECT teams.name FROM teams WHERE teams.account_id = current_account() AND teams.id = subject_id)
    ) AS name,
    count(*) FILTER (WHERE figure = 'first_response') AS opened,
    count(*) FILTER (WHERE figure = 'first_response' AND detail = 'answered') AS answered,
    count(*) FILTER (WHERE figure = 'first_response' AND detail = 'unanswered') AS unanswered,
    percentile_cont(ARRAY[0.5, 0.9]) WITHIN GROUP (ORDER BY seconds)
        FILTER (WHERE figure = 'first_response') AS first_response,
    count(*) FILTER (WHERE figure = 'resolution') AS closed,
    percentile_cont(ARRAY[0.5, 0.9]) WITHIN GROUP (ORDER BY seconds)
        FILTER (WHERE figure = 'resolution') AS resolution,
    count(*) FILTER (WHERE figure = 'draft') AS drafts,
    count(*) FILTER (WHERE figure = 'draft' AND detail <> 'ignored') AS drafts_used,
    count(*) FILTER (WHERE figure = 'rating') AS ratings,
    count(*) FILTER (WHERE figure = 'rating' AND rating >= 4) AS satisfied,
    avg(rating)::double precision AS rating
FROM item
GROUP BY GROUPING SETS ((hour, subject_id), ())
ORDER BY is_total, hour, name NULLS LAST, subject_id;

-- name: items(since, until, figure, details, hour, time_zone, team_id, agent_id, without, before_at, before_id, limit)
-- What a figure is made of, newest first. `without` is the column that must be empty.
SELECT
    items.id,
    items.conversation_id,
    items.at,
    items.agent_id,
    items.team_id,
    items.seconds,
    items.detail,
    items.rating,
    conversations.status,
    conversations.subject,
    contacts.name AS customer_name
FROM report_items(:since, :until) AS items
JOIN conversations
  ON conversations.account_id = current_account()
 AND conversations.id = items.conversation_id
JOIN contacts
  ON contacts.account_id = current_account()
 AND contacts.id = conversations.contact_id
WHERE items.figure = :figure
  AND (:details::text[] IS NULL OR items.detail = ANY(:details::text[]))
  AND (:hour::integer IS NULL OR EXTRACT(hour FROM items.at AT TIME ZONE :time_zone::text) = :hour::integer)
  AND (:team_id::uuid IS NULL OR items.team_id = :team_id)
  AND (:agent_id::uuid IS NULL OR items.agent_id = :agent_id)
  AND (:without::text IS DISTINCT FROM 'team' OR items.team_id IS NULL)
  AND (:without::text IS DISTINCT FROM 'agent' OR items.agent_id IS NULL)
  AND (items.at, items.id) < (:before_at, :before_id::uuid)
ORDER BY items.at DESC, items.id DESC
LIMIT :limit;

-- name: queues()
-- The conversations that wait in the queue of the account, which has no team, and in that of each team, by name; and since
-- when the first of them waits.
SELECT
    queue.team_id,
    queue.name,
    COALESCE(queued.waiting, 0) AS waiting,
    COALESCE(queued.urgent, 0) AS urgent,
    queued.oldest
FROM (
    SELECT NULL::uuid AS team_id, NULL::text AS name, true AS active
    UNION ALL
    SELECT id, name, active
    FROM teams
    WHERE account_id = current_account()
) AS queue
LEFT JOIN (
    SELECT
        assigned_team,
        count(*) AS waiting,
        count(*) FILTER (WHERE priority = 'urgent') AS urgent,
        min(COALESCE(queued_since, created_at)) AS oldest
    FROM conversations
    WHERE account_id = current_account()
      AND status = 'open'
      AND assigned_to IS NULL
      AND erased_at IS NULL
    GROUP BY assigned_team
) AS queued ON queued.assigned_team IS NOT DISTINCT FROM queue.team_id
WHERE queue.active OR queued.waiting > 0
ORDER BY queue.name NULLS FIRST, queue.team_id;

-- name: loads(limit)
-- The open conversations of each active agent that are not erased, and their load. The capacity is the agent's own, or where
-- routing is on that of the account.
SELECT
    users.id AS agent_id,
    users.name,
    users.last_seen_at,
    COALESCE(
        users.capacity,
        (
            SELECT routing_settings.capacity
            FROM routing_settings
            WHERE routing_settings.account_id = current_account()
              AND routing_settings.mode <> 'off'
        )
    ) AS capacity,
    theirs.conversations,
    theirs.load
FROM users
CROSS JOIN LATERAL (
    SELECT
        count(*) AS conversations,
        COALESCE(sum(priority_weight(priority)), 0) AS load
    FROM conversations
    WHERE conversations.account_id = users.account_id
      AND conversations.assigned_to = users.id
      AND conversations.status = 'open'
      AND conversations.erased_at IS NULL
) AS theirs
WHERE users.account_id = current_account()
  AND users.active
  AND users.role IN ('admin', 'agent')
ORDER BY users.name, users.id
LIMIT :limit;
