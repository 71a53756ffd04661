-- compatible from: 0036
-- The number of shards of the event stream, once it was raised. Creating the table blocks nothing.

CREATE TABLE event_stream (
    is_only boolean NOT NULL DEFAULT true,
    shards integer NOT NULL,
    raised_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT event_stream_pkey PRIMARY KEY (is_only),
    CONSTRAINT event_stream_only CHECK (is_only),
    CONSTRAINT event_stream_shards_doubled CHECK (shards IN (32, 64, 128, 256, 512, 1024))
);

GRANT SELECT ON event_stream TO hummdesk_relay;
GRANT SELECT, INSERT (shards), UPDATE (shards, raised_at) ON event_stream TO hummdesk_operator;
