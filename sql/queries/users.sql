-- name: add(id, email, name, role, skills, capacity)^
-- Add a user; no row if the account has one with this email address.
INSERT INTO users (account_id, id, email, name, role, skills, capacity)
VALUES (current_account(), :id, :email, :name, :role, :skills, :capacity)
ON CONFLICT (account_id, lower(email)) DO NOTHING
RETURNING id;

-- name: id_of(email)^
-- The id of the user with an email address.
SELECT id
FROM users
WHERE account_id = current_account()
  AND lower(email) = lower(:email);

-- name: lock(user_id)^
-- Lock a user until the transaction ends.
SELECT id
FROM users
WHERE account_id = current_account()
  AND id = :user_id
FOR NO KEY UPDATE;

-- name: lock_admins()^
-- Wait for other transactions that take an admin's role, and keep later ones waiting until this one ends.
SELECT pg_advisory_xact_lock(hashtextextended('admins/' || current_account(), 0)) AS locked;

-- name: has_other_admin(user_id)^
-- Whether the account has another active admin.
SELECT EXISTS (
    SELECT
    FROM users
    WHERE account_id = current_account()
      AND role = 'admin'
      AND active
      AND id <> :user_id
) AS found;

-- name: get(user_id)^
-- A user, active or not, with the ids of the teams.
SELECT
    id,
    email,
    name,
    role,
    active,
    skills,
    capacity,
    last_seen_at,
    created_at,
    ARRAY(
        SELECT team_id
        FROM team_members
        WHERE team_members.account_id = users.account_id
          AND team_members.user_id = users.id
        ORDER BY team_id
    ) AS team_ids
FROM users
WHERE account_id = current_account()
  AND id = :user_id;

-- name: page(before_id, active, role, team_id, limit)
-- Users before a position in the list, newest first, with the ids of their teams.
SELECT
    id,
    email,
    name,
    role,
    active,
    skills,
    capacity,
    last_seen_at,
    created_at,
    ARRAY(
        SELECT team_id
        FROM team_members
        WHERE team_members.account_id = users.account_id
          AND team_members.user_id = users.id
        ORDER BY team_id
    ) AS team_ids
FROM users
WHERE account_id = current_account()
  AND id < :before_id::uuid
  AND active = COALESCE(:active::boolean, active)
  AND role = COALESCE(:role::text, role)
  AND (
      :team_id::uuid IS NULL
      OR id = ANY (ARRAY(
          SELECT user_id
          FROM team_members
          WHERE team_members.account_id = current_account()
            AND team_members.team_id = :team_id
      ))
  )
ORDER BY id DESC
LIMIT :limit;

-- name: change(user_id, email, name, role, active, skills, capacity)!
-- Change a user.
UPDATE users
SET
    email = :email,
    name = :name,
    role = :role,
    active = :active,
    skills = :skills,
    capacity = :capacity
WHERE account_id = current_account()
  AND id = :user_id;

-- name: leave_teams(user_id, team_ids)
-- Remove a user from all teams but these; return the ids of the others.
DELETE FROM team_members
WHERE account_id = current_account()
  AND user_id = :user_id
  AND team_id <> ALL (:team_ids::uuid[])
RETURNING team_id;

-- name: join_teams(user_id, team_ids)
-- Add a user to existing teams; return the ids of those that the user was not in.
INSERT INTO team_members (account_id, team_id, user_id)
SELECT account_id, id, :user_id
FROM teams
WHERE account_id = current_account()
  AND id = ANY (:team_ids::uuid[])
ON CONFLICT DO NOTHING
RETURNING team_id;

-- name: unassign_some(user_id, actor_id, actor_type, limit)
-- Unassign conversations of a user, log it, and add outbox entries; return the ids of the logged events. The team remains.
WITH found AS (
    SELECT account_id, id, updated_at
    FROM conversations
    WHERE account_id = current_account()
      AND assigned_to = :user_id
    ORDER BY id
    LIMIT :limit
    FOR NO KEY UPDATE
), changed AS (
    UPDATE conversations
    SET assigned_to = NULL, updated_at = GREATEST(clock_timestamp(), found.updated_at)
    FROM found
    WHERE conversations.account_id = found.account_id
      AND conversations.id = found.id
    RETURNING
        conversations.account_id,
        conversations.id,
        conversations.assigned_team,
        conversations.status,
        conversations.erased_at,
        conversations.updated_at
), event AS (
    INSERT INTO conversation_events (account_id, conversation_id, id, kind, actor_id, actor_type, details, created_at)
    SELECT
        account_id,
        id,
        gen_random_uuid(),
        'unassigned',
        :actor_id,
        :actor_type,
        jsonb_strip_nulls(jsonb_build_object(
            'fromAgent', :user_id::uuid,
            'fromTeam', assigned_team,
            'toTeam', assigned_team,
            'rule', 'disabled',
            'queued', CASE WHEN status = 'open' AND erased_at IS NULL THEN true END
        )),
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
