"""Typed events with their recipients, the publisher, and receipts for at-least-once publication."""
