"""What the web process serves over HTTP: health, metrics, pages, and sessions for visitors."""
