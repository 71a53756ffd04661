-- name: provider()^
-- The identity provider of the account.
SELECT
    account_id,
    issuer,
    client_id,
    client_secret,
    scopes,
    groups_claim,
    groups,
    email_domains,
    creates_users,
    default_role
FROM oidc_providers
WHERE account_id = current_account();

-- name: lock()^
-- Lock the identity provider of the account until the transaction ends.
SELECT issuer
FROM oidc_providers
WHERE account_id = current_account()
FOR UPDATE;

-- name: put(issuer, client_id, client_secret, scopes, groups_claim, groups, email_domains, creates_users, default_role)!
-- Set the identity provider of the account.
INSERT INTO oidc_providers (account_id, issuer, client_id, client_secret, scopes, groups_claim, groups, email_domains,
    creates_users, default_role)
VALUES (current_account(), :issuer, :client_id, :client_secret, :scopes, :groups_claim, :groups, :email_domains,
    :creates_users, :default_role)
ON CONFLICT (account_id) DO UPDATE
SET issuer = excluded.issuer,
    client_id = excluded.client_id,
    client_secret = excluded.client_secret,
    scopes = excluded.scopes,
    groups_claim = excluded.groups_claim,
    groups = excluded.groups,
    email_domains = excluded.email_domains,
    creates_users = excluded.creates_users,
    default_role = excluded.default_role;

-- name: remove()^
-- Remove the identity provider of the account; no row if it has none.
DELETE FROM oidc_providers
WHERE account_id = current_account()
RETURNING issuer;

-- name: known_teams(team_ids)
-- Which of these are teams of the account.
SELECT id
FROM teams
WHERE account_id = current_account()
  AND id = ANY(:team_ids);

-- name: user_of(issuer, subject)^
-- The user whom the provider knows by a subject.
SELECT user_id
FROM oidc_identities
WHERE account_id = current_account()
  AND issuer = :issuer
  AND subject = :subject;

-- name: link(issuer, subject, user_id)!
-- Link a user to a subject, unless one of them is linked already.
INSERT INTO oidc_identities (account_id, issuer, subject, user_id)
VALUES (current_account(), :issuer, :subject, :user_id)
ON CONFLICT DO NOTHING;

-- name: unlink(user_id)!
-- Forget the subjects of a user.
DELETE FROM oidc_identities
WHERE account_id = current_account()
  AND user_id = :user_id;

-- name: account_of(name)^
-- The account with a sign-in name; NULL if there is none.
SELECT account_of_sign_in_name(:name) AS account_id;

-- name: names()
-- The sign-in names of the account.
SELECT name
FROM sign_in_names
WHERE account_id = current_account()
ORDER BY name;

-- name: add_names(names)
-- Add sign-in names to the account; return those that it has not had, and nobody else has.
INSERT INTO sign_in_names (account_id, name)
SELECT current_account(), name
FROM unnest(:names::text[]) AS name
ON CONFLICT DO NOTHING
RETURNING name;

-- name: remove_names(names)!
-- Remove the sign-in names of the account that are not among these.
DELETE FROM sign_in_names
WHERE account_id = current_account()
  AND name <> ALL(:names::text[]);

-- name: secrets()
-- The encrypted client secrets of all accounts, locked until the transaction ends.
SELECT account_id, client_secret
FROM oidc_providers
WHERE client_secret IS NOT NULL
ORDER BY account_id
FOR UPDATE;

-- name: replace_secret(account_id, client_secret)!
-- Store a client secret that was encrypted again.
UPDATE oidc_providers
SET client_secret = :client_secret
WHERE account_id = :account_id;
