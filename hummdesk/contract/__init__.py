"""The contract with clients: every request and event (start at `table`), their schemas, and what is generated from them."""
