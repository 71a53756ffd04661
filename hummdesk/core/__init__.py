"""What every process uses: settings, errors, models, logs, metrics, tokens, batching and background tasks."""
