-- name: get()^
-- The business hours of the account; no row: always open.
SELECT
    is_enabled,
    time_zone,
    weekly,
    country,
    subdivision,
    closed_dates,
    outside,
    texts,
    route_outside_hours
FROM business_hours
WHERE account_id = current_account();

-- name: now()^
-- The time of the database.
SELECT clock_timestamp() AS now;

-- name: put(is_enabled, time_zone, weekly, country, subdivision, closed_dates, outside, texts, route_outside_hours)!
-- Set the business hours of the account; the relay publishes the state.
INSERT INTO business_hours (
    account_id,
    is_enabled,
    time_zone,
    weekly,
    country,
    subdivision,
    closed_dates,
    outside,
    texts,
    route_outside_hours,
    changes_at
)
VALUES (
    current_account(),
    :is_enabled,
    :time_zone,
    :weekly,
    :country,
    :subdivision,
    :closed_dates,
    :outside,
    :texts,
    :route_outside_hours,
    clock_timestamp()
)
ON CONFLICT (account_id) DO UPDATE
SET is_enabled = excluded.is_enabled,
    time_zone = excluded.time_zone,
    weekly = excluded.weekly,
    country = excluded.country,
    subdivision = excluded.subdivision,
    closed_dates = excluded.closed_dates,
    outside = excluded.outside,
    texts = excluded.texts,
    route_outside_hours = excluded.route_outside_hours,
    changes_at = excluded.changes_at;

-- name: due(at, limit)
-- The business hours of all accounts that open, close or were changed until a time, by default now.
SELECT
    account_id,
    is_enabled,
    time_zone,
    weekly,
    country,
    subdivision,
    closed_dates,
    outside,
    texts,
    route_outside_hours,
    changes_at,
    COALESCE(:at::timestamptz, clock_timestamp()) AS now
FROM business_hours
WHERE changes_at <= COALESCE(:at::timestamptz, clock_timestamp())
ORDER BY changes_at, account_id
LIMIT :limit;

-- name: schedule(account_id, due, changes_at)!
-- Set when an account opens or closes next, unless its hours were changed since they were read.
UPDATE business_hours
SET changes_at = :changes_at
WHERE account_id = :account_id
  AND changes_at = :due;
