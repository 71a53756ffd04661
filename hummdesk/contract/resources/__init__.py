"""The schemas of the REST API, a module for each noun: what a request may contain, and what an answer contains."""
