-- name: teams(account_ids)
-- The teams of accounts, each with those of its members who can answer.
SELECT
    teams.account_id,
    teams.id,
    teams.name,
    ARRAY(
        SELECT users.id
        FROM team_members
        JOIN users
          ON users.account_id = team_members.account_id
         AND users.id = team_members.user_id
        WHERE team_members.account_id = teams.account_id
          AND team_members.team_id = teams.id
          AND users.role IN ('admin', 'agent')
          AND users.active
        ORDER BY users.name, users.id
    ) AS agent_ids
FROM teams
WHERE account_id = ANY(:account_ids)
ORDER BY name, id;
