-- no transaction
-- compatible from: 0036
-- The contacts of an account by the id that the company gives them.

CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS contacts_external_id_key ON contacts (account_id, external_id)
    WHERE external_id IS NOT NULL;
ALTER TABLE contacts VALIDATE CONSTRAINT contacts_external_id_length;
ALTER TABLE contacts VALIDATE CONSTRAINT contacts_attributes_object;
