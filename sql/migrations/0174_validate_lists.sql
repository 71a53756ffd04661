-- no transaction
-- compatible from: 0036
-- may be pending
-- Checks the constraints of 0171 to 0173 for existing rows, without blocking readers and writers. Those before them were
-- the same. All constraints of a table are checked in one scan.

ALTER TABLE conversations
    VALIDATE CONSTRAINT conversations_status_known,
    VALIDATE CONSTRAINT conversations_priority_known;
ALTER TABLE messages
    VALIDATE CONSTRAINT messages_sender_type_known,
    VALIDATE CONSTRAINT messages_content_type_known;
ALTER TABLE ai_runs
    VALIDATE CONSTRAINT ai_runs_kind_known,
    VALIDATE CONSTRAINT ai_runs_status_known,
    VALIDATE CONSTRAINT ai_runs_outcome_known,
    VALIDATE CONSTRAINT ai_runs_leased,
    VALIDATE CONSTRAINT ai_runs_finished;
