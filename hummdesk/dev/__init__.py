"""What `up` needs on a single machine: embedded PostgreSQL and Redis, a supervisor, demo data."""
