-- name: settings()
-- The settings of the account (team_id is NULL) and of its teams; a team has NULL for what it does not set.
SELECT
    NULL::uuid AS team_id,
    mode,
    capacity,
    skills_wait_seconds,
    answer_seconds,
    offline_seconds
FROM routing_settings
WHERE account_id = current_account()
UNION ALL
SELECT
    team_id,
    mode,
    capacity,
    NULL AS skills_wait_seconds,
    NULL AS answer_seconds,
    NULL AS offline_seconds
FROM routing_teams
WHERE account_id = current_account()
ORDER BY team_id NULLS FIRST;

-- name: set_account(mode, capacity, skills_wait_seconds, answer_seconds, offline_seconds)!
-- Set the settings of the account.
INSERT INTO routing_settings (account_id, mode, capacity, skills_wait_seconds, answer_seconds, offline_seconds)
VALUES (current_account(), :mode, :capacity, :skills_wait_seconds, :answer_seconds, :offline_seconds)
ON CONFLICT (account_id) DO UPDATE
SET
    mode = excluded.mode,
    capacity = excluded.capacity,
    skills_wait_seconds = excluded.skills_wait_seconds,
    answer_seconds = excluded.answer_seconds,
    offline_seconds = excluded.offline_seconds;

-- name: set_team(team_id, mode, capacity)!
-- Set the settings of a team.
INSERT INTO routing_teams (account_id, team_id, mode, capacity)
VALUES (current_account(), :team_id, :mode, :capacity)
ON CONFLICT (account_id, team_id) DO UPDATE
SET mode = excluded.mode, capacity = excluded.capacity;

-- name: add_position()!
-- Begin the numbers of decisions.
INSERT INTO routing_positions (account_id)
VALUES (current_account())
ON CONFLICT DO NOTHING;

-- name: routed()
-- Accounts in which a queue is routed, of all accounts.
SELECT account_id
FROM (
    SELECT account_id
    FROM routing_settings
    WHERE mode <> 'off'
    UNION
    SELECT account_id
    FROM routing_teams
    WHERE mode <> 'off'
) AS found
ORDER BY account_id;

-- name: lock()!
-- Lock routing of the account until the transaction ends.
SELECT
FROM routing_positions
WHERE account_id = current_account()
FOR UPDATE;

-- name: look()^
-- The number of the last decision of the account, the time in microseconds, the skills of its agents, and the teams without
-- an active agent.
SELECT
    last_number,
    (EXTRACT(epoch FROM clock_timestamp()) * 1000000)::bigint AS now,
    ARRAY(
        SELECT DISTINCT unnest(skills)
        FROM users
        WHERE users.account_id = current_account()
          AND active
          AND role IN ('admin', 'agent')
    ) AS skills,
    ARRAY(
        SELECT id
        FROM teams
        WHERE teams.account_id = current_account()
          AND NOT (
              active
              AND EXISTS (
                  SELECT
                  FROM team_members
                  JOIN users
                    ON users.account_id = team_members.account_id
                   AND users.id = team_members.user_id
                  WHERE team_members.account_id = teams.account_id
                    AND team_members.team_id = teams.id
                    AND users.active
                    AND users.role IN ('admin', 'agent')
              )
          )
    ) AS deserted
FROM routing_positions
WHERE account_id = current_account();

-- name: agents(agent_ids, most)
-- Active agents and admins of these ids with their teams, their load, and the number of the last decision for each. The load
-- is counted until it exceeds the capacity of the agent, or `most`.
SELECT
    users.id,
    users.capacity,
    users.skills,
    ARRAY(
        SELECT team_id
        FROM team_members
        WHERE team_members.account_id = users.account_id
          AND team_members.user_id = users.id
        ORDER BY team_id
    ) AS team_ids,
    (
        SELECT COALESCE(sum(priority_weight(priority)), 0)
        FROM (
            SELECT priority
            FROM conversations
            WHERE conversations.account_id = current_account()
              AND conversations.assigned_to = users.id
              AND conversations.status = 'open'
              AND conversations.erased_at IS NULL
            LIMIT COALESCE(users.capacity, :most) + 1
        ) AS assigned
    )::integer AS load,
    COALESCE((
        SELECT number
        FROM routing_decisions
        WHERE routing_decisions.account_id = current_account()
          AND routing_decisions.agent_id = users.id
          AND rule = 'routing'
        ORDER BY number DESC
        LIMIT 1
    ), 0) AS turn
