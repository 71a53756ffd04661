"""Evaluation of the embedded provider: `make eval`."""
