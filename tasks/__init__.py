"""The Celery tasks: AI runs and knowledge updates, outside the web processes."""
