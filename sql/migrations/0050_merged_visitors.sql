-- compatible from: 0036
-- When a visitor is identified, the messages of the visitor become those of the contact to whom the conversation now
-- belongs, so that a message that is sent again is found. A web process can change the sender of a message in no other
-- way. 0040 lets it move the conversations.

GRANT UPDATE (sender_id) ON messages TO hummdesk_app;
CREATE POLICY only_of_the_customer ON messages AS RESTRICTIVE FOR UPDATE TO hummdesk_app
    USING (sender_type = 'customer') WITH CHECK (
        sender_type = 'customer'
        AND EXISTS (
            SELECT
            FROM conversations
            WHERE conversations.account_id = messages.account_id
              AND conversations.id = messages.conversation_id
              AND conversations.contact_id = messages.sender_id
        )
    );
