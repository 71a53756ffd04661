"""Tests with an S3 server."""
