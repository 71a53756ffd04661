-- What the rows are made of, in temporary tables: accounts with their sizes, phrases, and the conversations by time.
SET session_replication_role = replica;
SET maintenance_work_mem = '2GB';
SET work_mem = '256MB';
SET max_parallel_workers_per_gather = 0;
SET max_parallel_maintenance_workers = 0;
SELECT setseed(0.5);

-- The second account of the seed of the plans becomes the largest one.
CREATE TEMP TABLE size AS
SELECT
    rank,
    CASE rank WHEN 1 THEN 2 WHEN 2 THEN 1 ELSE rank END AS number,
    greatest(1, round(%(conversations)s * rank ^ -0.85 / sum(rank ^ -0.85) OVER ()))::int AS conversations
FROM generate_series(1, %(accounts)s) AS rank;
ALTER TABLE size ADD account_id uuid;
UPDATE size SET account_id = md5('account' || number)::uuid;

INSERT INTO accounts (account_id, name)
SELECT account_id, 'Account ' || number
FROM size
ON CONFLICT DO NOTHING;

INSERT INTO users (account_id, id, email, name, role)
SELECT account_id, md5(number || 'user1')::uuid, '1@example.com', 'User 1', 'agent'
FROM size
ON CONFLICT DO NOTHING;

CREATE TEMP TABLE word AS
SELECT row_number() OVER () AS number, a || b || c AS word
FROM
    unnest('{ba,ko,ri,ten,sal,mu,der,fi,lo,pan,qui,sto}'::text[]) AS a,
    unnest('{na,ge,rit,mo,la,us,der,vi,pol,tas,ne,shu}'::text[]) AS b,
    unnest('{n,s,ra,ting,ment,le,ok,ly}'::text[]) AS c;

-- 8 to 17 words, of which some are much more frequent than others.
CREATE TEMP TABLE phrase AS
SELECT
    n AS number,
    (
        SELECT string_agg(word, ' ')
        FROM (
            SELECT floor(random() ^ 3 * 1152)::int + 1 + 0 * n AS number
            FROM generate_series(1, 8 + n %% 10)
        ) AS pick
        JOIN word USING (number)
    ) AS content
FROM generate_series(0, 19999) AS n;
CREATE INDEX ON phrase (number);

-- An account opens its conversations at any time; five of them are of one contact.
CREATE TEMP TABLE opened AS
SELECT
    row_number() OVER (ORDER BY hashint8extended(rank * 10000000::bigint + n, 0)) - 1 AS place,
    account_id,
    md5(number || 'volume contact ' || n / 5)::uuid AS contact_id,
    md5(number || 'user1')::uuid AS agent_id
FROM size, generate_series(0, conversations - 1) AS n;
CREATE UNIQUE INDEX ON opened (place);
ANALYZE size, phrase, opened;

-- A UUID of version 7 with the milliseconds of a time; slots of one millisecond differ.
CREATE FUNCTION pg_temp.id_of(salt text, slot bigint, milliseconds bigint) RETURNS uuid
    LANGUAGE sql IMMUTABLE
    RETURN (
        '0' || to_hex(milliseconds) || '7' || lpad(to_hex(slot %% 4096), 3, '0') || '8'
        || substr(md5(salt || slot::text), 1, 15)
    )::uuid;

INSERT INTO contacts (account_id, id, email, name)
SELECT DISTINCT ON (account_id, contact_id)
    account_id,
    contact_id,
    'person' || place || '@customers.example',
    initcap(split_part(content, ' ', 1) || ' ' || split_part(content, ' ', 2))
FROM opened
JOIN phrase
  ON phrase.number = place %% 20000
ORDER BY account_id, contact_id, place;
