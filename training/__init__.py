"""Fits the embedded AI to its examples: `make fit`. Not part of what runs in production."""
