"""The contract with clients: every request and event (start at `table`), their schemas, and the generators."""
