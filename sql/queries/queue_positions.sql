-- name: positions(limit)
-- The first conversations of each queue of the account, and their positions.
SELECT queue_id, conversation_id, position
FROM (
    SELECT
        current_account() AS queue_id,
        id AS conversation_id,
        row_number() OVER (ORDER BY priority_rank(priority), COALESCE(queued_since, created_at), id) AS position
    FROM conversations
    WHERE account_id = current_account()
      AND assigned_team IS NULL
      AND status = 'open'
      AND assigned_to IS NULL
      AND erased_at IS NULL
    ORDER BY priority_rank(priority), COALESCE(queued_since, created_at), id
    LIMIT :limit
) AS of_account
UNION ALL
SELECT teams.id, waiting.conversation_id, waiting.position
FROM teams
CROSS JOIN LATERAL (
    SELECT
        id AS conversation_id,
        row_number() OVER (ORDER BY priority_rank(priority), COALESCE(queued_since, created_at), id) AS position
    FROM conversations
    WHERE account_id = current_account()
      AND assigned_team = teams.id
      AND status = 'open'
      AND assigned_to IS NULL
      AND erased_at IS NULL
    ORDER BY priority_rank(priority), COALESCE(queued_since, created_at), id
    LIMIT :limit
) AS waiting
WHERE teams.account_id = current_account();

-- name: position(conversation_id, limit)^
-- The queue of a waiting conversation and its position, counted up to a limit; no row if it does not wait.
WITH own AS (
    SELECT
        id,
        assigned_team,
        priority_rank(priority) AS rank,
        COALESCE(queued_since, created_at) AS since
    FROM conversations
    WHERE account_id = current_account()
      AND id = :conversation_id
      AND status = 'open'
      AND assigned_to IS NULL
      AND erased_at IS NULL
)
SELECT
    COALESCE(own.assigned_team, current_account()) AS queue_id,
    1 + CASE
        WHEN own.assigned_team IS NULL THEN (
            SELECT count(*)
            FROM (
                SELECT
                    priority_rank(priority) AS rank,
                    COALESCE(queued_since, created_at) AS since,
                    id
                FROM conversations
                WHERE account_id = current_account()
                  AND assigned_team IS NULL
                  AND status = 'open'
                  AND assigned_to IS NULL
                  AND erased_at IS NULL
                ORDER BY priority_rank(priority), COALESCE(queued_since, created_at), id
                LIMIT :limit
            ) AS first
            WHERE (first.rank, first.since, first.id) < (own.rank, own.since, own.id)
        )
        ELSE (
            SELECT count(*)
            FROM (
                SELECT
                    priority_rank(priority) AS rank,
                    COALESCE(queued_since, created_at) AS since,
                    id
                FROM conversations
                WHERE account_id = current_account()
                  AND assigned_team = own.assigned_team
                  AND status = 'open'
                  AND assigned_to IS NULL
                  AND erased_at IS NULL
                ORDER BY priority_rank(priority), COALESCE(queued_since, created_at), id
                LIMIT :limit
            ) AS first
            WHERE (first.rank, first.since, first.id) < (own.rank, own.since, own.id)
        )
    END AS position
FROM own;

-- name: paces(queue_ids, limit)
-- Of each queue: how long its last conversations were first in it, on average, before they were assigned in the last hour,
-- and how many they are. Each was first from when it came, or the one before it left, whichever is later.
SELECT
    queue_id,
    count(*) AS count,
    avg(GREATEST(extract(epoch FROM left_at - GREATEST(came_at, previous_at)), 0))::double precision AS seconds
FROM (
    SELECT
        wanted.queue_id,
        assigned.left_at,
        assigned.came_at,
        lag(assigned.left_at) OVER (PARTITION BY wanted.queue_id ORDER BY assigned.left_at) AS previous_at
    FROM unnest(:queue_ids::uuid[]) AS wanted (queue_id)
    CROSS JOIN LATERAL (
        SELECT at AS left_at, queued_since AS came_at
        FROM queue_moves
        WHERE account_id = current_account()
          AND queue_moves.queue_id = wanted.queue_id
          AND at > now() - interval '1 hour'
          AND queued_since IS NOT NULL
        ORDER BY at DESC
        LIMIT :limit
    ) AS assigned
) AS paced
WHERE previous_at IS NOT NULL
GROUP BY queue_id;

-- name: members(queue_ids)
-- The active agents of the queues: of the account's queue all.
SELECT current_account() AS queue_id, id AS agent_id
FROM users
WHERE account_id = current_account()
  AND active
  AND role IN ('admin', 'agent')
  AND current_account() = ANY(:queue_ids)
UNION ALL
SELECT team_members.team_id, users.id
FROM team_members
JOIN users
  ON users.account_id = team_members.account_id
 AND users.id = team_members.user_id
WHERE team_members.account_id = current_account()
  AND team_members.team_id = ANY(:queue_ids)
  AND users.active
  AND users.role IN ('admin', 'agent');

-- name: moved_lately()
-- The accounts whose queues have changed of late, with the time of the last move.
SELECT account_id, max(at) AS at
FROM queue_moves
WHERE at > now() - interval '1 minute'
GROUP BY account_id;

-- name: moved()
-- As `moved_lately`, as long as moves are kept.
SELECT account_id, max(at) AS at
FROM queue_moves
GROUP BY account_id;

-- name: prune(limit)^
-- Delete moves that are too old for the pace of a queue; return how many.
WITH deleted AS (
    DELETE FROM queue_moves
    WHERE ctid = ANY(ARRAY(
        SELECT ctid
        FROM queue_moves
        WHERE at < now() - interval '2 hours'
        ORDER BY at
        LIMIT :limit
    ))
    RETURNING id
)
SELECT count(*) AS deleted
FROM deleted;
