-- name: shards()^
-- The number of shards, once it was raised.
SELECT shards, raised_at
FROM event_stream;

-- name: raise_shards(shards, seconds)^
-- Double the number, unless it was raised within so many seconds; no row if it was, or is another one.
INSERT INTO event_stream (shards)
VALUES (:shards)
ON CONFLICT (is_only) DO UPDATE
SET
    shards = EXCLUDED.shards,
    raised_at = clock_timestamp()
WHERE event_stream.shards * 2 = EXCLUDED.shards
  AND event_stream.raised_at < clock_timestamp() - make_interval(secs => :seconds)
RETURNING shards;
