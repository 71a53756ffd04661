-- name: teams(account_ids)
-- The teams of accounts, each with its active agents and admins.
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
ORDER BY name, id;

-- name: skilled(account_ids)
-- The skills of active agents and admins.
SELECT account_id, id, skills
FROM users
WHERE account_id = ANY(:account_ids)
  AND role IN ('admin', 'agent')
  AND active
  AND skills <> '{}'
ORDER BY name, id;
