-- name: accounts_due()
-- Accounts with a retention, each with the time up to which conversations are to be erased.
SELECT account_id, clock_timestamp() - make_interval(days => retention_days) AS until
FROM accounts
WHERE retention_days IS NOT NULL
ORDER BY account_id;

-- name: conversations_due(until, limit)
-- The conversations of the account that were last active up to a time and are not erased, in the order of their last
-- activity; conversations of the same moment are not separated.
SELECT page.id, page.updated_at
FROM accounts
CROSS JOIN unnest(ARRAY['open', 'pending', 'closed']) AS wanted (status)
CROSS JOIN LATERAL (
    SELECT id, updated_at
    FROM conversations
    WHERE conversations.account_id = current_account()
      AND conversations.status = wanted.status
      AND updated_at > COALESCE(accounts.erased_before, '-infinity')
      AND updated_at <= :until
    ORDER BY updated_at
    FETCH FIRST (:limit) ROWS WITH TIES
) AS page
WHERE accounts.account_id = current_account()
ORDER BY page.updated_at
FETCH FIRST (:limit) ROWS WITH TIES;

-- name: advance(until)!
-- Record up to which time of their last activity the conversations of the account are erased.
UPDATE accounts
SET erased_before = GREATEST(erased_before, :until)
WHERE account_id = current_account();

-- name: prune_visitors(account_id, contact_id, days, limit)^
-- Delete anonymous visitors without a conversation who came more than `days` ago, among the next contacts of all accounts;
-- return the position of the last one of these, NULL after the end, and the number of deleted visitors.
WITH page AS (
    SELECT account_id, id, email, created_at
    FROM contacts
    WHERE (account_id, id) > (:account_id::uuid, :contact_id::uuid)
    ORDER BY account_id, id
    LIMIT :limit
), silent AS (
    SELECT contacts.account_id, contacts.id
    FROM page
    JOIN contacts
      ON contacts.account_id = page.account_id
     AND contacts.id = page.id
    WHERE page.created_at < clock_timestamp() - make_interval(days => :days)
      AND starts_with(page.email, 'visitor-')
      AND page.email ~ '@visitors[.]invalid$'
      AND NOT EXISTS (
          SELECT
          FROM conversations
          WHERE conversations.account_id = page.account_id
            AND conversations.contact_id = page.id
      )
    FOR UPDATE OF contacts SKIP LOCKED
), deleted AS (
    DELETE FROM contacts
    USING silent
    WHERE contacts.account_id = silent.account_id
      AND contacts.id = silent.id
    RETURNING contacts.id
)
SELECT
    (SELECT count(*) FROM deleted) AS deleted,
    last.account_id,
    last.id
FROM (SELECT count(*) AS number FROM page) AS read
LEFT JOIN LATERAL (
    SELECT account_id, id
    FROM page
    ORDER BY account_id DESC, id DESC
    LIMIT 1
) AS last ON read.number = :limit;

-- name: prune_sign_ins()^
-- Delete the links and sessions of all accounts that have expired; return their numbers.
WITH links AS (
    DELETE FROM sign_in_links
    WHERE expires_at < clock_timestamp()
    RETURNING account_id
), sessions AS (
    DELETE FROM staff_sessions
    WHERE expires_at < clock_timestamp()
    RETURNING account_id
)
SELECT
    (SELECT count(*) FROM links) AS links,
    (SELECT count(*) FROM sessions) AS sessions;
