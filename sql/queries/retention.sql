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

-- name: set_planner(name, value)^
-- Change a setting of the planner until the end of the transaction.
SELECT set_config(:name, :value, true);

-- name: prune_runs(after, accounts, before_id, limit)^
-- Delete the oldest AI runs that have ended and whose ids are lower than `before_id`, of the next accounts and at most
-- `limit`, with their results, views and requests to models. Learned answers remain without the use of their draft. Returns
-- the number of deleted runs, and the last account, NULL after the end; so do the other queries.
WITH page AS (
    SELECT account_id
    FROM accounts
    WHERE account_id > :after::uuid
    ORDER BY account_id
    LIMIT :accounts
), old AS MATERIALIZED (
    SELECT first.account_id, first.id
    FROM page
    CROSS JOIN LATERAL (
        SELECT account_id, id
        FROM ai_runs
        WHERE ai_runs.account_id = page.account_id
          AND id < :before_id::uuid
          AND announced_at < clock_timestamp() - interval '1 day'
        ORDER BY id
        LIMIT :limit
    ) AS first
    LIMIT :limit
), results AS (
    DELETE FROM ai_results
    USING old
    WHERE ai_results.account_id = old.account_id
      AND ai_results.run_id = old.id
), views AS (
    DELETE FROM draft_views
    USING old
    WHERE draft_views.account_id = old.account_id
      AND draft_views.run_id = old.id
), calls AS (
    DELETE FROM ai_calls
    USING old
    WHERE ai_calls.account_id = old.account_id
      AND ai_calls.run_id = old.id
), answers AS (
    UPDATE past_answers
    SET draft_run_id = NULL, draft_use = NULL
    FROM old
    WHERE past_answers.account_id = old.account_id
      AND past_answers.draft_run_id = old.id
), deleted AS (
    DELETE FROM ai_runs
    USING old
    WHERE ai_runs.account_id = old.account_id
      AND ai_runs.id = old.id
    RETURNING ai_runs.account_id
)
SELECT
    (SELECT count(*) FROM deleted) AS deleted,
    (
        SELECT account_id
        FROM page
        WHERE (SELECT count(*) FROM page) = :accounts
        ORDER BY account_id DESC
        LIMIT 1
    ) AS last_account;

-- name: prune_calls(after, accounts, before, limit)^
-- Delete old requests to models that belong to no run.
WITH page AS (
    SELECT account_id
    FROM accounts
    WHERE account_id > :after::uuid
    ORDER BY account_id
    LIMIT :accounts
), old AS MATERIALIZED (
    SELECT first.account_id, first.id
    FROM page
    CROSS JOIN LATERAL (
        SELECT account_id, id
        FROM ai_calls
        WHERE ai_calls.account_id = page.account_id
          AND run_id IS NULL
          AND created_at < :before
        ORDER BY created_at
        LIMIT :limit
    ) AS first
    LIMIT :limit
), deleted AS (
    DELETE FROM ai_calls
    USING old
    WHERE ai_calls.account_id = old.account_id
      AND ai_calls.id = old.id
    RETURNING ai_calls.account_id
)
SELECT
    (SELECT count(*) FROM deleted) AS deleted,
    (
        SELECT account_id
        FROM page
        WHERE (SELECT count(*) FROM page) = :accounts
        ORDER BY account_id DESC
        LIMIT 1
    ) AS last_account;

-- name: prune_answers(after, accounts, before_id, limit)^
-- Delete replies from which the AI has learned, with their questions and vectors.
WITH page AS (
    SELECT account_id
    FROM accounts
    WHERE account_id > :after::uuid
    ORDER BY account_id
    LIMIT :accounts
), old AS MATERIALIZED (
    SELECT first.account_id, first.message_id
    FROM page
    CROSS JOIN LATERAL (
        SELECT account_id, message_id
        FROM past_answers
        WHERE past_answers.account_id = page.account_id
          AND message_id < :before_id::uuid
          AND learned_at < clock_timestamp() - interval '1 day'
        ORDER BY message_id
        LIMIT :limit
    ) AS first
    LIMIT :limit
), deleted AS (
    DELETE FROM past_answers
    USING old
    WHERE past_answers.account_id = old.account_id
      AND past_answers.message_id = old.message_id
    RETURNING past_answers.account_id
)
SELECT
    (SELECT count(*) FROM deleted) AS deleted,
    (
        SELECT account_id
        FROM page
        WHERE (SELECT count(*) FROM page) = :accounts
        ORDER BY account_id DESC
        LIMIT 1
    ) AS last_account;

