"""Queues: which agent a waiting conversation is assigned to, and when."""
