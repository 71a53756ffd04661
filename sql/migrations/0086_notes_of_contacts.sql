-- compatible from: 0036
-- Notes of staff on a contact. The column is nullable: no table is rewritten or scanned.

ALTER TABLE contacts ADD COLUMN notes text;
GRANT UPDATE (notes) ON contacts TO hummdesk_app, hummdesk_eraser;
