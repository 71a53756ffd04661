-- name: teams(account_ids)
-- The active teams of accounts, each with its active agents and admins.
SELECT
    teams.account_id,
    teams.id,
    teams.name,
    ARRAY(
        SELECT users.id
        FROM users
        WHERE users.account_id = teams.account_id
          -- No join: the users of the account are read once, not once for each member, whatever the planner's statistics.
          AND users.id = ANY (ARRAY(
              SELECT team_members.user_id
              FROM team_members
              WHERE team_members.account_id = teams.account_id
                AND team_members.team_id = teams.id
          ))
          AND users.role IN ('admin', 'agent')
          AND users.active
        ORDER BY users.name, users.id
    ) AS agent_ids
FROM teams
WHERE account_id = ANY(:account_ids)
  AND active
ORDER BY name, id;

-- name: described(account_ids)
-- The active teams of accounts that have a description or examples, with these.
SELECT account_id, id, description, examples
FROM teams
WHERE account_id = ANY(:account_ids)
  AND active
  AND (description <> '' OR examples <> '{}');

-- name: skilled(account_ids)
-- The skills of active agents and admins.
SELECT account_id, id, skills
FROM users
WHERE account_id = ANY(:account_ids)
  AND role IN ('admin', 'agent')
  AND active
  AND skills <> '{}'
ORDER BY name, id;

-- name: count_texts(team_id)^
-- The descriptions and examples of all teams of the account but one.
SELECT COALESCE(sum(cardinality(examples) + (description <> '')::integer), 0) AS texts
FROM teams
WHERE account_id = current_account()
  AND id <> :team_id;

-- name: add(id, name, description, examples)^
-- Add a team; no row if the account has one of this name.
INSERT INTO teams (account_id, id, name, description, examples)
VALUES (current_account(), :id, :name, :description, :examples)
ON CONFLICT (account_id, name) DO NOTHING
RETURNING id;

-- name: id_of(name)^
-- The id of the team of a name.
SELECT id
FROM teams
WHERE account_id = current_account()
  AND name = :name;

-- name: lock(team_id)^
-- Lock a team until the transaction ends.
SELECT id
FROM teams
WHERE account_id = current_account()
  AND id = :team_id
FOR NO KEY UPDATE;

-- name: get(team_id)^
-- A team, active or not, with the ids of its members.
SELECT
    id,
    name,
    active,
    description,
    examples,
    created_at,
    ARRAY(
        SELECT user_id
        FROM team_members
        WHERE team_members.account_id = teams.account_id
          AND team_members.team_id = teams.id
        ORDER BY user_id
    ) AS member_ids
FROM teams
WHERE account_id = current_account()
  AND id = :team_id;

-- name: page(before_id, active, limit)
-- Teams before a position in the list, newest first, with the ids of their members.
SELECT
    id,
    name,
    active,
    description,
    examples,
    created_at,
    ARRAY(
        SELECT user_id
        FROM team_members
        WHERE team_members.account_id = teams.account_id
          AND team_members.team_id = teams.id
        ORDER BY user_id
    ) AS member_ids
FROM teams
WHERE account_id = current_account()
  AND id < :before_id::uuid
  AND active = COALESCE(:active::boolean, active)
ORDER BY id DESC
LIMIT :limit;

-- name: change(team_id, name, active, description, examples)!
-- Change a team.
UPDATE teams
SET name = :name, active = :active, description = :description, examples = :examples
WHERE account_id = current_account()
  AND id = :team_id;

-- name: add_members(team_id, user_ids)
-- Add existing users to a team; return the ids of those who were not in it.
INSERT INTO team_members (account_id, team_id, user_id)
SELECT account_id, :team_id, id
FROM users
WHERE account_id = current_account()
  AND id = ANY (:user_ids::uuid[])
ON CONFLICT DO NOTHING
RETURNING user_id;

-- name: remove_members(team_id, user_ids)
-- Remove users from a team; return the ids of those who were in it.
DELETE FROM team_members
WHERE account_id = current_account()
  AND team_id = :team_id
  AND user_id = ANY (:user_ids::uuid[])
RETURNING user_id;
