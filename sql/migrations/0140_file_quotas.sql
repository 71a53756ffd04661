-- compatible from: 0036
-- The quota of an account for its files, set by the operator; an older version applies the server's default to all.

ALTER TABLE file_usage
    ADD COLUMN quota bigint CONSTRAINT file_usage_quota_not_negative CHECK (quota >= 0);

GRANT INSERT (account_id, bytes, quota), UPDATE (quota) ON file_usage TO hummdesk_operator;