-- name: prune_usage(after, accounts, before, limit)^
-- Delete the use of external models on old days.
WITH page AS (
    SELECT account_id
    FROM accounts
    WHERE account_id > :after::uuid
    ORDER BY account_id
    LIMIT :accounts
), old AS MATERIALIZED (
    SELECT first.account_id, first.day
    FROM page
    CROSS JOIN LATERAL (
        SELECT account_id, day
        FROM ai_usage
        WHERE ai_usage.account_id = page.account_id
          AND day < :before::date
        ORDER BY day
        LIMIT :limit
    ) AS first
    LIMIT :limit
), deleted AS (
    DELETE FROM ai_usage
    USING old
    WHERE ai_usage.account_id = old.account_id
      AND ai_usage.day = old.day
    RETURNING ai_usage.account_id
)
SELECT
    (SELECT count(*) FROM deleted) AS deleted,
    (
        SELECT account_id
        FROM page
        WHERE (SELECT count(*) FROM page) = :accounts
        ORDER BY account_id DESC
        LIMIT 1
    ) AS last_account;

-- name: prune_audit(after, accounts, before_id, limit)^
-- Delete old entries of the audit log.
WITH page AS (
    SELECT account_id
    FROM accounts
    WHERE account_id > :after::uuid
    ORDER BY account_id
    LIMIT :accounts
), old AS MATERIALIZED (
    SELECT first.account_id, first.id
    FROM page
    CROSS JOIN LATERAL (
        SELECT account_id, id
        FROM audit_log
        WHERE audit_log.account_id = page.account_id
          AND id < :before_id::uuid
          AND created_at < clock_timestamp() - interval '1 day'
        ORDER BY id
        LIMIT :limit
    ) AS first
    LIMIT :limit
), deleted AS (
    DELETE FROM audit_log
    USING old
    WHERE audit_log.account_id = old.account_id
      AND audit_log.id = old.id
    RETURNING audit_log.account_id
)
SELECT
    (SELECT count(*) FROM deleted) AS deleted,
    (
        SELECT account_id
        FROM page
        WHERE (SELECT count(*) FROM page) = :accounts
        ORDER BY account_id DESC
        LIMIT 1
    ) AS last_account;

-- name: prune_requests(after, accounts, before, limit)^
-- Delete expired requests with an Idempotency-Key, also of accounts that send no more requests.
WITH page AS (
    SELECT account_id
    FROM accounts
    WHERE account_id > :after::uuid
    ORDER BY account_id
    LIMIT :accounts
), old AS MATERIALIZED (
    SELECT first.account_id, first.id
    FROM page
    CROSS JOIN LATERAL (
        SELECT account_id, id
        FROM idempotency_keys
        WHERE idempotency_keys.account_id = page.account_id
          AND created_at < :before
        ORDER BY created_at
        LIMIT :limit
    ) AS first
    LIMIT :limit
), deleted AS (
    DELETE FROM idempotency_keys
    USING old
    WHERE idempotency_keys.account_id = old.account_id
      AND idempotency_keys.id = old.id
    RETURNING idempotency_keys.account_id
)
SELECT
    (SELECT count(*) FROM deleted) AS deleted,
    (
        SELECT account_id
        FROM page
        WHERE (SELECT count(*) FROM page) = :accounts
        ORDER BY account_id DESC
        LIMIT 1
    ) AS last_account;

-- name: prune_pages(after, accounts, before, limit)^
-- Delete old visits to pages: those before a time, or before the time for which the account keeps conversations.
WITH page AS (
    SELECT
        account_id,
        GREATEST(:before::timestamptz, clock_timestamp() - make_interval(days => retention_days)) AS until
    FROM accounts
    WHERE account_id > :after::uuid
    ORDER BY account_id
    LIMIT :accounts
), old AS MATERIALIZED (
    SELECT first.account_id, first.contact_id, first.id
    FROM page
    CROSS JOIN LATERAL (
        SELECT account_id, contact_id, id
        FROM page_visits
        WHERE page_visits.account_id = page.account_id
          AND visited_at < page.until
        ORDER BY visited_at
        LIMIT :limit
    ) AS first
    LIMIT :limit
), deleted AS (
    DELETE FROM page_visits
    USING old
    WHERE page_visits.account_id = old.account_id
      AND page_visits.contact_id = old.contact_id
      AND page_visits.id = old.id
    RETURNING page_visits.account_id
)
SELECT
    (SELECT count(*) FROM deleted) AS deleted,
    (
        SELECT account_id
        FROM page
        WHERE (SELECT count(*) FROM page) = :accounts
        ORDER BY account_id DESC
        LIMIT 1
    ) AS last_account;
