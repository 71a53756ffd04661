"""The external providers: prompts, answer schemas and clients for models that run outside this deployment."""
