-- compatible from: 0036
-- Business hours of accounts. Web processes and relays are notified of a change on the channel hummdesk_hours.

CREATE TABLE business_hours (
    account_id uuid NOT NULL,
    is_enabled boolean NOT NULL,
    time_zone text NOT NULL,
    weekly jsonb NOT NULL,
    country text,
    subdivision text,
    closed_dates date[] NOT NULL,
    outside text NOT NULL,
    texts jsonb NOT NULL,
    route_outside_hours boolean NOT NULL,
    changes_at timestamptz,
    CONSTRAINT business_hours_pkey PRIMARY KEY (account_id),
    CONSTRAINT business_hours_account_fkey FOREIGN KEY (account_id) REFERENCES accounts (account_id),
    CONSTRAINT business_hours_outside_known CHECK (outside IN ('announce', 'queue')),
    CONSTRAINT business_hours_weekly_bounded CHECK (jsonb_typeof(weekly) = 'array' AND octet_length(weekly::text) <= 16384),
    CONSTRAINT business_hours_texts_bounded CHECK (jsonb_typeof(texts) = 'object' AND octet_length(texts::text) <= 16384),
    CONSTRAINT business_hours_subdivision_of_country CHECK (country IS NOT NULL OR subdivision IS NULL)
);

CREATE FUNCTION announce_hours() RETURNS trigger
    LANGUAGE plpgsql
AS $$
BEGIN
    PERFORM pg_notify('hummdesk_hours', NEW.account_id::text);
    RETURN NULL;
END
$$;
CREATE TRIGGER business_hours_announce
    AFTER INSERT OR UPDATE OF is_enabled, time_zone, weekly, country, subdivision, closed_dates, outside, texts,
        route_outside_hours
    ON business_hours
    FOR EACH ROW EXECUTE FUNCTION announce_hours();

ALTER TABLE business_hours ENABLE ROW LEVEL SECURITY;
ALTER TABLE business_hours FORCE ROW LEVEL SECURITY;
CREATE POLICY own_account ON business_hours TO hummdesk_app USING (account_id = current_account());
CREATE POLICY every_account ON business_hours TO hummdesk_operator, hummdesk_relay USING (true);
GRANT SELECT, INSERT, UPDATE ON business_hours TO hummdesk_app, hummdesk_operator;
GRANT SELECT, UPDATE (changes_at) ON business_hours TO hummdesk_relay;
