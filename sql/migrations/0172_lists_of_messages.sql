-- compatible from: 0036
-- may be pending
-- As 0171.

ALTER TABLE messages
    DROP CONSTRAINT messages_sender_type_known,
    ADD CONSTRAINT messages_sender_type_known CHECK (sender_type = ANY ('{agent,customer,system}')) NOT VALID,
    DROP CONSTRAINT messages_content_type_known,
    ADD CONSTRAINT messages_content_type_known CHECK (content_type = ANY ('{text,html}')) NOT VALID;
