-- name: agent(agent_id)^
-- Whether a user can be assigned conversations. The user is locked: a transaction that disables the user waits for the
-- assignment, and then undoes it.
SELECT active AND role IN ('admin', 'agent') AS can_answer
FROM users
WHERE account_id = current_account()
  AND id = :agent_id
FOR SHARE;

-- name: team(team_id, agent_id)^
-- Whether conversations can be moved to a team: it is active, one of its members can answer, and an agent is a member.
-- The team is locked, as `agent` locks a user.
SELECT
    active,
    EXISTS (
        SELECT
        FROM team_members
        WHERE team_members.account_id = teams.account_id
          AND team_members.team_id = teams.id
          AND team_members.user_id = :agent_id::uuid
    ) AS has_agent,
    EXISTS (
        SELECT
        FROM team_members
        JOIN users
          ON users.account_id = team_members.account_id
         AND users.id = team_members.user_id
        WHERE team_members.account_id = teams.account_id
          AND team_members.team_id = teams.id
          AND users.active
          AND users.role IN ('admin', 'agent')
    ) AS can_answer
FROM teams
WHERE account_id = current_account()
  AND id = :team_id
FOR SHARE;

-- name: lock(conversation_id)^
-- Lock a conversation until the transaction ends; return whose it is.
SELECT
    assigned_to AS agent_id,
    assigned_team AS team_id,
    status,
    updated_at AS at,
    erased_at IS NOT NULL AS erased
FROM conversations
WHERE account_id = current_account()
  AND id = :conversation_id
FOR NO KEY UPDATE;

-- name: move(conversation_id, agent_id, team_id, rule, reason, note_id, actor_id, actor_type, event_id)!
-- Assign a conversation that is locked to an agent, a team, both or nobody, log it, and add an outbox entry with the id of
-- the logged event. The log says whether the conversation now waits in a queue.
WITH found AS (
    SELECT account_id, id, status, assigned_to, assigned_team, erased_at, updated_at
    FROM conversations
    WHERE account_id = current_account()
      AND id = :conversation_id
), changed AS (
    UPDATE conversations
    SET
        assigned_to = :agent_id,
        assigned_team = :team_id,
        updated_at = GREATEST(clock_timestamp(), found.updated_at)
    FROM found
    WHERE conversations.account_id = found.account_id
      AND conversations.id = found.id
    RETURNING conversations.updated_at
), event AS (
    INSERT INTO conversation_events (account_id, conversation_id, id, kind, actor_id, actor_type, details, created_at)
    SELECT
        found.account_id,
        found.id,
        :event_id,
        CASE
            WHEN :agent_id::uuid IS NULL AND (found.assigned_to IS NOT NULL OR :team_id::uuid IS NULL) THEN 'unassigned'
            ELSE 'assigned'
        END,
        :actor_id,
        :actor_type,
        jsonb_strip_nulls(jsonb_build_object(
            'fromAgent', found.assigned_to,
            'fromTeam', found.assigned_team,
            'toAgent', :agent_id::uuid,
            'toTeam', :team_id::uuid,
            'rule', :rule::text,
            'reason', :reason::text,
            'note', :note_id::uuid,
            'queued', CASE WHEN :agent_id::uuid IS NULL AND found.status = 'open' AND found.erased_at IS NULL THEN true END
        )),
        changed.updated_at
    FROM found
    CROSS JOIN changed
    RETURNING account_id, id, conversation_id
)
INSERT INTO outbox (account_id, id, conversation_id, seq)
SELECT account_id, id, conversation_id, -2
FROM event;

-- name: logged(conversation_ids, ids)
-- Logged events by conversation and id, in the order of their times.
SELECT
    account_id,
    id,
    conversation_id,
    kind,
    actor_id,
    details,
    created_at AS at
FROM conversation_events
WHERE account_id = current_account()
  AND conversation_id = ANY (:conversation_ids::uuid[])
  AND id = ANY (:ids::uuid[])
ORDER BY created_at, id;

-- name: lines(conversation_id, only_moves, since, before_seq, limit)
-- The newest entries of the log of a conversation that are shown between its messages, newest first: since a time, and before
-- a message if there is one of this seq. A status that a message has changed is shown by the message.
SELECT
    account_id,
    id,
    conversation_id,
    kind,
    actor_id,
    details,
    created_at AS at
FROM conversation_events
WHERE account_id = current_account()
  AND conversation_id = :conversation_id
  AND kind IN (
      'assigned', 'unassigned', 'status_changed', 'priority_changed', 'labels_changed', 'continued', 'merged'
  )
  AND (NOT :only_moves OR kind IN ('assigned', 'unassigned'))
  AND (kind <> 'status_changed' OR details ->> 'messageId' IS NULL)
  AND created_at >= :since::timestamptz
  AND created_at < COALESCE(
      (
          SELECT messages.created_at
          FROM messages
          WHERE messages.account_id = current_account()
            AND messages.conversation_id = :conversation_id
            AND messages.seq = :before_seq
      ),
      'infinity'
  )
ORDER BY created_at DESC, id DESC
LIMIT :limit;

-- name: names(ids)
-- The names of users, teams and API keys.
SELECT id, name
FROM users
WHERE account_id = current_account()
  AND id = ANY (:ids::uuid[])
UNION ALL
SELECT id, name
FROM teams
WHERE account_id = current_account()
  AND id = ANY (:ids::uuid[])
UNION ALL
SELECT id, name
FROM api_keys
WHERE account_id = current_account()
  AND id = ANY (:ids::uuid[]);

-- name: lock_teams(team_ids)
-- Lock teams until the transaction ends: of two users who leave a team at once, the second one sees that it is empty.
SELECT id
FROM teams
WHERE account_id = current_account()
  AND id = ANY (:team_ids::uuid[])
ORDER BY id
FOR NO KEY UPDATE;

-- name: deserted(team_ids)
-- Those of the teams without an active agent.
SELECT id
FROM teams
WHERE account_id = current_account()
  AND id = ANY (:team_ids::uuid[])
  AND NOT EXISTS (
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
ORDER BY id;

-- name: leave_team(team_id, actor_id, actor_type, limit)
-- Move conversations that wait in the queue of a team to that of the account, log it, and add outbox entries; return the
-- ids of the logged events.
WITH found AS (
    SELECT account_id, id, status, updated_at
    FROM conversations
    WHERE account_id = current_account()
      AND assigned_team = :team_id
      AND assigned_to IS NULL
      AND status = 'open'
      AND erased_at IS NULL
    ORDER BY id
    LIMIT :limit
    FOR NO KEY UPDATE
), changed AS (
    UPDATE conversations
    SET assigned_team = NULL, updated_at = GREATEST(clock_timestamp(), found.updated_at)
    FROM found
    WHERE conversations.account_id = found.account_id
      AND conversations.id = found.id
    RETURNING conversations.account_id, conversations.id, conversations.updated_at
), event AS (
    INSERT INTO conversation_events (account_id, conversation_id, id, kind, actor_id, actor_type, details, created_at)
    SELECT
        account_id,
        id,
        gen_random_uuid(),
        'unassigned',
        :actor_id,
        :actor_type,
        jsonb_build_object('fromTeam', :team_id::uuid, 'rule', 'disabled', 'queued', true),
        updated_at
    FROM changed
    RETURNING account_id, id, conversation_id
), entry AS (
    INSERT INTO outbox (account_id, id, conversation_id, seq)
    SELECT account_id, id, conversation_id, -2
    FROM event
)
SELECT id, conversation_id
FROM event;
