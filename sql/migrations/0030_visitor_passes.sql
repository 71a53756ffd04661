-- Visitor passes can be revoked: of one visitor, or of all visitors of an account.

ALTER TABLE accounts ADD COLUMN passes_revoked_at timestamptz;
ALTER TABLE contacts ADD COLUMN passes_revoked_at timestamptz;
