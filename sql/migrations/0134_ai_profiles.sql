-- compatible from: 0036
-- What external models receive about an account for their drafts: the company, its voice and its policies.
-- The table accounts is small: checking the new constraint takes milliseconds.

ALTER TABLE accounts
    ADD COLUMN ai_company text NOT NULL DEFAULT '',
    ADD COLUMN ai_voice text NOT NULL DEFAULT '',
    ADD COLUMN ai_policies text NOT NULL DEFAULT '',
    ADD CONSTRAINT accounts_ai_profile_bounded
        CHECK (octet_length(ai_company) + octet_length(ai_voice) + octet_length(ai_policies) <= 49152);

GRANT UPDATE (ai_company, ai_voice, ai_policies) ON accounts TO hummdesk_app;