FROM users
WHERE account_id = current_account()
  AND id = ANY(:agent_ids)
  AND active
  AND role IN ('admin', 'agent')
ORDER BY id;

-- name: waiting(queues, with_skills, limit)
-- The next conversations of each queue, given as a JSON recordset of teams (NULL: the queue of the account), each after a
-- position. `with_skills`: also what they are classified as, and whether a classification is in progress. With the last
-- decision that took each from an agent.
SELECT
    page.id,
    page.assigned_team AS team_id,
    page.priority,
    (EXTRACT(epoch FROM page.since) * 1000000)::bigint AS since,
    page.since AS position_at,
    classified.category,
    classified.language,
    COALESCE(classified.is_classifying, false) AS is_classifying,
    last_decision.rule AS last_rule,
    last_decision.agent_id AS last_agent,
    (EXTRACT(epoch FROM last_decision.decided_at) * 1000000)::bigint AS last_at
FROM json_to_recordset(:queues::json) AS queue (team_id uuid, after_rank integer, after_since timestamptz, after_id uuid)
CROSS JOIN LATERAL (
    (
        SELECT id, assigned_team, priority, COALESCE(queued_since, created_at) AS since
        FROM conversations
        WHERE account_id = current_account()
          AND queue.team_id IS NULL
          AND assigned_team IS NULL
          AND status = 'open'
          AND assigned_to IS NULL
          AND erased_at IS NULL
          AND (priority_rank(priority), COALESCE(queued_since, created_at), id)
              > (queue.after_rank, queue.after_since, queue.after_id)
        ORDER BY priority_rank(priority), COALESCE(queued_since, created_at), id
        LIMIT :limit
    )
    UNION ALL
    (
        SELECT id, assigned_team, priority, COALESCE(queued_since, created_at) AS since
        FROM conversations
        WHERE account_id = current_account()
          AND assigned_team = queue.team_id
          AND status = 'open'
          AND assigned_to IS NULL
          AND erased_at IS NULL
          AND (priority_rank(priority), COALESCE(queued_since, created_at), id)
              > (queue.after_rank, queue.after_since, queue.after_id)
        ORDER BY priority_rank(priority), COALESCE(queued_since, created_at), id
        LIMIT :limit
    )
) AS page
LEFT JOIN LATERAL (
    SELECT
        COALESCE(
            ai_corrections.category,
            CASE
                WHEN ai_results.payload -> 'classification' -> 'unknown' IS DISTINCT FROM 'true'
                THEN ai_results.payload -> 'classification' ->> 'category'
            END
        ) AS category,
        ai_results.payload -> 'classification' ->> 'language' AS language,
        EXISTS (
            SELECT
            FROM ai_runs
            WHERE ai_runs.account_id = current_account()
              AND ai_runs.conversation_id = page.id
              AND ai_runs.announced_at IS NULL
              AND ai_runs.kind = 'classification'
              AND ai_runs.finished_at IS NULL
        ) AS is_classifying
    FROM (SELECT WHERE :with_skills OFFSET 0) AS asked
    LEFT JOIN LATERAL (
        SELECT ai_runs.id, ai_runs.message_id
        FROM (
            SELECT id, seq
            FROM messages
            WHERE messages.account_id = current_account()
              AND messages.conversation_id = page.id
            ORDER BY seq DESC
            LIMIT 10
        ) AS recent
        JOIN ai_runs
          ON ai_runs.account_id = current_account()
         AND ai_runs.message_id = recent.id
         AND ai_runs.kind = 'classification'
         AND ai_runs.outcome = 'done'
        ORDER BY recent.seq DESC
        LIMIT 1
    ) AS run ON true
    LEFT JOIN ai_results
      ON ai_results.account_id = current_account()
     AND ai_results.run_id = run.id
    LEFT JOIN ai_corrections
      ON ai_corrections.account_id = current_account()
     AND ai_corrections.message_id = run.message_id
    OFFSET 0 -- nothing of this is read without :with_skills
) AS classified ON true
LEFT JOIN LATERAL (
    SELECT rule, agent_id, decided_at
    FROM routing_decisions
    WHERE routing_decisions.account_id = current_account()
      AND routing_decisions.conversation_id = page.id
    ORDER BY number DESC
    LIMIT 1
) AS last_decision ON true
ORDER BY priority_rank(page.priority), page.since, page.id;

