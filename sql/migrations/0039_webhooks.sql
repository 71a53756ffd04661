-- compatible from: 0036
-- Webhooks, and the log of their deliveries. The relay leases a webhook, adds a delivery for each event of the feed, and
-- sends it; the content of an event is read when it is sent, and never stored here.

CREATE TABLE webhooks (
    account_id uuid NOT NULL,
    id uuid NOT NULL,
    url text NOT NULL,
    events text[] NOT NULL,
    secret bytea NOT NULL,
    previous_secret bytea,
    previous_secret_until timestamptz,
    enabled boolean NOT NULL DEFAULT true,
    disabled_reason text,
    last_number bigint NOT NULL,
    failing_since timestamptz,
    requeued_at timestamptz,
    leased_by uuid,
    lease_until timestamptz,
    created_by uuid,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT webhooks_pkey PRIMARY KEY (account_id, id),
    CONSTRAINT webhooks_account_fkey FOREIGN KEY (account_id) REFERENCES accounts (account_id),
    CONSTRAINT webhooks_url_length CHECK (length(url) BETWEEN 1 AND 2048),
    CONSTRAINT webhooks_events_present CHECK (cardinality(events) > 0),
    CONSTRAINT webhooks_previous_secret_limited CHECK ((previous_secret IS NULL) = (previous_secret_until IS NULL)),
    CONSTRAINT webhooks_disabled_reason_known CHECK (disabled_reason IN ('requested', 'gone')),
    CONSTRAINT webhooks_disabled_for_a_reason CHECK (enabled = (disabled_reason IS NULL)),
    CONSTRAINT webhooks_last_number_not_negative CHECK (last_number >= 0),
    CONSTRAINT webhooks_leased CHECK ((leased_by IS NULL) = (lease_until IS NULL))
) WITH (fillfactor = 70);

CREATE TABLE webhook_deliveries (
    account_id uuid NOT NULL,
    webhook_id uuid NOT NULL,
    number bigint NOT NULL,
    type text NOT NULL,
    conversation_id uuid,
    ordering_key uuid NOT NULL,
    status text NOT NULL DEFAULT 'pending',
    attempts integer NOT NULL DEFAULT 0,
    next_attempt_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    give_up_at timestamptz NOT NULL,
    last_attempt_at timestamptz,
    last_status integer,
    last_error text,
    last_milliseconds integer,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    finished_at timestamptz,
    CONSTRAINT webhook_deliveries_pkey PRIMARY KEY (account_id, webhook_id, number),
    CONSTRAINT webhook_deliveries_webhook_fkey FOREIGN KEY (account_id, webhook_id)
        REFERENCES webhooks (account_id, id) ON DELETE CASCADE,
    CONSTRAINT webhook_deliveries_status_known CHECK (status IN ('pending', 'delivered', 'set_aside')),
    CONSTRAINT webhook_deliveries_finished CHECK ((status = 'pending') = (finished_at IS NULL))
) WITH (fillfactor = 80);
CREATE INDEX webhook_deliveries_pending ON webhook_deliveries (account_id, webhook_id, number) WHERE status = 'pending';
CREATE INDEX webhook_deliveries_set_aside ON webhook_deliveries (account_id, webhook_id, number)
    WHERE status = 'set_aside';
CREATE INDEX webhook_deliveries_ended ON webhook_deliveries (account_id, webhook_id, finished_at)
    WHERE finished_at IS NOT NULL;

ALTER TABLE webhooks ENABLE ROW LEVEL SECURITY;
ALTER TABLE webhooks FORCE ROW LEVEL SECURITY;
CREATE POLICY own_account ON webhooks TO hummdesk_app USING (account_id = current_account());
CREATE POLICY every_account ON webhooks TO hummdesk_operator USING (true);
CREATE POLICY every_webhook ON webhooks TO hummdesk_relay USING (true);
GRANT SELECT, INSERT ON webhooks TO hummdesk_app, hummdesk_operator;
GRANT UPDATE (url, events, secret, previous_secret, previous_secret_until, enabled, disabled_reason, last_number,
    requeued_at) ON webhooks TO hummdesk_app, hummdesk_operator;
GRANT SELECT ON webhooks TO hummdesk_relay;
GRANT UPDATE (enabled, disabled_reason, last_number, failing_since, leased_by, lease_until) ON webhooks
    TO hummdesk_relay;

ALTER TABLE webhook_deliveries ENABLE ROW LEVEL SECURITY;
ALTER TABLE webhook_deliveries FORCE ROW LEVEL SECURITY;
CREATE POLICY own_account ON webhook_deliveries TO hummdesk_app USING (account_id = current_account());
CREATE POLICY every_account ON webhook_deliveries TO hummdesk_operator USING (true);
CREATE POLICY every_delivery ON webhook_deliveries TO hummdesk_relay USING (true);
GRANT SELECT, INSERT ON webhook_deliveries TO hummdesk_app, hummdesk_operator;
GRANT UPDATE (status, attempts, next_attempt_at, give_up_at, created_at, finished_at) ON webhook_deliveries
    TO hummdesk_app, hummdesk_operator;
GRANT SELECT, INSERT, UPDATE, DELETE ON webhook_deliveries TO hummdesk_relay;
