"""The Celery tasks: what is done with a customer's message away from the web process."""
