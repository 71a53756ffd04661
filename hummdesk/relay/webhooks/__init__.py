"""Webhooks: deliveries of the feed's events to the systems of an account."""
