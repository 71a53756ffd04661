-- compatible from: 0036
-- The e-mail address that a customer has stated in the widget, and room for rules of proactive messages in its look.
-- The table accounts is small: checking the new constraint takes milliseconds. That of contacts allows the rows there are.

ALTER TABLE contacts
    ADD COLUMN stated_email text
        CONSTRAINT contacts_stated_email_length CHECK (length(stated_email) BETWEEN 3 AND 254);

GRANT UPDATE (stated_email) ON contacts TO hummdesk_app;
GRANT UPDATE (stated_email) ON contacts TO hummdesk_eraser;

ALTER TABLE accounts
    DROP CONSTRAINT accounts_widget_look_bounded,
    ADD CONSTRAINT accounts_widget_look_bounded
        CHECK (jsonb_typeof(widget_look) = 'object' AND octet_length(widget_look::text) <= 32768);
