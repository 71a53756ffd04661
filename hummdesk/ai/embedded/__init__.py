"""The embedded provider: local models, no key, no network, deterministic answers."""
