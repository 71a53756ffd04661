"""The relay: dispatches AI runs to the broker and publishes what the outbox still holds."""
