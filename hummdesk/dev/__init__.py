"""What `up` brings along on a bare machine: PostgreSQL, Redis, a supervisor and demo data."""