-- name: held(present, with_present, limit)
-- Assigned conversations whose customers wait, at most `limit` of each agent: those of agents who are not present, and
-- `with_present` of all. With the time since when the agent has it and the customer waits; and of an agent who is not
-- present, since when the agent has it and is offline.
SELECT
    assigned.id,
    assigned.assigned_team AS team_id,
    users.id AS agent_id,
    (EXTRACT(epoch FROM GREATEST(assigned.waiting_since, move.at)) * 1000000)::bigint AS waits_since,
    CASE
        WHEN users.id <> ALL(:present)
        THEN (EXTRACT(epoch FROM COALESCE(GREATEST(users.last_seen_at, move.at), users.created_at)) * 1000000)::bigint
    END AS offline_since
FROM users
CROSS JOIN LATERAL (
    SELECT id, assigned_team, waiting_since
    FROM conversations
    WHERE conversations.account_id = current_account()
      AND conversations.assigned_to = users.id
      AND conversations.status = 'open'
      AND conversations.waiting_since IS NOT NULL
      AND conversations.erased_at IS NULL
    LIMIT :limit
) AS assigned
CROSS JOIN LATERAL (
    SELECT max(created_at) AS at
    FROM conversation_events
    WHERE conversation_events.account_id = current_account()
      AND conversation_events.conversation_id = assigned.id
      AND conversation_events.kind = 'assigned'
) AS move
WHERE users.account_id = current_account()
  AND (:with_present OR users.id <> ALL(:present))
ORDER BY waits_since, assigned.id;

-- name: lock_agents(agent_ids)
-- Lock those of these agents whom no other transaction has locked, and who can still answer, until the transaction ends:
-- nobody is disabled or assigned a conversation by hand meanwhile. The next statement sees what they have.
SELECT id
FROM users
WHERE account_id = current_account()
  AND id = ANY(:agent_ids)
  AND active
  AND role IN ('admin', 'agent')
ORDER BY id
FOR NO KEY UPDATE SKIP LOCKED;

