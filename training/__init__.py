"""Fitting and evaluation of the embedded AI provider: `make fit`, `make eval`. Not part of the installed package."""