-- name: move(items, number, snapshot, choices)
-- Make the choices of a decision, and return those that were made. A conversation that is locked, or not any more where
-- the decision has found it, is left out, and one whose agent is no longer below the capacity.
--   item      the JSON recordset, a row for each choice, in order
--   found     lock each conversation, unless another transaction holds it
--   loaded    what each agent has
--   chosen    the choices whose agents are below their capacity, those before them counted
--   changed   move the conversations
--   record    insert what the decision was made on
--   decision, event, entry
--             insert the decisions, the log of the conversations, and an outbox entry with the id of each logged event
--   position  count the decisions
WITH item AS MATERIALIZED (
    SELECT *
    FROM json_to_recordset(:items::json) AS item (
        number bigint,
        conversation_id uuid,
        team_id uuid,
        agent_id uuid,
        rule text,
        mode text,
        capacity integer,
        weight integer,
        candidates integer,
        event_id uuid
    )
), found AS MATERIALIZED (
    SELECT item.*, conversation.account_id, conversation.updated_at
    FROM item
    CROSS JOIN LATERAL (
        SELECT account_id, updated_at
        FROM conversations
        WHERE conversations.account_id = current_account()
          AND conversations.id = item.conversation_id
          AND conversations.status = 'open'
          AND conversations.erased_at IS NULL
          AND conversations.assigned_team IS NOT DISTINCT FROM item.team_id
          AND CASE
              WHEN item.rule = 'routing' THEN conversations.assigned_to IS NULL
              ELSE conversations.assigned_to = item.agent_id AND conversations.waiting_since IS NOT NULL
          END
        FOR NO KEY UPDATE SKIP LOCKED
    ) AS conversation
), loaded AS MATERIALIZED (
    SELECT
        agent.id,
        (
            SELECT COALESCE(sum(priority_weight(priority)), 0)
            FROM (
                SELECT priority
                FROM conversations
                WHERE conversations.account_id = current_account()
                  AND conversations.assigned_to = agent.id
                  AND conversations.status = 'open'
                  AND conversations.erased_at IS NULL
                LIMIT agent.capacity
            ) AS assigned
        ) AS load
    FROM (
        SELECT agent_id AS id, max(capacity) AS capacity
        FROM item
        WHERE rule = 'routing'
        GROUP BY agent_id
    ) AS agent
), chosen AS MATERIALIZED (
    SELECT *
    FROM (
        SELECT
            found.*,
            loaded.load + COALESCE(sum(found.weight) OVER earlier, 0) AS load
        FROM found
        LEFT JOIN loaded ON loaded.id = found.agent_id
        WINDOW earlier AS (
            PARTITION BY found.agent_id ORDER BY found.number ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        )
    ) AS counted
    WHERE rule <> 'routing' OR load < capacity
), changed AS (
    UPDATE conversations
    SET
        assigned_to = CASE WHEN chosen.rule = 'routing' THEN chosen.agent_id END,
        updated_at = GREATEST(clock_timestamp(), chosen.updated_at)
    FROM chosen
    WHERE conversations.account_id = chosen.account_id
      AND conversations.id = chosen.conversation_id
    RETURNING chosen.*, conversations.updated_at AS at
), record AS (
    INSERT INTO routing_records (account_id, number, snapshot, choices)
    SELECT current_account(), :number, :snapshot::jsonb, :choices::jsonb
    WHERE EXISTS (SELECT FROM changed)
), decision AS (
    INSERT INTO routing_decisions (
        account_id,
        number,
        record_number,
        conversation_id,
        agent_id,
        rule,
        event_id,
        weight,
        capacity
    )
    SELECT
        account_id,
        number,
        :number,
        conversation_id,
        agent_id,
        rule,
        event_id,
        weight,
        capacity
    FROM changed
), event AS (
    INSERT INTO conversation_events (account_id, conversation_id, id, kind, actor_type, details, created_at)
    SELECT
        account_id,
        conversation_id,
        event_id,
        CASE WHEN rule = 'routing' THEN 'assigned' ELSE 'unassigned' END,
        'system',
        jsonb_strip_nulls(jsonb_build_object(
            'fromAgent', CASE WHEN rule <> 'routing' THEN agent_id END,
            'fromTeam', team_id,
            'toAgent', CASE WHEN rule = 'routing' THEN agent_id END,
            'toTeam', team_id,
            'rule', rule,
            'mode', mode,
            'decisionId', event_id,
            'candidates', candidates,
            'queued', CASE WHEN rule <> 'routing' THEN true END
        )),
        at
    FROM changed
), entry AS (
    INSERT INTO outbox (account_id, id, conversation_id, seq)
    SELECT account_id, event_id, conversation_id, -2
    FROM changed
), position AS (
    UPDATE routing_positions
    SET last_number = (SELECT max(number) FROM item)
    WHERE account_id = current_account()
      AND EXISTS (SELECT FROM changed)
)
SELECT
    number,
    conversation_id,
    team_id,
    agent_id,
    rule,
    event_id,
    at
FROM changed
ORDER BY number;

-- name: decision(conversation_id)^
-- The last decision about a conversation, with what it was made on.
SELECT
    routing_decisions.number,
    routing_decisions.record_number,
    routing_decisions.agent_id,
    routing_decisions.rule,
    routing_decisions.event_id,
    routing_decisions.decided_at,
    routing_records.snapshot,
    routing_records.choices
FROM routing_decisions
JOIN routing_records
  ON routing_records.account_id = routing_decisions.account_id
 AND routing_records.number = routing_decisions.record_number
WHERE routing_decisions.account_id = current_account()
  AND routing_decisions.conversation_id = :conversation_id
ORDER BY routing_decisions.number DESC
LIMIT 1;

-- name: records(after, limit)
-- The next records after a number, with the decisions that were carried out, and whether the log has each.
SELECT
    routing_records.number,
    routing_records.snapshot,
    routing_records.choices,
    (
        SELECT COALESCE(jsonb_agg(jsonb_build_object(
            'conversation_id', routing_decisions.conversation_id,
            'agent_id', routing_decisions.agent_id,
            'rule', routing_decisions.rule,
            'is_logged', COALESCE(
                conversation_events.details ->> 'rule' = routing_decisions.rule
                AND COALESCE(conversation_events.details ->> 'toAgent', conversation_events.details ->> 'fromAgent')
                    = routing_decisions.agent_id::text,
                false
            )
        ) ORDER BY routing_decisions.number), '[]')
        FROM routing_decisions
        LEFT JOIN conversation_events
          ON conversation_events.account_id = routing_decisions.account_id
         AND conversation_events.conversation_id = routing_decisions.conversation_id
         AND conversation_events.id = routing_decisions.event_id
        WHERE routing_decisions.account_id = routing_records.account_id
          AND routing_decisions.record_number = routing_records.number
    ) AS moved
FROM routing_records
WHERE account_id = current_account()
  AND number > :after
ORDER BY number
LIMIT :limit;

-- name: agent_names(agent_ids)
-- The names of users.
SELECT id, name
FROM users
WHERE account_id = current_account()
  AND id = ANY(:agent_ids);

-- name: queues()
-- The queues of the account (team_id is NULL) and of its teams: how many conversations wait, and the longest wait.
SELECT
    assigned_team AS team_id,
    count(*) AS waiting,
    GREATEST(0, EXTRACT(epoch FROM clock_timestamp() - min(COALESCE(queued_since, created_at))))::float8 AS oldest_seconds
FROM conversations
WHERE account_id = current_account()
  AND status = 'open'
  AND assigned_to IS NULL
  AND erased_at IS NULL
GROUP BY assigned_team;

-- name: above_capacity(limit)^
-- The number of agents to whom routing has given more than their capacity. Conversations that were moved or reopened since
-- do not count, and one that has become more urgent since counts as before.
SELECT count(*) AS agents
FROM (
    SELECT users.id
    FROM users
    CROSS JOIN LATERAL (
        SELECT id, priority
        FROM conversations
        WHERE conversations.account_id = current_account()
          AND conversations.assigned_to = users.id
          AND conversations.status = 'open'
          AND conversations.erased_at IS NULL
        LIMIT :limit
    ) AS assigned
    CROSS JOIN LATERAL (
        SELECT
            agent_id,
            rule,
            event_id,
            capacity,
            LEAST(weight, priority_weight(assigned.priority)) AS weight,
            decided_at
        FROM routing_decisions
        WHERE routing_decisions.account_id = current_account()
          AND routing_decisions.conversation_id = assigned.id
        ORDER BY number DESC
        LIMIT 1
    ) AS decision
    WHERE users.account_id = current_account()
      AND decision.rule = 'routing'
      AND decision.agent_id = users.id
      AND NOT EXISTS (
          SELECT
          FROM conversation_events
          WHERE conversation_events.account_id = current_account()
            AND conversation_events.conversation_id = assigned.id
            AND conversation_events.kind IN ('assigned', 'unassigned', 'status_changed')
            AND conversation_events.created_at >= decision.decided_at
            AND conversation_events.id <> decision.event_id
      )
    GROUP BY users.id
    HAVING sum(decision.weight) - max(decision.weight) >= max(decision.capacity)
) AS above;

-- name: prune(days, limit)^
-- Delete the oldest records of the next accounts, with their decisions: those that are older than `days`, or than the
-- account keeps conversations. Returns their number. Records are in the order of their times: the first one shows whether
-- an account has any that are old.
WITH old AS (
    SELECT first.place
    FROM accounts
    CROSS JOIN LATERAL (
        SELECT decided_at
        FROM routing_records
        WHERE routing_records.account_id = accounts.account_id
        ORDER BY number
        LIMIT 1
    ) AS oldest
    CROSS JOIN LATERAL (
        SELECT ctid AS place, decided_at
        FROM routing_records
        WHERE routing_records.account_id = accounts.account_id
        ORDER BY number
        LIMIT :limit
    ) AS first
    CROSS JOIN LATERAL (
        SELECT statement_timestamp() - make_interval(days => LEAST(accounts.retention_days, :days)) AS until
    ) AS kept
    WHERE oldest.decided_at < kept.until
      AND first.decided_at < kept.until
    LIMIT :limit
), deleted AS (
    DELETE FROM routing_records
    WHERE ctid = ANY(ARRAY(SELECT place FROM old)) -- rows are never updated
    RETURNING number
)
SELECT count(*) AS deleted
FROM deleted;
